"""Cuts a text into segments for the parser, and maps their positions back to the text."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

# The parser's memory grows with the longest segment. An ordinary message is one segment.
SEGMENT_CHARACTERS = 4_000
# A longer run without a space is data, not a word. Some tokenizer rules take quadratic time in it.
WORD_CHARACTERS = 200

_FENCE = re.compile(r"```[^\n]*\n(?P<code>.*?)(?:```|\Z)", re.DOTALL)
_LONG_WORD = re.compile(rf"\S{{{WORD_CHARACTERS + 1},}}")
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\ufeff\ufffd]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_GAP = re.compile(r"\s{2,}|[^\S ]")
_LIST_ITEM = re.compile(r"[-*•#|>]|\d+[.)]")
_BREAKS = ("\n\n", "\n", ". ", "? ", "! ", " ")


class Segment(NamedTuple):
    """A part of a text, ready to parse.

    Attributes:
        text: Its characters, with white space normalized.
        cuts: Positions in `text` after which characters were left out.
        shifts: For each cut, what to add to a position after it.
    """

    text: str
    cuts: list[int]
    shifts: list[int]

    def map_position(self, index: int) -> int:
        """Return the position in the original text of the segment's character `index`."""
        return index + self.shifts[bisect_right(self.cuts, index) - 1]


class CodeBlock(NamedTuple):
    """A fenced block of source code and the position of its first character."""

    code: str
    start: int


def _blank_characters(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _blank_lines(match: re.Match[str]) -> str:
    return "\n" * len(match.group())


def find_code_blocks(text: str) -> list[CodeBlock]:
    """Return the fenced blocks of a text (three backticks)."""
    if "```" not in text:
        return []
    return [CodeBlock(match["code"], match.start("code")) for match in _FENCE.finditer(text)]


def split_into_segments(text: str) -> Iterator[Segment]:
    """Yield the prose of a text in order, in segments of at most `SEGMENT_CHARACTERS`.

    White space becomes single spaces, because line breaks inside a sentence mislead the parser;
    empty lines and the breaks before list items are kept. Fenced code, control characters, lone
    surrogates and words of more than `WORD_CHARACTERS` are left out.

    Yields:
        At least one segment.
    """
    if "```" in text:
        text = _FENCE.sub(_blank_lines, text)
    text = _SURROGATE.sub("\n", _UNREADABLE.sub(" ", text))
    if len(text) > WORD_CHARACTERS:
        text = _LONG_WORD.sub(_blank_characters, text)
    start = 0
    while True:
        end = _find_segment_end(text, start)
        yield _normalize_space(text, start, end)
        if end == len(text):
            return
        start = end


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
        filler = _get_filler(text, gap)
        strings += (text[position : gap.start()], filler)
        length += gap.start() - position + len(filler)
        position = gap.end()
        cuts.append(length)
        shifts.append(position - length)
    strings.append(text[position:end])
    return Segment("".join(strings), cuts, shifts)


def _get_filler(text: str, gap: re.Match[str]) -> str:
    lines = gap.group().count("\n")
    if lines > 1:
        return "\n\n"
    return "\n" if lines and _LIST_ITEM.match(text, gap.end()) else " "
