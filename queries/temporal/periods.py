"""Seasons, holidays, quarters, halves of a year, weekdays and days of a month in a text."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial

from mcp_context_persistence.queries.temporal import vocabulary
from mcp_context_persistence.queries.temporal.date_ranges import (
    WEEKDAYS,
    DateRange,
    build_months,
    build_range,
    shift_day,
    shift_units,
    take_unit,
)
from mcp_context_persistence.queries.temporal.movable_holidays import (
    MOVABLE_HOLIDAYS,
    find_movable_holiday,
)
from mcp_context_persistence.queries.temporal.numeric_dates import expand_year
from mcp_context_persistence.queries.temporal.quantities import read_count
from mcp_context_persistence.queries.temporal.time_expression import (
    TimeExpression,
    build_expressions,
)
from mcp_context_persistence.queries.temporal.vocabulary import (
    ANY_COUNT,
    ANY_HOLIDAY,
    ANY_ORDINAL,
    ANY_SEASON,
    ANY_SHORT_WEEKDAY,
    ANY_WEEKDAY,
    SHORT_YEAR,
    SPACE,
    YEAR,
)

_PERIOD = re.compile(
    rf"""\b(?:(?P<count>{ANY_COUNT}){SPACE}(?P<ago>{ANY_SEASON})s{SPACE}ago\b|
    (?:(?P<modifier>last|this(?:{SPACE}past)?|past|next|coming){SPACE})?
    (?:(?P<season>{ANY_SEASON})|(?<!\ba\s)(?P<holiday>{ANY_HOLIDAY})(?!{SPACE}(?:island|eggs?|bunny)\b))\b
    (?:
        {SPACE}(?P<before_last>before{SPACE}last)\b
        |,?{SPACE}(?:of{SPACE})?(?:(?P<year>{YEAR})(?:[/–-](?P<to>(?:20)?[0-9][0-9])\b)?
        |(?P<short_year>{SHORT_YEAR}))
    )?)""",
    re.IGNORECASE | re.VERBOSE,
)
_QUARTER = re.compile(
    rf"""(?<![\w.-])(?:(?P<code>q[1-4]|h[12])(?:(?:{SPACE}(?:of{SPACE})?|/|-)(?P<year>{YEAR})
        |\s{{0,3}}(?P<short_year>{SHORT_YEAR})|\b)
    |(?P<number>[1-4]q|[12]h){SPACE}(?:of{SPACE})?(?P<year_after>{YEAR})
    |(?P<year_before>(?:19|20)[0-9][0-9])[\s/-]?(?P<code_after>q[1-4]|h[12])\b)
    |(?<=[qh][1-4]-)(?P<code_end>[qh][1-4]){SPACE}(?P<year_end>{YEAR})""",
    re.IGNORECASE | re.VERBOSE,
)
_WEEKDAY = re.compile(
    rf"""\b(?:(?P<count>{ANY_COUNT}){SPACE}(?P<ago>{ANY_WEEKDAY})s{SPACE}ago\b|
    (?:(?P<modifier>last|this(?:{SPACE}past)?|past|previous|next|coming){SPACE})?
    (?:(?P<name>{ANY_WEEKDAY})|(?P<short>{ANY_SHORT_WEEKDAY}))\b
    (?:{SPACE}(?P<before_last>before{SPACE}last)\b)?)""",
    re.IGNORECASE | re.VERBOSE,
)
_MONTH_DAY = re.compile(
    rf"""(?<![\w./-])(?:(?P<number>[0-9]{{1,2}})(?:st|nd|rd|th)\b
    |(?P<word>{ANY_ORDINAL})(?={SPACE}of{SPACE}(?:the|this|last|next){SPACE}month\b))
    (?P<month>{SPACE}of{SPACE}(?:the|this){SPACE}month\b)?""",
    re.IGNORECASE | re.VERBOSE,
)
_CLAUSE = re.compile(
    r"\s*(?:$|[,.;:?!)])|\s{1,3}(?:did|do|does|was|were|what|when|where|who|which|how|we|i|you|he|"
    r"she|they|it|and|or|is|are|had|has|with|at|to|because|after|before|until|in|last|this)\b",
    re.IGNORECASE,
)
_POSSESSIVE = re.compile(r"['’]s\s")  # "Sunday's walk"
_WEEK_DAYS = 7


def find_seasons(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield holidays, and seasons of the northern half of the world, in whole months."""
    for match in _PERIOD.finditer(text):
        modifier = " ".join((match["modifier"] or "").lower().split())
        name = (match["holiday"] or match["ago"] or match["season"]).lower().replace("’", "'")
        template = _build_period(match, name)
        if match["year"] or match["short_year"]:
            year = expand_year(match["year"] or match["short_year"], today)
            is_split = template.month == 12 and template.month_count > 1 and not match["to"]
            january = build_months(year, 1, 2) if is_split else None
            yield from build_expressions(match, january, template.resolve_in_year(year))
        elif match["ago"]:
            smallest, largest = read_count(match["count"])
            last = _resolve_period("last", template, today)
            days = (_move_years(last, 1 - largest)[0], _move_years(last, 1 - smallest)[1])
            yield from build_expressions(match, days)
        elif match["before_last"]:
            yield from build_expressions(
                match, _move_years(_resolve_period("last", template, today), -1)
            )
        elif modifier:
            yield from build_expressions(match, _resolve_period(modifier, template, today))
        elif template.day or _CLAUSE.match(text, match.end()):
            yield template
        else:
            yield replace(template, prepositions=vocabulary.NEVER)


def _build_period(match: re.Match[str], name: str) -> TimeExpression:
    """Return a season or a holiday of any year."""
    build = partial(TimeExpression, start=match.start(), end=match.end())
    if name in vocabulary.SEASONS:
        return build(
            month=vocabulary.SEASONS[name], month_count=3, prepositions=vocabulary.BEFORE_SEASON
        )
    before_holiday = vocabulary.BEFORE_SEASON | {"on"}
    movable_name = " ".join(name.split())
    if movable_name in MOVABLE_HOLIDAYS:
        return build(
            month=1,
            day=1,
            changes=(lambda days: find_movable_holiday(movable_name, days[0].year),),
            prepositions=before_holiday,
        )
    holiday = next(
        key for key in vocabulary.HOLIDAYS if key.replace("'", "") == name.replace("'", "")
    )
    month, day = vocabulary.HOLIDAYS[holiday]
    return build(month=month, day=day, prepositions=before_holiday)


def _move_years(days: DateRange, years: int) -> DateRange:
    """Return the same range some years later; whole months stay whole months."""
    first, last = days
    if first == last:
        return (shift_units(first, "year", years),) * 2
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return build_months(first.year + years, first.month, count)


def _resolve_period(modifier: str, period: TimeExpression, today: date) -> DateRange:
    """Return the "last", "this" or "next" season or holiday."""
    ranges = [
        days
        for year in range(today.year - 2, today.year + 3)
        if (days := period.resolve_in_year(year))
    ]
    ended = [days for days in ranges if days[1] < today]
    coming = ranges[len(ended) :]
    is_this_year = modifier == "this" and ended[-1][0].year == today.year
    if modifier in {"last", "past", "this past"} or is_this_year:
        return ended[-1]
    return coming[1] if modifier == "next" and coming[0][0] <= today else coming[0]


def find_quarters(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield quarters and halves of a year, with or without the year."""
    for match in _QUARTER.finditer(text):
        codes = (match[key] for key in ("code", "number", "code_after", "code_end"))
        code = next(code for code in codes if code).lower()
        count = 3 if "q" in code else 6
        month = count * (int(code.strip("qh")) - 1) + 1
        years = (
            match[key] for key in ("year", "short_year", "year_after", "year_before", "year_end")
        )
        if year := next((year for year in years if year), None):
            yield from build_expressions(
                match, build_months(expand_year(year, today), month, count)
            )
        elif count == 3 or _CLAUSE.match(text, match.end()):
            yield TimeExpression(
                start=match.start(),
                end=match.end(),
                month=month,
                month_count=count,
                prepositions=vocabulary.BEFORE_YEAR,
            )


def find_weekdays(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield weekdays: the most recent one, or the coming one after "until" and "by"."""
    for match in _WEEKDAY.finditer(text):
        short, modifier = match["short"], " ".join((match["modifier"] or "").lower().split())
        name = (match["name"] or match["ago"] or vocabulary.SHORT_WEEKDAYS[short.lower()]).lower()
        back = (today.weekday() - WEEKDAYS[name] - 1) % _WEEK_DAYS + 1
        past, coming = shift_day(today, -back), shift_day(today, _WEEK_DAYS - back)
        in_this_week = shift_day(today, WEEKDAYS[name] - today.weekday())
        is_clear = bool(modifier) or _POSSESSIVE.match(text, match.end()) is not None
        prepositions = None if is_clear else vocabulary.BEFORE_WEEKDAY
        days = [past]
        if match["ago"]:
            smallest, largest = read_count(match["count"])
            days = [shift_day(past, -_WEEK_DAYS * (n - 1)) for n in range(smallest, largest + 1)]
            prepositions = None
        elif match["before_last"]:
            days, prepositions = [shift_day(past, -_WEEK_DAYS)], None
        elif modifier == "this":
            days = [in_this_week]
        elif modifier in {"next", "coming"}:
            later = shift_day(past, 2 * _WEEK_DAYS) if coming == today else coming
            days = [later] if modifier == "coming" else [later, shift_day(in_this_week, _WEEK_DAYS)]
        if short and not _CLAUSE.match(text, match.end()):
            prepositions = vocabulary.NEVER
        yield TimeExpression(
            start=match.start(),
            end=match.end(),
            ranges=tuple(dict.fromkeys((day, day) for day in days)),
            coming=None if modifier or match["ago"] else (coming, coming),
            is_weekday=True,
            take=partial(_take_weekday, name=name, is_last=modifier == "last"),
            prepositions=prepositions,
        )


def _take_weekday(days: DateRange, name: str, *, is_last: bool) -> DateRange | None:
    """Return the weekday in a week, and the last one in a longer range if that is meant."""
    length = (days[1] - days[0]).days + 1
    if length < _WEEK_DAYS or (length > _WEEK_DAYS and not is_last):
        return None
    return take_unit(days, name, -1 if length > _WEEK_DAYS else 0)


def find_month_days(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield days of a month without the month, such as "on the 3rd": the most recent one."""
    for match in _MONTH_DAY.finditer(text):
        word = (match["word"] or "").lower()
        number = vocabulary.ORDINALS[word] if word else int(match["number"])
        months = [build_months(today.year, today.month + shift, 1)[0] for shift in range(-3, 4)]
        days = [days for month in months if (days := build_range(month.year, month.month, number))]
        begun = [day for day in days if day[0] <= today]
        prepositions = None if match["month"] else vocabulary.BEFORE_WEEKDAY
        if not _CLAUSE.match(text, match.end()):
            prepositions = vocabulary.NEVER
        if begun:
            yield TimeExpression(
                start=match.start(),
                end=match.end(),
                ranges=(begun[-1],),
                coming=days[len(begun)],
                take=partial(_take_month_day, number=number),
                prepositions=prepositions,
            )


def _take_month_day(days: DateRange, number: int) -> DateRange | None:
    """Return a day of a month; None for a range that is no month."""
    first = days[0]
    if days != build_months(first.year, first.month, 1):
        return None
    return build_range(first.year, first.month, number)
