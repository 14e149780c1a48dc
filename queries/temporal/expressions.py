"""Finding the dates and periods of a text, and the words around them that change what they mean."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from mcp_context_persistence.queries.temporal.calendar_dates import (
    find_iso_dates,
    find_named_months,
    find_numeric_dates,
    find_year_ranges,
    find_years,
)
from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    find_adjacent,
    take_fraction,
    take_unit,
    widen_to_unit,
)
from mcp_context_persistence.queries.temporal.periods import (
    find_quarters,
    find_relative_times,
    find_seasons,
    find_weekdays,
    read_count,
)
from mcp_context_persistence.queries.temporal.time_expression import TimeExpression

_FINDERS = (
    find_iso_dates,
    find_numeric_dates,
    find_year_ranges,
    find_named_months,
    find_seasons,
    find_quarters,
    find_relative_times,
    find_weekdays,
    find_years,
)
_CONTEXT_CHARACTERS = 48  # in front of an expression, in which the words that belong to it are

_PART = re.compile(
    r"\b(?:(early|mid|late)(?:\s{1,3}in)?(?:\s{1,3}|-)|(?:the\s{1,3})?(?:(beginning|start|middle|end)|"
    r"(first|second|third|fourth|1st|2nd|3rd|4th|last|final)\s{1,3}(day|weekend|week|month|quarter|half)|"
    r"(the)\s{1,3}(week|weekend))\s{1,3}of\s{1,3})(?:the\s{1,3})?$",
    re.IGNORECASE,
)
_ADJACENT = re.compile(
    r"\b(?:([0-9]{1,3}|an?|the|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"a\scouple\sof)\s{1,3}(day|weekend|week|month|year)s?|"
    r"(day|weekend|week|month|year))\s{1,3}(before|after|prior\sto)\s{1,3}(?:the\s{1,3})?$",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"\b(between|from|since|before|prior\sto|after|until|till|up\sto|by|in|on|of|at|during|"
    r"throughout|over)(?:\s{1,3}(?:the|year|about|around)){0,2}\s{1,3}$",
    re.IGNORECASE,
)
_INDEXES = {
    "first": 0,
    "second": 1,
    "third": 2,
    "fourth": 3,
    "1st": 0,
    "2nd": 1,
    "3rd": 2,
    "4th": 3,
    "last": -1,
    "final": -1,
}
_THIRDS = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}


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


def find_expressions(text: str, today: date) -> list[TimeExpression]:
    """Return the expressions of a text in order; of overlapping ones the first and longest."""
    candidates = [expression for find in _FINDERS for expression in find(text, today)]
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

    start = expression.start
    changes: list[Callable[[DateRange], DateRange]] = []
    if match := search_before(_PART, start):
        start = match.start()
        word = (match[1] or match[2] or match[3] or match[5]).lower()
        changes.append(_build_part_change(word, (match[4] or match[6] or "").lower()))
    if match := search_before(_ADJACENT, start):
        start = match.start()
        unit, is_after = (match[2] or match[3]).lower(), match[4].lower() == "after"
        count = read_count(match[1])[0] if match[1] else 1
        changes.append(partial(find_adjacent, unit=unit, count=count, after=is_after))
    match = search_before(_PREPOSITION, start)
    return ExpressionInContext(
        expression=replace(expression, changes=tuple(changes)),
        preposition=normalize_preposition(match[1]) if match else None,
        start=match.start() if match else start,
        inner_start=start,
    )


def normalize_preposition(words: str) -> str:
    """Return a preposition in lower case with single spaces."""
    return " ".join(words.lower().split())


def _build_part_change(word: str, unit: str) -> Callable[[DateRange], DateRange]:
    """Return the function that takes a part of a range.

    Args:
        word: Such as "early", "end", "first", "last" or "the".
        unit: Such as "week" after "first"; empty after words for a third of the range.
    """
    if not unit:
        return partial(take_fraction, index=_THIRDS[word], count=3)
    if word == "the":
        return partial(widen_to_unit, unit=unit)
    if unit == "half":
        return partial(take_fraction, index=_INDEXES[word] % 2, count=2)
    return partial(take_unit, unit=unit, index=_INDEXES[word])
