"""Results from passages of long conversations.

Relevance is spread over neighboring messages, and the results do not all come from one position.

The constants were chosen on QMSum's meetings, each with weights learned from the others; close
values do nearly as well.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.queries.search.candidate import Candidate

Floats = NDArray[np.float64]

TEMPERATURE = 1.5  # by which differences of linear scores are divided before they become shares
LARGEST_SHARE = 0.6  # of the results, that may be close together
MIN_DISTANCE = 8  # messages between results that are not close together


def spread_scores(distances: Floats, scores: Floats, *, window: int) -> Floats:
    """Return the scores with those of the messages up to `window` away, closer ones counting more.

    `(messages,) float64`.
    """
    best = scores.max()
    shares = np.exp((scores - best) / TEMPERATURE)
    closeness = np.maximum(0.0, 1 - distances / (window + 1))
    spread: Floats = TEMPERATURE * np.log(closeness @ shares + np.finfo(float).tiny) + best
    return spread


def select(
    distances: Floats, scores: Floats, is_allowed: Sequence[bool], *, limit: int
) -> list[int]:
    """Return the indexes of the allowed messages, in the order of the results."""
    order = np.argsort(-scores, kind="stable").tolist()
    return diversify(distances, [index for index in order if is_allowed[index]], limit=limit)


def diversify(distances: Floats, ordered: Sequence[int], *, limit: int) -> list[int]:
    """Return the best indexes, and then those that are not close to any selected one.

    The first `LARGEST_SHARE` of `limit` are taken in their order. If every other message is close
    to a selected one, the best of them follows.
    """
    count = max(1, round(limit * LARGEST_SHARE))
    selected, rest = list(ordered[:count]), list(ordered[count:])
    while rest and len(selected) < limit:
        index = next(
            (index for index in rest if distances[index, selected].min() > MIN_DISTANCE), rest[0]
        )
        selected.append(index)
        rest.remove(index)
    return selected


def measure_distances(messages: Sequence[Candidate]) -> Floats:
    """Return how many positions lie between two messages, `(messages, messages) float64`.

    Infinity between conversations.
    """
    positions = np.array([message.position for message in messages], float)
    conversations = np.unique(
        [message.conversation_id for message in messages], return_inverse=True
    )[1]
    distances: Floats = np.where(
        conversations[:, None] == conversations[None],
        np.abs(positions[:, None] - positions[None]),
        np.inf,
    )
    return distances
