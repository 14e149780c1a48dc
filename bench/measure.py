"""Timing two ways of doing the same thing in turn, so that a machine that slows down slows both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: what was done, ours and theirs in seconds (or rates), their ratio, and what it must be."""

    work: str
    ours: float
    bare: float | None
    unit: str
    ratio: float | None
    need: str
    met: bool
    note: str = ""


def seconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turn(
    ours: Callable[[int], object], theirs: Callable[[int], object], *, times: int, warm: int
) -> tuple[list[float], list[float], float]:
    """Both, called in turn with the number of the round.

    Returns:
        Seconds of ours, seconds of theirs, and the median of the rounds' ratios ours / theirs.
    """
    first: list[float] = []
    second: list[float] = []
    for number in range(warm + times):
        pair = (
            seconds(lambda number=number: ours(number)),
            seconds(lambda number=number: theirs(number)),
        )
        if number >= warm:
            first.append(pair[0])
            second.append(pair[1])
    ratio = statistics.median(a / b for a, b in zip(first, second, strict=True))
    return first, second, ratio
