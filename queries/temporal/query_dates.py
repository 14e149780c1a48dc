"""The dates and periods that a query names: "on 3 July 2023", "between May and July 2022".

All times are in UTC. Relative dates are calculated from the time of the search. A month without a
year means that month of any year; with an open end ("before June") it means the nearest one.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from mcp_context_persistence.kg.timestamps import DAY_MS
from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    find_adjacent,
    shift_day,
    widen_to_months,
)
from mcp_context_persistence.queries.temporal.expressions import (
    ExpressionInContext,
    find_expressions,
    normalize_preposition,
    read_context,
)
from mcp_context_persistence.queries.temporal.time_expression import TimeExpression

_EPOCH = date(1970, 1, 1).toordinal()
_TO = re.compile(r"\s{0,3}(?:-|–|\.\.|to|until|till|through)\s{0,3}(?:the\s{1,3})?", re.IGNORECASE)
_AND = re.compile(r"\s{1,3}and\s{1,3}(?:the\s{1,3})?", re.IGNORECASE)
_THEN = re.compile(
    r",?\s{1,3}(?:(?:and|but)\s{1,3})?(before|prior\sto|until|till|up\sto|by)\s{1,3}(?:the\s{1,3})?",
    re.IGNORECASE,
)
_COMMA = re.compile(r",?\s{1,3}(?:the\s{1,3})?", re.IGNORECASE)
_RELATIVE_TO = re.compile(r"\s{1,3}(before|after|prior\sto)\s{1,3}(?:the\s{1,3})?", re.IGNORECASE)
_UNIT = re.compile(r"(?:last\s{1,3})?(week|weekend|month|year|[a-z]+day)", re.IGNORECASE)
_OF = re.compile(r"\s{1,3}(?:of\s{1,3})?", re.IGNORECASE)
_ONWARDS = re.compile(r"\s{1,3}onwards?\b", re.IGNORECASE)
# Regular expressions that ignore case accept these letters as Latin ones; dictionaries do not.
_TO_LATIN = str.maketrans("ıİſ\u212a", "iIsK")
_OPEN_START = frozenset({"before", "prior to", "until", "till", "up to", "by"})
_OPEN_END = frozenset({"after", "since"})


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """A range of time in milliseconds since 1970, both ends included."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, kw_only=True)
class QueryDates:
    """The dates and periods of a query.

    Attributes:
        ranges: What it names. A month without a year has one range for each year; an open end is
            the end of the calendar.
        months: The same ranges widened to calendar months, where they are shorter.
        spans: Where they are in the query: start and end (exclusive) in characters, with the words
            that belong to them.
    """

    ranges: tuple[TimeRange, ...] = ()
    months: tuple[TimeRange, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        """Return whether the query names any."""
        return bool(self.ranges)


NO_DATES = QueryDates()


def find_query_dates(query: str, *, now_ms: int) -> QueryDates:
    """Find the dates and periods that a query names.

    Args:
        query: Any text.
        now_ms: The time from which relative dates are calculated, in milliseconds since 1970.
    """
    query = query.translate(_TO_LATIN)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    ranges: list[DateRange] = []
    spans: list[tuple[int, int]] = []
    expressions, index = find_expressions(query, today), 0
    while index < len(expressions):
        current = read_context(query, expressions[index], floor=spans[-1][1] if spans else 0)
        end, days, count = current.expression.end, [], 1
        if index + 1 < len(expressions):
            following = read_context(query, expressions[index + 1], floor=end)
            if days := _combine(query, current, following, today):
                end, count = following.expression.end, 2
        index += count
        if not days and current.is_date:
            onwards = _ONWARDS.match(query, end)
            days = _resolve(current.expression, "since" if onwards else current.preposition, today)
            end = onwards.end() if onwards else end
        if days:
            ranges += days
            spans.append((current.start, end))
    return QueryDates(
        ranges=tuple(dict.fromkeys(_build_time_range(days) for days in ranges)),
        months=tuple(dict.fromkeys(_build_time_range(widen_to_months(days)) for days in ranges)),
        spans=tuple(spans),
    )


def _combine(
    query: str, current: ExpressionInContext, following: ExpressionInContext, today: date
) -> list[DateRange]:
    """Return the ranges of two expressions that belong together; none where they do not.

    Examples are a weekday with its date, "the Sunday before" a date, a month with its year, and a
    range from one to the other.
    """
    first, second = current.expression, following.expression
    text_between = query[first.end : following.inner_start]
    if _COMMA.fullmatch(text_between) and first.coming and _has_only_days(second, today):
        return _resolve(second, current.preposition, today)
    if match := _RELATIVE_TO.fullmatch(text_between):
        unit = _UNIT.fullmatch(query[first.start : first.end])
        is_after = match[1].lower() == "after"
        if unit:
            return [
                find_adjacent(days, unit[1].lower(), count=1, after=is_after)
                for days in second.resolve(today)
            ]
    if not first.ranges and second.year and _OF.fullmatch(text_between):
        days = first.resolve_in_year(second.year)
        expression = replace(first, ranges=(days,), changes=()) if days else None
        return _resolve(expression, current.preposition, today) if expression else []
    return _combine_ends(text_between, current, following, today)


def _combine_ends(
    text_between: str, current: ExpressionInContext, following: ExpressionInContext, today: date
) -> list[DateRange]:
    """Return the ranges that start with one expression and end with the next."""
    first, second, preposition = current.expression, following.expression, current.preposition
    is_open = preposition in _OPEN_END and current.is_date
    if is_open and (match := _THEN.fullmatch(text_between)):
        pairs = _pair_readings(
            _resolve(first, preposition, today),
            _resolve(second, normalize_preposition(match[1]), today),
        )
        return [
            (max(start[0], end[0]), min(start[1], end[1]))
            for start, end in pairs
            if start[0] <= end[1]
        ]
    is_between = preposition == "between"
    is_joined = (_AND if is_between else _TO).fullmatch(text_between)
    if not is_joined or preposition in _OPEN_START:
        return []
    if not (current.is_date or second.prepositions is None or is_between):
        return []
    return [
        (start[0], end[1]) for start, end in _find_ends(first, second, today) if start[0] <= end[1]
    ]


def _has_only_days(expression: TimeExpression, today: date) -> bool:
    """Return whether every range of an expression is a single day."""
    return all(first == last for first, last in expression.resolve(today))


def _find_ends(
    first: TimeExpression, second: TimeExpression, today: date
) -> list[tuple[DateRange, DateRange]]:
    """Return the starts and ends of the ranges from one expression to another.

    An expression without a year takes the year of the other one.
    """
    if second.ranges and first.ranges:
        pairs = _pair_readings(first.resolve(today), second.resolve(today))
        back = 7 if first.coming else 0  # "from Monday to Friday": the Monday before that Friday
        return [
            (start, end)
            if start[0] <= end[1]
            else ((shift_day(start[0], -back), shift_day(start[1], -back)), end)
            for start, end in pairs
        ]
    nearest: dict[DateRange, tuple[DateRange, DateRange]] = {}
    for days in (second if second.ranges else first).resolve(today):
        years = (
            (days[1].year - 1, days[1].year) if second.ranges else (days[0].year + 1, days[0].year)
        )
        for year in years:
            start, end = (
                (first.resolve_in_year(year), days)
                if second.ranges
                else (days, second.resolve_in_year(year))
            )
            if start and end and start[0] <= end[1]:
                nearest[days] = start, end
    return list(nearest.values())


def _pair_readings(
    starts: list[DateRange], ends: list[DateRange]
) -> list[tuple[DateRange, DateRange]]:
    """Return the readings of two expressions that belong together: in order, else all pairs."""
    if len(starts) == len(ends):
        return list(zip(starts, ends, strict=True))
    return [(start, end) for start in starts for end in ends]


def _resolve(expression: TimeExpression, preposition: str | None, today: date) -> list[DateRange]:
    """Return the ranges that an expression means after a preposition."""
    if preposition in _OPEN_START:
        is_included = preposition not in {"before", "prior to"}
        return [
            (date.min, last if is_included else shift_day(first, -1))
            for first, last in expression.resolve_open(preposition, today)
        ]
    if preposition in _OPEN_END:
        return [
            (first if preposition == "since" else shift_day(last, 1), date.max)
            for first, last in expression.resolve_open(preposition, today)
        ]
    return expression.resolve(today)


def _build_time_range(days: DateRange) -> TimeRange:
    """Return a range of days in milliseconds."""
    start, end = days
    return TimeRange(
        start_ms=(start.toordinal() - _EPOCH) * DAY_MS,
        end_ms=(end.toordinal() + 1 - _EPOCH) * DAY_MS - 1,
    )
