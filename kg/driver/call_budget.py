"""The seconds that the statements of one call may take together, per thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mcp_context_persistence.kg.errors import ContextPersistenceError


@dataclass
class Call:
    """A call of several statements that share a deadline.

    Attributes:
        seconds: What is left of it.
        may_be_applied: Whether something that the call writes is, or may be, in the graph. No error
            may then say that nothing was applied, whatever the later statements end with.
    """

    seconds: float
    may_be_applied: bool = False


class CallBudget:
    """The current call of each thread. What is computed between its statements does not count.

    Attributes:
        seconds: Default budget of a call.
    """

    def __init__(self, seconds: float) -> None:
        """Create the budgets; no thread has a call.

        Args:
            seconds: Default budget of a call.
        """
        self.seconds = seconds
        self._local = threading.local()

    @property
    def current(self) -> Call | None:
        """The call of this thread, None outside of one."""
        call: Call | None = getattr(self._local, "call", None)
        return call

    @property
    def seconds_left(self) -> float:
        """Seconds that this thread's call has left; all of them outside of a call."""
        call = self.current
        return self.seconds if call is None else call.seconds

    def spend(self, seconds: float) -> None:
        """Count a wait that is no statement against this thread's call."""
        call = self.current
        if call is not None:
            call.seconds -= seconds

    @contextmanager
    def share(self, seconds: float | None = None, *, is_separate: bool = False) -> Iterator[None]:
        """Make everything that this thread runs inside share one deadline.

        See `Graph.call`.
        """
        outer, available = self.current, self.seconds if is_separate else self.seconds_left
        share = available if seconds is None else min(seconds, available)
        inner = self._local.call = Call(share)
        try:
            yield
        except ContextPersistenceError as error:
            if inner.may_be_applied and error.outcome == "not_applied":
                error.outcome = "unknown"
            raise
        finally:
            self._local.call = outer
            if outer is not None:
                outer.seconds -= 0.0 if is_separate else share - inner.seconds
                outer.may_be_applied = outer.may_be_applied or inner.may_be_applied
