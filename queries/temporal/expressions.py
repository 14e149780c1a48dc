"""Finding the dates and periods of a text, and the words around them that change what they mean."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    find_adjacent,
    shift_day,
    take_fraction,
    take_unit,
    widen_to_unit,
)
from mcp_context_persistence.queries.temporal.named_months import find_named_months
from mcp_context_persistence.queries.temporal.numeric_dates import (
    find_iso_dates,
    find_numeric_dates,
    find_weeks,
    find_year_ranges,
    find_years,
)
from mcp_context_persistence.queries.temporal.periods import (
    find_month_days,
    find_quarters,
    find_seasons,
    find_weekdays,
)
from mcp_context_persistence.queries.temporal.quantities import Quantity, read_count, read_quantity
from mcp_context_persistence.queries.temporal.relative_times import (
    find_relative_times,
    find_relative_units,
    find_units_before_last,
)
from mcp_context_persistence.queries.temporal.time_expression import TimeExpression
from mcp_context_persistence.queries.temporal.vocabulary import (
    ANY_COUNT,
    ANY_ORDINAL,
    ANY_WEEKDAY,
    ORDINALS,
    PREPOSITIONS,
    QUANTITY,
    SPACE,
)

_FINDERS = (
    find_iso_dates,
    find_numeric_dates,
    find_weeks,
    find_year_ranges,
    find_named_months,
    find_seasons,
    find_quarters,
    find_relative_units,
    find_units_before_last,
    find_weekdays,
    find_month_days,
    find_years,
)
_CONTEXT_CHARACTERS = 64  # in front of an expression, in which the words that belong to it are
MAX_PARTS = 3  # "the first day of the second week of May"

_PART = re.compile(
    rf"""\b(?:
        (?:(?P<from>early|mid)[\s-]to[\s-])?(?P<third>early|mid|middle|late|end)
        (?:{SPACE}(?:on{SPACE})?in)?(?:{SPACE}|-)
        |(?:the{SPACE})?(?P<edge>beginning|start|middle|end|mid){SPACE}of{SPACE}
        |(?:the{SPACE})?(?P<index>{ANY_ORDINAL}|[0-9]{{1,3}}(?:st|nd|rd|th)|last|final){SPACE}
         (?:(?P<count>{ANY_COUNT}){SPACE})?
         (?:(?P<unit>day|weekend|week|month|{ANY_WEEKDAY})s?{SPACE}(?:of|in){SPACE}
            |(?P<long_unit>quarter|half)s?{SPACE}(?:of{SPACE}|in{SPACE})?)
        |(?:the{SPACE})?(?P<around>week|weekend){SPACE}of{SPACE}
        |(?:the{SPACE})?week{SPACE}(?P<edge_of_week>starting|beginning|commencing|ending)
         (?:{SPACE}on)?{SPACE}|\bw/(?P<code>[cbe]){SPACE}
    )(?:the{SPACE})?$""",
    re.IGNORECASE | re.VERBOSE,
)
_ADJACENT = re.compile(
    rf"""\b(?:(?:the{SPACE})?{QUANTITY}|(?:the{SPACE})?(?P<name>day|night|weekend|week|month|year))
    {SPACE}(?P<side>before|after|prior{SPACE}to){SPACE}(?:the{SPACE})?$""",
    re.IGNORECASE | re.VERBOSE,
)
_PREPOSITION = re.compile(
    r"\b(?:((?:in\s)?between|from|(?:ever\s)?since|(?:not\s|on\sor\s)?before|on\sor\safter|"
    r"prior\sto|(?:later|newer|earlier|(?:no|not)\slater|no\searlier)\sthan|after|until|till?|"
    r"(?<!run.)up\s(?:to|until|till|through)|by|in|on|of|at|during|throughout|over|around|circa|"
    r"(?:starting|beginning)\s(?:from|with))"
    r"(?:\s{1,3}(?:the|years?|about|around)){0,2}\s{1,3}|((?:pre|post)-))$",
    re.IGNORECASE,
)
# The words that can be the last one in front of an expression that belongs to it.
_LAST_WORDS = """
the year years about around early mid middle late end of in on quarter quarters half starting
beginning commencing ending w/c w/b w/e before after to between from since than until till til
through by at during throughout over circa with
"""
_LAST_WORD_SET = frozenset(_LAST_WORDS.split())
_LAST_WORD = re.compile(r"([a-z]+(?:/[a-z])?)[\s-]{1,6}$", re.IGNORECASE)
_STARTING = re.compile(r"(?:starting|beginning)\b.*")
_THIRDS = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}
_WEEK = 6  # days after the first one


@dataclass(frozen=True, kw_only=True)
class ExpressionInContext:
    """An expression with the words in front of it that change what it means.

    Attributes:
        expression: The expression, with its changes.
        preposition: The word that says how it is meant, such as "since".
        start: Where the words in front of it begin, the preposition included.
        inner_start: Where they begin without the preposition.
    """

    expression: TimeExpression
    preposition: str | None
    start: int
    inner_start: int

    @property
    def is_date(self) -> bool:
        """Whether it certainly means a date, and not another meaning of the same word."""
        prepositions = self.expression.prepositions
        return (
            prepositions is None
            or self.preposition in prepositions
            or bool(self.expression.changes)
        )


def find_expressions(text: str, now: datetime) -> list[TimeExpression]:
    """Return the expressions of a text in order; of overlapping ones the first and longest."""
    candidates = [expression for find in _FINDERS for expression in find(text, now.date())]
    candidates += find_relative_times(text, now)
    expressions: list[TimeExpression] = []
    for candidate in sorted(candidates, key=lambda candidate: (candidate.start, -candidate.end)):
        if not expressions or candidate.start >= expressions[-1].end:
            expressions.append(candidate)
    return expressions


def read_context(text: str, expression: TimeExpression, *, floor: int) -> ExpressionInContext:
    """Return an expression with the words in front of it that belong to it.

    Args:
        text: The text.
        expression: One of its expressions.
        floor: The first character that may be read.
    """

    def search_before(pattern: re.Pattern[str], start: int) -> re.Match[str] | None:
        return pattern.search(text, max(floor, start - _CONTEXT_CHARACTERS), start)

    if not _has_context(
        text[max(floor, expression.start - _CONTEXT_CHARACTERS) : expression.start]
    ):
        return ExpressionInContext(
            expression=expression,
            preposition=None,
            start=expression.start,
            inner_start=expression.start,
        )
    start = expression.start
    changes: list[Callable[[DateRange], DateRange]] = []
    for _ in range(MAX_PARTS):
        if not (match := search_before(_PART, start)):
            break
        start = match.start()
        changes.append(_build_part_change(match))
    if (match := search_before(_ADJACENT, start)) and (change := _build_adjacent_change(match)):
        start = match.start()
        changes.append(change)
    match = search_before(_PREPOSITION, start)
    return ExpressionInContext(
        expression=replace(expression, changes=(*expression.changes, *changes)),
        preposition=normalize_preposition(match[1] or match[2]) if match else None,
        start=match.start() if match else start,
        inner_start=start,
    )


def _has_context(text: str) -> bool:
    """Return whether the last word of a text can belong to an expression that follows it."""
    match = _LAST_WORD.search(text)
    return match is not None and (match[1].lower() in _LAST_WORD_SET or text.endswith("-"))


def normalize_preposition(words: str) -> str:
    """Return the preposition that stands for all with its meaning, such as "until" for "up to"."""
    preposition = " ".join(words.lower().split())
    preposition = _STARTING.sub("since", preposition)
    return PREPOSITIONS.get(preposition, preposition)


def _build_part_change(match: re.Match[str]) -> Callable[[DateRange], DateRange]:
    """Return the function that takes the part of a range that a match names."""
    if word := match["third"] or match["edge"]:
        last = _THIRDS[word.lower()]
        first = _THIRDS[match["from"].lower()] if match["from"] else last
        return partial(take_fraction, first=first, last=last, count=3)
    if match["around"]:
        return partial(widen_to_unit, unit=match["around"].lower())
    if edge := match["edge_of_week"] or match["code"]:
        return partial(_take_week, is_end=edge.lower() in {"ending", "e"})
    index = _read_index(match["index"].lower())
    count = read_count(match["count"])[1] if match["count"] else 1
    unit = (match["unit"] or match["long_unit"]).lower()
    if unit == "half":
        return partial(take_fraction, first=index % 2, last=index % 2, count=2)
    return partial(take_unit, unit=unit, index=index, count=count)


def _read_index(word: str) -> int:
    """Return the index of "first", "2nd" or "last"."""
    if word in {"last", "final"}:
        return -1
    return (ORDINALS.get(word) or int(word[:-2])) - 1


def _take_week(days: DateRange, *, is_end: bool) -> DateRange:
    """Return the seven days that start or end with a day; a longer range as it is."""
    first, last = days
    if first != last:
        return days
    return (shift_day(first, -_WEEK), first) if is_end else (first, shift_day(first, _WEEK))


def _build_adjacent_change(match: re.Match[str]) -> Callable[[DateRange], DateRange] | None:
    """Return the function that finds the units before or after a range."""
    is_after = match["side"].lower() == "after"
    if match["name"]:
        unit = match["name"].lower().replace("night", "day")
        return partial(find_adjacent, unit=unit, count=1, after=is_after)
    quantity = read_quantity(match)
    if quantity.unit == "second":
        return None
    return partial(_find_distant, quantity=quantity, after=is_after)


def _find_distant(days: DateRange, quantity: Quantity, *, after: bool) -> DateRange:
    """Return the units that are a quantity before or after a range."""
    if any(quantity.days):
        return quantity.find_range(days[1] if after else days[0], after=after)
    ranges = [
        find_adjacent(days, quantity.unit, count=count, after=after)
        for count in (quantity.smallest, quantity.largest)
    ]
    return min(first for first, _ in ranges), max(last for _, last in ranges)
