"""Blocking: choose the pairs of entities that are worth comparing.

Entities that share a key, such as a word of their names, are in a block, and each block gives its
pairs. Pairs are computed in arrays, so that thousands of entities take a second or two.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.cached_property import cached_property
from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.name_matching import (
    Name,
    full_given_names,
    load_settings,
    parse_name,
)

MAX_BLOCK = 200  # entities; a larger block gives no pairs, because its key is too common
VECTOR_ROWS = 1_000  # vectors that are compared at once
# Pairs of indexes, each as one number: the first times the number of entities, plus the second.
PairCodes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class EntityProfile:
    """The features by which an entity, or one mention of it, is compared.

    Attributes:
        id: Its id.
        name: Its name.
        type: Its type; case does not matter.
        aliases: Its other names.
        contexts: Ids of the conversations and documents that name it.
        neighbors: Ids of the entities that it is related to.
        vector: `(dimension,) float32` of unit length, of its name and description, or None.
        fields: Its plain metadata. `record_matching` compares it field by field, if it knows the
            type.
    """

    id: str
    name: str
    type: str
    aliases: tuple[str, ...] = ()
    contexts: frozenset[str] = frozenset()
    neighbors: frozenset[str] = frozenset()
    vector: NDArray[np.float32] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[Name, ...]:
        """Its parsed name and aliases."""
        names = dict.fromkeys((self.name, *self.aliases))
        return tuple(parse_name(name, self.type) for name in names)

    @cached_property
    def filled_fields(self) -> frozenset[str]:
        """The fields of its record that are not empty."""
        return record_matching.filled_fields(self.type, self.fields)


def candidate_pairs(
    profiles: Sequence[EntityProfile], related: Iterable[tuple[str, str]] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the ids of pairs of compatible types that have something in common.

    This may be a word, the beginning of a word, initials, a field, a close vector, or neighbors.

    Args:
        profiles: The entities.
        related: Ids of pairs that share neighbors, if they are known; None to compute them.
    """
    ordered = sorted(profiles, key=lambda profile: profile.id)
    blocks: defaultdict[str, list[int]] = defaultdict(list)
    for index, profile in enumerate(ordered):
        name_keys = {key for name in profile.names for key in blocking_keys(name)}
        for key in name_keys | record_matching.blocking_keys(profile.type, profile.fields):
            blocks[key].append(index)
    codes = [
        _close_vector_pairs(ordered),
        _related_pairs(ordered, related),
        *(
            _pairs_within(block, len(ordered))
            for block in blocks.values()
            if 1 < len(block) <= MAX_BLOCK
        ),
    ]
    first, second = np.divmod(np.unique(np.concatenate(codes)), len(ordered) or 1)
    type_codes: dict[str, int] = {}
    types = np.array(
        [type_codes.setdefault(profile.names[0].type, len(type_codes)) for profile in ordered],
        np.int64,
    )
    is_vague = np.array([profile.names[0].has_vague_type for profile in ordered], np.bool_)
    is_compatible = (types[first] == types[second]) | is_vague[first] | is_vague[second]
    for left, right in zip(
        first[is_compatible].tolist(), second[is_compatible].tolist(), strict=True
    ):
        yield ordered[left].id, ordered[right].id


def _pairs_within(indexes: Sequence[int], count: int) -> PairCodes:
    """Return all pairs of these ascending indexes of `count` entities."""
    array = np.array(indexes, np.int64)
    first, second = _triangle(len(indexes))
    return array[first] * count + array[second]


@lru_cache(MAX_BLOCK)
def _triangle(size: int) -> tuple[PairCodes, PairCodes]:
    return np.triu_indices(size, 1)


def _close_vector_pairs(profiles: Sequence[EntityProfile]) -> PairCodes:
    """Return pairs of close vectors, without vectors that are close to too many others."""
    indexes = np.array(
        [index for index, profile in enumerate(profiles) if profile.vector is not None], np.int64
    )
    if not len(indexes):
        return indexes
    vectors = np.stack([profile.vector for profile in profiles if profile.vector is not None])
    blocks, is_crowded = [], np.zeros(len(indexes), np.bool_)
    for start in range(0, len(indexes), VECTOR_ROWS):
        is_close = vectors[start : start + VECTOR_ROWS] @ vectors.T >= load_settings()["min_cosine"]
        has_too_many = is_close.sum(axis=1) > MAX_BLOCK
        is_crowded[start : start + VECTOR_ROWS] = has_too_many
        is_close[has_too_many] = False
        rows, columns = np.nonzero(is_close)
        blocks.append(np.stack((start + rows, columns)))
    first, second = np.concatenate(blocks, axis=1)
    is_pair = (first < second) & ~is_crowded[second]
    codes: PairCodes = indexes[first[is_pair]] * len(profiles) + indexes[second[is_pair]]
    return codes


def neighbor_overlap(first: EntityProfile, second: EntityProfile) -> tuple[int, float]:
    """Return how many neighbors two entities share, and the share of all their neighbors.

    Neither entity counts as a neighbor of the other.
    """
    first_neighbors = first.neighbors - {second.id}
    second_neighbors = second.neighbors - {first.id}
    shared = len(first_neighbors & second_neighbors)
    return shared, shared / len(first_neighbors | second_neighbors) if shared else 0.0


def _related_pairs(
    profiles: Sequence[EntityProfile], related: Iterable[tuple[str, str]] | None
) -> PairCodes:
    """Return pairs that share enough neighbors. A neighbor of too many entities does not count."""
    by_neighbor: defaultdict[str, list[int]] = defaultdict(list)
    for index, profile in enumerate(profiles):
        for neighbor_id in profile.neighbors:
            by_neighbor[neighbor_id].append(index)
    blocks = {
        neighbor_id: indexes
        for neighbor_id, indexes in by_neighbor.items()
        if 1 < len(indexes) <= MAX_BLOCK
    }
    limits = load_settings()["related"]
    if related is None:
        return _pairs_of_blocks(profiles, blocks.values(), limits)
    indexes_by_id = {profile.id: index for index, profile in enumerate(profiles)}
    pairs = [
        sorted((indexes_by_id[first_id], indexes_by_id[second_id]))
        for first_id, second_id in related
        if first_id in indexes_by_id and second_id in indexes_by_id
    ]
    codes = []
    for first, second in pairs:
        shared = profiles[first].neighbors & profiles[second].neighbors & blocks.keys()
        if len(shared) >= limits["min_shared"]:
            codes.append(first * len(profiles) + second)
    return np.array(codes, np.int64)


def _pairs_of_blocks(
    profiles: Sequence[EntityProfile], blocks: Iterable[Sequence[int]], limits: Mapping[str, Any]
) -> PairCodes:
    """Return pairs that are in enough blocks, if the numbers of their neighbors are similar."""
    all_codes = [_pairs_within(indexes, len(profiles)) for indexes in blocks]
    codes, counts = np.unique(
        np.concatenate([np.empty(0, np.int64), *all_codes]), return_counts=True
    )
    first, second = np.divmod(codes, len(profiles) or 1)
    degrees = np.array([len(profile.neighbors) for profile in profiles], np.int64)
    smaller = np.minimum(degrees[first], degrees[second])
    larger = np.maximum(degrees[first], degrees[second])
    is_similar = smaller >= limits["min_overlap"] * larger
    pairs: PairCodes = codes[(counts >= limits["min_shared"]) & is_similar]
    return pairs


def blocking_keys(name: Name) -> set[str]:
    """Return the keys of the blocks that a name belongs to."""
    if not name.words:
        return set()
    keys = {
        name.key,
        f"= {name.key}",
        *name.initialisms,
        *name.words,
        *(word[:4] for word in name.words if len(word) > 4),
    }
    if name.numeronym:
        keys.add(name.numeronym)
    if name.type == "person":
        keys |= full_given_names(name.words[0])
    return keys
