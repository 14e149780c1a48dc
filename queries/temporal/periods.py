"""Seasons, quarters and times relative to today in a text: "last summer", "Q3", "two weeks ago"."""

import re
from collections.abc import Iterator
from datetime import date

from mcp_context_persistence.queries.temporal import vocabulary
from mcp_context_persistence.queries.temporal.calendar_dates import build_expressions
from mcp_context_persistence.queries.temporal.date_ranges import (
    WEEKDAYS,
    DateRange,
    build_months,
    build_unit,
    shift_day,
)
from mcp_context_persistence.queries.temporal.time_expression import TimeExpression
from mcp_context_persistence.queries.temporal.vocabulary import (
    ANY_COUNT,
    ANY_SEASON,
    ANY_UNIT,
    ANY_WEEKDAY,
    SPACE,
    YEAR,
)

_SEASON = re.compile(
    rf"\b(?:(last|this|next){SPACE})?({ANY_SEASON})\b"
    rf"(?:{SPACE}(?:of{SPACE})?({YEAR})(?:[/–-]((?:20)?[0-9][0-9])\b)?)?",
    re.IGNORECASE | re.VERBOSE,
)
_QUARTER = re.compile(
    rf"(?<![\w.-])(?:q([1-4])(?:(?:{SPACE}(?:of{SPACE})?|/|-)({YEAR})|\b)"
    rf"|({YEAR})[\s/-]?q([1-4])\b)",
    re.IGNORECASE | re.VERBOSE,
)
_UNIT = re.compile(
    rf"\b(last|past|this){SPACE}(weekend|week|month|quarter|year)\b(?!{SPACE}of\b)", re.IGNORECASE
)
_LAST_UNITS = re.compile(
    rf"\b(?:last|past){SPACE}({ANY_COUNT}){SPACE}({ANY_UNIT})s?\b(?!{SPACE}of\b)", re.IGNORECASE
)
_AGO = re.compile(rf"\b({ANY_COUNT}|an?){SPACE}({ANY_UNIT})s?{SPACE}ago\b", re.IGNORECASE)
_NEAR = re.compile(
    rf"\b(?:(today|tonight|this{SPACE}(?:morning|afternoon|evening))|(yesterday)|last{SPACE}night)\b",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(rf"\b(?:(last){SPACE})?({ANY_WEEKDAY})\b", re.IGNORECASE)
_CLAUSE = re.compile(
    r"\s*(?:$|[,.;:?!)])|\s{1,3}(?:did|do|does|was|were|what|when|where|who|which|how|we|i|you|he|"
    r"she|they|it|and|or|is|are|had|has|with|at|to|because|after|before)\b",
    re.IGNORECASE,
)


def find_seasons(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield seasons of the northern half of the world, in whole months."""
    for match in _SEASON.finditer(text):
        modifier, month = (match[1] or "").lower(), vocabulary.SEASONS[match[2].lower()]
        if match[3]:
            year = int(match[3])
            january = build_months(year, 1, 2) if month == 12 and not match[4] else None
            yield from build_expressions(match, january, build_months(year, month, 3))
        elif modifier:
            yield from build_expressions(match, _resolve_season(modifier, month, today))
        elif _CLAUSE.match(text, match.end()):
            yield TimeExpression(
                start=match.start(),
                end=match.end(),
                month=month,
                month_count=3,
                prepositions=vocabulary.BEFORE_SEASON,
            )


def _resolve_season(modifier: str, month: int, today: date) -> DateRange:
    """Return the "last", "this" or "next" season that begins with a month."""
    seasons = [build_months(year, month, 3) for year in range(today.year - 2, today.year + 2)]
    ended = [season for season in seasons if season[1] < today]
    coming = seasons[len(ended) :]
    if modifier == "last" or (modifier == "this" and ended[-1][0].year == today.year):
        return ended[-1]
    return coming[1] if modifier == "next" and coming[0][0] <= today else coming[0]


def find_quarters(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield quarters, with or without a year."""
    for match in _QUARTER.finditer(text):
        month = 3 * int(match[1] or match[4]) - 2
        if match[2] or match[3]:
            yield from build_expressions(match, build_months(int(match[2] or match[3]), month, 3))
        else:
            yield TimeExpression(
                start=match.start(),
                end=match.end(),
                month=month,
                month_count=3,
                prepositions=vocabulary.BEFORE_YEAR,
            )


def read_count(text: str) -> tuple[int, int]:
    """Return the smallest and the largest number that digits or a word mean."""
    word = re.sub(r"\s+", " ", text.lower())
    if word.endswith("few"):
        return vocabulary.FEW
    count = vocabulary.COUNTS.get(word) or int(word)
    return count, count


def find_relative_times(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield times relative to today, such as "last week", "3 days ago" and "yesterday"."""
    for match in _UNIT.finditer(text):
        back = int(match[1].lower() != "this")
        yield from build_expressions(match, build_unit(today, match[2].lower(), back=back))
    for match in _LAST_UNITS.finditer(text):
        first, _ = build_unit(today, match[2].lower(), back=read_count(match[1])[1])
        yield from build_expressions(match, (first, today))
    for match in _AGO.finditer(text):
        smallest, largest = read_count(match[1])
        first, _ = build_unit(today, match[2].lower(), back=largest)
        _, last = build_unit(today, match[2].lower(), back=smallest)
        yield from build_expressions(match, (first, last))
    for match in _NEAR.finditer(text):
        first = shift_day(today, 0 if match[1] else -1)
        last = shift_day(today, -1 if match[2] else 0)
        yield from build_expressions(match, (first, last))


def find_weekdays(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield weekdays: the most recent one, or the coming one after "until" and "by"."""
    for match in _WEEKDAY.finditer(text):
        back = (today.weekday() - WEEKDAYS[match[2].lower()] - 1) % 7 + 1
        past, coming = shift_day(today, -back), shift_day(today, 7 - back)
        yield TimeExpression(
            start=match.start(),
            end=match.end(),
            ranges=((past, past),),
            coming=(coming, coming),
            prepositions=None if match[1] else vocabulary.BEFORE_WEEKDAY,
        )
