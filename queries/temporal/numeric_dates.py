"""Dates, weeks and years in a text that are written with numbers.

A number that may mean something else ("in 2000 words", "on 5/3") is returned with the prepositions
that make a date of it.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import partial

from mcp_context_persistence.queries.temporal import vocabulary
from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    build_months,
    build_range,
    build_week,
    shift_day,
)
from mcp_context_persistence.queries.temporal.time_expression import (
    FIRST_YEAR,
    TimeExpression,
    build_expressions,
)
from mcp_context_persistence.queries.temporal.vocabulary import (
    COUNTED_UNITS,
    NO_NUMBER_AFTER,
    NO_NUMBER_BEFORE,
    SPACE,
    YEAR,
)

_LABEL_CHARACTERS = 24  # in front of a number, in which a label such as "version" can be
_PIVOT_YEARS = 10  # after this year, up to which a year of two digits is in this century
_LATEST_ZONE_HOURS = 14

TIME = re.compile(
    r"(?:(?P<letter>T)|,?\s{1,2}(?:at\s)?)(?P<hour>[01][0-9]|2[0-4])(?(letter):?|:)"
    r"(?P<minute>[0-5][0-9])(?P<second>(?(letter):?|:)[0-5][0-9](?:[.,][0-9]{1,9})?)?"
    r"(?:\s?(?:(?P<utc>Z|UTC|GMT)|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})?)(?!\w))?"
    r"(?![0-9])",
)
_TIME_RANGE = re.compile(r"\s[0-9]{2}:[0-9]{2}-[0-9]{2}:")
_START = rf"(?:{NO_NUMBER_BEFORE}|(?<=Z/)|(?<=[0-9]-[0-9]{{2}}/)|(?<=[0-9]\.\.))"
_END = r"(?![\w:@-]|/(?!(?:19|20)[0-9]{2}-)|\.[^\W_]|_)"
_ISO_DATE = re.compile(
    rf"{_START}(?P<year>(?:19|20)[0-9][0-9])(?P<separator>[-/.])(?P<month>[0-9]{{1,2}})"
    rf"(?:(?P=separator)(?P<day>[0-9]{{1,2}})(?=T|[^0-9]|$)(?P<time>{TIME.pattern})?)?{_END}"
)
_COMPACT_DATE = re.compile(
    rf"{_START}(?P<year>(?:19|20)[0-9]{{2}})(?P<month>[01][0-9])(?P<day>[0-3][0-9])"
    rf"(?P<time>(?=T){TIME.pattern})?{_END}"
)
_NUMERIC_DATE = re.compile(
    rf"(?:{NO_NUMBER_BEFORE}|(?<=[./][0-9]{{4}}-))(?P<first>[0-9]{{1,2}})(?P<separator>[./-])(?P<second_number>[0-9]{{1,2}})"
    rf"(?:(?P=separator)(?P<year>(?:19|20)?[0-9][0-9]))?(?P<time>{TIME.pattern})?"
    r"(?![\w/:@]|-(?![0-9]{1,2}[./][0-9])|\.\w)"
)
_MONTH_OF_YEAR = re.compile(
    rf"{NO_NUMBER_BEFORE}(0?[1-9]|1[0-2])/((?:19|20)[0-9][0-9]){NO_NUMBER_AFTER}"
)
_ISO_WEEK = re.compile(
    rf"{NO_NUMBER_BEFORE}((?:19|20)[0-9][0-9])-?W([0-9][0-9])(?:-?([1-7]))?{NO_NUMBER_AFTER}",
    re.IGNORECASE,
)
_WEEK = re.compile(
    rf"(?<![\w.-])(?:(?P<calendar>(?:calendar|iso){SPACE}week|cw|kw)|week|wk|w(?=[0-9]{{2}}))\.?\s?"
    rf"(?:no\.?\s|number\s)?(?P<week>[0-9]{{1,2}})(?![\w%:-]|\.[0-9])"
    rf"(?:(?:\s?/\s?|,?{SPACE}(?:of{SPACE}|in{SPACE})?)(?P<year>{YEAR}))?",
    re.IGNORECASE | re.VERBOSE,
)
_YEAR_RANGE = re.compile(
    rf"{NO_NUMBER_BEFORE}((?:19|20)[0-9][0-9])\s?([-–/])\s?((?:19|20)?[0-9][0-9]){NO_NUMBER_AFTER}"
    rf"(?!\s{{0,3}}{COUNTED_UNITS})",
    re.VERBOSE | re.IGNORECASE,
)
_SINGLE_YEAR = re.compile(
    rf"(?:\b(?P<word>(?:calendar{SPACE})?year{SPACE})(?![0-9]{{4}}\s?[-–/]\s?[0-9])"
    rf"|(?<![\w$€£#.,/+-])|(?<=\b(?:pre|mid|end)-)|(?<=\b(?:late|post)-)|(?<=\bearly-))"
    rf"(?:(?P<year>{YEAR})|(?P<short>{vocabulary.SHORT_YEAR}))",
    re.VERBOSE | re.IGNORECASE,
)
_DECADE = re.compile(r"(?:\b((?:19|20)[0-9]0)|(?<=\bthe\s)([5-9]0)|['’]([2-9]0))['’]?s\b")
_DECADE_WORDS = {"fifties": 50, "sixties": 60, "seventies": 70, "eighties": 80, "nineties": 90}
_DECADE_WORD = re.compile(rf"(?<=\bthe\s)({'|'.join(_DECADE_WORDS)})\b", re.IGNORECASE)

_LABEL = re.compile(
    r"\b(?:rfc|pep|cve|iso|isbn|version|ver|v|build|release|tag|commit|branch|python|java|node|"
    r"kernel|firmware|model|id|ids|ticket|issue|bug|pr|no|nr|number|room|sku|serial|lines?|pages?|"
    r"rows?|ports?|section|chapter|error|code|key|ip|phone|call)"
    r"(?:\s(?:is|no|number))?[\s.:#=]{1,3}$",
    re.IGNORECASE,
)
_PLURAL = re.compile(r"(?:\s(?:to|and)\s[0-9]+)?\s{1,3}[a-z]+s\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"\s*(?:$|[,;?!)]|\.(?!\w))")
_ROUND_THE_CLOCK = (24, 7)


def _has_label(text: str, start: int) -> bool:
    """Return whether a number belongs to a label in front of it, such as "version" or "RFC"."""
    return _LABEL.search(text[max(0, start - _LABEL_CHARACTERS) : start]) is not None


def move_to_utc(days: DateRange, match: re.Match[str]) -> DateRange:
    """Return the day in UTC of a day whose time has a zone; other ranges as they are."""
    is_zone = match["hours"] and int(match["hours"]) <= _LATEST_ZONE_HOURS
    if not is_zone or _TIME_RANGE.search(match[0]):
        return days
    local = int(match["hour"]) * 60 + int(match["minute"])
    offset = int(match["hours"]) * 60 + int(match["minutes"] or 0)
    utc = local - offset if match["sign"] == "+" else local + offset
    return (shift_day(days[0], utc // (24 * 60)),) * 2


def find_iso_dates(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield dates such as 2023-05-08, 2023/05/08 and 20230508, and months such as 2023-05."""
    for match in _ISO_DATE.finditer(text):
        separator, day = match["separator"], match["day"]
        is_padded = len(match["month"]) == 2
        is_date = day and (is_padded or separator != ".")
        is_month = not day and is_padded and separator == "-"
        if _has_label(text, match.start()) or not (is_date or is_month):
            continue
        days = build_range(int(match["year"]), int(match["month"]), int(day) if day else None)
        prepositions = vocabulary.BEFORE_DATE if separator == "." else None
        yield from build_expressions(
            match, days and move_to_utc(days, match), prepositions=prepositions
        )
    for match in _COMPACT_DATE.finditer(text):
        if not _has_label(text, match.start()):
            days = build_range(int(match["year"]), int(match["month"]), int(match["day"]))
            prepositions = None if match["time"] else vocabulary.BEFORE_DATE
            yield from build_expressions(
                match, days and move_to_utc(days, match), prepositions=prepositions
            )


def find_numeric_dates(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield dates such as 3.5.2023 (day first) and 5/3/2023 (day first or month first)."""
    for match in _NUMERIC_DATE.finditer(text):
        first, second, separator = (
            int(match["first"]),
            int(match["second_number"]),
            match["separator"],
        )
        if _has_label(text, match.start()):
            continue
        if not match["year"]:
            if separator == "/" and (first, second) != _ROUND_THE_CLOCK:
                yield from _build_days_of_any_year(text, match, today)
        elif len(match["year"]) == 4 or separator == "/":
            year = expand_year(match["year"], today)
            days = build_range(year, second, first)
            american = None if separator == "." else build_range(year, first, second)
            yield from build_expressions(
                match,
                days and move_to_utc(days, match),
                american and move_to_utc(american, match),
                prepositions=None if len(match["year"]) == 4 else vocabulary.BEFORE_DATE,
            )
    for match in _MONTH_OF_YEAR.finditer(text):
        days = build_range(int(match[2]), int(match[1]))
        yield from build_expressions(match, days, prepositions=vocabulary.BEFORE_YEAR)


def _build_days_of_any_year(
    text: str, match: re.Match[str], today: date
) -> Iterator[TimeExpression]:
    """Yield "5/3" at the end of a clause, day first or month first."""
    if _SENTENCE_END.match(text, match.end()):
        first, second = int(match["first"]), int(match["second_number"])
        ranges = [
            build_range(year, month, day)
            for year in range(FIRST_YEAR, today.year + 2)
            for month, day in ((second, first), (first, second))
        ]
        yield from build_expressions(match, *ranges, prepositions=frozenset({"on"}))


def expand_year(year: str, today: date) -> int:
    """Return a year that is written with four digits, or with two of them: '98."""
    number = int(year.lstrip("'’"))
    if number >= 100:
        return number
    century = (today.year + _PIVOT_YEARS) // 100 * 100
    return century + number - 100 * (century + number > today.year + _PIVOT_YEARS)


def find_weeks(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield weeks by their ISO number, such as 2025-W03 and "week 3 of 2025"."""
    for match in _ISO_WEEK.finditer(text):
        days = build_week(int(match[1]), int(match[2]), int(match[3]) if match[3] else None)
        yield from build_expressions(match, days)
    for match in _WEEK.finditer(text):
        week = int(match["week"])
        if match["year"]:
            yield from build_expressions(match, build_week(int(match["year"]), week))
            continue
        weeks = [build_week(today.year - back, week) for back in range(8)]
        yield from build_expressions(
            match,
            next((days for days in weeks if days and days[0] <= today), None),
            prepositions=None if match["calendar"] else vocabulary.NEVER,
            take=partial(_take_week, week=week),
        )


def _take_week(days: DateRange, week: int) -> DateRange | None:
    """Return the ISO week of a year; None for a range that is no year."""
    year = days[0].year
    return build_week(year, week) if days == build_months(year, 1, 12) else None


def find_year_ranges(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield ranges of years such as 2020-2021 and 2020-21, and months such as 2020/05."""
    for match in _YEAR_RANGE.finditer(text):
        first, end = int(match[1]), match[3]
        last = int(end) if len(end) == 4 else first // 100 * 100 + int(end)
        is_slash = match[2] == "/"
        if _has_label(text, match.start()):
            continue
        if first < last and (not is_slash or last == first + 1):
            prepositions = vocabulary.BEFORE_YEAR if is_slash else None
            yield from build_expressions(
                match, (date(first, 1, 1), date(last, 12, 31)), prepositions=prepositions
            )
        elif is_slash and len(end) == 2:
            days = build_range(first, int(end))
            yield from build_expressions(match, days, prepositions=vocabulary.BEFORE_YEAR)


def find_years(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield single years and decades.

    A round number or a future year in front of a plural counts something and is left out.
    """
    prepositions = vocabulary.BEFORE_YEAR
    for match in _SINGLE_YEAR.finditer(text):
        year = expand_year(match["year"] or match["short"], today)
        is_likely = year % 100 > 0 and year <= today.year + 1
        if is_likely or not _PLURAL.match(text, match.end()):
            yield from build_expressions(
                match,
                build_months(year, 1, 12),
                prepositions=None if match["word"] else prepositions,
            )
    for match in _DECADE.finditer(text):
        year = expand_year(match[1] or match[2] or match[3], today)
        yield from _build_decade(text, match, year)
    for match in _DECADE_WORD.finditer(text):
        year = expand_year(str(_DECADE_WORDS[match[1].lower()]), today)
        yield from _build_decade(text, match, year)


def _build_decade(text: str, match: re.Match[str], year: int) -> Iterator[TimeExpression]:
    """Yield a decade, which needs no preposition where the text begins with it: "The 80s"."""
    is_first = match.start() <= len("the ") and text[: match.start()].strip().lower() in {"", "the"}
    prepositions = None if is_first else vocabulary.BEFORE_YEAR
    yield from build_expressions(match, build_months(year, 1, 120), prepositions=prepositions)
