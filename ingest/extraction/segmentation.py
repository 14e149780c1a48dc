"""Cuts a text into pieces that the parser reads well, and finds the way back to the text's own positions."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

PIECE_CHARACTERS = (
    4_000  # the parser's memory grows with the longest piece; ordinary messages are one piece
)
WORD_CHARACTERS = 200  # longer runs without a space are data, not words, and some tokenizer rules are quadratic in them

_FENCE = re.compile(r"```[^\n]*\n(?P<code>.*?)(?:```|\Z)", re.DOTALL)
_LONG_WORD = re.compile(rf"\S{{{WORD_CHARACTERS + 1},}}")
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\ufeff\ufffd]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_GAP = re.compile(r"\s{2,}|[^\S ]")
_LIST_ITEM = re.compile(r"[-*•#|>]|\d+[.)]")
_BREAKS = ("\n\n", "\n", ". ", "? ", "! ", " ")


class Piece(NamedTuple):
    """A part of a text, ready to parse. ``cuts`` holds the positions in `text` after which characters were dropped."""

    text: str
    cuts: list[int]
    shifts: list[int]

    def position(self, index: int) -> int:
        """Where character `index` of the piece stands in the whole text."""
        return index + self.shifts[bisect_right(self.cuts, index) - 1]


class CodeBlock(NamedTuple):
    """A fenced block of source text and where it starts."""

    code: str
    start: int


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _blank_lines(match: re.Match[str]) -> str:
    return "\n" * len(match.group())


def code_blocks(text: str) -> list[CodeBlock]:
    """The fenced blocks of a text (three backticks)."""
    if "```" not in text:
        return []
    return [CodeBlock(match["code"], match.start("code")) for match in _FENCE.finditer(text)]


def pieces(text: str) -> Iterator[Piece]:
    """The text's prose in order, in parts of at most `PIECE_CHARACTERS`, and at least one.

    White space becomes single spaces, since line breaks inside a sentence mislead the parser; empty lines and list items stay apart.
    Fenced code, control characters, lone surrogates and words of more than `WORD_CHARACTERS` are left out.
    """
    if "```" in text:
        text = _FENCE.sub(_blank_lines, text)
    text = _SURROGATE.sub("\n", _UNREADABLE.sub(" ", text))
    if len(text) > WORD_CHARACTERS:
        text = _LONG_WORD.sub(_blank, text)
    start = 0
    while True:
        end = _cut(text, start)
        yield _squeeze(text, start, end)
        if end == len(text):
            return
        start = end


def _cut(text: str, start: int) -> int:
    end = start + PIECE_CHARACTERS
    if end >= len(text):
        return len(text)
    for mark in _BREAKS:
        at = text.rfind(mark, start + PIECE_CHARACTERS // 2, end)
        if at >= 0:
            return at + len(mark)
    return end


def _squeeze(text: str, start: int, end: int) -> Piece:
    parts: list[str] = []
    cuts, shifts = [0], [start]
    at, length = start, 0
    for gap in _GAP.finditer(text, start, end):
        filler = _filler(text, gap)
        parts += (text[at : gap.start()], filler)
        length += gap.start() - at + len(filler)
        at = gap.end()
        cuts.append(length)
        shifts.append(at - length)
    parts.append(text[at:end])
    return Piece("".join(parts), cuts, shifts)


def _filler(text: str, gap: re.Match[str]) -> str:
    lines = gap.group().count("\n")
    if lines > 1:
        return "\n\n"
    return "\n" if lines and _LIST_ITEM.match(text, gap.end()) else " "
