"""Single times in a text, as they are written: "3 May 2023", "5/3/2023", "Q3", "last summer", "two weeks ago".

What may as well be something else ("may", "in 2000 words") is marked, and counts only beside a word that says so.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from mcp_context_persistence.queries.temporal.date_ranges import (
    WEEKDAYS,
    Days,
    day_or_month,
    months,
    nth,
    share,
    shifted,
    unit,
    whole,
)

FIRST_YEAR = 1990  # in which a month without a year may lie
SOON = 92  # days before a month within which "before June" means the coming one

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_SHORT = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name} | {
    "sept": 9
}
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_ORDINALS = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth
nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth
thirtieth thirty-first
"""
ORDINALS = {word: number for number, word in enumerate(_ORDINALS.split(), start=1)}
_NUMBERS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
COUNTS = {word: number for number, word in enumerate(_NUMBERS, start=1)} | {
    "a": 1,
    "an": 1,
    "the": 1,
    "a couple of": 2,
    "couple of": 2,
}
_FEW = (2, 5)

S = r"\s{1,3}"
_DAY = r"[0-9]{1,2}(?:st|nd|rd|th)?(?![\w:%]|\.[0-9]|,[0-9]{3}(?![0-9]))"
_UNITS = r"""(?:words?|users?|people|persons?|characters|tokens|lines|rows|items|messages|times|miles?|kilomet(?:er|re)s?|km|met(?:er|re)s|steps?|laps|
hours?|minutes?|seconds?|days?|weeks?|months?|years?|dollars|euros|pounds|percent|guests|others)\b"""
_YEAR = rf"(?:19|20)[0-9][0-9](?![\w%€$]|[.,:][0-9]|\s{{0,3}}{_UNITS})"
_RANGE = r"\s{0,2}(?:(?:-|–|to|until|till|through)|(?P<and%s>and))\s{0,2}(?:the\s)?"
_FREE = r"(?<![\w./:@#+-])"  # what is part of an id or of a number is no date
_ENDS = r"(?![\w/:@-]|\.\w)"

_ISO = re.compile(
    rf"{_FREE}((?:19|20)[0-9][0-9])-([0-9][0-9])(?:-([0-9][0-9])(?:[T ][0-9]{{2}}:[0-9]{{2}}(?::[0-9.]{{2,12}})?(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?)?{_ENDS}"
)
_DIGITS = re.compile(rf"{_FREE}([0-9]{{1,2}})([./-])([0-9]{{1,2}})\2((?:19|20)[0-9][0-9]){_ENDS}")
_YEARS = re.compile(
    rf"{_FREE}((?:19|20)[0-9][0-9])\s?[-–]\s?((?:19|20)?[0-9][0-9]){_ENDS}(?!\s{{0,3}}{_UNITS})",
    re.VERBOSE,
)
_NAMED = re.compile(
    rf"""\b(?=[0-9adefjlmnost])(?<!/)
    (?:(?:(?P<first>{_DAY}){_RANGE % "1"})?(?P<before>{_DAY})(?:{S}of)?(?:{S}|-)|(?P<word>{"|".join(ORDINALS)}){S}of{S})?
    (?:(?P<which>last|this|next){S})?
    (?P<month>{"|".join([*_MONTHS, *_SHORT])})\b(?!-(?!{"|".join(_SHORT)})\D)\.?
    (?(before)|(?:{S}(?:the\s)?(?P<after>{_DAY})(?:{_RANGE % "2"}(?P<last>{_DAY}))?(?!\s{{0,3}}{_UNITS}))?)
    (?:(?:,?\s{{0,3}}|-)(?:of\s)?(?P<year>{_YEAR}))?""",
    re.IGNORECASE | re.VERBOSE,
)
_HYPHEN = re.compile(
    rf"\b(?:{'|'.join([*_MONTHS, *_SHORT])}|early|mid|late)-$", re.IGNORECASE
)  # what "-May" may follow
_SEASON = re.compile(
    rf"\b(?:(last|this|next){S})?({'|'.join(_SEASONS)})\b(?:{S}(?:of{S})?({_YEAR})(?:[/–-]((?:20)?[0-9][0-9])\b)?)?",
    re.IGNORECASE | re.VERBOSE,
)
_QUARTER = re.compile(
    rf"(?<![\w.-])(?:q([1-4])(?:(?:{S}(?:of{S})?|/|-)({_YEAR})|\b)|({_YEAR})[\s/-]?q([1-4])\b)",
    re.IGNORECASE | re.VERBOSE,
)
_ALONE = re.compile(rf"(?<![\w$€£#.,/+-]){_YEAR}", re.VERBOSE | re.IGNORECASE)
_DECADE = re.compile(r"\b((?:19|20)[0-9]0)s\b")
_UNIT_NAMES = "day|weekend|week|month|quarter|year"
_UNIT = re.compile(
    rf"\b(last|past|this){S}(weekend|week|month|quarter|year)\b(?!{S}of\b)", re.IGNORECASE
)
_NUMBER = rf"[0-9]{{1,3}}|(?:a{S})?(?:couple{S}of|few)|{'|'.join(_NUMBERS)}"
_SPELL = re.compile(
    rf"\b(?:last|past){S}({_NUMBER}){S}({_UNIT_NAMES})s?\b(?!{S}of\b)", re.IGNORECASE
)
_AGO = re.compile(rf"\b({_NUMBER}|an?){S}({_UNIT_NAMES})s?{S}ago\b", re.IGNORECASE)
_NEAR = re.compile(
    rf"\b(?:(today|tonight|this{S}(?:morning|afternoon|evening))|(yesterday)|last{S}night)\b",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(rf"\b(?:(last){S})?({'|'.join(WEEKDAYS)})\b", re.IGNORECASE)

_NUMBERED = re.compile(
    r"\b(?:rfc|pep|cve|iso|isbn|version|ver|v|build|release|tag|commit|branch|python|java|node|kernel|firmware|model|id|ids|ticket|issue|bug|pr|no|nr|"
    r"number|room|sku|serial|lines?|pages?|rows?|ports?|section|chapter|error|code|key|ip|phone|call)(?:\s(?:is|no|number))?[\s.:#=]{1,3}$",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\bbetween\s{1,3}(?:the\s)?$", re.IGNORECASE)
_COUNTED = re.compile(r"(?:\s(?:to|and)\s[0-9]+)?\s{1,3}[a-z]+s\b", re.IGNORECASE)
_VERB = re.compile(
    r"\s{1,3}(?:be|have|not|also|well|need|still|only|never|or may|contain|include|require|take|seem)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\s{1,3}(?:i|we|you)\b", re.IGNORECASE)
_STOP = re.compile(r"\s*(?:$|[,.;:?!)])")
_CLAUSE = re.compile(
    r"\s*(?:$|[,.;:?!)])|\s{1,3}(?:did|do|does|was|were|what|when|where|who|which|how|we|i|you|he|she|they|it|and|or|is|are|had|has|with|at|to|because|"
    r"after|before)\b",
    re.IGNORECASE,
)

_IN = frozenset({"in", "during", "throughout"})
_OPEN = frozenset({"since", "before", "prior to", "after", "until", "till", "up to", "by", "from"})
YEAR_OR_MONTH = _IN | _OPEN | {"of"}
SEASON = _IN | _OPEN | {"over"}
DATE = YEAR_OR_MONTH | {"on"}
WEEKDAY = _OPEN | {"on"}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A time that a text names, from its place `start` to `end`.

    Attributes:
        fixed: The stretches that it means; several are several readings.
        month: Where these are none, its month, of whatever year.
        day: Its first day in that month, None for all of it.
        last: Its last day.
        count: Of how many months it is.
        coming: The stretch that it means with "until" and "by".
        weak: The words of which it needs one before it to be a time; None where it needs none.
        changes: What is made of each stretch: its first week, the day before.
    """

    start: int
    end: int
    fixed: tuple[Days, ...] = ()
    month: int = 1
    day: int | None = None
    last: int | None = None
    count: int = 1
    coming: Days | None = None
    weak: frozenset[str] | None = None
    changes: tuple[Callable[[Days], Days], ...] = ()

    def changed(self, days: Days) -> Days:
        """A stretch with all that is made of it."""
        for change in self.changes:
            days = change(days)
        return days

    @property
    def year(self) -> int | None:
        """The year that it is, where it is one."""
        first, last = (
            self.fixed[0] if len(self.fixed) == 1 and not self.changes else (date.min, date.min)
        )
        return first.year if (first, last) == months(first.year, 1, 12) else None

    def of(self, year: int) -> Days | None:
        """The one of this year, for what has no year of its own."""
        if self.count > 1:
            return self.changed(months(year, self.month, self.count))
        first, last = (
            day_or_month(year, self.month, self.day),
            day_or_month(year, self.month, self.last or self.day),
        )
        return self.changed((first[0], last[1])) if first and last and first <= last else None

    def each(self, today: date) -> list[Days]:
        """All that it can mean."""
        if self.fixed:
            return [self.changed(one) for one in self.fixed]
        return [one for year in range(FIRST_YEAR, today.year + 2) if (one := self.of(year))]

    def nearest(self, word: str, today: date) -> list[Days]:
        """What it means with an open end: of many years the last one, or with "before", "until" and "by" one that comes soon."""
        if self.coming and word in {"until", "till", "up to", "by"}:
            return [self.changed(self.coming)]
        found = self.each(today)
        if self.fixed:
            return found
        soon = 0 if word in {"since", "after", "from"} else SOON
        begun = [
            one for one in found if one[word == "after"] <= shifted(today, soon - (word == "after"))
        ]
        return begun[-1:]


def moments(text: str, today: date) -> list[Moment]:
    """The times of a text in their order; none lies in another one."""
    found = [
        one
        for read in (_iso, _digits, _years, _named, _season, _quarter, _relative, _alone)
        for one in read(text, today)
    ]
    kept: list[Moment] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _found(
    match: re.Match[str], *days: Days | None, weak: frozenset[str] | None = None
) -> Iterator[Moment]:
    fixed = tuple(dict.fromkeys(one for one in days if one))
    if fixed:
        yield Moment(start=match.start(), end=match.end(), fixed=fixed, weak=weak)


def _numbered(text: str, start: int) -> bool:
    """Whether what starts here is the number of something."""
    return _NUMBERED.search(text[max(0, start - 24) : start]) is not None


def _iso(text: str, today: date) -> Iterator[Moment]:
    for match in _ISO.finditer(text):
        if not _numbered(text, match.start()):
            yield from _found(
                match,
                day_or_month(int(match[1]), int(match[2]), int(match[3]) if match[3] else None),
            )


def _digits(text: str, today: date) -> Iterator[Moment]:
    """Dates in numbers, day first; with strokes the month may come first, too."""
    for match in _DIGITS.finditer(text):
        one, other, year = int(match[1]), int(match[3]), int(match[4])
        if not _numbered(text, match.start()):
            yield from _found(
                match,
                day_or_month(year, other, one),
                None if match[2] == "." else day_or_month(year, one, other),
            )


def _years(text: str, today: date) -> Iterator[Moment]:
    for match in _YEARS.finditer(text):
        first = int(match[1])
        last = int(match[2]) if len(match[2]) == 4 else first // 100 * 100 + int(match[2])
        if first < last and not _numbered(text, match.start()):
            yield from _found(match, (date(first, 1, 1), date(last, 12, 31)))


def _alone(text: str, today: date) -> Iterator[Moment]:
    """Years. Round numbers, and those of years to come, before a plural count something."""
    for match in _ALONE.finditer(text):
        year = int(match[0])
        if (year % 100 > 0 and year <= today.year + 1) or not _COUNTED.match(text, match.end()):
            yield from _found(match, months(year, 1, 12), weak=YEAR_OR_MONTH)
    for match in _DECADE.finditer(text):
        yield from _found(match, months(int(match[1]), 1, 120), weak=YEAR_OR_MONTH)


def _named(text: str, today: date) -> Iterator[Moment]:
    """Months by name, with or without days and a year."""
    for match in _NAMED.finditer(text):
        start, end, first, last = _days(match, text)
        weak, month = _doubt(match, text), _month(match["month"])
        made = Moment(start=start, end=end, month=month, day=first, last=last, weak=weak)
        joined = text[start - 1 : start] == "-" and not _HYPHEN.search(
            text, max(0, start - 10), start
        )
        if joined or weak == frozenset() or not made.of(2000):
            continue
        if match["year"] or match["which"]:
            one = made.of(
                int(match["year"])
                if match["year"]
                else _whose(match["which"].lower(), month, today)
            )
            if one:
                yield replace(made, fixed=(one,))
        else:
            yield made


def _month(name: str) -> int:
    return _MONTHS.get(name.lower()) or _SHORT[name.lower()]


def _days(match: re.Match[str], text: str) -> tuple[int, int, int | None, int | None]:
    """Where a month with its days begins and ends, and the first and the last day. "3 and 5 May" is a stretch after "between" alone."""
    start, end, before, after = match.start(), match.end(), match["before"], match["after"]
    if match["word"]:
        return start, end, ORDINALS[match["word"].lower()], None
    first, last = (match["first"], before) if match["first"] else (before or after, match["last"])
    if (match["and1"] or match["and2"]) and not _BETWEEN.search(text, max(0, start - 16), start):
        start, first, last = (
            match.start("before") if match["and1"] else start,
            before or after,
            None,
        )
        end = end if match["and1"] or match["year"] else match.end("after")
    return start, end, _number(first), _number(last)


def _number(written: str | None) -> int | None:
    """The number of a day; None where none is given."""
    return int("".join(filter(str.isdecimal, written))) if written else None


def _doubt(match: re.Match[str], text: str) -> frozenset[str] | None:
    """What a month needs to be one; no words, where it is none; None, where it is surely one."""
    name, day, stops = (
        match["month"],
        match["before"] or match["after"] or match["word"],
        _STOP.match(text, match.end()),
    )
    if match["year"]:
        return None
    if name.lower() == "may" and (
        _VERB.match(text, match.end()) or (name == "may" and match["which"] and not stops)
    ):
        return frozenset()
    if day:
        sure = name not in {"may", "march"} or not match["before"] or day[-1].isalpha() or stops
        return None if sure else DATE
    if name.lower() not in _MONTHS:
        return None if match["which"] else _IN | {"since"}
    if name.lower() not in {"may", "march"} or match["which"]:
        return None
    return _IN if name == "may" and _PRONOUN.match(text, match.end()) else YEAR_OR_MONTH


def _whose(which: str, month: int, today: date) -> int:
    """The year of the last, this or the next such month."""
    if which == "last":
        return today.year - (month >= today.month)
    return today.year + (which == "next" and month <= today.month)


def _season(text: str, today: date) -> Iterator[Moment]:
    """Seasons of the northern half of the world, in whole months."""
    for match in _SEASON.finditer(text):
        which, month = (match[1] or "").lower(), _SEASONS[match[2].lower()]
        if match[3]:
            year = int(match[3])
            start = months(year, 1, 2) if month == 12 and not match[4] else None
            yield from _found(match, start, months(year, month, 3))
        elif which:
            all_of_them = [months(year, month, 3) for year in range(today.year - 2, today.year + 2)]
            ended = [one for one in all_of_them if one[1] < today]
            coming = all_of_them[len(ended) :]
            following = coming[1] if which == "next" and coming[0][0] <= today else coming[0]
            yield from _found(
                match,
                ended[-1]
                if which == "last" or (which == "this" and ended[-1][0].year == today.year)
                else following,
            )
        elif _CLAUSE.match(text, match.end()):
            yield Moment(start=match.start(), end=match.end(), month=month, count=3, weak=SEASON)


def _quarter(text: str, today: date) -> Iterator[Moment]:
    for match in _QUARTER.finditer(text):
        month = 3 * int(match[1] or match[4]) - 2
        if match[2] or match[3]:
            yield from _found(match, months(int(match[2] or match[3]), month, 3))
        else:
            yield Moment(
                start=match.start(), end=match.end(), month=month, count=3, weak=YEAR_OR_MONTH
            )


def counted(written: str) -> tuple[int, int]:
    """The least and the most that a number, in digits or as a word, means."""
    word = re.sub(r"\s+", " ", written.lower())
    if word.endswith("few"):
        return _FEW
    count = COUNTS.get(word) or int(word)
    return count, count


def _relative(text: str, today: date) -> Iterator[Moment]:
    for match in _UNIT.finditer(text):
        yield from _found(
            match, unit(today, match[2].lower(), back=int(match[1].lower() != "this"))
        )
    for match in _SPELL.finditer(text):
        yield from _found(
            match, (unit(today, match[2].lower(), back=counted(match[1])[1])[0], today)
        )
    for match in _AGO.finditer(text):
        least, most = counted(match[1])
        yield from _found(
            match,
            (
                unit(today, match[2].lower(), back=most)[0],
                unit(today, match[2].lower(), back=least)[1],
            ),
        )
    for match in _NEAR.finditer(text):
        yield from _found(
            match,
            (shifted(today, -1 if not match[1] else 0), shifted(today, -1 if match[2] else 0)),
        )
    for match in _WEEKDAY.finditer(text):
        back = (today.weekday() - WEEKDAYS[match[2].lower()] - 1) % 7 + 1
        past, coming = shifted(today, -back), shifted(today, 7 - back)
        weak = None if match[1] else WEEKDAY
        yield Moment(
            start=match.start(),
            end=match.end(),
            fixed=((past, past),),
            coming=(coming, coming),
            weak=weak,
        )


_PLACES = {
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
_SHARES = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}


def part(word: str, name: str) -> Callable[[Days], Days]:
    """What "early" or "the end", or with the name of a unit "first", "last" or "the", make of a stretch."""
    if not name:
        return partial(share, place=_SHARES[word], of=3)
    if word == "the":
        return partial(whole, name=name)
    if name == "half":
        return partial(share, place=_PLACES[word] % 2, of=2)
    return partial(nth, name=name, place=_PLACES[word])
