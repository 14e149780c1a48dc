"""Holidays on changing dates: Easter, those that depend on it, and Thanksgiving."""

from datetime import date, timedelta

from mcp_context_persistence.queries.temporal.date_ranges import DateRange

# Days from Easter Sunday to the first and to the last day. Easter is the whole weekend.
_FROM_EASTER = {
    "shrove tuesday": (-47, -47),
    "pancake day": (-47, -47),
    "mardi gras": (-47, -47),
    "ash wednesday": (-46, -46),
    "palm sunday": (-7, -7),
    "maundy thursday": (-3, -3),
    "good friday": (-2, -2),
    "easter sunday": (0, 0),
    "easter monday": (1, 1),
    "easter": (-2, 1),
    "ascension day": (39, 39),
    "pentecost": (49, 49),
    "whit monday": (50, 50),
}
_THANKSGIVING = "thanksgiving"
MOVABLE_HOLIDAYS = (*_FROM_EASTER, _THANKSGIVING)


def find_movable_holiday(name: str, year: int) -> DateRange:
    """Return the days of a movable holiday in a year."""
    if name == _THANKSGIVING:
        first = date(year, 11, 1)
        fourth_thursday = first + timedelta(days=(3 - first.weekday()) % 7 + 21)
        return fourth_thursday, fourth_thursday
    easter = _find_easter(year)
    first_day, last_day = _FROM_EASTER[name]
    return easter + timedelta(days=first_day), easter + timedelta(days=last_day)


def _find_easter(year: int) -> date:
    """Return Easter Sunday in the Gregorian calendar."""
    century, year_of_century = divmod(year, 100)
    lunar_year = year % 19
    correction = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * lunar_year + century - century // 4 - correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (year_of_century // 4) - moon - year_of_century % 4) % 7
    late = (lunar_year + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)
