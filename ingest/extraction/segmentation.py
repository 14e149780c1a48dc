"""Cut a text into segments for the parser, and map their positions back to the text."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.data_shapes import DataSpan
from mcp_context_persistence.ingest.extraction.data_values import Value
from mcp_context_persistence.ingest.extraction.markup import (
    DROPPED,
    ITEM,
    SEPARATOR,
    WORDS_FOR_SIGNS,
    replace_markup,
)
from mcp_context_persistence.kg.text.blobs import is_key

# The parser's memory grows with the longest segment. An ordinary message is one segment.
SEGMENT_CHARACTERS = 4_000
# A longer run without a space is data, not a word. Some tokenizer rules take quadratic time in it.
WORD_CHARACTERS = 200

_LONG_WORD = re.compile(rf"\S{{{WORD_CHARACTERS + 1},}}")
_KEY_WORD = re.compile(r"(?<![\w-])[\w-]{16,}(?:\.[\w-]+)*")
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = DROPPED + ITEM + SEPARATOR + "".join(WORDS_FOR_SIGNS)
_GAP = re.compile(rf"[\s{_MARKS}]{{2,}}|[^\S ]|[{_MARKS}]")
_LINE_CHARACTERS = 60  # A shorter line is not wrapped: what follows it is something else.
# "company: Acme" below "name: Ada Holm": a line of a record is no continuation.
_FIELD = re.compile(r"[^\W\d_][\w/-]*(?: [\w/-]+){0,2}[:=][ \t]+\S")
_BREAKS = ("\n\n", "\n", ". ", "? ", "! ", " ")
_VALUE_END = ".\n\n"  # after a value of JSON or a table, so that it is a sentence of its own


class Segment(NamedTuple):
    """A part of a text, ready to parse.

    Attributes:
        text: Its characters, with white space normalized.
        cuts: Positions in `text` after which characters were left out.
        shifts: For each cut, what to add to a position after it.
        cells: The values of JSON and tables that it consists of, by their positions in `text`;
            empty for prose.
    """

    text: str
    cuts: list[int]
    shifts: list[int]
    cells: tuple[Value, ...] = ()

    def map_position(self, index: int) -> int:
        """Return the position in the original text of the segment's character `index`."""
        return index + self.shifts[bisect_right(self.cuts, index) - 1]


def _blank_characters(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _blank_key(match: re.Match[str]) -> str:
    return " " * len(match.group()) if is_key(match.group()) else match.group()


def split_into_segments(text: str, data: Sequence[DataSpan] = ()) -> Iterator[Segment]:
    """Yield the prose of a text in order, in segments of at most `SEGMENT_CHARACTERS`.

    White space becomes single spaces, because line breaks inside a sentence mislead the parser;
    empty lines, the breaks before list items and those after short lines are kept. Markup,
    addresses, signs, control characters, lone surrogates, keys and words of more than
    `WORD_CHARACTERS` are left out.

    Args:
        text: The text.
        data: Its parts that are no prose, which are left out.

    Yields:
        At least one segment.
    """
    text = _blank_data(text, data)
    text = replace_markup(_SURROGATE.sub("\n", _UNREADABLE.sub(" ", text)))
    if len(text) > WORD_CHARACTERS:
        text = _LONG_WORD.sub(_blank_characters, text)
    text = _KEY_WORD.sub(_blank_key, text)
    start = 0
    while True:
        end = _find_segment_end(text, start)
        segment = _normalize_space(text, start, end)
        if start == 0 or segment.text.strip():
            yield segment
        if end == len(text):
            return
        start = end


def _blank_data(text: str, data: Sequence[DataSpan]) -> str:
    if not data:
        return text
    strings, position = list[str](), 0
    for start, end, _ in data:
        strings += (text[position:start], "\n" * (end - start))
        position = end
    return "".join([*strings, text[position:]])


def join_values(text: str, values: Iterable[Value]) -> Segment:
    """Return a segment in which each value is a sentence."""
    strings, cells = list[str](), list[Value]()
    cuts, shifts = [0], [0]
    length = 0
    for value in values:
        content = _SURROGATE.sub("\n", _UNREADABLE.sub(" ", text[value.start : value.end]))
        cuts.append(length)
        shifts.append(value.start - length)
        cells.append(value._replace(start=length, end=length + len(content)))
        strings += (content, _VALUE_END)
        length += len(content) + len(_VALUE_END)
    return Segment("".join(strings), cuts, shifts, tuple(cells))


def _find_segment_end(text: str, start: int) -> int:
    end = start + SEGMENT_CHARACTERS
    if end >= len(text):
        return len(text)
    for mark in _BREAKS:
        position = text.rfind(mark, start + SEGMENT_CHARACTERS // 2, end)
        if position >= 0:
            return position + len(mark)
    return end


def _normalize_space(text: str, start: int, end: int) -> Segment:
    strings: list[str] = []
    cuts, shifts = [0], [start]
    position, length = start, 0
    for gap in _GAP.finditer(text, start, end):
        filler = _get_filler(gap.group())
        if filler == " " and "\n" in gap.group() and _ends_short_line(text, gap):
            filler = "\n"
        strings += (text[position : gap.start()], filler)
        length += gap.start() - position + len(filler)
        position = gap.end()
        cuts.append(length)
        shifts.append(position - length)
    strings.append(text[position:end])
    return Segment("".join(strings), cuts, shifts)


def _ends_short_line(text: str, gap: re.Match[str]) -> bool:
    """Return whether a line break ends a short line, or a field of a record follows it."""
    line_start = text.rfind("\n", 0, gap.start()) + 1
    is_lower = text[gap.end() : gap.end() + 1].islower()
    if gap.start() - line_start < _LINE_CHARACTERS and not is_lower:
        return True
    return _FIELD.match(text, gap.end()) is not None


def _get_filler(gap: str) -> str:
    """Return the filler for white space and omitted text."""
    if SEPARATOR in gap:
        return ", "
    word = next((word for sign, word in WORDS_FOR_SIGNS.items() if sign in gap), "")
    if word:
        return f" {word} "
    if gap.count("\n") > 1:
        return "\n\n"
    if ITEM in gap:
        return "\n"
    return " " if gap.strip(DROPPED) else ""
