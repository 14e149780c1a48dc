"""Reading the best candidates again: a model that sees the query and a text together adds to their scores.

The model itself is not known here; it comes as a function from a query and texts to numbers from 0 to 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.queries.search.recipes import Recipe

Floats = NDArray[np.float64]
Judge = Callable[[str, Sequence[str]], Sequence[float] | Floats]

ARM = "cross_encoder"
WEIGHT = 4.0  # of a sure yes; from the first to the tenth message of a search it is about 4.6. Set by hand


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the model said.

    Attributes:
        added: To each row's linear score, `(rows,)`; nothing to those that were not read.
        said: By the places of the rows that were read, their rank among these and their score, 0 to 1.
    """

    added: Floats
    said: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    def explained(self, place: int) -> dict[str, Any]:
        """What a row's explanation has of it."""
        return {ARM: self.said[place]} if place in self.said else {}

    def part(self, place: int) -> dict[str, float]:
        """What it gave to a row's linear score."""
        return {ARM: float(self.added[place])} if place in self.said else {}


def reread(
    rows: Sequence[Row], scores: Floats, query: str, *, recipe: Recipe, judge: Judge | None
) -> Judged:
    """Have the best rows read that may be shown, as many as the recipe says.

    Args:
        rows: Messages.
        scores: Their linear scores.
        query: What is asked.
        recipe: How many are read, and how much it counts.
        judge: Judges texts by a query; None where there is no such model.
    """
    added = np.zeros(len(rows))
    factor = recipe.factor(ARM)
    best = [
        place for place in np.argsort(-scores, kind="stable").tolist() if rows[place]["passes"]
    ][: recipe.reranked]
    if judge is None or not factor or not best:
        return Judged(added=added)
    found = np.asarray(judge(query, [rows[place]["content"] or "" for place in best]), float)
    added[best] = WEIGHT * factor * found
    said = {
        best[number]: {"rank": rank, "score": float(found[number])}
        for rank, number in enumerate(np.argsort(-found, kind="stable"), start=1)
    }
    return Judged(added=added, said=said)
