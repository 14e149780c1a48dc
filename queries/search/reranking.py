"""Reranking: a cross-encoder reads the query and a message together.

Its score is added to the linear score of the message.

The model itself is not known here; it is passed as a function from a query and texts to numbers
from 0 to 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.recipes import Recipe

Floats = NDArray[np.float64]
ScoreTexts = Callable[[str, Sequence[str]], Sequence[float] | Floats]

CROSS_ENCODER = "cross_encoder"
# Of the score 1; the first and the tenth message of a search differ by about 4.6. Set by hand.
CROSS_ENCODER_WEIGHT = 4.0


@dataclass(frozen=True, kw_only=True)
class Reranking:
    """The scores of the cross-encoder.

    Attributes:
        added: What is added to each message's linear score, `(messages,)`; 0 for those that were
            not read.
        explanations: For the indexes of the messages that were read, their rank among these and
            their score, 0 to 1.
    """

    added: Floats
    explanations: Mapping[int, dict[str, Any]] = field(default_factory=dict)


def rerank(
    messages: Sequence[Candidate],
    scores: Floats,
    query: str,
    *,
    recipe: Recipe,
    score_texts: ScoreTexts | None,
) -> Reranking | None:
    """Have the best messages that may be returned scored again.

    Args:
        messages: The messages.
        scores: Their linear scores.
        query: The query.
        recipe: How many are read, and how much the cross-encoder counts.
        score_texts: The model; None where there is none.

    Returns:
        None where no message was read.
    """
    if score_texts is None or not recipe.rerank_top_k:
        return None
    weight = recipe.get_weight(CROSS_ENCODER)
    if not weight:
        return None
    order = np.argsort(-scores, kind="stable").tolist()
    best = [index for index in order if messages[index].is_allowed][: recipe.rerank_top_k]
    if not best:
        return None
    new_scores = np.asarray(
        score_texts(query, [messages[index].content or "" for index in best]), float
    )
    added = np.zeros(len(messages))
    added[best] = CROSS_ENCODER_WEIGHT * weight * new_scores
    explanations = {
        best[number]: {"rank": rank, "score": float(new_scores[number])}
        for rank, number in enumerate(np.argsort(-new_scores, kind="stable"), start=1)
    }
    return Reranking(added=added, explanations=explanations)
