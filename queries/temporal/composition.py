"""Expressions that belong together: "Monday of last week", "last year in May", "Friday, 3 May"."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    build_months,
    find_adjacent,
)
from mcp_context_persistence.queries.temporal.expressions import (
    ExpressionInContext,
    read_context,
)
from mcp_context_persistence.queries.temporal.time_expression import TimeExpression
from mcp_context_persistence.queries.temporal.vocabulary import NEVER

_WITHIN = re.compile(
    r"(?P<genitive>['’]s?)?(?P<comma>,)?\s{1,3}(?:(?:back|some\s?time)\s)?"
    r"(?:(?P<preposition>of|in|on|during|over|around|at)\s{1,3})?(?:the\s{1,3})?",
    re.IGNORECASE,
)
_COMMA = re.compile(r",?\s{1,3}(?:the\s{1,3})?", re.IGNORECASE)
_RELATIVE_TO = re.compile(r"\s{1,3}(before|after|prior\sto)\s{1,3}(?:the\s{1,3})?", re.IGNORECASE)
_LAST_UNIT = re.compile(r"(?:last\s{1,3})?(week|weekend|month|year)", re.IGNORECASE)
_WEEKDAY = re.compile(r"(?:last\s{1,3})?([a-z]+day)", re.IGNORECASE)
_LIST = re.compile(
    r"\s{0,3}(?:,|/|(?P<and>&|,?(?:\s(?:and|or|vs\.?|versus)\b)))\s{0,3}"
    r"(?P<preposition>(?:in|on|of)\s)?(?:the\s)?",
    re.IGNORECASE,
)
_LONGEST_WEEK = 7  # days


def merge_expressions(
    text: str, expressions: Sequence[TimeExpression], today: date
) -> list[TimeExpression]:
    """Return the expressions of a text in order, and those as a single one that belong together."""
    merged: list[TimeExpression] = []  # from the last one to the first one
    for expression in reversed(expressions):
        if not merged:
            merged.append(expression)
            continue
        following = read_context(text, merged[-1], floor=expression.end)
        gap = text[expression.end : following.inner_start]
        if composed := _compose(text, expression, following, gap, today):
            merged[-1] = replace(composed, start=expression.start, end=merged[-1].end)
        elif _LIST.fullmatch(gap):
            current = read_context(text, expression, floor=0)
            merged[-1:] = _share_year(expression, current, merged[-1], following, gap)
        else:
            merged.append(expression)
    return list(_share_prepositions(text, merged[::-1]))


def _share_prepositions(
    text: str, expressions: Sequence[TimeExpression]
) -> Iterator[TimeExpression]:
    """Yield expressions; only the first year of a list needs a preposition: "in 2019 and 2021"."""
    previous: TimeExpression | None = None
    for expression in expressions:
        shared = expression
        if previous and _is_year(previous) and _is_year(expression):
            gap = _LIST.fullmatch(text[previous.end : expression.start])
            is_date = read_context(text, previous, floor=0).is_date
            if gap and not gap["preposition"] and is_date:
                shared = replace(expression, prepositions=None)
        yield shared
        previous = shared


def _is_year(expression: TimeExpression) -> bool:
    first, last = expression.ranges[0] if len(expression.ranges) == 1 else (date.min, date.min)
    return (first, last) == build_months(first.year, 1, 12)


def _compose(
    text: str,
    first: TimeExpression,
    following: ExpressionInContext,
    gap: str,
    today: date,
) -> TimeExpression | None:
    """Return what two neighboring expressions mean together; None where they do not.

    The words in front of the first expression are not included; they change the result.
    """
    second = following.expression
    is_date_of_weekday = first.is_weekday and not second.is_weekday and _COMMA.fullmatch(gap)
    if is_date_of_weekday and all(start == end for start, end in second.resolve(today)):
        return replace(second, prepositions=None)
    if match := _RELATIVE_TO.fullmatch(gap):
        pattern = _WEEKDAY if first.is_weekday else _LAST_UNIT
        unit = pattern.fullmatch(text[first.start : first.end])
        if not unit or not following.is_date:
            return None
        is_after = match[1].lower() == "after"
        return _build(
            [
                find_adjacent(days, unit[1].lower(), count=1, after=is_after)
                for days in second.resolve(today)
            ]
        )
    if match := _WITHIN.fullmatch(gap):
        return _compose_within(text, first, following, match, today)
    return None


def _compose_within(
    text: str,
    first: TimeExpression,
    following: ExpressionInContext,
    match: re.Match[str],
    today: date,
) -> TimeExpression | None:
    """Return the part of one expression that the other one names: "May last year"."""
    second = following.expression
    is_outer = following.is_date or second.prepositions == NEVER
    if is_outer and first.can_be_within(second):
        ranges = [
            days
            for outer in second.resolve(today)
            if _is_week(outer) or not first.ranges or (match["preposition"] and not match["comma"])
            for days in first.resolve_within(outer)
        ]
        if ranges:
            return _build(ranges)
    if not second.can_be_within(first):
        return None
    current = read_context(text, first, floor=0)
    if current.is_date and (following.is_date or second.is_weekday or match["genitive"]):
        return _build(
            [
                days
                for outer in current.expression.resolve(today)
                for days in second.resolve_within(outer)
            ]
        )
    return None


def _is_week(days: DateRange) -> bool:
    return (days[1] - days[0]).days < _LONGEST_WEEK


def _build(ranges: Sequence[DateRange]) -> TimeExpression | None:
    """Return an expression of these ranges; None without any."""
    return TimeExpression(start=0, end=0, ranges=tuple(dict.fromkeys(ranges))) if ranges else None


def _share_year(
    first: TimeExpression,
    current: ExpressionInContext,
    second: TimeExpression,
    following: ExpressionInContext,
    gap: str,
) -> tuple[TimeExpression, TimeExpression]:
    """Return two expressions of a list, last one first; each has the year of the other one.

    In "May and June 2023", May is that of 2023.
    """
    match = _LIST.fullmatch(gap)
    is_yearly = not first.ranges and current.preposition != "between"
    if is_yearly and (day := _find_day_of_year(following.expression)):
        return second, _move_near(first, day)
    is_yearly = not second.ranges and bool(match and match["and"] and not match["preposition"])
    if is_yearly and (day := _find_day_of_year(current.expression)):
        return _move_near(second, day), first
    return second, first


def _find_day_of_year(expression: TimeExpression) -> date | None:
    """Return the first day of an expression that is within a known year; None for others."""
    if len(expression.ranges) != 1:
        return None
    first, last = expression.ranges[0]
    is_year = (first, last) == build_months(first.year, 1, 12)
    return None if is_year or first.year != last.year else first


def _move_near(expression: TimeExpression, day: date) -> TimeExpression:
    """Return an expression without a year in the year in which it is nearest to a day."""
    ranges = [
        days
        for year in (day.year, day.year - 1, day.year + 1)
        if (days := expression.resolve_in_year(year))
    ]
    if not ranges:
        return expression
    nearest = min(ranges, key=lambda days: abs((days[0] - day).days))
    return replace(expression, ranges=(nearest,), changes=(), prepositions=None)
