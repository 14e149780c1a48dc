"""Times two implementations in turn, so that a machine that slows down slows both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table.

    Attributes:
        work: What was measured, with its size. Rows of different runs are compared by it.
        ours: The figure of this library, in `unit`.
        bare: The figure of the bare libraries, None where there is nothing to compare with.
        unit: Such as ``ms`` or ``messages/s``.
        ratio: Ours to bare, None where there is no bare figure.
        need: The required figure, such as ``<= 1.2``. With ``<=`` a lower ratio is better.
        met: Whether it was reached.
        note: A remark.
    """

    work: str
    ours: float
    bare: float | None
    unit: str
    ratio: float | None
    need: str
    met: bool
    note: str = ""

    @property
    def is_lower_better(self) -> bool:
        """Whether a lower ratio is a better one."""
        return self.need.startswith("<=")


def seconds(function: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turn(
    ours: Callable[[int], object], bare: Callable[[int], object], *, times: int, warm: int
) -> tuple[list[float], list[float], float]:
    """Call both in turn, with the number of the round.

    Args:
        ours: Called first in each round.
        bare: Called second.
        times: Rounds that count.
        warm: Rounds before them that do not.

    Returns:
        The seconds of ours, the seconds of the bare calls, and the median of the rounds' ratios
        ours / bare.
    """
    our_seconds: list[float] = []
    bare_seconds: list[float] = []
    for number in range(warm + times):
        start = time.perf_counter()
        ours(number)
        middle = time.perf_counter()
        bare(number)
        end = time.perf_counter()
        if number >= warm:
            our_seconds.append(middle - start)
            bare_seconds.append(end - middle)
    ratio = statistics.median(a / b for a, b in zip(our_seconds, bare_seconds, strict=True))
    return our_seconds, bare_seconds, ratio
