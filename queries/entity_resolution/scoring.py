"""The same thing under several names: pairs of entities that may be one, with the evidence of each stage, and groups of those that are.

The stages are the name (exact, fuzzy), the fields of a record, the meaning (cosine of the stored vectors), and the neighbours that two
entities share. Evidence to the contrary forbids a pair whatever its score.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.blocking import (
    EntityProfile,
    candidates,
    keys,
    overlap,
)
from mcp_context_persistence.queries.entity_resolution.name_matching import (
    Kind,
    Name,
    conflict,
    likeness,
    other_types,
    settings,
)

Band = Literal["same", "review", "different"]

STRICT: frozenset[Kind] = frozenset(
    {"exact", "shortened", "spelling"}
)  # what these say holds wherever the names stand
MEANINGS = 3  # that a short name may have beside this one, for somebody to look


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one stage says of a pair: `stage` is `exact`, `fuzzy`, `fields`, `vector` or `neighbours`, `score` 0 to 1, `detail` says how."""

    stage: str
    score: float
    detail: str = ""


NOTHING = Evidence(stage="fuzzy", score=0.0)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two things that may be one; `first` is the fuller name. `score` is 0 to 1."""

    first: str
    second: str
    score: float
    band: Band
    evidence: tuple[Evidence, ...]


def band(score: float, *, same: float | None = None) -> Band:
    """What a score means. `same` is the threshold, that of `queries/entity_resolution/name_matching.json` when it is None."""
    if score >= (settings()["same"] if same is None else same):
        return "same"
    return "review" if score >= settings()["review"] else "different"


def pairs(
    things: Sequence[EntityProfile],
    *,
    same: float | None = None,
    related: Iterable[tuple[str, str]] | None = None,
) -> list[Pair]:
    """Pairs that may be one, best first; those that are different are left out.

    Args:
        things: The entities, each id once.
        same: Score from which two are the same, 0 to 1.
        related: Ids of things that share neighbours, where the server has told them.
    """
    by_id = {one.id: one for one in things}
    around = _Around(things)
    found = []
    for a, b in candidates(things, related):  # of types that may be one
        pair = _compared(by_id[a], by_id[b], around, same=same)
        if pair and pair.band != "different":
            found.append(pair)
    place = {one.id: number for number, one in enumerate(sorted(things, key=_content))}
    return sorted(
        _decided(found, by_id),
        key=lambda pair: (-pair.score, *sorted((place[pair.first], place[pair.second]))),
    )


def _content(one: EntityProfile) -> tuple[Any, ...]:
    """What a thing is, by which equal scores are put in order, and its id only where nothing else differs."""
    vector = b"" if one.vector is None else one.vector.tobytes()
    fields = sorted(map(str, one.fields.items()))
    return (
        one.name,
        one.type,
        one.aliases,
        sorted(one.contexts),
        sorted(one.neighbours),
        fields,
        vector,
        one.id,
    )


def _fullness(one: EntityProfile) -> tuple[Any, ...]:
    """By which the fuller one of several names is the first."""
    return -len(one.names[0].words), -len(one.name), one.name, one.id


def _decided(found: Sequence[Pair], by_id: Mapping[str, EntityProfile]) -> Iterator[Pair]:
    """The same, but what may as well be either of two that are not one, by their names alone, is for somebody to look at."""
    links: defaultdict[tuple[str, float], set[Name]] = defaultdict(set)

    def ends(pair: Pair) -> Iterator[tuple[tuple[str, float], Name]]:
        if pair.band == "same" and pair.evidence[0].stage != "fields":
            yield (pair.first, pair.score), by_id[pair.second].names[0]
            yield (pair.second, pair.score), by_id[pair.first].names[0]

    for pair in found:
        for key, name in ends(pair):
            links[key].add(name)
    torn = {
        key: {a for a in names if any(conflict(a, b) for b in names)}
        for key, names in links.items()
        if len(names) > 1
    }
    for pair in found:
        yield _unsure(pair) if any(name in torn.get(key, ()) for key, name in ends(pair)) else pair


def _unsure(pair: Pair) -> Pair:
    score = settings()["ambiguous"]
    first, *others = pair.evidence
    return replace(
        pair,
        score=score,
        band=band(score),
        evidence=(
            replace(first, score=score, detail=f"{first.detail}, but of others too"),
            *others,
        ),
    )


def forbidden(one: EntityProfile, other: EntityProfile) -> str | None:
    """Why two things are not one, whatever is alike; None where nothing says so."""
    if other_types(one.names[0], other.names[0]):
        return "other types"
    return _unlike(one, other, _chance(one, other))


def _unlike(one: EntityProfile, other: EntityProfile, chance: float | None) -> str | None:
    if chance is not None:
        return "other fields" if chance < settings()["unlike"] else None
    return conflict(one.names[0], other.names[0])


def _chance(one: EntityProfile, other: EntityProfile) -> float | None:
    """What the fields say, where both have a record of one kind."""
    if not record_matching.comparable(one.told, other.told) or record_matching.profile_of(
        one.type
    ) != record_matching.profile_of(other.type):
        return None
    return record_matching.chance(one.type, one.fields, other.fields)


def clusters(things: Sequence[EntityProfile], links: Iterable[Pair]) -> list[list[str]]:
    """Groups of ids that are the same thing, from pairs of the band `same`; each thing is in one group.

    Pairs are joined best first. Two groups are not joined where anything of one is forbidden to be anything of the other.
    """
    by_id = {one.id: one for one in things}
    same = [(pair.first, pair.second) for pair in links if pair.band == "same"]
    return agglomerate(list(by_id), same, lambda a, b: forbidden(by_id[a], by_id[b]) is None)


def agglomerate(
    ids: Sequence[str], links: Iterable[tuple[str, str]], may: Callable[[str, str], bool]
) -> list[list[str]]:
    """Join groups along links, best link first, unless two members may not be together; groups in the order of their first member."""
    group = {one: [one] for one in ids}
    for a, b in links:
        mine, other = group[a], group[b]
        if mine is not other and all(may(x, y) for x in mine for y in other):
            mine.extend(other)
            group.update(dict.fromkeys(other, mine))
    place = {one: number for number, one in enumerate(ids)}
    distinct = {id(one): one for one in group.values()}.values()
    return sorted(
        (sorted(one, key=place.__getitem__) for one in distinct), key=lambda one: place[one[0]]
    )


class _Around:
    """Who else a short name may mean, and where."""

    def __init__(self, things: Sequence[EntityProfile]) -> None:
        self._contexts: defaultdict[str, set[str]] = defaultdict(set)
        self._known: defaultdict[str, set[Name]] = defaultdict(set)
        self._meanings: dict[Name, set[Name]] = {}
        for one in things:
            for name in one.names:
                self._contexts[name.spelled] |= one.contexts
                for key in keys(name):
                    self._known[key].add(name)

    def meanings(self, short: Name) -> set[Name]:
        """The names that a short one may stand for."""
        found = self._meanings.get(short)
        if found is None:
            near = {
                name
                for key in keys(short)
                for name in self._known.get(key, ())
                if len(name.words) >= len(short.words)
            }
            found = {
                name
                for name in near
                if conflict(short, name) is None and likeness(short, name) is not None
            }
            self._meanings[short] = found
        return found

    def rivals(self, short: Name, full: Name) -> set[str]:
        """The other names that a short one may stand for; not those that are themselves forms of `full`."""
        return {
            name.spelled
            for name in self.meanings(short)
            if name.spelled not in {short.spelled, full.spelled}
            and (
                conflict(name, full) is not None
                or (short.key == name.counted and likeness(name, full) is None)
            )
        }

    def clear(
        self, mine: frozenset[str], short: Name, full: Name
    ) -> Literal["here", "anywhere", "no", "never"]:
        """Whether a short name, named in the places `mine`, means this full one: where both are named, as the only one anywhere, as one of few, or of too many."""
        theirs = self._contexts[full.spelled]
        rivals = self.rivals(short, full)
        near = any(self._contexts[rival] & mine for rival in rivals)
        if mine & theirs and not near and (not rivals or mine <= theirs):
            return "here"
        if len(rivals) > MEANINGS:
            return "never"
        return "no" if rivals else "anywhere"


def _compared(
    one: EntityProfile, other: EntityProfile, around: _Around, *, same: float | None
) -> Pair | None:
    """The pair with what each stage says; None where something forbids it."""
    chance = _chance(one, other)
    if _unlike(one, other, chance):
        return None
    best = (
        _best(one, other, around)
        if chance is None
        else Evidence(stage="fields", score=round(chance, 4))
    )
    said = [best] if best.score or chance is not None else []
    score = best.score
    for evidence in (*_meaning(one, other, named=bool(said)), *_neighbours(one, other)):
        said.append(evidence)
        score += _worth(evidence) if score and chance is None else 0.0
    if score == 0.0 and (score := _unnamed(one, other, said)) == 0.0:
        return None
    score = round(min(score, 1.0), 4)
    least = same if chance is None or same is not None else record_matching.threshold(one.type)
    first, second = sorted((one, other), key=_fullness)
    return Pair(
        first=first.id,
        second=second.id,
        score=score,
        band=band(score, same=least),
        evidence=tuple(said),
    )


def _worth(evidence: Evidence) -> float:
    known = settings()
    if evidence.stage == "vector":
        return float(known["meaning_adds"]) if evidence.score >= known["close"] else 0.0
    return float(known["neighbours_add"]) * evidence.score


def _best(one: EntityProfile, other: EntityProfile, around: _Around) -> Evidence:
    """What the names say: the best of all that either is known by; a score of 0 where they say nothing."""
    said = (_named(one, other, a, b, around) for a in one.names for b in other.names)
    return max(said, key=lambda evidence: (evidence.score, evidence.stage, evidence.detail))


def _named(one: EntityProfile, other: EntityProfile, a: Name, b: Name, around: _Around) -> Evidence:
    kind = likeness(a, b)
    if kind is None or conflict(a, b):
        return NOTHING
    here, anywhere = settings()["scores"][kind]
    if kind in STRICT:
        return Evidence(stage="exact" if kind == "exact" else "fuzzy", score=here, detail=kind)
    if kind == "weak":
        return Evidence(
            stage="exact",
            score=here if one.contexts & other.contexts else anywhere,
            detail="the same, but short",
        )
    if kind == "typo":
        return Evidence(stage="fuzzy", score=anywhere, detail=kind)
    short, full = sorted((a, b), key=lambda name: name.size)
    mine = (one if short is a else other).contexts
    clear = around.clear(mine, short, full)
    score = {
        "here": here,
        "anywhere": anywhere,
        "no": min(anywhere, settings()["ambiguous"]),
        "never": 0.0,
    }[clear]
    return Evidence(
        stage="fuzzy",
        score=score,
        detail=kind if clear in {"here", "anywhere"} else f"{kind}, but of others too",
    )


def _meaning(one: EntityProfile, other: EntityProfile, *, named: bool) -> Iterator[Evidence]:
    if one.vector is None or other.vector is None:
        return
    cosine = float(one.vector @ other.vector)
    if named or cosine >= settings()["meaning"]:
        yield Evidence(stage="vector", score=round(max(0.0, min(1.0, cosine)), 4), detail="cosine")


def _neighbours(one: EntityProfile, other: EntityProfile) -> Iterator[Evidence]:
    shared, part = overlap(one, other)
    if shared:
        yield Evidence(stage="neighbours", score=round(part, 4), detail=f"{shared} shared")


def _unnamed(one: EntityProfile, other: EntityProfile, said: Sequence[Evidence]) -> float:
    """What meaning and neighbours are worth where the names say nothing: enough for somebody to look, or nothing."""
    near = [evidence for evidence in said if evidence.stage == "neighbours"]
    more = sum(map(_worth, near)) / 2
    if len(said) > len(near):
        return float(settings()["alike"]) + more
    known = settings()["related"]
    shared, part = overlap(one, other)
    if (
        shared < known["shared"]
        or part < known["overlap"]
        or other.id in one.neighbours
        or one.id in other.neighbours
    ):
        return 0.0
    return float(known["score"]) + more


def main_name(things: Iterable[EntityProfile]) -> EntityProfile:
    """Which of several names of one thing is kept: the fullest one; of equals the first by the alphabet."""
    return min(things, key=_fullness)
