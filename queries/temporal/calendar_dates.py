"""Dates and years in a text that are written with numbers or with the name of a month.

Text that may mean something else ("may", "in 2000 words") is returned with the prepositions that
make a date of it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from mcp_context_persistence.queries.temporal import vocabulary
from mcp_context_persistence.queries.temporal.date_ranges import (
    DateRange,
    build_months,
    build_range,
)
from mcp_context_persistence.queries.temporal.time_expression import TimeExpression
from mcp_context_persistence.queries.temporal.vocabulary import (
    ANY_MONTH,
    ANY_ORDINAL,
    ANY_SHORT_MONTH,
    COUNTED_UNITS,
    DAY,
    NO_NUMBER_AFTER,
    NO_NUMBER_BEFORE,
    SPACE,
    YEAR,
)

_LABEL_CHARACTERS = 24  # in front of a number, in which a label such as "version" can be

_ISO_TIME = r"[T ][0-9]{2}:[0-9]{2}(?::[0-9.]{2,12})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_ISO_DATE = re.compile(
    rf"{NO_NUMBER_BEFORE}((?:19|20)[0-9][0-9])-([0-9][0-9])(?:-([0-9][0-9])(?:{_ISO_TIME})?)?"
    rf"{NO_NUMBER_AFTER}"
)
_NUMERIC_DATE = re.compile(
    rf"{NO_NUMBER_BEFORE}([0-9]{{1,2}})([./-])([0-9]{{1,2}})\2((?:19|20)[0-9][0-9]){NO_NUMBER_AFTER}"
)
_YEAR_RANGE = re.compile(
    rf"{NO_NUMBER_BEFORE}((?:19|20)[0-9][0-9])\s?[-–]\s?((?:19|20)?[0-9][0-9]){NO_NUMBER_AFTER}"
    rf"(?!\s{{0,3}}{COUNTED_UNITS})",
    re.VERBOSE,
)
_RANGE = r"\s{0,2}(?:(?:-|–|to|until|till|through)|(?P<and%s>and))\s{0,2}(?:the\s)?"
_NAMED_MONTH = re.compile(
    rf"""\b(?=[0-9adefjlmnost])(?<!/)
    (?:
        (?:(?P<first>{DAY}){_RANGE % "1"})?(?P<before>{DAY})(?:{SPACE}of)?(?:{SPACE}|-)
        |(?P<word>{ANY_ORDINAL}){SPACE}of{SPACE}
    )?
    (?:(?P<which>last|this|next){SPACE})?
    (?P<month>{ANY_MONTH})\b(?!-(?!{ANY_SHORT_MONTH})\D)\.?
    (?(before)|(?:
        {SPACE}(?:the\s)?(?P<after>{DAY})(?:{_RANGE % "2"}(?P<last>{DAY}))?
        (?!\s{{0,3}}{COUNTED_UNITS})
    )?)
    (?:(?:,?\s{{0,3}}|-)(?:of\s)?(?P<year>{YEAR}))?""",
    re.IGNORECASE | re.VERBOSE,
)
# What may precede a month that follows a hyphen: "Apr-May", "mid-May".
_BEFORE_HYPHEN = re.compile(rf"\b(?:{ANY_MONTH}|early|mid|late)-$", re.IGNORECASE)
_SINGLE_YEAR = re.compile(rf"(?<![\w$€£#.,/+-]){YEAR}", re.VERBOSE | re.IGNORECASE)
_DECADE = re.compile(r"\b((?:19|20)[0-9]0)s\b")

_LABEL = re.compile(
    r"\b(?:rfc|pep|cve|iso|isbn|version|ver|v|build|release|tag|commit|branch|python|java|node|"
    r"kernel|firmware|model|id|ids|ticket|issue|bug|pr|no|nr|number|room|sku|serial|lines?|pages?|"
    r"rows?|ports?|section|chapter|error|code|key|ip|phone|call)"
    r"(?:\s(?:is|no|number))?[\s.:#=]{1,3}$",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\bbetween\s{1,3}(?:the\s)?$", re.IGNORECASE)
_PLURAL = re.compile(r"(?:\s(?:to|and)\s[0-9]+)?\s{1,3}[a-z]+s\b", re.IGNORECASE)
_VERB = re.compile(
    r"\s{1,3}(?:be|have|not|also|well|need|still|only|never|or may|contain|include|require|take|"
    r"seem)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\s{1,3}(?:i|we|you)\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"\s*(?:$|[,.;:?!)])")


def build_expressions(
    match: re.Match[str], *ranges: DateRange | None, prepositions: frozenset[str] | None = None
) -> Iterator[TimeExpression]:
    """Yield the expression of a match with the ranges that it can mean; nothing without any."""
    valid = tuple(dict.fromkeys(days for days in ranges if days))
    if valid:
        yield TimeExpression(
            start=match.start(), end=match.end(), ranges=valid, prepositions=prepositions
        )


def _has_label(text: str, start: int) -> bool:
    """Return whether a number belongs to a label in front of it, such as "version" or "RFC"."""
    return _LABEL.search(text[max(0, start - _LABEL_CHARACTERS) : start]) is not None


def find_iso_dates(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield dates such as 2023-05-08 and months such as 2023-05."""
    for match in _ISO_DATE.finditer(text):
        if not _has_label(text, match.start()):
            day = int(match[3]) if match[3] else None
            yield from build_expressions(match, build_range(int(match[1]), int(match[2]), day))


def find_numeric_dates(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield dates such as 3.5.2023 (day first) and 5/3/2023 (day first or month first)."""
    for match in _NUMERIC_DATE.finditer(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if not _has_label(text, match.start()):
            yield from build_expressions(
                match,
                build_range(year, second, first),
                None if match[2] == "." else build_range(year, first, second),
            )


def find_year_ranges(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield ranges of years such as 2020-2021 and 2020-21."""
    for match in _YEAR_RANGE.finditer(text):
        first = int(match[1])
        last = int(match[2]) if len(match[2]) == 4 else first // 100 * 100 + int(match[2])
        if first < last and not _has_label(text, match.start()):
            yield from build_expressions(match, (date(first, 1, 1), date(last, 12, 31)))


def find_years(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield single years and decades.

    A round number or a future year in front of a plural counts something and is left out.
    """
    prepositions = vocabulary.BEFORE_YEAR
    for match in _SINGLE_YEAR.finditer(text):
        year = int(match[0])
        is_likely = year % 100 > 0 and year <= today.year + 1
        if is_likely or not _PLURAL.match(text, match.end()):
            days = build_months(year, 1, 12)
            yield from build_expressions(match, days, prepositions=prepositions)
    for match in _DECADE.finditer(text):
        days = build_months(int(match[1]), 1, 120)
        yield from build_expressions(match, days, prepositions=prepositions)


def find_named_months(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield months by name, with or without days and a year."""
    for match in _NAMED_MONTH.finditer(text):
        start, end, day, last_day = _read_days(match, text)
        prepositions = _find_prepositions(match, text)
        month = _read_month(match["month"])
        expression = TimeExpression(
            start=start,
            end=end,
            month=month,
            day=day,
            last_day=last_day,
            prepositions=prepositions,
        )
        is_word_part = text[start - 1 : start] == "-" and not _BEFORE_HYPHEN.search(
            text, max(0, start - 10), start
        )
        if is_word_part or prepositions == frozenset() or not expression.resolve_in_year(2000):
            continue
        if year := _read_year(match, month, today):
            if days := expression.resolve_in_year(year):
                yield replace(expression, ranges=(days,))
        else:
            yield expression


def _read_month(name: str) -> int:
    """Return the number of a month by its full or short name."""
    return vocabulary.MONTHS.get(name.lower()) or vocabulary.SHORT_MONTHS[name.lower()]


def _read_year(match: re.Match[str], month: int, today: date) -> int | None:
    """Return the year of a month, as a number or from "last", "this" or "next"; None without."""
    if match["year"]:
        return int(match["year"])
    if not match["which"]:
        return None
    if match["which"].lower() == "last":
        return today.year - (month >= today.month)
    return today.year + (match["which"].lower() == "next" and month <= today.month)


def _read_days(match: re.Match[str], text: str) -> tuple[int, int, int | None, int | None]:
    """Return where a month with its days starts and ends, and its first and last day.

    "3 and 5 May" is a range after "between" only; otherwise it is 5 May.
    """
    start, end, before, after = match.start(), match.end(), match["before"], match["after"]
    if match["word"]:
        return start, end, vocabulary.ORDINALS[match["word"].lower()], None
    first, last = (match["first"], before) if match["first"] else (before or after, match["last"])
    has_and = match["and1"] or match["and2"]
    if has_and and not _BETWEEN.search(text, max(0, start - 16), start):
        start = match.start("before") if match["and1"] else start
        first, last = before or after, None
        end = end if match["and1"] or match["year"] else match.end("after")
    return start, end, _read_number(first), _read_number(last)


def _read_number(day: str | None) -> int | None:
    """Return the number of a day such as "3rd"; None for None."""
    return int("".join(filter(str.isdecimal, day))) if day else None


def _find_prepositions(match: re.Match[str], text: str) -> frozenset[str] | None:
    """Return the prepositions that make a date of a month's name.

    An empty set means that it is no month, None that it is one without a preposition.
    """
    name, day = match["month"], match["before"] or match["after"] or match["word"]
    is_clause_end = _CLAUSE_END.match(text, match.end())
    is_full_name = name.lower() in vocabulary.MONTHS
    if match["year"]:
        return None
    if name.lower() == "may" and (
        _VERB.match(text, match.end()) or (name == "may" and match["which"] and not is_clause_end)
    ):
        return frozenset()
    if day:
        is_word = name in {"may", "march"} and match["before"] and not day[-1].isalpha()
        return vocabulary.BEFORE_DATE if is_word and not is_clause_end else None
    if match["which"] or (is_full_name and name.lower() not in {"may", "march"}):
        return None
    if name == "may" and _PRONOUN.match(text, match.end()):
        return vocabulary.BEFORE_MODAL_MONTH
    return vocabulary.BEFORE_YEAR if is_full_name else vocabulary.BEFORE_SHORT_MONTH
