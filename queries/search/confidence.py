"""Confidence: how likely the results of a hybrid search answer the query, 0 to 1.

It is the product of two logistic regressions:

- the relevance: how likely anything that is stored is about what the query asks for. It is learned
  from questions that were asked of the right talk and of others.
- the answer: how likely the results answer the query if they are about it. It is learned from
  questions that a talk answers, and from questions about its subjects that it does not answer.

The logarithm of the odds of the product is scaled, so that as many questions have an answer as the
confidence says, if half of all have one (Platt 1999).

In a small store, most words of a query occur nowhere, and the nearest texts include unrelated ones.
So the fewer texts there are, the more is added to the logarithm of the odds of both the relevance
and the confidence. That is learned from short parts of the same talks.

Their features do not depend on how many results are requested:

- `best_cosine`, `mean_cosine`: the highest cosine of all candidates; the mean of the ten highest
- `pool_coverage`: the share of the query's words that all candidates have together
- `named_share`: where the query names an author, the share of the relevance that the messages of
  this author have; else 1
- `unmatched_gap`: in a chat with an assistant, how far the first message stands out from the
  second, times the share of the query's words that it does not have. Then a message mentions what
  the query is about, but not what is asked about it.
- `smallness`: 1 without any text, 0 with 40 or more among the candidates

What repeats the query counts for nothing, and so do neighbors that the filters do not let through.
The weights are in `confidence.json`, learned by `python -m bench.quality.confidence`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.text.words import split_cased_words
from mcp_context_persistence.queries.search.candidate import Candidates
from mcp_context_persistence.queries.search.features import RankingQuery
from mcp_context_persistence.queries.search.ranker import MessageRanking
from mcp_context_persistence.queries.search.word_counts import WordCounts

Floats = NDArray[np.float64]
Weights = Mapping[str, Mapping[str, float]]

RELEVANCE_FEATURES = ("best_cosine", "mean_cosine", "pool_coverage")
ANSWER_FEATURES = ("named_share", "unmatched_gap", "mean_cosine", "pool_coverage")
SMALL_STORE_FEATURES = ("best_cosine",)
BIAS, LOG_ODDS, SMALLNESS = "bias", "log_odds", "smallness"
SMALLEST = 1e-9
FILE = Path(__file__).with_name("confidence.json")
LOW_CONFIDENCE = 0.25  # below which a caller is told
LARGE_STORE_TEXTS = 40  # candidates from which on a store is not small
NEAREST = 10  # candidates whose cosines count
LARGEST_GAP = 3.0  # of the linear scores; a larger one says no more


@cache
def read_weights() -> Weights:
    """Return the bias and the weights of `relevance`, `answer` and `calibration`.

    And of what is added in a small store: `small_store_relevance` and `small_store_answer`.
    """
    weights: dict[str, dict[str, float]] = json.loads(FILE.read_text(encoding="utf-8"))
    return weights


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """How certain a search is.

    Attributes:
        features: Its features.
        weights: Those of `read_weights`, unless others are tried.
    """

    features: Mapping[str, float]
    weights: Weights = field(default_factory=read_weights)

    @property
    def relevance(self) -> float:
        """How likely anything stored is about what the query asks for, 0 to 1."""
        log_odds = sum_weighted(self.weights["relevance"], self.features)
        return self._raise_in_small_store(log_odds, "small_store_relevance")

    @property
    def value(self) -> float:
        """How likely the results answer the query, 0 to 1."""
        log_odds = sum_weighted(self.weights["calibration"], {LOG_ODDS: self.product_log_odds})
        return self._raise_in_small_store(log_odds, "small_store_answer")

    @property
    def product_log_odds(self) -> float:
        """The logarithm of the odds of the product of both regressions, in a large store."""
        product = math.prod(
            1 / (1 + math.exp(-sum_weighted(self.weights[section], self.features)))
            for section in ("relevance", "answer")
        )
        return math.log((product + SMALLEST) / (1 - product + SMALLEST))

    def _raise_in_small_store(self, log_odds: float, section: str) -> float:
        """Return the probability, with what is added in a small store."""
        added = self.features[SMALLNESS] * sum_weighted(self.weights[section], self.features)
        return 1 / (1 + math.exp(-log_odds - added))


def sum_weighted(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    """Return the sum of a logistic regression: the bias and the weighted features."""
    return sum(
        weight * (1.0 if name == BIAS else features[name]) for name, weight in weights.items()
    )


def measure_confidence(
    candidates: Candidates, query: RankingQuery, ranking: MessageRanking
) -> Confidence | None:
    """Return the confidence of a search.

    None where the query has no words to look for, or is not surely English, from which the weights
    were learned, or where nothing was found.

    Args:
        candidates: All candidates.
        query: The query.
        ranking: The ranking of the candidates that are messages.
    """
    if not query.words or not query.is_english:
        return None
    is_allowed = np.array([message.is_allowed for message in candidates.messages], bool)
    coverage, cosines = _measure_candidates(candidates, query, ranking, is_allowed)
    if not len(cosines):
        return None
    documents = sum(entry.kind == "document" for entry in candidates.others)
    return Confidence(
        features={
            "best_cosine": float(cosines.max()),
            "mean_cosine": float(np.sort(cosines)[-NEAREST:].mean()),
            "pool_coverage": float(coverage.max(axis=0, initial=0.0).mean()),
            "named_share": _measure_named_share(ranking, is_allowed),
            "unmatched_gap": _measure_unmatched_gap(ranking, is_allowed),
            SMALLNESS: float(1 - min(1.0, (is_allowed.sum() + documents) / LARGE_STORE_TEXTS)),
        }
    )


def _measure_candidates(
    candidates: Candidates,
    query: RankingQuery,
    ranking: MessageRanking,
    is_allowed: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Return how far each candidate has each word of the query, and the computed cosines.

    Another form of a word counts as less than the word.
    """
    tables, cosines = [np.zeros((0, len(query.words)))], list[float | None]()
    if ranking.analysis is not None:
        is_answer = is_allowed & (ranking.analysis.get_column("repetition") == 0)
        tables = [np.minimum(ranking.analysis.counts.matrix, 1) * is_answer[:, None]]
        cosines += [
            message.cosine
            for message, counts in zip(candidates.messages, is_answer.tolist(), strict=True)
            if counts
        ]
    if candidates.others:
        texts = [f"{entry.name or ''} {entry.content or ''}" for entry in candidates.others]
        words_by_text = split_cased_words(texts)
        counts_of_others = WordCounts(query.words, words_by_text, query.stems, query.forms)
        tables.append(np.minimum(counts_of_others.matrix, 1))
        cosines += [entry.vector_score for entry in candidates.others]
    present = [cosine for cosine in cosines if cosine is not None]
    return np.concatenate([table for table in tables if len(table)] or tables), np.array(present)


def _measure_named_share(ranking: MessageRanking, is_allowed: NDArray[np.bool_]) -> float:
    """Return the share of the relevance that the messages of the named authors have.

    The relevance does not count that an author is named. "What did Ben buy?" is not answered by
    what Ann bought.
    """
    if ranking.analysis is None:
        return 1.0
    author_parts = ranking.contributions[is_allowed, ranking.analysis.names.index("author")]
    is_named = ranking.analysis.get_column("author")[is_allowed] > 0
    if not is_named.any() or is_named.all():
        return 1.0
    scores = ranking.scores[is_allowed] - author_parts
    relevance = np.exp(scores - scores.max())
    return float(relevance[is_named].sum() / relevance.sum())


def _measure_unmatched_gap(ranking: MessageRanking, is_allowed: NDArray[np.bool_]) -> float:
    scores = ranking.scores[is_allowed]
    if ranking.analysis is None or len(scores) < 2:
        return 0.0
    first, second = np.argsort(-scores, kind="stable")[:2].tolist()
    gap = min(LARGEST_GAP, float(scores[first] - scores[second]))
    has_word = ranking.analysis.counts.matrix[is_allowed][first] > 0
    return ranking.assistant_share * gap * float(1 - has_word.mean() if len(has_word) else 0.0)
