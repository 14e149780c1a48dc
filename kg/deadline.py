"""Deadlines, and pauses that grow. Imports the standard library only."""

import random
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """The time at which something ends.

    Attributes:
        end: Seconds on the monotonic clock.
    """

    end: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that is this many seconds away."""
        return cls(time.monotonic() + seconds)

    @property
    def seconds_left(self) -> float:
        """Seconds until it, 0.0 when it has passed."""
        return max(0.0, self.end - time.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self.end


class Backoff:
    """Pauses between attempts; each is twice as long as the one before, up to a limit.

    Attributes:
        seconds: Length of the next pause.
    """

    def __init__(self, *, first: float, longest: float, has_jitter: bool = False) -> None:
        """Begin with the shortest pause.

        Args:
            first: Seconds of the first pause.
            longest: Seconds of the longest one.
            has_jitter: Whether each pause is multiplied by a random number from 0.5 to 1.5, so that
                clients that failed together do not come back together.
        """
        self._next, self._longest, self._has_jitter = first, longest, has_jitter
        self.seconds = 0.0
        self.grow()

    def grow(self) -> None:
        """Choose the next pause."""
        jitter = 0.5 + random.random() if self._has_jitter else 1.0  # noqa: S311 - not a secret
        self.seconds = self._next * jitter
        self._next = min(2 * self._next, self._longest)

    def sleep(self, deadline: Deadline) -> None:
        """Pause, but not beyond a deadline, and choose the next pause."""
        time.sleep(min(self.seconds, deadline.seconds_left))
        self.grow()
