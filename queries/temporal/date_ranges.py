"""Stretches of whole days in the calendar, and how they follow from each other."""

import calendar
from datetime import date

Days = tuple[date, date]  # the first and the last, both included

MONTH = 31  # days at most
WEEKDAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}
_SATURDAY = 5
_QUARTER, _HALF = 3, 6  # months


def day_or_month(year: int, month: int, day: int | None = None) -> Days | None:
    """A day or a month; None for what no calendar has."""
    if not (1 <= month <= 12 and 1 <= year <= date.max.year):
        return None
    last = calendar.monthrange(year, month)[1]
    if day is None:
        return date(year, month, 1), date(year, month, last)
    return (date(year, month, day), date(year, month, day)) if 1 <= day <= last else None


def months(year: int, month: int, count: int) -> Days:
    """So many whole months. What lies beyond the calendar's ends is left out."""
    first, last = (
        max(12, min(place, 12 * date.max.year + 11))
        for place in (year * 12 + month - 1, year * 12 + month + count - 2)
    )
    end = calendar.monthrange(last // 12, last % 12 + 1)[1]
    return date(first // 12, first % 12 + 1, 1), date(last // 12, last % 12 + 1, end)


def unit(day: date, name: str, *, back: int = 0) -> Days:
    """The calendar day, week, weekend, month, quarter or year so many before that of a day."""
    if name in {"day", "week", "weekend"}:
        start = shifted(day, -back * (1 if name == "day" else 7))
        if name == "day":
            return start, start
        monday = shifted(start, -start.weekday())
        return shifted(monday, _SATURDAY if name == "weekend" else 0), shifted(monday, 6)
    if name == "year":
        return months(day.year - back, 1, 12)
    if name == "quarter":
        return months(
            day.year, (day.month - 1) // _QUARTER * _QUARTER + 1 - _QUARTER * back, _QUARTER
        )
    return months(day.year, day.month - back, 1)


def shifted(day: date, days: int) -> date:
    """So many days on, within the calendar."""
    return date.fromordinal(
        max(date.min.toordinal(), min(day.toordinal() + days, date.max.toordinal()))
    )


def beside(days: Days, name: str, *, count: int, after: bool) -> Days:
    """The unit or the weekday so many before or after a stretch; of the next week, month or year what lies between is part, too."""
    edge = days[1] if after else days[0]
    if name == "weekend" or name in WEEKDAYS:
        wanted = WEEKDAYS.get(name, _SATURDAY)
        weeks = 7 * (count - 1)
        steps = (
            (wanted - edge.weekday() - 1) % 7 + 1 + weeks
            if after
            else -((edge.weekday() - wanted - 1) % 7 + 1 + weeks)
        )
        return shifted(edge, steps), shifted(edge, steps + (name == "weekend"))
    far = unit(edge, name, back=-count if after else count)
    if count > 1 or name == "day":
        return far
    return (shifted(days[1], 1), far[1]) if after else (far[0], shifted(days[0], -1))


def share(days: Days, place: int, of: int) -> Days:
    """One of so many equal parts; of what is longer than a month, in whole months."""
    first, last = days
    if (last - first).days < MONTH:
        length = (last - first).days + 1
        return shifted(first, place * length // of), shifted(
            first, max((place + 1) * length // of - 1, place * length // of)
        )
    length = (last.year - first.year) * 12 + last.month - first.month + 1
    start = place * length // of
    return months(first.year, first.month + start, (place + 1) * length // of - start)


def nth(days: Days, name: str, place: int) -> Days:
    """The first (0), second, ... or last (-1) day, week, weekend, month or quarter of a stretch; all of it, where it has none such."""
    first, last = days
    if name in {"month", "quarter"}:
        size = _QUARTER if name == "quarter" else 1
        count = ((last.year - first.year) * 12 + last.month - first.month + 1) // size
        found = months(first.year, first.month + (place if place >= 0 else count - 1) * size, size)
    elif name == "weekend":
        saturday = shifted(first, (_SATURDAY - first.weekday()) % 7 + 7 * place)
        if place < 0:
            saturday = shifted(last, -((last.weekday() - _SATURDAY) % 7))
        found = saturday, shifted(saturday, 1)
    else:
        size = 7 if name == "week" else 1
        start = shifted(first, place * size) if place >= 0 else shifted(last, 1 - size)
        found = start, shifted(start, size - 1)
    return found if first <= found[0] <= last else days


def whole(days: Days, name: str) -> Days:
    """The week or weekend of a day; a longer stretch as it is."""
    return unit(days[0], name) if days[0] == days[1] else days


def month_around(days: Days) -> Days:
    """The calendar months of a stretch; itself, where it is as long as a month."""
    first, last = days
    if (last - first).days > 27:
        return days
    return first.replace(day=1), last.replace(day=calendar.monthrange(last.year, last.month)[1])
