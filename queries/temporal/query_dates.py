"""The times that a query names: "on 3 July 2023", "between May and July 2022", "since last winter", "the week before 3 August".

All times are in UTC. Relative ones are reckoned from the moment of the search. A month without a year means that month of any year, with
an open end ("before June") the nearest one.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial

from mcp_context_persistence.kg.clock import DAY_MS
from mcp_context_persistence.queries.temporal.date_ranges import Days, beside, month_around, shifted
from mcp_context_persistence.queries.temporal.expressions import Moment, counted, moments, part

_EPOCH = date(1970, 1, 1).toordinal()
_NEAR = 48  # characters before a time in which the words lie that belong to it
_PART = re.compile(
    r"\b(?:(early|mid|late)(?:\s{1,3}in)?(?:\s{1,3}|-)|(?:the\s{1,3})?(?:(beginning|start|middle|end)|"
    r"(first|second|third|fourth|1st|2nd|3rd|4th|last|final)\s{1,3}(day|weekend|week|month|quarter|half)|(the)\s{1,3}(week|weekend))\s{1,3}of\s{1,3})(?:the\s{1,3})?$",
    re.IGNORECASE,
)
_BESIDE = re.compile(
    r"\b(?:([0-9]{1,3}|an?|the|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|a\scouple\sof)\s{1,3}(day|weekend|week|month|year)s?|"
    r"(day|weekend|week|month|year))\s{1,3}(before|after|prior\sto)\s{1,3}(?:the\s{1,3})?$",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"\b(between|from|since|before|prior\sto|after|until|till|up\sto|by|in|on|of|at|during|throughout|over)(?:\s{1,3}(?:the|year|about|around)){0,2}\s{1,3}$",
    re.IGNORECASE,
)
_TO = re.compile(r"\s{0,3}(?:-|–|\.\.|to|until|till|through)\s{0,3}(?:the\s{1,3})?", re.IGNORECASE)
_AND = re.compile(r"\s{1,3}and\s{1,3}(?:the\s{1,3})?", re.IGNORECASE)
_THEN = re.compile(
    r",?\s{1,3}(?:(?:and|but)\s{1,3})?(before|prior\sto|until|till|up\sto|by)\s{1,3}(?:the\s{1,3})?",
    re.IGNORECASE,
)
_COMMA = re.compile(r",?\s{1,3}(?:the\s{1,3})?", re.IGNORECASE)
_FROM_THERE = re.compile(r"\s{1,3}(before|after|prior\sto)\s{1,3}(?:the\s{1,3})?", re.IGNORECASE)
_UNIT = re.compile(r"(?:last\s{1,3})?(week|weekend|month|year|[a-z]+day)", re.IGNORECASE)
_OF = re.compile(r"\s{1,3}(?:of\s{1,3})?", re.IGNORECASE)
_ONWARDS = re.compile(r"\s{1,3}onwards?\b", re.IGNORECASE)
_LATIN = str.maketrans(
    "ıİſ\u212a", "iIsK"
)  # what an expression that ignores case takes for a letter, and no list of words has
_OPEN_START = frozenset({"before", "prior to", "until", "till", "up to", "by"})
_OPEN_END = frozenset({"after", "since"})


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of time, both ends in milliseconds since 1970, both included."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, kw_only=True)
class Times:
    """What a query says of time.

    Attributes:
        named: What it names: days, weeks, months, years and stretches of them; a month without a year is one span for each year. An
            open end reaches to the calendar's end.
        around: The calendar months of the named days and weeks; what is named itself where it is longer.
        said: Where the query says it: start and end, exclusive, in characters, with the words that belong to it.
    """

    named: tuple[Span, ...] = ()
    around: tuple[Span, ...] = ()
    said: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.named)


NO_TIMES = Times()


@dataclass(frozen=True, kw_only=True)
class _Led:
    """A moment and the word before it that says how it is meant; all of it begins at `start`, and what follows the word at `inner`."""

    moment: Moment
    word: str | None
    start: int
    inner: int

    @property
    def counts(self) -> bool:
        return (
            self.moment.weak is None or self.word in self.moment.weak or bool(self.moment.changes)
        )


def times(query: str, *, now_ms: int) -> Times:
    """The times that a query names.

    Args:
        query: Any text.
        now_ms: What relative times are reckoned from.
    """
    query = query.translate(_LATIN)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    found: list[Days] = []
    said: list[tuple[int, int]] = []
    ones, place = moments(query, today), 0
    while place < len(ones):
        one = _led(query, ones[place], floor=said[-1][1] if said else 0)
        other = (
            _led(query, ones[place + 1], floor=one.moment.end) if place + 1 < len(ones) else None
        )
        days = _together(query, one, other, today) if other else []
        end, place = (
            (other.moment.end, place + 2) if other and days else (one.moment.end, place + 1)
        )
        if not days and one.counts:
            onwards = _ONWARDS.match(query, end)
            days = _single(one.moment, "since" if onwards else one.word, today)
            end = onwards.end() if onwards else end
        if days:
            found += days
            said.append((one.start, end))
    return Times(
        named=tuple(dict.fromkeys(_span(*one) for one in found)),
        around=tuple(dict.fromkeys(_span(*month_around(one)) for one in found)),
        said=tuple(said),
    )


def _led(query: str, moment: Moment, *, floor: int) -> _Led:
    """A moment with the words before it that belong to it, as far back as `floor`."""

    def before(pattern: re.Pattern[str], start: int) -> re.Match[str] | None:
        return pattern.search(query, max(floor, start - _NEAR), start)

    start, changes = moment.start, []
    if match := before(_PART, start):
        start = match.start()
        word, name = (
            (match[1] or match[2] or match[3] or match[5]).lower(),
            (match[4] or match[6] or "").lower(),
        )
        changes.append(part(word, name))
    if match := before(_BESIDE, start):
        start = match.start()
        name, after = (match[2] or match[3]).lower(), match[4].lower() == "after"
        changes.append(
            partial(beside, name=name, count=counted(match[1])[0] if match[1] else 1, after=after)
        )
    match = before(_LEAD, start)
    return _Led(
        moment=replace(moment, changes=tuple(changes)),
        word=_plain(match[1]) if match else None,
        start=match.start() if match else start,
        inner=start,
    )


def _plain(words: str) -> str:
    return " ".join(words.lower().split())


def _together(query: str, one: _Led, other: _Led, today: date) -> list[Days]:
    """What two moments mean that belong together, like a weekday and its date, or a stretch between them; nothing, where they do not."""
    a, b = one.moment, other.moment
    between = query[a.end : other.inner]
    if (
        a.coming
        and all(first == last for first, last in b.each(today))
        and _COMMA.fullmatch(between)
    ):
        return _single(b, one.word, today)
    if (match := _FROM_THERE.fullmatch(between)) and (
        name := _UNIT.fullmatch(query[a.start : a.end])
    ):
        return [
            beside(days, name[1].lower(), count=1, after=match[1].lower() == "after")
            for days in b.each(today)
        ]
    if not a.fixed and b.year and _OF.fullmatch(between):
        year = a.of(b.year)
        return _single(replace(a, fixed=(year,), changes=()), one.word, today) if year else []
    if one.word in _OPEN_END and one.counts and (match := _THEN.fullmatch(between)):
        return [
            (max(start[0], end[0]), min(start[1], end[1]))
            for start, end in _paired(
                _single(a, one.word, today), _single(b, _plain(match[1]), today)
            )
            if start[0] <= end[1]
        ]
    joined = _AND.fullmatch(between) if one.word == "between" else _TO.fullmatch(between)
    if (
        not joined
        or one.word in _OPEN_START
        or not (one.counts or b.weak is None or one.word == "between")
    ):
        return []
    return [(start[0], end[1]) for start, end in _ends(a, b, today) if start[0] <= end[1]]


def _ends(a: Moment, b: Moment, today: date) -> list[tuple[Days, Days]]:
    """Where stretches from one moment to another begin and end; what has no year of its own has that of the other."""
    if b.fixed and a.fixed:
        back = 7 if a.coming else 0  # the Monday before that Friday
        return [
            (
                start
                if start[0] <= end[1]
                else (shifted(start[0], -back), shifted(start[1], -back)),
                end,
            )
            for start, end in _paired(a.each(today), b.each(today))
        ]
    nearest: dict[Days, tuple[Days, Days]] = {}
    for one in (b if b.fixed else a).each(today):
        for year in (one[1].year - 1, one[1].year) if b.fixed else (one[0].year + 1, one[0].year):
            start, end = (a.of(year), one) if b.fixed else (one, b.of(year))
            if start and end and start[0] <= end[1]:
                nearest[one] = start, end
    return list(nearest.values())


def _paired(first: list[Days], second: list[Days]) -> list[tuple[Days, Days]]:
    """The readings of two moments that belong together."""
    if len(first) == len(second):
        return list(zip(first, second, strict=True))
    return [(one, other) for one in first for other in second]


def _single(moment: Moment, word: str | None, today: date) -> list[Days]:
    """What a moment means after a word."""
    if word in _OPEN_START:
        inside = word not in {"before", "prior to"}
        return [
            (date.min, last if inside else shifted(first, -1))
            for first, last in moment.nearest(word, today)
        ]
    if word in _OPEN_END:
        return [
            (first if word == "since" else shifted(last, 1), date.max)
            for first, last in moment.nearest(word, today)
        ]
    return moment.each(today)


def _span(start: date, end: date) -> Span:
    return Span(
        start_ms=(start.toordinal() - _EPOCH) * DAY_MS,
        end_ms=(end.toordinal() + 1 - _EPOCH) * DAY_MS - 1,
    )
