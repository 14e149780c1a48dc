"""How many requests a caller sends in a minute."""

import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0


class RequestRate:
    """Counts the requests of each caller in the last minute, up to a limit."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how many requests a caller may send in a minute, and a clock in seconds."""
        self._per_minute, self._clock = per_minute, clock
        self._times: dict[str, deque[float]] = {}  # of the requests of a caller, oldest first

    def count(self, caller: str) -> float:
        """Count a request; return 0, or the seconds until the next one is allowed.

        A request that is not allowed is not counted.

        Args:
            caller: Id of the caller.
        """
        now = self._clock()
        if caller not in self._times:
            self._forget_idle_callers(now)
        times = self._times.setdefault(caller, deque())
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if len(times) >= self._per_minute:
            return times[0] + WINDOW_SECONDS - now
        times.append(now)
        return 0.0

    def _forget_idle_callers(self, now: float) -> None:
        self._times = {
            caller: times
            for caller, times in self._times.items()
            if times[-1] > now - WINDOW_SECONDS
        }
