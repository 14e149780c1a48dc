"""A date or period as it is written in a text, and the ranges of days that it can mean."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    build_months,
    build_range,
    shift_day,
)

FIRST_YEAR = 1990  # of the years that a month without a year can mean
SHORTEST_YEAR = timedelta(days=364)  # from the first to the last day
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
        is_weekday: Whether it is a weekday.
        take: Return the range inside a longer one: "Monday" in a week, "the 3rd" in a month.
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
    is_weekday: bool = False
    take: Callable[[DateRange], DateRange | None] | None = None
    prepositions: frozenset[str] | None = None
    changes: tuple[Callable[[DateRange], DateRange], ...] = ()

    def apply_changes(self, days: DateRange) -> DateRange:
        """Return a range after all `changes`."""
        for change in self.changes:
            days = change(days)
        return days

    def resolve_in_year(self, year: int) -> DateRange | None:
        """Return the range in a year, for an expression without a year; None if there is none."""
        if self.month_count > 1:
            return self.apply_changes(build_months(year, self.month, self.month_count))
        first = build_range(year, self.month, self.day)
        last = build_range(year, self.month, self.last_day or self.day)
        if not first or not last or first > last:
            return None
        return self.apply_changes((first[0], last[1]))

    def can_be_within(self, period: "TimeExpression") -> bool:
        """Return whether it can repeat within the ranges of another expression."""
        return bool(self.take) or (not self.ranges and bool(period.ranges))

    def resolve_within(self, days: DateRange) -> list[DateRange]:
        """Return the ranges inside a longer range, such as "Monday" in a week or "May" in a year.

        There are none if the expression does not repeat, or not within a range of that length.
        """
        if self.take:
            inside = self.take(days)
            return [self.apply_changes(inside)] if inside else []
        first, last = days
        is_year = days == build_months(first.year, 1, 12)
        if self.ranges or not (is_year or last - first >= SHORTEST_YEAR):
            return []
        years = range(first.year, last.year + 1)
        ranges = [occurrence for year in years if (occurrence := self.resolve_in_year(year))]
        return [occurrence for occurrence in ranges if is_year or first <= occurrence[0] <= last]

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
        if self.coming and preposition in {"until", "by"}:
            return [self.apply_changes(self.coming)]
        ranges = self.resolve(today)
        if self.ranges:
            return ranges
        soon = 0 if preposition in {"since", "after", "from"} else SOON_DAYS
        is_after = preposition == "after"  # a range must be over for that
        begun = [days for days in ranges if days[is_after] <= shift_day(today, soon - is_after)]
        return begun[-1:]


def build_expressions(
    match: re.Match[str],
    *ranges: DateRange | None,
    prepositions: frozenset[str] | None = None,
    take: Callable[[DateRange], DateRange | None] | None = None,
) -> Iterator[TimeExpression]:
    """Yield the expression of a match with the ranges that it can mean; nothing without any."""
    valid = tuple(dict.fromkeys(days for days in ranges if days))
    if valid:
        yield TimeExpression(
            start=match.start(), end=match.end(), ranges=valid, prepositions=prepositions, take=take
        )
