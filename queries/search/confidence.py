"""Confidence: how likely the results of a hybrid search answer the query, 0 to 1.

It is a logistic regression on features that the search has anyway. They do not depend on how many
results are requested:

- `best_cosine`, `mean_cosine`: the highest cosine of all candidates; the mean of the ten highest
- `first_cosine`: the highest cosine of the first three results
- `first_coverage`: the share of the query's words in one of the first three results, at most
- `joint_coverage`: the share of the query's words that the first ten results have together
- `pool_coverage`: the share that all candidates have together
- `named_share`: where the query names an author, the share of the relevance that the messages of
  this author have; else 1

What repeats the query counts for nothing. The weights are in `confidence.json`, learned by `python
-m bench.quality.confidence`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.queries.search.candidate import Candidates, ScoredCandidate
from mcp_context_persistence.queries.search.features import RankingQuery
from mcp_context_persistence.queries.search.ranker import MessageRanking
from mcp_context_persistence.queries.search.word_counts import WordCounts, split_words

Floats = NDArray[np.float64]

FEATURES = (
    "best_cosine",
    "mean_cosine",
    "first_cosine",
    "first_coverage",
    "joint_coverage",
    "pool_coverage",
    "named_share",
)
BIAS = "bias"
FILE = Path(__file__).with_name("confidence.json")
FIRST, RESULTS = 3, 10  # results that the features look at
NO_COSINE = -1.0


@cache
def read_weights() -> Mapping[str, float]:
    """Return the weight of each feature, and the bias."""
    weights: dict[str, float] = json.loads(FILE.read_text(encoding="utf-8"))
    return weights


def estimate_confidence(features: Mapping[str, float]) -> float:
    """Return how likely the results answer the query, 0 to 1."""
    weights = read_weights()
    score = weights[BIAS] + sum(weights[name] * features[name] for name in FEATURES)
    return 1 / (1 + math.exp(-score))


def measure_results(
    scored: Sequence[ScoredCandidate],
    candidates: Candidates,
    query: RankingQuery,
    ranking: MessageRanking,
) -> Mapping[str, float] | None:
    """Return the features of a search.

    None where the query has no words to look for, or where nothing was found.

    Args:
        scored: The results, at least ten if there are so many, best first.
        candidates: All candidates.
        query: The query.
        ranking: The ranking of the candidates that are messages.
    """
    if not query.words or not scored:
        return None
    has_word, cosines = _measure_candidates(candidates, query, ranking)
    indexes = {
        (candidate.kind, candidate.id): index
        for index, candidate in enumerate((*candidates.messages, *candidates.others))
    }
    first = [indexes[entry.candidate.kind, entry.candidate.id] for entry in scored[:RESULTS]]
    return {
        "best_cosine": float(cosines.max()),
        "mean_cosine": float(np.sort(cosines)[-RESULTS:].mean()),
        "first_cosine": float(cosines[first[:FIRST]].max()),
        "first_coverage": float(has_word[first[:FIRST]].mean(axis=1).max()),
        "joint_coverage": float(has_word[first].any(axis=0).mean()),
        "pool_coverage": float(has_word.any(axis=0).mean()),
        "named_share": _measure_named_share(ranking),
    }


def _measure_candidates(
    candidates: Candidates, query: RankingQuery, ranking: MessageRanking
) -> tuple[NDArray[np.bool_], Floats]:
    """Return which words of the query each candidate has, and the cosines."""
    tables, cosines = list[NDArray[np.bool_]](), list[float | None]()
    if ranking.analysis is not None:
        is_answer = ranking.analysis.get_column("repetition") == 0
        tables.append((ranking.analysis.counts.matrix > 0) & is_answer[:, None])
        cosines += [
            message.cosine if counts else None
            for message, counts in zip(candidates.messages, is_answer.tolist(), strict=True)
        ]
    if candidates.others:
        texts = [f"{other.name or ''} {other.content or ''}".lower() for other in candidates.others]
        tables.append(WordCounts(query.words, split_words(texts), query.stems).matrix > 0)
        cosines += [other.vector_score for other in candidates.others]
    values = [NO_COSINE if cosine is None else cosine for cosine in cosines]
    return np.concatenate(tables), np.array(values, float)


def _measure_named_share(ranking: MessageRanking) -> float:
    """Return the share of the relevance that the messages of the named authors have.

    The relevance does not count that an author is named. "What did Ben buy?" is not answered by
    what Ann bought.
    """
    if ranking.analysis is None or ranking.scores is None:
        return 1.0
    is_named = ranking.analysis.get_column("author") > 0
    if not is_named.any() or is_named.all():
        return 1.0
    relevance = np.exp(ranking.scores - ranking.scores.max())
    return float(relevance[is_named].sum() / relevance.sum())
