"""The times that a query names: "on 3 July 2023", "in May 2022", "last week".

All times are in UTC. Relative ones are reckoned from the moment of the search; a month without a year means that month of any year.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_SHORT = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
_DAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"((?:19|20)\d\d)"
_ISO = re.compile(rf"\b{_YEAR}-(\d\d)(?:-(\d\d))?\b")
_NAMED = re.compile(
    rf"(?:\b{_DAY}(?:\s+of)?\s+|\b(in|of|during|since|by|until|last|this|next|early|late|mid)\s+)?\b({'|'.join([*_MONTHS, *_SHORT])})\b\.?"
    rf"(?:\s+{_DAY}(?!\d))?(?:,?\s*(?:of\s+)?{_YEAR}\b)?"
)
_ALONE = re.compile(rf"\b(?:in|during|of|since|throughout)\s+{_YEAR}\b")
_UNIT = re.compile(r"\b(last|past|this)\s+(week|month|year)\b")
_AGO = re.compile(r"\b(\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten)\s+(day|week|month|year)s?\s+ago\b")
_NEAR = re.compile(r"\b(today|yesterday)\b")
_WEEKDAY = re.compile(rf"\b(?:last|on)\s+({'|'.join(_DAYS)})\b")
_COUNTS = {
    word: number
    for number, word in enumerate(["a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], start=1)
} | {"an": 1, "one": 1}
_AMBIGUOUS = frozenset({"may", "march"})  # words of other meaning, too
FIRST_YEAR = 1990  # in which a month without a year may lie


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of time, both ends in milliseconds since 1970, both included."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, kw_only=True)
class Times:
    """What a query says of time.

    Attributes:
        named: What it names: days, weeks, months, years; a month without a year is one span for each year.
        around: The calendar months of the named days and weeks; what is named itself where it is longer.
    """

    named: tuple[Span, ...] = ()
    around: tuple[Span, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.named)


NO_TIMES = Times()


def times(query: str, *, now_ms: int) -> Times:
    """The times that a query names.

    Args:
        query: Any text.
        now_ms: What relative times are reckoned from.
    """
    said = query.lower()
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    found: list[tuple[date, date]] = [*_iso(said), *_relative(said, today)]
    found += _months(said, today)
    if not found:
        found = [(date(int(match[1]), 1, 1), date(int(match[1]), 12, 31)) for match in _ALONE.finditer(said)]
    return Times(
        named=tuple(dict.fromkeys(_span(*one) for one in found)),
        around=tuple(dict.fromkeys(_span(*_month_around(*one)) for one in found)),
    )


def _iso(said: str) -> list[tuple[date, date]]:
    return [
        found
        for match in _ISO.finditer(said)
        if (found := _calendar(int(match[1]), int(match[2]), int(match[3]) if match[3] else None))
    ]


def _months(said: str, today: date) -> list[tuple[date, date]]:
    """Months by name, with or without a day and a year."""
    found: list[tuple[date, date]] = []
    for match in _NAMED.finditer(said):
        before, preposition, name, after, year = match.groups()
        day = int(before or after) if before or after else None
        if not (day or year) and (name not in _MONTHS or (name in _AMBIGUOUS and not preposition)):
            continue
        month = _MONTHS.get(name) or _SHORT[name]
        if year:
            years: range = range(int(year), int(year) + 1)
        elif preposition in {"last", "this", "next"}:
            years = range(_nearest(preposition, month, today), _nearest(preposition, month, today) + 1)
        else:
            years = range(FIRST_YEAR, today.year + 2)
        found += [one for each in years if (one := _calendar(each, month, day))]
    return found


def _nearest(which: str, month: int, today: date) -> int:
    """The year of the last, this or the next such month."""
    if which == "last":
        return today.year - (month >= today.month)
    return today.year + (which == "next" and month <= today.month)


def _relative(said: str, today: date) -> list[tuple[date, date]]:
    found = [_unit(today, match[2], back=int(match[1] != "this")) for match in _UNIT.finditer(said)]
    for match in _AGO.finditer(said):
        count = _COUNTS.get(match[1]) or int(match[1])
        found.append(_unit(today, match[2], back=count))
    for match in _NEAR.finditer(said):
        day = today - timedelta(days=int(match[1] == "yesterday"))
        found.append((day, day))
    for match in _WEEKDAY.finditer(said):
        day = today - timedelta(days=(today.weekday() - _DAYS[match[1]] - 1) % 7 + 1)
        found.append((day, day))
    return found


def _unit(today: date, unit: str, *, back: int) -> tuple[date, date]:
    """The calendar day, week, month or year so many before today's."""
    if unit in {"day", "week"}:
        start = today - timedelta(days=back * (7 if unit == "week" else 1))
        start -= timedelta(days=start.weekday() if unit == "week" else 0)
        return start, start + timedelta(days=6 if unit == "week" else 0)
    months = today.year * 12 + today.month - 1 - back * (12 if unit == "year" else 1)
    year = max(1, months // 12)
    found = _calendar(year, months % 12 + 1, None) if unit == "month" else None
    return found or (date(year, 1, 1), date(year, 12, 31))


def _calendar(year: int, month: int, day: int | None) -> tuple[date, date] | None:
    """A day or a month; None for what no calendar has."""
    if not 1 <= month <= 12:
        return None
    last = calendar.monthrange(year, month)[1]
    if day is None:
        return date(year, month, 1), date(year, month, last)
    return (date(year, month, day), date(year, month, day)) if 1 <= day <= last else None


def _month_around(start: date, end: date) -> tuple[date, date]:
    if (end - start).days > 27:
        return start, end
    return start.replace(day=1), end.replace(day=calendar.monthrange(end.year, end.month)[1])


def _span(start: date, end: date) -> Span:
    first = datetime.combine(start, time.min, UTC)
    last = datetime.combine(end + timedelta(days=1), time.min, UTC) if end < date.max else datetime.max.replace(tzinfo=UTC)
    return Span(start_ms=int(first.timestamp() * 1000), end_ms=int(last.timestamp() * 1000) - 1)
