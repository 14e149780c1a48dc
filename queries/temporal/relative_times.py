"""Times relative to today in a text: "two weeks ago", "last month", "in the last 24 hours"."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial

from mcp_context_persistence.queries.temporal import vocabulary
from mcp_context_persistence.queries.temporal.date_ranges import (
    LONGEST_MONTH,
    SHORTEST_MONTH,
    WEEKDAYS,
    DateRange,
    build_unit,
    shift_day,
    shift_units,
    take_unit,
)
from mcp_context_persistence.queries.temporal.quantities import Quantity, read_quantity
from mcp_context_persistence.queries.temporal.time_expression import (
    TimeExpression,
    build_expressions,
)
from mcp_context_persistence.queries.temporal.vocabulary import (
    ANY_COUNT,
    ANY_MONTH,
    ANY_SEASON,
    ANY_WEEKDAY,
    NUMBER,
    QUANTITY,
    SPACE,
    UNIT,
)

_CALENDAR_UNIT = "weekend|week|fortnight|month|quarter|year|decade|century"
_UNIT = re.compile(
    rf"""\b(?:(?:this{SPACE})?(?P<last>last|past|previous|preceding|prior)
    |(?P<next>next|coming|upcoming)|this|current){SPACE}(?P<unit>{_CALENDAR_UNIT})\b
    (?!{SPACE}of\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_UNIT_OF_TODAY = re.compile(
    r"(?<=\bof\sthe\s)(?P<unit>week|month|quarter|year)\b(?!\s{1,3}(?:of|before|after|[0-9]))",
    re.IGNORECASE,
)
_THE_WEEKEND = re.compile(
    r"(?<=\bthe\s)weekend\b(?=\s*(?:$|[,.;:?!)])|\s(?:did|we|i|you|they|was|were|and)\b)",
    re.IGNORECASE,
)
_TO_DATE = re.compile(
    r"\b(?:(?P<unit>year|quarter|month|week)[\s-]to[\s-]date|(?P<code>[ymq])td)\b", re.IGNORECASE
)
_SAME_TIME = re.compile(
    rf"\b(?:this|same|that){SPACE}(?P<part>time|day|week|month|quarter){SPACE}(?:in{SPACE}the{SPACE})?"
    rf"(?:last|previous){SPACE}(?P<unit>week|month|quarter|year)\b",
    re.IGNORECASE,
)
_BEFORE_LAST = re.compile(
    rf"""\b(?P<unit>{_CALENDAR_UNIT}|night|evening){SPACE}
    (?:before{SPACE}last|(?P<ahead>after{SPACE}next))\b
    (?!{SPACE}(?:{_CALENDAR_UNIT}|night|evening|{ANY_WEEKDAY}|{ANY_MONTH}|{ANY_SEASON}|{ANY_COUNT}|
    christmas)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_LAST_UNITS = re.compile(
    rf"\b(?P<modifier>last|past|previous|preceding|next|coming){SPACE}(?:{NUMBER})?{UNIT}(?!{SPACE}of\b)",
    re.IGNORECASE | re.VERBOSE,
)
_AGO = re.compile(
    rf"""\b(?:(?:(?P<more>more{SPACE}than|over|at{SPACE}least)
    |(?P<less>less{SPACE}than|under|within|at{SPACE}most|(?:no|not){SPACE}more{SPACE}than)){SPACE})?
    {QUANTITY}{SPACE}(?:
        (?:ago|back(?=\s*(?:$|[,.;:?!)])|{SPACE}(?:we|i|you|they|he|she|when|that|and)\b))
        (?:{SPACE}(?P<anchor>today|yesterday|tomorrow
            |(?:(?:last|this{SPACE}past){SPACE})?(?P<weekday>{ANY_WEEKDAY})))?
        |from{SPACE}(?P<from>now|today|tomorrow)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_TIME = re.compile(rf"\bin{SPACE}{QUANTITY}['’]?s?{SPACE}time\b", re.IGNORECASE | re.VERBOSE)
_OLDER = re.compile(
    rf"\b(?:(?P<older>older)|newer|more{SPACE}recent){SPACE}than{SPACE}{QUANTITY}(?!{SPACE}ago\b)",
    re.IGNORECASE | re.VERBOSE,
)
_NEAR = re.compile(
    rf"""\b(?:(?P<today>today|tonight|this{SPACE}(?:morning|afternoon|evening|night))
    |(?P<yesterday>yesterday|last{SPACE}evening)|(?P<tomorrow>tomorrow)|last{SPACE}night
    |(?P<now>now|(?:the{SPACE})?present))\b""",
    re.IGNORECASE | re.VERBOSE,
)
_DAYS = {"yesterday": -1, "today": 0, "now": 0, "tomorrow": 1}
_SAME_TIME_UNITS = {"year": "month", "quarter": "month", "month": "week", "week": "day"}
_CODES = {"y": "year", "q": "quarter", "m": "month"}
_TAKEN_UNITS = {"day", "week", "weekend", "month", "quarter"}


def find_relative_units(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield units of the calendar such as "last week", "this year" and "the week before last"."""
    for match in _UNIT.finditer(text):
        yield from _build_unit_expressions(match, today)
    for match in _UNIT_OF_TODAY.finditer(text):
        days = build_unit(today, match["unit"].lower())
        yield from build_expressions(match, days, prepositions=vocabulary.NEVER)
    for match in _THE_WEEKEND.finditer(text):
        days = build_unit(today, "weekend")
        if days[0] > today:
            days = build_unit(today, "weekend", back=1)
        yield from build_expressions(match, days, prepositions=vocabulary.BEFORE_WEEKDAY)
    for match in _TO_DATE.finditer(text):
        unit = match["unit"] or _CODES[match["code"].lower()]
        yield from build_expressions(match, (build_unit(today, unit.lower())[0], today))
    for match in _SAME_TIME.finditer(text):
        unit, word = match["unit"].lower(), match["part"].lower()
        day = shift_units(today, unit, -1)
        days = build_unit(day, _SAME_TIME_UNITS[unit] if word == "time" else word)
        yield from build_expressions(match, days)


def find_units_before_last(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield units such as "the week before last" and "the week after next"."""
    for match in _BEFORE_LAST.finditer(text):
        unit = match["unit"].lower()
        days: DateRange | None
        if match["ahead"]:
            days = build_unit(today, unit, back=-2) if unit in _TAKEN_UNITS | {"year"} else None
        elif unit in {"night", "evening"}:
            days = shift_day(today, -2), shift_day(today, -1 if unit == "night" else -2)
        elif unit == "fortnight":
            days = build_unit(today, "week", back=4)[0], build_unit(today, "week", back=3)[1]
        else:
            days = build_unit(today, unit, back=2)
        yield from build_expressions(match, days)


def _build_unit_expressions(match: re.Match[str], today: date) -> Iterator[TimeExpression]:
    """Yield the expression of one unit; "past" means the time until today, too."""
    unit = match["unit"].lower()
    word = (match["last"] or match["next"] or "").lower()
    weeks = 2 if unit == "fortnight" else 1
    unit = "week" if unit == "fortnight" else unit
    back = -1 if match["next"] else int(bool(match["last"]))
    days = build_unit(today, unit, back=back)
    until_today = build_unit(today, unit, back=weeks)[0], today
    ranges = [days]
    if weeks > 1 and back:
        ranges = [until_today if back > 0 else (today, build_unit(today, unit, back=-weeks)[1])]
    elif word == "past" and unit != "weekend":
        ranges = [until_today]
    elif word == "last" and unit == "decade":
        ranges.append((shift_units(today, "year", -10), today))
    take = partial(_take_last, unit=unit, count=weeks) if word == "last" else None
    yield from build_expressions(match, *ranges, take=take)


def _take_last(days: DateRange, unit: str, count: int) -> DateRange | None:
    """Return the last units of a range; None where the range is too short for that."""
    shortest = {"day": SHORTEST_MONTH, "week": SHORTEST_MONTH, "weekend": SHORTEST_MONTH}
    length = (days[1] - days[0]).days + 1
    is_long = length >= shortest.get(unit, LONGEST_MONTH + 1)
    return take_unit(days, unit, -1, count) if is_long and unit in _TAKEN_UNITS else None


def find_relative_times(text: str, now: datetime) -> Iterator[TimeExpression]:
    """Yield times before or after now, such as "3 days ago", "last 24 hours" and "yesterday"."""
    today = now.date()
    for match in _LAST_UNITS.finditer(text):
        yield from _build_last_units(match, now)
    for match in _AGO.finditer(text):
        yield from build_expressions(match, _resolve_ago(match, now))
    for match in _IN_TIME.finditer(text):
        yield from build_expressions(match, _find_range(read_quantity(match), now, after=True))
    for match in _OLDER.finditer(text):
        quantity = read_quantity(match)
        if quantity.unit != "year":  # that is the age of somebody
            days = _find_range(quantity, now, after=False)
            older = (date.min, days[1])
            yield from build_expressions(match, older if match["older"] else (days[0], today))
    for match in _NEAR.finditer(text):
        first = shift_day(
            today, 0 if match["today"] or match["now"] else 1 if match["tomorrow"] else -1
        )
        last = first if match["yesterday"] or match["tomorrow"] else today
        prepositions = vocabulary.NEVER if match["now"] else None
        yield from build_expressions(match, (first, last), prepositions=prepositions)


def _find_range(quantity: Quantity, now: datetime, *, after: bool) -> DateRange:
    """Return the days that are so long before or after now."""
    if quantity.unit != "second":
        return quantity.find_range(now.date(), after=after)
    sign = 1 if after else -1
    days = [_add_seconds(now, sign * seconds) for seconds in (quantity.smallest, quantity.largest)]
    return min(days), max(days)


def _add_seconds(now: datetime, seconds: int) -> date:
    """Return the day some seconds later, at least the first and at most the last possible."""
    try:
        return (now + timedelta(seconds=seconds)).date()
    except OverflowError:
        return date.max if seconds > 0 else date.min


def _build_last_units(match: re.Match[str], now: datetime) -> Iterator[TimeExpression]:
    """Yield the time until or from now, such as "last 24 hours" and "next two weeks"."""
    modifier, unit = match["modifier"].lower(), match["unit"].lower()
    has_number = match["half"] or match["digits"] or match["count"]
    is_hour = unit in {"hour", "hr"} or (unit == "day" and modifier == "past")
    if not (has_number or match["or_two"] or match["half_after"] or is_hour):
        return
    is_ahead = modifier in {"next", "coming"}
    quantity = read_quantity(match)
    if is_ahead and quantity.unit == "second":
        return
    days = _find_range(quantity, now, after=is_ahead)
    today = now.date()
    take = None
    if modifier == "last" and quantity.unit != "second":
        take = partial(_take_last, unit=quantity.unit, count=quantity.largest)
    yield from build_expressions(
        match, (today, days[1]) if is_ahead else (days[0], today), take=take
    )


def _resolve_ago(match: re.Match[str], now: datetime) -> DateRange | None:
    """Return the days that were so long ago, or will be so long from now."""
    quantity, today = read_quantity(match), now.date()
    if match["from"]:
        day = shift_day(today, _DAYS[match["from"].lower()])
        if quantity.unit == "second":
            return _find_range(quantity, now, after=True)
        if match["from"].lower() == "now":
            return quantity.find_range(day, after=True)
        return (quantity.find_day(day, after=True),) * 2
    if match["more"] or match["less"]:
        days = _find_range(quantity, now, after=False)
        if quantity.unit != "second":
            days = (quantity.find_day(today, after=False),) * 2
        return (date.min, days[1]) if match["more"] else (days[0], today)
    if not match["anchor"] or quantity.unit == "second":
        return _find_range(quantity, now, after=False)
    if match["weekday"]:
        back = (today.weekday() - WEEKDAYS[match["weekday"].lower()] - 1) % 7 + 1
    else:
        back = -_DAYS[match["anchor"].lower()]
    return (quantity.find_day(shift_day(today, -back), after=False),) * 2
