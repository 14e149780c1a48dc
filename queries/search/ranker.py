"""The ranker: a linear model that orders the messages of a hybrid search by their features.

The weights are plain numbers in `ranker.json`, learned by `python -m
mcp_context_persistence.cli.train_ranker`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.timestamps import DAY_MS
from mcp_context_persistence.queries.search import diversification
from mcp_context_persistence.queries.search.authors import measure_assistant_share
from mcp_context_persistence.queries.search.candidate import Candidate, ScoredCandidate
from mcp_context_persistence.queries.search.features import (
    MESSAGE_FEATURES,
    PASSAGE_FEATURES,
    MessageAnalysis,
    RankingQuery,
    analyze_messages,
)
from mcp_context_persistence.queries.search.recipes import Recipe
from mcp_context_persistence.queries.search.reranking import (
    CROSS_ENCODER,
    Reranking,
    ScoreTexts,
    rerank,
)
from mcp_context_persistence.queries.search.score_fusion import SMALLEST_SHARE

Floats = NDArray[np.float64]
WeightKind = Literal["messages", "assistants", "passages"]

TIE_BREAK = 1e-9  # keeps equal scores in order
SOFTNESS = 3.0  # by which differences of linear scores, which are logarithms of odds, are divided
FILE = Path(__file__).with_name("ranker.json")


@cache
def learned_weights(kind: WeightKind = "messages") -> Mapping[str, float]:
    """Return the weight of each feature.

    Args:
        kind: `messages` for single messages, `assistants` for those of chats with an assistant,
            `passages` for passages of a conversation.
    """
    weights: dict[str, float] = json.loads(FILE.read_text(encoding="utf-8"))[kind]
    return weights


@dataclass(frozen=True, kw_only=True)
class MessageRanking:
    """The best messages, and what the confidence needs of all of them.

    Attributes:
        scored: The best messages, best first.
        analysis: The analysis of all messages; None where there are none.
        contributions: What each feature contributes to their linear scores.
        scores: Their linear scores.
        assistant_share: How far they are from chats with an assistant, 0 to 1.
    """

    scored: Sequence[ScoredCandidate] = ()
    analysis: MessageAnalysis | None = None
    contributions: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    scores: Floats = field(default_factory=lambda: np.zeros(0))
    assistant_share: float = 0.0


def rank(
    messages: Sequence[Candidate],
    authors: Sequence[str | None],
    query: RankingQuery,
    *,
    limit: int,
    recipe: Recipe,
    score_texts: ScoreTexts | None = None,
) -> MessageRanking:
    """Rank messages; the best get scores between 0 and 1.

    The best one gets the best score that both retrievers together gave to any message, so that it
    can be compared with other kinds; the others get less by the distance of their linear scores.
    `scoring` has `ranking`: the linear `score`, which has no bounds, and `parts`, what each feature
    contributed.

    Args:
        messages: The messages of `search/find` in the order of conversation and position, neighbors
            included.
        authors: Their authors.
        query: The query.
        limit: How many to return.
        recipe: The weights.
        score_texts: The cross-encoder, where one is configured.
    """
    if not messages:
        return MessageRanking()
    for_passages = bool(recipe.passage_window)
    names = PASSAGE_FEATURES if for_passages else MESSAGE_FEATURES
    assistant_share = 0.0 if for_passages else measure_assistant_share(messages)
    analysis = analyze_messages(
        messages, authors, query, for_passages=for_passages, assistant_share=assistant_share
    )
    contributions = analysis.features * _read_weights(names, recipe, assistant_share)
    recency = _calculate_recency(messages, recipe, query.now_ms)
    scores = contributions.sum(axis=1) + recency
    reranking = rerank(messages, scores, query.text, recipe=recipe, score_texts=score_texts)
    if reranking:
        scores += reranking.added
    best, shown_scores = _select_best(messages, scores, limit=limit, window=recipe.passage_window)
    # Where only entities led to the messages, the retrievers gave none a score.
    highest = max(message.retrieval_score for message in messages) or SMALLEST_SHARE
    falling = np.minimum.accumulate(shown_scores[best]).tolist() if best else []
    scored = [
        ScoredCandidate(
            highest
            * math.exp((falling[number] - falling[0]) / SOFTNESS)
            * (1 - number * TIE_BREAK),
            messages[index],
            _explain(names, contributions, index, scores, recency, reranking),
        )
        for number, index in enumerate(best)
    ]
    return MessageRanking(
        scored=scored,
        analysis=analysis,
        contributions=contributions,
        scores=scores,
        assistant_share=assistant_share,
    )


def _select_best(
    messages: Sequence[Candidate], scores: Floats, *, limit: int, window: int
) -> tuple[list[int], Floats]:
    """Return the indexes of the best messages that the filters let through, and all scores.

    With a window, the scores are spread over passages.
    """
    is_allowed = [message.is_allowed for message in messages]
    if window:
        distances = diversification.measure_distances(messages)
        spread_scores = diversification.spread_scores(distances, scores, window=window)
        best = diversification.select(distances, spread_scores, is_allowed, limit=limit)
        return best, spread_scores
    order = np.argsort(-scores, kind="stable").tolist()
    return [index for index in order if is_allowed[index]][:limit], scores


def _read_weights(names: Sequence[str], recipe: Recipe, assistant_share: float) -> Floats:
    """Return the weights of the features: between those of chats of people and of assistants."""
    factors = recipe.feature_factors
    weights = learned_weights("passages" if recipe.passage_window else "messages")
    other = learned_weights("assistants") if assistant_share else weights
    return np.array(
        [
            ((1 - assistant_share) * weights[name] + assistant_share * other[name]) * factors[name]
            for name in names
        ]
    )


def _explain(
    names: Sequence[str],
    contributions: Floats,
    index: int,
    scores: Floats,
    recency: Floats,
    reranking: Reranking | None,
) -> dict[str, Any]:
    """Return the explanation fields that the ranker adds to a message."""
    parts = {
        name: value
        for name, value in zip(names, contributions[index].tolist(), strict=True)
        if value
    }
    if recency[index]:
        parts["recency"] = float(recency[index])
    ranking = {"score": float(scores[index]), "parts": parts}
    if reranking is None or index not in reranking.explanations:
        return {"ranking": ranking}
    parts[CROSS_ENCODER] = float(reranking.added[index])
    return {CROSS_ENCODER: reranking.explanations[index], "ranking": ranking}


def _calculate_recency(messages: Sequence[Candidate], recipe: Recipe, now_ms: int) -> Floats:
    """Return what each message gets for being new."""
    if not recipe.recency:
        return np.zeros(len(messages))
    ages = np.array([max(0, now_ms - (message.timestamp_ms or 0)) for message in messages])
    recency: Floats = recipe.recency * 0.5 ** (ages / DAY_MS / recipe.half_life_days)
    return recency
