"""The attempts at one statement, up to its deadline, and what they may have left behind."""

from mcp_context_persistence.kg.deadline import Backoff, Deadline
from mcp_context_persistence.kg.driver.attempt import Attempt
from mcp_context_persistence.kg.driver.error_mapping import is_rolled_back
from mcp_context_persistence.kg.errors import Outcome

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0
LEAST_ATTEMPT_SECONDS = 0.001


class Attempts:
    """The attempts at one statement or transaction.

    Attributes:
        deadline: When they end.
        name: Name of the statement, for error texts.
        changes_data: Whether the statement changes users' data.
        may_be_applied: Whether an attempt may be in the graph, as far as is known.
        has_repaired: Whether the schema was repaired because of an attempt.
    """

    def __init__(
        self,
        *,
        deadline: Deadline,
        name: str,
        applies_when_sent: bool,
        changes_data: bool = False,
    ) -> None:
        """Create it; `begin` makes the first attempt.

        Args:
            deadline: When the attempts end.
            name: Name of the statement, for error texts.
            applies_when_sent: See `Attempt`.
            changes_data: Whether the statement changes users' data.
        """
        self.deadline, self.name, self.changes_data = deadline, name, changes_data
        self.may_be_applied = self.has_repaired = False
        self._applies_when_sent = applies_when_sent
        self._backoff = Backoff(
            first=FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS, has_jitter=True
        )

    @property
    def attempt_seconds(self) -> float:
        """Seconds that the next attempt may take, always more than 0."""
        return max(LEAST_ATTEMPT_SECONDS, self.deadline.seconds_left)

    @property
    def outcome(self) -> Outcome:
        """The outcome for an error that ends it now."""
        return "unknown" if self.may_be_applied else "not_applied"

    @property
    def has_time(self) -> bool:
        """Whether there is time for a pause and another attempt."""
        return self._backoff.seconds < self.deadline.seconds_left

    def begin(self) -> Attempt:
        """Begin the next attempt."""
        return Attempt(applies_when_sent=self._applies_when_sent)

    def end_attempt(self, attempt: Attempt, error: Exception) -> None:
        """Note what a failed attempt may have left behind."""
        if attempt.may_be_applied and not is_rolled_back(error):
            self.may_be_applied = True

    def pause(self) -> None:
        """Wait before the next attempt, each time longer."""
        self._backoff.sleep(self.deadline)
