"""Score fusion: combining the retrievers' scores by arithmetic on what one statement returns.

The scores of messages are fused in the statement `search/find`; here they come with the score of
the ranker or of a single retriever. Other kinds are scored here on the same scale. The keyword
score of an entity has a scale of its own: its text is little more than a name, which Lucene would
prefer to any message.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mcp_context_persistence.kg.identifiers import split_name
from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.kg.text.words import list_words
from mcp_context_persistence.queries.search.candidate import (
    Candidate,
    Candidates,
    ScoredCandidate,
    ScoreRange,
)

SMALLEST_SHARE = 0.05  # of a score that a retriever returned at all
CONTENT_SHARE = 0.5  # how much the rest of an entity's text counts, compared with its names
_NO_FACTORS: Mapping[str, float] = {}


@dataclass(frozen=True, kw_only=True)
class RetrieverWeights:
    """How much each retriever counts."""

    vector: float
    keyword: float

    def scale(self, *, vector: float, keyword: float) -> "RetrieverWeights":
        """Return the weights multiplied by factors, divided by their sum where it is above 1."""
        divisor = max(1.0, self.vector * vector + self.keyword * keyword)
        return RetrieverWeights(
            vector=self.vector * vector / divisor, keyword=self.keyword * keyword / divisor
        )


HYBRID = RetrieverWeights(vector=0.4, keyword=0.6)
VECTOR_ONLY = RetrieverWeights(vector=1.0, keyword=0.0)
KEYWORD_ONLY = RetrieverWeights(vector=0.0, keyword=1.0)


def normalize_score(value: float | None, scores: ScoreRange) -> float:
    """Return a score's share of its retriever's range, 0.05 to 1.0.

    0.0 where the retriever did not return it.
    """
    if value is None:
        return 0.0
    low, high = scores.minimum, scores.maximum
    if low is None or high is None or high <= low:
        return 1.0
    return SMALLEST_SHARE + (1 - SMALLEST_SHARE) * min(1.0, max(0.0, (value - low) / (high - low)))


def compare_with_entity(
    query_stems: frozenset[str], *, names: Sequence[str], content: str
) -> float:
    """Return how much an entity and a query have in common, 0.0 to 1.0.

    It is the largest Jaccard index of the query's words and a name's words. The rest of the
    entity's text counts half.

    Args:
        query_stems: The stems of the query's words.
        names: The names of the entity.
        content: Its text.
    """
    if not query_stems:
        return 0.0
    best = 0.0
    for name in names:
        for stems in _stem_spellings(name):
            if stems:
                best = max(best, len(query_stems & stems) / len(query_stems | stems))
    content_stems = _stem_text(content)
    return max(best, CONTENT_SHARE * len(query_stems & content_stems) / len(query_stems))


def measure_coverage(query_stems: frozenset[str], name: str) -> tuple[float, int]:
    """Return which share of a name's words the query has, and how many."""
    best = (0.0, 0)
    for stems in _stem_spellings(name):
        if stems:
            shared = len(query_stems & stems)
            best = max(best, (shared / len(stems), shared))
    return best


def _stem_spellings(name: str) -> list[frozenset[str]]:
    """Return the stems of a name as it is written, and of the words of a name in CamelCase."""
    return [_stem_text(form) for form in {name, split_name(name)}]


def _stem_text(text: str) -> frozenset[str]:
    return frozenset(map(stem, list_words(text.replace("_", " "))))


def fuse(
    candidates: Candidates,
    *,
    messages: Sequence[ScoredCandidate],
    weights: RetrieverWeights,
    words: Sequence[str],
    limit: int,
    kind_factors: Mapping[str, float] = _NO_FACTORS,
) -> list[ScoredCandidate]:
    """Score what is not a message, and return everything with scores from 0 to 1, best first.

    Args:
        candidates: The answer of `search/find`.
        messages: Its messages with their scores.
        weights: How much each retriever counts.
        words: The words of the query.
        limit: How many to return.
        kind_factors: How much kinds count relative to messages; 0 leaves a kind out. Where one is
            above 1, all other scores are reduced.
    """
    entries = [entry for entry in candidates.others if kind_factors.get(entry.kind, 1.0)]
    divisor = max((1.0, *(kind_factors.get(entry.kind, 1.0) for entry in entries)))
    query_stems = frozenset(map(stem, words)) if entries else frozenset[str]()
    scored = list(messages)
    if divisor > 1:
        scored = [replace(message, score=message.score / divisor) for message in messages]
    for entry in entries:
        factor = kind_factors.get(entry.kind, 1.0) / divisor
        parts = _score_parts(entry, candidates, weights=weights, query_stems=query_stems)
        score = factor * sum(parts.values())
        fusion = {"score": score, "factor": factor, "parts": parts}
        scored.append(ScoredCandidate(score, entry, {"fusion": fusion}))
    scored.sort(key=_order)
    return keep_one_passage_each(scored)[:limit]


def order_by_vector(candidates: Candidates, *, limit: int) -> list[ScoredCandidate]:
    """Return everything that has a vector by its raw cosine, best first, at most `limit`."""
    scored = [
        ScoredCandidate(candidate.vector_score, candidate)
        for candidate in (*candidates.messages, *candidates.others)
        if candidate.vector_score is not None
    ]
    scored.sort(key=_order)
    return keep_one_passage_each(scored)[:limit]


def score_by_keywords(candidates: Candidates) -> list[ScoredCandidate]:
    """Return the messages that the filters let through with their keyword scores, in no order."""
    return [
        ScoredCandidate(
            message.retrieval_score,
            message,
            {
                "fusion": {
                    "score": message.retrieval_score,
                    "factor": 1.0,
                    "parts": {"keyword": message.retrieval_score},
                }
            },
        )
        for message in candidates.messages
        if message.is_allowed
    ]


def _order(scored: ScoredCandidate) -> tuple[float, str, str]:
    return -scored.score, scored.candidate.kind, scored.candidate.id


def keep_one_passage_each(scored: Iterable[ScoredCandidate]) -> list[ScoredCandidate]:
    """Return the candidates with only the first passage of each document."""
    first: dict[tuple[str, str], ScoredCandidate] = {}
    for entry in scored:
        candidate = entry.candidate
        first.setdefault((candidate.kind, candidate.document_id or candidate.id), entry)
    return list(first.values())


def _score_parts(
    candidate: Candidate,
    candidates: Candidates,
    *,
    weights: RetrieverWeights,
    query_stems: frozenset[str],
) -> dict[str, float]:
    """Return what each retriever contributes to the score of something that is not a message.

    An entity scores by how much the query names it; one that is only similar to the query gets at
    most half of the vector weight.
    """
    vector_range = candidates.vector_range
    if candidate.kind != "entity":
        return {
            "vector": weights.vector * normalize_score(candidate.vector_score, vector_range),
            "keyword": weights.keyword
            * normalize_score(candidate.keyword_score, candidates.keyword_range),
        }
    share = (
        max(0.0, candidate.vector_score or 0.0)
        if vector_range.minimum is None
        else normalize_score(candidate.vector_score, vector_range)
    )
    names = [candidate.name or candidate.id, candidate.id, *(candidate.aliases or ())]
    overlap = compare_with_entity(query_stems, names=names, content=candidate.content or "")
    similarity = weights.vector * share
    if overlap * (similarity + weights.keyword) >= similarity / 2:
        return {"vector": overlap * similarity, "keyword": overlap * weights.keyword}
    return {"vector": similarity / 2, "keyword": 0.0}
