"""Months by name in a text, with or without days and a year.

A month that may mean something else ("may", "April said") is returned with the prepositions that
make a date of it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from mcp_context_persistence.queries.temporal import vocabulary
from mcp_context_persistence.queries.temporal.numeric_dates import (
    TIME,
    expand_year,
    move_to_utc,
)
from mcp_context_persistence.queries.temporal.time_expression import TimeExpression
from mcp_context_persistence.queries.temporal.vocabulary import (
    ANY_MONTH,
    ANY_ORDINAL,
    ANY_SHORT_MONTH,
    COUNTED_UNITS,
    DAY,
    SHORT_YEAR,
    SPACE,
    YEAR,
)

_START = r"\b(?<!\.)(?:(?P<modifier>last|this|past|next|coming)\s{1,3})?"
_MONTH = rf"(?P<month>{ANY_MONTH})(?:\b|(?=(?:19|20)[0-9]{{2}}\b))(?!-(?!{ANY_SHORT_MONTH})\D)\.?"
_JOINT = r"\s{0,2}(?:(?:-|–|—|to|until|till|through|thru)|(?P<and>and|&|or))\s{0,2}(?:the\s)?"
_YEAR = rf"""
(?:(?:,?\s{{0,3}}|[-/])(?:of\s)?(?P<year>{YEAR})|,?\s{{1,3}}(?:of\s)?(?P<short_year>{SHORT_YEAR}))"""
_BARE_MONTH = re.compile(
    rf"(?<!\b[0-9]\s)(?<!\b[0-9][0-9]\s){_START}{_MONTH}"
    rf"(?:{_YEAR}|{SPACE}(?P<before_last>before{SPACE}last)\b)?",
    re.IGNORECASE | re.VERBOSE,
)
_DAY_AND_MONTH = re.compile(
    rf"""\b(?=[0-9efnst])(?<![/.])
    (?:
        (?:(?P<first>{DAY}){_JOINT})?
        (?P<day>{DAY}|[0-9]{{1,2}}(?=[a-z]{{3}}))
        (?:{SPACE}of(?:{SPACE}the)?)?(?:{SPACE}|[-/.]|(?=[a-z]))
        |(?P<ordinal>{ANY_ORDINAL}){SPACE}of{SPACE}
    )
    (?:(?P<modifier>last|this|past|next|coming){SPACE})?{_MONTH}
    (?:{_YEAR}|[-/](?P<two_digits>[0-9]{{2}})(?![\w:/.-]))?""",
    re.IGNORECASE | re.VERBOSE,
)
_MONTH_AND_DAY = re.compile(
    rf"""{_START}{_MONTH}{SPACE}(?:the{SPACE})?
    (?:(?P<first>{DAY})(?:{_JOINT}(?P<day>{DAY}))?|(?P<ordinal>{ANY_ORDINAL})\b)
    (?!\s{{0,3}}{COUNTED_UNITS})
    (?:{SPACE}[0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})?(?:{SPACE}(?:UTC|GMT))?(?={SPACE}{YEAR}))?
    {_YEAR}?""",
    re.IGNORECASE | re.VERBOSE,
)
_YEAR_AND_MONTH = re.compile(
    rf"""(?<![\w$€£#.,/+:-])(?P<year>(?:19|20)[0-9]{{2}})(?:[-/]|,?{SPACE})
    (?P<month>{ANY_MONTH})\b\.?(?:(?:[-/]|{SPACE})(?P<first>{DAY})(?!\s{{0,3}}{COUNTED_UNITS})|(?!-))
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PATTERNS = (_BARE_MONTH, _DAY_AND_MONTH, _MONTH_AND_DAY, _YEAR_AND_MONTH)
_LEAP_YEAR = 2000

# What may precede a month that follows a hyphen or a slash: "Apr-May", "mid-May", "May/June".
_BEFORE_HYPHEN = re.compile(
    rf"\b(?:(?:{ANY_MONTH})[-/]|(?:early|mid|late|end|pre|post)-)$", re.IGNORECASE
)
_BETWEEN = re.compile(r"\bbetween\s{1,3}(?:the\s)?$", re.IGNORECASE)
_VERB = re.compile(
    r"\s{1,3}(?:be|have|not|also|well|need|still|only|never|or may|contain|include|require|take|"
    r"seem)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\s{1,3}(?:i|we|you)\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"\s*(?:$|[,.;:?!)])")
# Words around a month that is the name of a person.
_BEFORE_PERSON = re.compile(
    r"\b(?:do|does|did|has|have|had|is|was|will|would|can|could|should|with|ask|asked|tell|told|"
    r"call|called|meet|met|text|texted|email|emailed|thank|visit|visited|named|marry|married|aunt|"
    r"sister|cousin|friend|daughter|wife|colleague|ms|mrs|miss|dr|dear|hi|hey|hello|(?:talk|talked|"
    r"speak|spoke|write|wrote|listen|listened|said|says|gave|send|sent|reply|replied|engaged)"
    r"\sto)\.?\s{1,3}$",
    re.IGNORECASE,
)
_AFTER_PERSON = re.compile(
    r"\s{1,3}(?:says?|said|tells?|told|asks?|asked|calls?|called|writes?|wrote|replied|texted|"
    r"emailed|thinks?|thought|wants?|wanted|likes?|liked|loves?|loved|knows?|knew|mentioned|"
    r"suggested|decided|promised|agreed|bought|went|left|came|got|gave|took|made|met|works?|"
    r"worked|lives?|lived|moved|joined|married|is|was|has|had|did|does|will|would|can|could|"
    r"and i)\b",
    re.IGNORECASE,
)
_SURNAME = re.compile(r"\s[A-Z][a-z]")
_PERSON_CHARACTERS = 24  # in front of a month, in which such words are


def find_named_months(text: str, today: date) -> Iterator[TimeExpression]:
    """Yield months by name, with or without days and a year."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield from _build_months(match, text, today)


def _build_months(match: re.Match[str], text: str, today: date) -> Iterator[TimeExpression]:
    """Yield the expressions of a month with its days."""
    groups = match.groupdict()
    month = _read_month(match["month"])
    prepositions = _find_prepositions(groups, match, text)
    is_word_part = text[match.start() - 1 : match.start()] in {
        "-",
        "/",
    } and not _BEFORE_HYPHEN.search(text, max(0, match.start() - 10), match.start())
    if is_word_part or prepositions == vocabulary.NEVER:
        return
    year = _read_year(groups, month, today)
    for start, end, day, last_day in _read_days(groups, match, text):
        expression = TimeExpression(
            start=start,
            end=end,
            month=month,
            day=day,
            last_day=last_day,
            prepositions=prepositions,
        )
        days = expression.resolve_in_year(year or _LEAP_YEAR)
        if not days:
            continue
        if year:
            time = TIME.match(text, end) if day and not last_day else None
            if time and time["hours"]:
                expression = replace(expression, end=time.end())
                days = move_to_utc(days, time)
            expression = replace(expression, ranges=(days,))
        yield expression


def _read_month(name: str) -> int:
    """Return the number of a month by its full or short name."""
    return vocabulary.MONTHS.get(name.lower()) or vocabulary.SHORT_MONTHS[name.lower()]


def _read_year(groups: dict[str, str | None], month: int, today: date) -> int | None:
    """Return the year of a month, or None if the text has neither a year nor a word like "last".

    "last" is the last such month before today, "next" the first one after it.
    """
    year = groups.get("year") or groups.get("short_year") or groups.get("two_digits")
    if year:
        return expand_year(year, today)
    modifier = (groups.get("modifier") or "").lower()
    if groups.get("before_last"):
        return today.year - (month >= today.month) - 1
    if not modifier:
        return None
    if modifier in {"last", "past"}:
        return today.year - (month >= today.month)
    return today.year + (modifier in {"next", "coming"} and month <= today.month)


def _read_days(
    groups: dict[str, str | None], match: re.Match[str], text: str
) -> list[tuple[int, int, int | None, int | None]]:
    """Return where each day or range of days starts and ends, and its first and last day.

    "3 and 5 May" is a range after "between"; otherwise it is two days.
    """
    start, end = match.span()
    first, last = _read_number(groups.get("first")), _read_number(groups.get("day"))
    if ordinal := groups.get("ordinal"):
        return [(start, end, vocabulary.ORDINALS[ordinal.lower()], None)]
    if first is None or last is None:
        return [(start, end, first or last, None)]
    if groups.get("and") and not _BETWEEN.search(text, max(0, start - 16), start):
        return [(start, match.end("first"), first, None), (match.start("day"), end, last, None)]
    return [(start, end, first, last)]


def _read_number(day: str | None) -> int | None:
    """Return the number of a day such as "3rd"; None for None."""
    return int("".join(filter(str.isdecimal, day))) if day else None


def _find_prepositions(
    groups: dict[str, str | None], match: re.Match[str], text: str
) -> frozenset[str] | None:
    """Return the prepositions that make a date of a month's name.

    An empty set means that it is no month, None that it is one without a preposition.
    """
    name = match["month"]
    if any(groups.get(key) for key in ("year", "short_year", "two_digits", "before_last")):
        return None
    is_clause_end = _CLAUSE_END.match(text, match.end()) is not None
    is_modal = name == "may" and groups.get("modifier") and not is_clause_end
    if name.lower() == "may" and (is_modal or _VERB.match(text, match.end())):
        return vocabulary.NEVER
    if any(groups.get(key) for key in ("day", "first", "ordinal")):
        is_word = name in {"may", "march"} and _is_word_with_number(groups, match, is_clause_end)
        return vocabulary.BEFORE_DATE if is_word else None
    return None if groups.get("modifier") else _find_bare_prepositions(match, text)


def _is_word_with_number(
    groups: dict[str, str | None], match: re.Match[str], is_clause_end: bool
) -> bool:
    """Return whether "may" or "march" can be a verb after or before its number."""
    if groups.get("ordinal"):
        return match.start("month") < match.start("ordinal")
    day = groups.get("day")
    is_before = day is not None and match.start("day") < match.start("month")
    return is_before and not (day or "")[-1].isalpha() and not is_clause_end


def _find_bare_prepositions(match: re.Match[str], text: str) -> frozenset[str] | None:
    """Return the prepositions that make a date of a month's name without a day or a year."""
    name = match["month"]
    is_pronoun_next = name == "may" and _PRONOUN.match(text, match.end())
    if is_pronoun_next or _is_person(match, text):
        return vocabulary.BEFORE_MODAL_MONTH
    if name.lower() not in vocabulary.MONTHS:
        return vocabulary.BEFORE_SHORT_MONTH
    return vocabulary.BEFORE_YEAR if name.lower() in {"may", "march"} else None


def _is_person(match: re.Match[str], text: str) -> bool:
    """Return whether the words around a month show that it is the name of a person."""
    if match["month"].lower() not in vocabulary.FIRST_NAMES:
        return False
    before = max(0, match.start() - _PERSON_CHARACTERS)
    return bool(
        _BEFORE_PERSON.search(text, before, match.start())
        or _AFTER_PERSON.match(text, match.end())
        or (match["month"].istitle() and _SURNAME.match(text, match.end("month")))
    )
