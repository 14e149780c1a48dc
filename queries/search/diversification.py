"""Stretches of a long talk: relevance is spread over neighbouring messages, and what is shown is not all from one place.

The constants were chosen on QMSum's meetings, each judged by weights learned from the others; their neighbours do nearly as well.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.driver.statement import Row

Floats = NDArray[np.float64]

HEAT = 1.5  # by which differences of linear scores are divided before they become shares
TOGETHER = 0.6  # of what is shown may be from one place
APART = 8  # messages between one place and another


def worth(distances: Floats, scores: Floats, *, width: int) -> Floats:
    """The scores with those of the neighbours up to `width` messages away, nearer ones counting more; `(rows,) float64`."""
    shares = np.exp((scores - scores.max()) / HEAT)
    near = np.maximum(0.0, 1 - distances / (width + 1))
    found: Floats = HEAT * np.log(near @ shares + np.finfo(float).tiny) + scores.max()
    return found


def chosen(distances: Floats, worth: Floats, allowed: Sequence[bool], *, limit: int) -> list[int]:
    """The places of the allowed rows, best first, as they are shown."""
    return apart(
        distances,
        [place for place in np.argsort(-worth, kind="stable").tolist() if allowed[place]],
        limit=limit,
    )


def apart(distances: Floats, best: Sequence[int], *, limit: int) -> list[int]:
    """The best ones; after the first of them only what is not near to what is there already, as long as there is such."""
    found = list(best[: max(1, round(limit * TOGETHER))])
    left = list(best[len(found) :])
    while left and len(found) < limit:
        new = next((place for place in left if distances[place, found].min() > APART), left[0])
        found.append(new)
        left.remove(new)
    return found


def distances(rows: Sequence[Row]) -> Floats:
    """How many places lie between two messages, `(rows, rows) float64`; infinity in different conversations."""
    places = np.array([row["position"] for row in rows], float)
    talks = np.unique([row["conversation_id"] for row in rows], return_inverse=True)[1]
    found: Floats = np.where(
        talks[:, None] == talks[None], np.abs(places[:, None] - places[None]), np.inf
    )
    return found
