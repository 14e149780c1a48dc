"""Which entities are worth comparing: pairs whose types allow it and that have something in common.

Blocks of entities with the same word and the like make the pairs, in arrays, so that thousands are compared in a second or two.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.name_matching import (
    Name,
    full_givens,
    parse,
    settings,
)

COMMON = 200  # a word that more names have, or a meaning, leads to no pairs
ROWS = 1_000  # of vectors that are compared at once
Codes = NDArray[
    np.int64
]  # pairs of places: the first one times the number of things, and the second


@dataclass(frozen=True, kw_only=True)
class EntityProfile:
    """An entity, or one mention of it.

    Attributes:
        id: Its id.
        name: Its name.
        type: Its type; case does not matter.
        aliases: Other names that it is known by.
        contexts: Where it is named: ids of conversations and documents.
        neighbours: Ids of the entities that it is related to.
        vector: `(dimension,) float32` of unit length, of its name and description; None where there is none.
        fields: Its plain metadata, compared field by field where `queries.entity_resolution.record_matching` knows such records.
    """

    id: str
    name: str
    type: str
    aliases: tuple[str, ...] = ()
    contexts: frozenset[str] = frozenset()
    neighbours: frozenset[str] = frozenset()
    vector: NDArray[np.float32] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[Name, ...]:
        """Its name and its aliases, taken apart."""
        return tuple(parse(one, self.type) for one in dict.fromkeys((self.name, *self.aliases)))

    @cached_property
    def told(self) -> frozenset[str]:
        """The fields of its record that say something."""
        return record_matching.told(self.type, self.fields)


def candidates(
    things: Sequence[EntityProfile], related: Iterable[tuple[str, str]] | None = None
) -> Iterator[tuple[str, str]]:
    """Pairs whose types allow it with something in common: a word, a beginning of one, first letters, a field, their meaning, or neighbours.

    Args:
        things: The entities.
        related: Ids of those that share neighbours, where somebody has looked for them; None to look here.
    """
    order = sorted(things, key=lambda one: one.id)
    blocks: defaultdict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(order):
        for key in {key for name in one.names for key in keys(name)} | record_matching.keys(
            one.type, one.fields
        ):
            blocks[key].append(place)
    found = [
        _alike(order),
        _related(order, related),
        *(_within(places, len(order)) for places in blocks.values() if 1 < len(places) <= COMMON),
    ]
    first, second = np.divmod(np.unique(np.concatenate(found)), len(order) or 1)
    number: dict[str, int] = {}
    kinds = np.array([number.setdefault(one.names[0].type, len(number)) for one in order], np.int64)
    vague = np.array([one.names[0].vague for one in order], np.bool_)
    may = (kinds[first] == kinds[second]) | vague[first] | vague[second]
    for a, b in zip(first[may].tolist(), second[may].tolist(), strict=True):
        yield order[a].id, order[b].id


def _within(places: Sequence[int], count: int) -> Codes:
    """All pairs of these ascending places, of `count`."""
    array = np.array(places, np.int64)
    upper, lower = _corner(len(places))
    return array[upper] * count + array[lower]


@lru_cache(COMMON)
def _corner(size: int) -> tuple[Codes, Codes]:
    return np.triu_indices(size, 1)


def _alike(things: Sequence[EntityProfile]) -> Codes:
    """Pairs whose vectors are close; what too many are close to says nothing."""
    places = np.array(
        [place for place, one in enumerate(things) if one.vector is not None], np.int64
    )
    if not len(places):
        return places
    array = np.stack([one.vector for one in things if one.vector is not None])
    found, crowded = [], np.zeros(len(places), np.bool_)
    for start in range(0, len(places), ROWS):
        close = array[start : start + ROWS] @ array.T >= settings()["meaning"]
        many = close.sum(axis=1) > COMMON
        crowded[start : start + ROWS] = many
        close[many] = False
        rows, columns = np.nonzero(close)
        found.append(np.stack((start + rows, columns)))
    first, second = np.concatenate(found, axis=1)
    kept = (first < second) & ~crowded[second]
    codes: Codes = places[first[kept]] * len(things) + places[second[kept]]
    return codes


def overlap(one: EntityProfile, other: EntityProfile) -> tuple[int, float]:
    """How many neighbours two things share, and which part that is of all that either has, each other left out."""
    mine, theirs = one.neighbours - {other.id}, other.neighbours - {one.id}
    shared = len(mine & theirs)
    return shared, shared / len(mine | theirs) if shared else 0.0


def _related(things: Sequence[EntityProfile], given: Iterable[tuple[str, str]] | None) -> Codes:
    """Pairs that share enough neighbours; one that too many have does not count."""
    near: defaultdict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(things):
        for known in one.neighbours:
            near[known].append(place)
    telling = {known: places for known, places in near.items() if 1 < len(places) <= COMMON}
    least, part = settings()["related"]["shared"], settings()["related"]["overlap"]
    if given is None:
        found = [_within(places, len(things)) for places in telling.values()]
        codes, counts = np.unique(
            np.concatenate([np.empty(0, np.int64), *found]), return_counts=True
        )
        first, second = np.divmod(codes, len(things) or 1)
        degrees = np.array([len(one.neighbours) for one in things], np.int64)
        like = np.minimum(degrees[first], degrees[second]) >= part * np.maximum(
            degrees[first], degrees[second]
        )
        enough: Codes = codes[(counts >= least) & like]
        return enough
    by_id = {one.id: number for number, one in enumerate(things)}
    told = []
    for a, b in (
        sorted((by_id[one], by_id[other]))
        for one, other in given
        if one in by_id and other in by_id
    ):
        if len(things[a].neighbours & things[b].neighbours & telling.keys()) >= least:
            told.append(a * len(things) + b)
    return np.array(told, np.int64)


def keys(name: Name) -> set[str]:
    """Under which a name is looked for."""
    if not name.words:
        return set()
    found = {
        name.key,
        f"= {name.key}",
        *name.letters,
        *name.words,
        *(word[:4] for word in name.words if len(word) > 4),
    }
    if name.counted:
        found.add(name.counted)
    if name.type == "person":
        found |= full_givens(name.words[0])
    return found
