"""Numbers of units in a text, such as "two or three weeks" and "half a year"."""

import re
from dataclasses import dataclass
from datetime import date

from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    build_unit,
    shift_day,
    shift_units,
)
from mcp_context_persistence.queries.temporal.vocabulary import CLOCK_UNITS, COUNTS, UNITS

# The smaller unit in which half a unit is counted, and how many of it a whole unit has.
_SMALLER_UNITS = {"year": ("month", 12), "quarter": ("month", 3), "week": ("day", 7)}
_HALF_MONTH = (14, 15)  # days


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number of units; two different numbers where it is vague.

    Attributes:
        unit: As of `build_unit`, or ``second``.
        smallest: The smallest number.
        largest: The largest number.
        days: The smallest and the largest number of days in addition.
    """

    unit: str
    smallest: int
    largest: int
    days: tuple[int, int] = (0, 0)

    def find_range(self, day: date, *, after: bool) -> DateRange:
        """Return the units of the calendar that are so long before or after a day."""
        sign = 1 if after else -1
        ends = [
            (shift_day(shift_units(day, self.unit, sign * count), sign * days),) * 2
            if any(self.days)
            else build_unit(day, self.unit, back=-sign * count)
            for count, days in zip((self.smallest, self.largest), self.days, strict=True)
        ]
        return min(first for first, _ in ends), max(last for _, last in ends)

    def find_day(self, day: date, *, after: bool) -> date:
        """Return the day that is exactly the largest number before or after a day."""
        sign = 1 if after else -1
        return shift_day(shift_units(day, self.unit, sign * self.largest), sign * self.days[1])


def read_quantity(match: re.Match[str]) -> Quantity:
    """Return the quantity of a match that contains `vocabulary.QUANTITY`."""
    number = match["digits"] or match["count"] or ("" if match["half"] else "a")
    smallest, largest = _read_halves(number)
    if match["low"]:
        low = _read_halves(match["low"])[0]
        if low > largest:  # "twenty - five"
            smallest, largest = low + smallest, low + largest
        else:
            smallest = low
    if match["or_two"] and match["or_two"].lower() == "two":
        largest += 2
    if match["half"] or match["half_between"] or match["half_after"]:
        smallest, largest = smallest + 1, largest + 1
    return _build_quantity(match["unit"].lower(), smallest, largest)


def _build_quantity(word: str, smallest: int, largest: int) -> Quantity:
    """Return a quantity of a number of halves of a unit."""
    name = word if word in UNITS or word in CLOCK_UNITS else word.removesuffix("s")
    if seconds := CLOCK_UNITS.get(name):
        return Quantity(
            unit="second", smallest=smallest * seconds // 2, largest=largest * seconds // 2
        )
    unit, size = UNITS[name]
    smallest, largest = smallest * size, largest * size
    has_half = smallest % 2 or largest % 2
    days = (0, 0)
    if has_half and unit == "month":
        days = _HALF_MONTH
    elif has_half and unit in _SMALLER_UNITS:
        unit, size = _SMALLER_UNITS[unit]
        smallest, largest = smallest * size, largest * size
    is_cut = unit == "month" and any(days)
    return Quantity(
        unit=unit,
        smallest=smallest // 2,
        largest=largest // 2 if is_cut else -(-largest // 2),
        days=days,
    )


def _read_halves(text: str) -> tuple[int, int]:
    """Return the smallest and the largest number of halves that digits or a word mean."""
    if text.endswith(".5"):
        return (int(2 * float(text)),) * 2
    smallest, largest = read_count(text) if text else (0, 0)
    return 2 * smallest, 2 * largest


def read_count(text: str) -> tuple[int, int]:
    """Return the smallest and the largest number that digits or a word mean."""
    word = " ".join(text.lower().replace("-", " ").split())
    if word not in COUNTS:
        word = word.removeprefix("an ").removeprefix("a ")
    if word in COUNTS:
        return COUNTS[word]
    if " " in word:  # "twenty five"
        return (sum(COUNTS[name][0] for name in word.split()),) * 2
    return (int(float(word)),) * 2
