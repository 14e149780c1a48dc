"""Score pairs of entities that may be the same, and group those that are.

A pair has evidence of up to four stages: the name (exact or fuzzy), the fields of a record, the
cosine of the vectors, and shared neighbors. Contradicting evidence excludes a pair whatever its
score.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.blocking import (
    EntityProfile,
    candidate_pairs,
    neighbor_overlap,
)
from mcp_context_persistence.queries.entity_resolution.name_evidence import (
    AMBIGUOUS,
    Evidence,
    NameIndex,
    best_name_evidence,
)
from mcp_context_persistence.queries.entity_resolution.name_matching import (
    Name,
    find_conflict,
    have_different_types,
    load_settings,
)

Band = Literal["same", "review", "different"]


@dataclass(frozen=True, kw_only=True)
class ScoredPair:
    """Two entities that may be the same; `first` has the fuller name. `score` is 0 to 1."""

    first: str
    second: str
    score: float
    band: Band
    evidence: tuple[Evidence, ...]


def find_band(score: float, *, threshold: float | None = None) -> Band:
    """Return the band of a score.

    Args:
        score: 0 to 1.
        threshold: The lowest score of the band `same`; None for that of `name_matching.json`.
    """
    if score >= (load_settings()["same_threshold"] if threshold is None else threshold):
        return "same"
    return "review" if score >= load_settings()["review_threshold"] else "different"


def score_pairs(
    profiles: Sequence[EntityProfile],
    *,
    threshold: float | None = None,
    related: Iterable[tuple[str, str]] | None = None,
) -> list[ScoredPair]:
    """Return pairs of the bands `same` and `review`, best first.

    Args:
        profiles: The entities, each id once.
        threshold: The lowest score of the band `same`, 0 to 1.
        related: Ids of pairs that share neighbors, if the server has computed them.
    """
    by_id = {profile.id: profile for profile in profiles}
    names = NameIndex(profiles)
    pairs = []
    for first_id, second_id in candidate_pairs(profiles, related):
        pair = _score_pair(by_id[first_id], by_id[second_id], names, threshold=threshold)
        if pair and pair.band != "different":
            pairs.append(pair)
    ranks = {profile.id: rank for rank, profile in enumerate(sorted(profiles, key=_content_key))}
    return sorted(
        _mark_ambiguous(pairs, by_id),
        key=lambda pair: (-pair.score, *sorted((ranks[pair.first], ranks[pair.second]))),
    )


def _content_key(profile: EntityProfile) -> tuple[Any, ...]:
    """Return a sort key for equal scores: the content, and the id only if nothing else differs."""
    vector = b"" if profile.vector is None else profile.vector.tobytes()
    fields = sorted(map(str, profile.fields.items()))
    return (
        profile.name,
        profile.type,
        profile.aliases,
        sorted(profile.contexts),
        sorted(profile.neighbors),
        fields,
        vector,
        profile.id,
    )


def _fullness_key(profile: EntityProfile) -> tuple[Any, ...]:
    """Return a sort key that puts fuller names first."""
    return -len(profile.names[0].words), -len(profile.name), profile.name, profile.id


def _mark_ambiguous(
    pairs: Sequence[ScoredPair], by_id: Mapping[str, EntityProfile]
) -> Iterator[ScoredPair]:
    """Lower the score of pairs whose entity equally matches another one that contradicts them."""
    names_by_match: defaultdict[tuple[str, float], set[Name]] = defaultdict(set)

    def list_matches(pair: ScoredPair) -> Iterator[tuple[tuple[str, float], Name]]:
        if pair.band == "same" and pair.evidence[0].stage != "fields":
            yield (pair.first, pair.score), by_id[pair.second].names[0]
            yield (pair.second, pair.score), by_id[pair.first].names[0]

    for pair in pairs:
        for match, name in list_matches(pair):
            names_by_match[match].add(name)
    conflicting = {
        match: {name for name in names if any(find_conflict(name, rival) for rival in names)}
        for match, names in names_by_match.items()
        if len(names) > 1
    }
    for pair in pairs:
        is_ambiguous = any(name in conflicting.get(match, ()) for match, name in list_matches(pair))
        yield _lower_score(pair) if is_ambiguous else pair


def _lower_score(pair: ScoredPair) -> ScoredPair:
    """Return the pair with the score of ambiguous names."""
    score = load_settings()["ambiguous_score"]
    first, *rest = pair.evidence
    detail = f"{first.detail}, {AMBIGUOUS}"
    return replace(
        pair,
        score=score,
        band=find_band(score),
        evidence=(replace(first, score=score, detail=detail), *rest),
    )


def find_contradiction(first: EntityProfile, second: EntityProfile) -> str | None:
    """Return why two entities cannot be the same; None if nothing contradicts."""
    if have_different_types(first.names[0], second.names[0]):
        return "different types"
    return _find_contradiction(first, second, _match_records(first, second))


def _find_contradiction(
    first: EntityProfile, second: EntityProfile, probability: float | None
) -> str | None:
    if probability is not None:
        is_low = probability < load_settings()["contradiction_probability"]
        return "different fields" if is_low else None
    return find_conflict(first.names[0], second.names[0])


def _match_records(first: EntityProfile, second: EntityProfile) -> float | None:
    """Return the probability by the fields; None unless both have a record of the same kind."""
    if not record_matching.are_comparable(first.filled_fields, second.filled_fields):
        return None
    first_kind, second_kind = map(record_matching.find_record_kind, (first.type, second.type))
    if first_kind != second_kind:
        return None
    return record_matching.match_probability(first.type, first.fields, second.fields)


def group_duplicates(
    profiles: Sequence[EntityProfile], pairs: Iterable[ScoredPair]
) -> list[list[str]]:
    """Group the ids of entities that are the same, from pairs of the band `same`.

    Each entity is in one group. Groups are merged by the best pairs first, unless an entity of one
    contradicts an entity of the other.
    """
    by_id = {profile.id: profile for profile in profiles}
    same = [(pair.first, pair.second) for pair in pairs if pair.band == "same"]
    return agglomerate(
        list(by_id),
        same,
        lambda first_id, second_id: find_contradiction(by_id[first_id], by_id[second_id]) is None,
    )


def agglomerate(
    ids: Sequence[str],
    pairs: Iterable[tuple[str, str]],
    are_compatible: Callable[[str, str], bool],
) -> list[list[str]]:
    """Merge groups by pairs, in order, if all their members are compatible.

    Returns:
        The groups, in the order of their first members.
    """
    groups = {member: [member] for member in ids}
    for first_id, second_id in pairs:
        first, second = groups[first_id], groups[second_id]
        if first is not second and all(
            are_compatible(left, right) for left in first for right in second
        ):
            first.extend(second)
            groups.update(dict.fromkeys(second, first))
    ranks = {member: rank for rank, member in enumerate(ids)}
    distinct = {id(group): group for group in groups.values()}.values()
    return sorted(
        (sorted(group, key=ranks.__getitem__) for group in distinct),
        key=lambda group: ranks[group[0]],
    )


def _score_pair(
    first: EntityProfile, second: EntityProfile, names: NameIndex, *, threshold: float | None
) -> ScoredPair | None:
    """Return the pair with the evidence of each stage; None if something contradicts."""
    probability = _match_records(first, second)
    if _find_contradiction(first, second, probability):
        return None
    best = (
        best_name_evidence(first, second, names)
        if probability is None
        else Evidence(stage="fields", score=round(probability, 4))
    )
    evidence = [best] if best.score or probability is not None else []
    score = best.score
    for support in (
        *_vector_evidence(first, second, has_name_evidence=bool(evidence)),
        *_neighbor_evidence(first, second),
    ):
        evidence.append(support)
        score += _bonus(support) if score and probability is None else 0.0
    if score == 0.0 and (score := _score_without_name(first, second, evidence)) == 0.0:
        return None
    score = round(min(score, 1.0), 4)
    if probability is not None and threshold is None:
        threshold = record_matching.match_threshold(first.type)
    fuller, shorter = sorted((first, second), key=_fullness_key)
    return ScoredPair(
        first=fuller.id,
        second=shorter.id,
        score=score,
        band=find_band(score, threshold=threshold),
        evidence=tuple(evidence),
    )


def _bonus(evidence: Evidence) -> float:
    """Return what a vector or shared neighbors add to the score of a name."""
    settings = load_settings()
    if evidence.stage == "vector":
        is_close = evidence.score >= settings["bonus_cosine"]
        return float(settings["vector_bonus"]) if is_close else 0.0
    return float(settings["neighbor_bonus"]) * evidence.score


def _vector_evidence(
    first: EntityProfile, second: EntityProfile, *, has_name_evidence: bool
) -> Iterator[Evidence]:
    """Yield the cosine of the vectors; without evidence of the names only a high one."""
    if first.vector is None or second.vector is None:
        return
    cosine = float(first.vector @ second.vector)
    if has_name_evidence or cosine >= load_settings()["min_cosine"]:
        yield Evidence(stage="vector", score=round(max(0.0, min(1.0, cosine)), 4), detail="cosine")


def _neighbor_evidence(first: EntityProfile, second: EntityProfile) -> Iterator[Evidence]:
    shared, overlap = neighbor_overlap(first, second)
    if shared:
        yield Evidence(stage="neighbors", score=round(overlap, 4), detail=f"{shared} shared")


def _score_without_name(
    first: EntityProfile, second: EntityProfile, evidence: Sequence[Evidence]
) -> float:
    """Return the score of vectors and neighbors if the names do not match: for review at most."""
    neighbor_evidence = [item for item in evidence if item.stage == "neighbors"]
    bonus = sum(map(_bonus, neighbor_evidence)) / 2
    if len(evidence) > len(neighbor_evidence):
        return float(load_settings()["vector_score"]) + bonus
    settings = load_settings()["related"]
    shared, overlap = neighbor_overlap(first, second)
    if (
        shared < settings["min_shared"]
        or overlap < settings["min_overlap"]
        or second.id in first.neighbors
        or first.id in second.neighbors
    ):
        return 0.0
    return float(settings["score"]) + bonus


def choose_main_profile(profiles: Iterable[EntityProfile]) -> EntityProfile:
    """Return the entity to keep: the one with the fullest name, then the first by alphabet."""
    return min(profiles, key=_fullness_key)
