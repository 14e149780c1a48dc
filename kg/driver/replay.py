"""The attempts at one statement, up to its deadline, and what they may have left behind."""

import random
import time

from mcp_context_persistence.kg.driver.attempt import Attempt
from mcp_context_persistence.kg.driver.error_mapping import is_rolled_back
from mcp_context_persistence.kg.errors import Outcome

FIRST_PAUSE_SECONDS = 0.05
LAST_PAUSE_SECONDS = 2.0


class Replay:
    """The attempts at one statement or transaction, up to its deadline.

    Attributes:
        end: When it ends, by the monotonic clock.
        name: For errors.
        may_be_applied: Whether an attempt may be in the graph, by what is known so far.
    """

    def __init__(self, *, end: float, name: str, applies_when_sent: bool) -> None:
        self.end, self.name = end, name
        self.may_be_applied = False
        self._applies_when_sent = applies_when_sent
        self._pause = FIRST_PAUSE_SECONDS
        self._wait = 0.0

    @property
    def left(self) -> float:
        """Seconds until it ends, never none."""
        return max(0.001, self.end - time.monotonic())

    @property
    def outcome(self) -> Outcome:
        """What may be said, should it end now."""
        return "unknown" if self.may_be_applied else "not_applied"

    @property
    def has_time(self) -> bool:
        """Whether there is time for a pause and another attempt."""
        return time.monotonic() + self._wait < self.end

    def begin(self) -> Attempt:
        """The next attempt."""
        self._wait = self._pause * (0.5 + random.random())  # noqa: S311 - jitter, not a secret
        return Attempt(applies_when_sent=self._applies_when_sent)

    def end_attempt(self, attempt: Attempt, error: Exception) -> None:
        """Note what an attempt that failed may have left behind."""
        if attempt.may_be_applied and not is_rolled_back(error):
            self.may_be_applied = True

    def pause(self) -> None:
        """Wait before the next attempt, each time longer."""
        time.sleep(min(self._wait, max(0.0, self.end - time.monotonic())))
        self._pause = min(self._pause * 2, LAST_PAUSE_SECONDS)
