"""Ranges of whole days in the calendar, and the calculations with them."""

import calendar
from datetime import date

DateRange = tuple[date, date]  # the first and the last day, both included

LONGEST_MONTH, SHORTEST_MONTH = 31, 28  # days
SHORTEST_YEAR_WEEKS = 52
WEEKDAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}
_SATURDAY = 5
_QUARTER_MONTHS = 3
_YEARS = {"year": 1, "decade": 10, "century": 100}


def build_range(year: int, month: int, day: int | None = None) -> DateRange | None:
    """Return the range of a day or of a month; None for a date that no calendar has."""
    if not (1 <= month <= 12 and 1 <= year <= date.max.year):
        return None
    last_day = calendar.monthrange(year, month)[1]
    if day is None:
        return date(year, month, 1), date(year, month, last_day)
    if not 1 <= day <= last_day:
        return None
    return date(year, month, day), date(year, month, day)


def build_months(year: int, month: int, count: int) -> DateRange:
    """Return the range of several whole months, cut at the ends of the calendar.

    Args:
        year: Year of the first month.
        month: The first month; it may be below 1 or above 12, which is in another year.
        count: Number of months.
    """
    first, last = (
        max(12, min(index, 12 * date.max.year + 11))
        for index in (year * 12 + month - 1, year * 12 + month + count - 2)
    )
    last_day = calendar.monthrange(last // 12, last % 12 + 1)[1]
    return date(first // 12, first % 12 + 1, 1), date(last // 12, last % 12 + 1, last_day)


def build_unit(day: date, unit: str, *, back: int = 0) -> DateRange:
    """Return a calendar unit relative to the one that a day is in.

    Args:
        day: The reference.
        unit: ``day``, ``week``, ``weekend``, ``month``, ``quarter``, ``year``, ``decade`` or
            ``century``.
        back: How many units earlier; a negative number is later.
    """
    if unit in {"day", "week", "weekend"}:
        start = shift_day(day, -back * (1 if unit == "day" else 7))
        if unit == "day":
            return start, start
        monday = shift_day(start, -start.weekday())
        return shift_day(monday, _SATURDAY if unit == "weekend" else 0), shift_day(monday, 6)
    if years := _YEARS.get(unit):
        return build_months((day.year // years - back) * years, 1, 12 * years)
    if unit == "quarter":
        month = (day.month - 1) // _QUARTER_MONTHS * _QUARTER_MONTHS + 1
        return build_months(day.year, month - _QUARTER_MONTHS * back, _QUARTER_MONTHS)
    return build_months(day.year, day.month - back, 1)


def shift_day(day: date, days: int) -> date:
    """Return the date a number of days later, at most the last and at least the first possible."""
    return date.fromordinal(
        max(date.min.toordinal(), min(day.toordinal() + days, date.max.toordinal()))
    )


def shift_units(day: date, unit: str, count: int) -> date:
    """Return the same day a number of units later, or the last day of a month that is too short.

    Args:
        day: The reference.
        unit: ``day``, ``week``, ``month``, ``quarter`` or ``year``.
        count: How many units later; a negative number is earlier.
    """
    if unit in {"day", "week", "weekend"}:
        return shift_day(day, count * (1 if unit == "day" else 7))
    months = {"month": 1, "quarter": _QUARTER_MONTHS, "year": 12}[unit]
    first, last = build_months(day.year, day.month + count * months, 1)
    return min(first.replace(day=min(day.day, last.day)), last)


def build_week(year: int, week: int, day: int | None = None) -> DateRange | None:
    """Return the range of an ISO week, or of one of its days; None for a week that no year has."""
    if not (1 <= week <= SHORTEST_YEAR_WEEKS + 1 and 1 <= (day or 1) <= 7):
        return None
    first = date.fromisocalendar(year, 1, 1)
    monday = shift_day(first, 7 * (week - 1))
    if monday.isocalendar().year != year:
        return None
    return (shift_day(monday, day - 1),) * 2 if day else (monday, shift_day(monday, 6))


def find_adjacent(days: DateRange, unit: str, *, count: int, after: bool) -> DateRange:
    """Return a unit or a weekday before or after a range.

    The next week, month or year also contains the days between the range and it.

    Args:
        days: The range.
        unit: As of `build_unit`, or the name of a weekday.
        count: Which unit: 1 for the next one.
        after: Whether to look after the range instead of before it.
    """
    edge = days[1] if after else days[0]
    if unit == "weekend" or unit in WEEKDAYS:
        weekday = WEEKDAYS.get(unit, _SATURDAY)
        weeks = 7 * (count - 1)
        steps = (
            (weekday - edge.weekday() - 1) % 7 + 1 + weeks
            if after
            else -((edge.weekday() - weekday - 1) % 7 + 1 + weeks)
        )
        return shift_day(edge, steps), shift_day(edge, steps + (unit == "weekend"))
    adjacent = build_unit(edge, unit, back=-count if after else count)
    if count > 1 or unit == "day":
        return adjacent
    if after:
        return shift_day(days[1], 1), adjacent[1]
    return adjacent[0], shift_day(days[0], -1)


def take_fraction(days: DateRange, first: int, last: int, count: int) -> DateRange:
    """Divide a range into equal fractions and return some; whole months above the longest month.

    Args:
        days: The range.
        first: The first fraction, from 0.
        last: The last fraction, included.
        count: How many fractions there are.
    """
    start_day, end_day = days
    if (end_day - start_day).days < LONGEST_MONTH:
        length = (end_day - start_day).days + 1
        start = first * length // count
        end = max((last + 1) * length // count - 1, start)
        return shift_day(start_day, start), shift_day(start_day, end)
    length = (end_day.year - start_day.year) * 12 + end_day.month - start_day.month + 1
    start = first * length // count
    return build_months(
        start_day.year, start_day.month + start, (last + 1) * length // count - start
    )


def take_unit(days: DateRange, unit: str, index: int, count: int = 1) -> DateRange:
    """Return a unit inside a range; the range itself where it has no such unit.

    Args:
        days: The range.
        unit: ``day``, ``week``, ``weekend``, ``month``, ``quarter`` or the name of a weekday.
        index: Which unit: 0 for the first, -1 for the last.
        count: How many units, from that one, or up to the last one.
    """
    first, last = days
    if unit in {"month", "quarter"}:
        size = _QUARTER_MONTHS if unit == "quarter" else 1
        length = ((last.year - first.year) * 12 + last.month - first.month + 1) // size
        offset = (index if index >= 0 else length - count) * size
        inside = build_months(first.year, first.month + offset, size * count)
    elif unit == "weekend" or unit in WEEKDAYS:
        weekday = WEEKDAYS.get(unit, _SATURDAY)
        start = shift_day(first, (weekday - first.weekday()) % 7 + 7 * index)
        if index < 0:
            start = shift_day(last, -((last.weekday() - weekday) % 7) - 7 * (count - 1))
        end = shift_day(start, 7 * (count - 1) + (unit == "weekend"))
        inside = start, end
    else:
        size = (7 if unit == "week" else 1) * count
        start = shift_day(first, index * size) if index >= 0 else shift_day(last, 1 - size)
        inside = start, shift_day(start, size - 1)
    return inside if first <= inside[0] <= last else days


def widen_to_unit(days: DateRange, unit: str) -> DateRange:
    """Return the week or weekend that a single day is in; a longer range as it is."""
    return build_unit(days[0], unit) if days[0] == days[1] else days


def widen_to_months(days: DateRange) -> DateRange:
    """Return the calendar months of a range; a range that is as long as a month as it is."""
    first, last = days
    if (last - first).days >= SHORTEST_MONTH:
        return days
    last_day = calendar.monthrange(last.year, last.month)[1]
    return first.replace(day=1), last.replace(day=last_day)
