"""Evidence of names: what a name, long or short, says about two entities."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mcp_context_persistence.queries.entity_resolution.blocking import (
    EntityProfile,
    blocking_keys,
)
from mcp_context_persistence.queries.entity_resolution.name_matching import (
    MatchKind,
    Name,
    find_conflict,
    load_settings,
    match_names,
)

# Kinds that hold whatever other names there are.
CONTEXT_FREE: frozenset[MatchKind] = frozenset({"exact", "shortened", "spelling"})
MAX_RIVALS = 3  # other meanings of a short name with which a pair is still worth a review
AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The result of one stage.

    Attributes:
        stage: `exact`, `fuzzy`, `fields`, `vector` or `neighbors`.
        score: 0 to 1.
        detail: How the two are similar.
    """

    stage: str
    score: float
    detail: str = ""


NO_EVIDENCE = Evidence(stage="fuzzy", score=0.0)


class NameIndex:
    """All names with their contexts, to find what else a short name may mean."""

    def __init__(self, profiles: Sequence[EntityProfile]) -> None:
        self._contexts: defaultdict[str, set[str]] = defaultdict(set)
        self._by_key: defaultdict[str, set[Name]] = defaultdict(set)
        self._meanings: dict[Name, set[Name]] = {}
        for profile in profiles:
            for name in profile.names:
                self._contexts[name.identity] |= profile.contexts
                for key in blocking_keys(name):
                    self._by_key[key].add(name)

    def find_meanings(self, short: Name) -> set[Name]:
        """Return the names that a short name may stand for."""
        meanings = self._meanings.get(short)
        if meanings is None:
            candidates = {
                name
                for key in blocking_keys(short)
                for name in self._by_key.get(key, ())
                if len(name.words) >= len(short.words)
            }
            meanings = {
                name
                for name in candidates
                if find_conflict(short, name) is None and match_names(short, name) is not None
            }
            self._meanings[short] = meanings
        return meanings

    def find_rivals(self, short: Name, full: Name) -> set[str]:
        """Return the other names that a short name may stand for, without other forms of `full`."""
        return {
            name.identity
            for name in self.find_meanings(short)
            if name.identity not in {short.identity, full.identity}
            and (
                find_conflict(name, full) is not None
                or (short.key == name.numeronym and match_names(name, full) is None)
            )
        }

    def rate_meaning(
        self, contexts: frozenset[str], short: Name, full: Name
    ) -> Literal["in_context", "unique", "ambiguous", "too_many"]:
        """Rate whether a short name that these contexts contain means the full name.

        Returns:
            `in_context` if the full name is in these contexts and no rival is; else `unique`
            without rivals, `ambiguous` with few and `too_many` with many rivals.
        """
        full_contexts = self._contexts[full.identity]
        rivals = self.find_rivals(short, full)
        has_rival_in_context = any(self._contexts[rival] & contexts for rival in rivals)
        if (
            contexts & full_contexts
            and not has_rival_in_context
            and (not rivals or contexts <= full_contexts)
        ):
            return "in_context"
        if len(rivals) > MAX_RIVALS:
            return "too_many"
        return "ambiguous" if rivals else "unique"


def best_name_evidence(first: EntityProfile, second: EntityProfile, names: NameIndex) -> Evidence:
    """Return the best evidence of all names and aliases; its score is 0 if none match."""
    candidates = (
        _name_evidence(first, second, first_name, second_name, names)
        for first_name in first.names
        for second_name in second.names
    )
    return max(candidates, key=lambda evidence: (evidence.score, evidence.stage, evidence.detail))


def _name_evidence(
    first: EntityProfile,
    second: EntityProfile,
    first_name: Name,
    second_name: Name,
    names: NameIndex,
) -> Evidence:
    """Return the evidence of two names."""
    kind = match_names(first_name, second_name)
    if kind is None or find_conflict(first_name, second_name):
        return NO_EVIDENCE
    context_score, unique_score = load_settings()["name_scores"][kind]
    if kind in CONTEXT_FREE:
        stage = "exact" if kind == "exact" else "fuzzy"
        return Evidence(stage=stage, score=context_score, detail=kind)
    if kind == "weak":
        has_shared_context = bool(first.contexts & second.contexts)
        return Evidence(
            stage="exact",
            score=context_score if has_shared_context else unique_score,
            detail="the same short name",
        )
    if kind == "typo":
        return Evidence(stage="fuzzy", score=unique_score, detail=kind)
    short, full = sorted((first_name, second_name), key=lambda name: name.size)
    contexts = (first if short is first_name else second).contexts
    meaning = names.rate_meaning(contexts, short, full)
    score = {
        "in_context": context_score,
        "unique": unique_score,
        "ambiguous": min(unique_score, load_settings()["ambiguous_score"]),
        "too_many": 0.0,
    }[meaning]
    is_clear = meaning in {"in_context", "unique"}
    return Evidence(stage="fuzzy", score=score, detail=kind if is_clear else f"{kind}, {AMBIGUOUS}")
