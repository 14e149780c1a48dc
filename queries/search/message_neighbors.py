"""The messages before and after each candidate, as far as they are candidates too."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.queries.search.candidate import Candidate

Floats = NDArray[np.float64]

NEIGHBOR_RADIUS = 4  # messages on either side that the features of the neighbors look at
MANY_POSITIONS = 2**40  # more than a conversation has


class MessageNeighbors:
    """The messages that follow each other in a conversation, in this order."""

    def __init__(self, messages: Sequence[Candidate], *, window: int) -> None:
        numbers: dict[str | None, int] = {}
        owners = np.array(
            [numbers.setdefault(message.conversation_id, len(numbers)) for message in messages]
        )
        keys = owners * MANY_POSITIONS + np.array([message.position for message in messages])
        shifted = keys + np.arange(-window, window + 1)[:, None]
        self._starts = np.searchsorted(owners, np.arange(len(numbers)))
        self._owners = owners
        self._window = window
        self._indexes = np.minimum(np.searchsorted(keys, shifted), len(keys) - 1)
        self._exist = keys[self._indexes] == shifted

    def shift(self, values: Floats, steps: int) -> Floats:
        """Return for each message the value of the one so many positions after it.

        0 where there is none.
        """
        row = self._window + steps
        exist = self._exist[row]
        shifted: Floats = values[self._indexes[row]] * (
            exist if values.ndim == 1 else exist[:, None]
        )
        return shifted

    def add_adjacent(self, values: Floats) -> Floats:
        """Return each value plus those of the messages before and after it."""
        return values + self.shift(values, -1) + self.shift(values, 1)

    def weigh(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the sum and the largest of the values within `NEIGHBOR_RADIUS` positions.

        Closer ones count more.
        """
        rows = slice(self._window - NEIGHBOR_RADIUS, self._window + NEIGHBOR_RADIUS + 1)
        closeness = 1 - np.abs(np.arange(-NEIGHBOR_RADIUS, NEIGHBOR_RADIUS + 1)[:, None]) / (
            NEIGHBOR_RADIUS + 1
        )
        weighed = values[self._indexes[rows]] * self._exist[rows] * closeness
        return weighed.sum(axis=0), weighed.max(axis=0)

    def sum_window(self, values: Floats, window: int) -> Floats:
        """Return the sum of the values of the messages up to so many positions away."""
        total: Floats = np.sum(
            [self.shift(values, steps) for steps in range(-window, window + 1)], axis=0
        )
        return total

    def sum_conversations(self, values: Floats) -> Floats:
        """Return for each message the sum over its conversation."""
        sums: Floats = np.add.reduceat(values, self._starts)[self._owners]
        return sums

    def find_conversation_maxima(self, values: Floats) -> Floats:
        """Return for each message the largest value of its conversation."""
        maxima: Floats = np.maximum.reduceat(values, self._starts)[self._owners]
        return maxima
