"""The dates and periods that a query names: "on 3 July 2023", "between May and July 2022".

All times are in UTC. Relative dates are calculated from the time of the search. A month without a
year means that month of any year; with an open end ("before June") it means the nearest one.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from mcp_context_persistence.kg.timestamps import DAY_MS
from mcp_context_persistence.queries.temporal.composition import merge_expressions
from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    shift_day,
    shift_units,
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
_TO = re.compile(
    r"\s{0,3}(?:-|–|—|\.\.|to|until|till|through|thru|up\sto)\s{0,3}(?:the\s{1,3})?",
    re.IGNORECASE,
)
_AND = re.compile(r"\s{1,3}(?:and|&|to)\s{1,3}(?:the\s{1,3})?|\s{0,3}[-–—]\s{0,3}", re.IGNORECASE)
_THEN = re.compile(
    r",?\s{1,3}(?:(?:and|but)\s{1,3})?(before|prior\sto|until|till|up\sto|by)\s{1,3}(?:the\s{1,3})?",
    re.IGNORECASE,
)
_ONWARDS = re.compile(
    r"\s{1,3}(?:onwards?|forwards?|(?:and|or)\s(?:later|after|newer|onwards?|since)|"
    r"(?:to|until|till)\s(?:date|now|the\spresent|present))\b",
    re.IGNORECASE,
)
_FROM_ON = re.compile(r"\s{1,3}on(?=\s*(?:$|[,.;:?!)]))", re.IGNORECASE)
_BACKWARDS = re.compile(
    r"\s{1,3}(?:(?:and|or)\s(?:before|earlier|older)|at\sthe\slatest)\b", re.IGNORECASE
)
# Regular expressions that ignore case accept these letters as Latin ones; dictionaries do not.
_TO_LATIN = str.maketrans("ıİſ\u212a", "iIsK")
_OPEN_START = frozenset({"before", "until", "by"})
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
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    today = now.date()
    ranges: list[DateRange] = []
    spans: list[tuple[int, int]] = []
    expressions, index = merge_expressions(query, find_expressions(query, now), today), 0
    while index < len(expressions):
        current = read_context(query, expressions[index], floor=spans[-1][1] if spans else 0)
        end, days, count = current.expression.end, [], 1
        if index + 1 < len(expressions):
            following = read_context(query, expressions[index + 1], floor=end)
            if days := _combine_ends(query, current, following, today):
                end, count = following.expression.end, 2
        index += count
        if not days and current.is_date:
            preposition, end = _read_end(query, current, end)
            days = _resolve(current.expression, preposition, today)
        if days:
            ranges += days
            spans.append((current.start, end))
    return QueryDates(
        ranges=tuple(dict.fromkeys(_build_time_range(days) for days in ranges)),
        months=tuple(dict.fromkeys(_build_time_range(widen_to_months(days)) for days in ranges)),
        spans=tuple(spans),
    )


def _read_end(query: str, current: ExpressionInContext, end: int) -> tuple[str | None, int]:
    """Return the preposition of an expression and its end, with words after it that open it."""
    if match := _ONWARDS.match(query, end):
        return "since", match.end()
    if match := _BACKWARDS.match(query, end):
        return "until", match.end()
    if current.preposition == "from" and (match := _FROM_ON.match(query, end)):
        return "since", match.end()
    return current.preposition, end


def _combine_ends(
    query: str, current: ExpressionInContext, following: ExpressionInContext, today: date
) -> list[DateRange]:
    """Return the ranges that start with one expression and end with the next; none if none do."""
    first, second, preposition = current.expression, following.expression, current.preposition
    text_between = query[first.end : following.inner_start]
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
    is_interval = text_between == "/" and query[second.start].isdigit()  # ISO 8601
    is_joined = is_interval or (_AND if is_between else _TO).fullmatch(text_between)
    if not is_joined or preposition in _OPEN_START:
        return []
    if not (current.is_date or second.prepositions is None or is_between):
        return []
    return [
        (start[0], end[1]) for start, end in _find_ends(first, second, today) if start[0] <= end[1]
    ]


def _find_ends(
    first: TimeExpression, second: TimeExpression, today: date
) -> list[tuple[DateRange, DateRange]]:
    """Return the starts and ends of the ranges from one expression to another.

    An expression without a year takes the year of the other one.
    """
    if second.ranges and first.ranges:
        pairs = _pair_readings(first.resolve(today), second.resolve(today))
        return [
            (start if start[0] <= end[1] else _move_back(first, start), end) for start, end in pairs
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


def _move_back(expression: TimeExpression, days: DateRange) -> DateRange:
    """Return the weekday, or the day of a month, that was before a day; other ranges as they are.

    "From Monday to Friday" starts with the Monday before that Friday.
    """
    if not expression.coming:
        return days
    unit = "week" if expression.is_weekday else "month"
    return shift_units(days[0], unit, -1), shift_units(days[1], unit, -1)


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
        is_included = preposition != "before"
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
