"""A date or period as it is written in a text, and the ranges of days that it can mean."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    build_months,
    build_range,
    shift_day,
)

FIRST_YEAR = 1990  # of the years that a month without a year can mean
SOON_DAYS = 92  # days before a month within which "before June" means the coming one


@dataclass(frozen=True, kw_only=True)
class TimeExpression:
    """A date or period in a text, from character `start` to `end`.

    Attributes:
        start: The first character.
        end: The character after the last one.
        ranges: The ranges of an expression with a year; several where it is ambiguous.
        month: Without `ranges`, the month, of any year.
        day: The first day in that month, None for the whole month.
        last_day: The last day, where it differs from the first.
        month_count: How many months it has.
        coming: The range that it means after "until" and "by".
        prepositions: One of these must precede the expression, otherwise it is no date; None where
            none is needed.
        changes: Functions that are applied to each range, such as one that takes its first week.
    """

    start: int
    end: int
    ranges: tuple[DateRange, ...] = ()
    month: int = 1
    day: int | None = None
    last_day: int | None = None
    month_count: int = 1
    coming: DateRange | None = None
    prepositions: frozenset[str] | None = None
    changes: tuple[Callable[[DateRange], DateRange], ...] = ()

    def apply_changes(self, days: DateRange) -> DateRange:
        """Return a range after all `changes`."""
        for change in self.changes:
            days = change(days)
        return days

    @property
    def year(self) -> int | None:
        """The year, if the expression means exactly one calendar year."""
        if len(self.ranges) != 1 or self.changes:
            return None
        first, last = self.ranges[0]
        return first.year if (first, last) == build_months(first.year, 1, 12) else None

    def resolve_in_year(self, year: int) -> DateRange | None:
        """Return the range in a year, for an expression without a year; None if there is none."""
        if self.month_count > 1:
            return self.apply_changes(build_months(year, self.month, self.month_count))
        first = build_range(year, self.month, self.day)
        last = build_range(year, self.month, self.last_day or self.day)
        if not first or not last or first > last:
            return None
        return self.apply_changes((first[0], last[1]))

    def resolve(self, today: date) -> list[DateRange]:
        """Return all ranges that the expression can mean; without a year, one for each year."""
        if self.ranges:
            return [self.apply_changes(days) for days in self.ranges]
        years = range(FIRST_YEAR, today.year + 2)
        return [days for year in years if (days := self.resolve_in_year(year))]

    def resolve_open(self, preposition: str, today: date) -> list[DateRange]:
        """Return the ranges that the expression can mean as one end of an open range.

        Without a year that is the last one that has begun; after "before", "until" and "by" it may
        also be one that begins soon.
        """
        if self.coming and preposition in {"until", "till", "up to", "by"}:
            return [self.apply_changes(self.coming)]
        ranges = self.resolve(today)
        if self.ranges:
            return ranges
        soon = 0 if preposition in {"since", "after", "from"} else SOON_DAYS
        is_after = preposition == "after"  # a range must be over for that
        begun = [days for days in ranges if days[is_after] <= shift_day(today, soon - is_after)]
        return begun[-1:]
