"""The sentences of an author, and values with a label.

Markdown is read: lists, headings, checked boxes, tables, bold labels. What the author does not say
is left out: code and its comments, logs, quoted text, unchecked boxes, struck-through text.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.data_shapes import Shape, find_data

_LABEL_WORDS = (
    r"(?:(?:the|our|my|team|final|key|main|agreed|architecture|architectural|technical|design)\s+)*"
    r"(?:(?P<decision>decisions?(?:\s+(?:made|taken|outcome))?|decided)|(?P<agreement>agreed|approved|"
    r"resolved|resolutions?|verdict|ruling|consensus|final\s+call)|(?P<result>outcomes?)|"
    r"(?P<conclusion>conclusion))"
    r"(?:\s+(?:#?[0-9]{1,4}|\([^()\n]{1,40}\)))?"
)
_KINDS = ("decision", "agreement", "result", "conclusion")
_EMPHASIS = r"[*_~`]{0,4}"
_SPEAKER = r"(?:[^\W\d_][\w.' -]{0,30}:\s+)?(?:(?:ok|okay|alright|so|right|well|great)[,.!]?\s+)?"
_LABEL = re.compile(
    rf"\s*{_SPEAKER}(?P<markup>{_EMPHASIS}){_LABEL_WORDS}{_EMPHASIS}\s*(?:[:：–—→]|=>|-(?=\s)){_EMPHASIS}\s*",
    re.IGNORECASE,
)
_LABEL_ALONE = re.compile(
    rf"\s*{_EMPHASIS}{_LABEL_WORDS}\s*[:：]?{_EMPHASIS}\s*[:：]?\s*", re.IGNORECASE
)
_LIST_INTRODUCTION = re.compile(
    r"(?:.*\b(?:we|they|team|board|committee|council|everyone|everybody)(?:'ve| have| has)?\s+)?"
    r"(?:decided|agreed|resolved)(?:\s+(?:on|to|upon|that))?(?:\s+the\s+following(?:\s+\w+)?)?\s*"
    rf"[:：]{_EMPHASIS}\s*",
    re.IGNORECASE,
)
# What stands at the start of a line and does not belong to its sentence.
_MARKER = re.compile(
    r"\s*(?:(?P<quote>>)|(?P<heading>\#{1,6}(?=\s))|(?P<item>[-*+•‣·](?=\s)|"
    r"(?:[0-9]{1,3}|[a-z])[.)](?=\s))|(?P<open>\[\s?\]|[☐⬜🔲])|(?P<checked>\[[xX]\]|[☑✅✔]\ufe0f?))",
    re.VERBOSE,
)
_COMMENT = re.compile(r"\s*(?://|/\*|\*/|--\s|<!--|;;|#!|#\s+[a-z])")
_QUOTED = re.compile(
    r"\"[^\"\n]*\"|“[^“”\n]*”|„[^„“”\n]*[“”]|«[^«»\n]*»|`[^`\n]+`|~~[^~\n]+~~|"
    r"(?<!\w)'[^'\n]{2,}'(?!\w)|(?<!\w)‘[^‘’\n]{2,}’(?!\w)"
)
_CLOSING = re.compile(r"[.!?]*\W?$")
_MARKUP = re.compile(r"\*+|~~|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)")
_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\n]*\)")
_BULLET = "• "  # a list or a heading often begins with what is only discussed
_EDGES = " \t\r*_~`|"
_VISIBLE = re.compile(r"[^\n]")
_LINE = re.compile(r"[^\n]+")
# A period after one of these ends no sentence: "Dr. Lind", "e.g. in grams".
_ABBREVIATED = "|".join(
    rf"(?<=\b{word})\." for word in ("Dr", "Mr", "Mrs", "Ms", "Prof", "St", r"e\.g", r"i\.e", "vs")
)
_SENTENCE = re.compile(
    rf"[^.!?\n]*(?:(?:[.!?](?![\s\"'”’)*_]|$)|{_ABBREVIATED})[^.!?\n]*)*[.!?]*[\"'”’)*_]*"
)
_ROW = re.compile(r"\s*\|.*\|\s*")
_RULE = re.compile(r"\s*\|(?:\s*:?-+:?\s*\|)+\s*")
_CELL = re.compile(r"(?:[^|\\\n]|\\.)+")
_LABEL_CELL = re.compile(rf"{_EMPHASIS}{_LABEL_WORDS}{_EMPHASIS}\s*:?", re.IGNORECASE)
_LONGEST_HEADER = 2  # words; a longer cell is a value


class AuthorSentence(NamedTuple):
    """A sentence, or a value with a label.

    Attributes:
        start: Its first character, counted from 0 in the text.
        end: One past its last character.
        plain: The sentence without markup and with quoted text blanked out.
        value: Of a value with a label, the words that follow the label; None for others.
        label: The kind of the label: ``decision``, ``agreement``, or ``result``, ``conclusion`` and
            ``item``, which may be something else.
    """

    start: int
    end: int
    plain: str
    value: str | None = None
    label: str = ""


class _Line(NamedTuple):
    """A line without the markers at its start, by its position in the text."""

    start: int
    end: int
    masked: str
    is_item: bool = False
    is_heading: bool = False
    is_quoted: bool = False
    is_open: bool = False
    is_row: bool = False


def find_author_sentences(text: str) -> Iterator[AuthorSentence]:
    """Yield the sentences of a text in order."""
    reader = _Reader()
    for is_row, lines in groupby(_find_prose_lines(text), key=lambda line: line.is_row):
        if is_row:
            yield from _read_table(text, list(lines))
            continue
        for line in lines:
            yield from reader.read(text, line)


def _find_prose_lines(text: str) -> Iterator[_Line]:
    """Yield lines of prose and rows of tables; skip other data, comments and blank lines."""
    text = blank_out_comments(text)
    pieces, position = list[str](), 0
    for span in find_data(text):
        if span.shape is not Shape.TABLE:
            pieces += [text[position : span.start], _blank_out(text[span.start : span.end])]
            position = span.end
    for match in _LINE.finditer("".join([*pieces, text[position:]])):
        if match[0].strip() and not _COMMENT.match(match[0]):
            yield _read_markers(match)


def blank_out_comments(text: str) -> str:
    """Return a text of the same length with spaces in place of HTML comments."""
    start = text.find("<!--")
    while start >= 0 and (end := text.find("-->", start)) >= 0:
        text = text[:start] + _blank_out(text[start:end]) + text[end:]
        start = text.find("<!--", end)
    return text


def _blank_out(text: str) -> str:
    """Return a text of the same length with spaces and the same line breaks."""
    return _VISIBLE.sub(" ", text)


def _read_markers(match: re.Match[str]) -> _Line:
    line, position, kinds = match[0], 0, set[str]()
    if _ROW.fullmatch(line):
        return _Line(match.start(), match.end(), mask_quotes(line), is_row=True)
    while marker := _MARKER.match(line, position):
        kinds.add(str(marker.lastgroup))
        position = marker.end()
    start = match.start() + position
    return _Line(
        start,
        match.end(),
        mask_quotes(line)[position:],
        is_item="item" in kinds or "checked" in kinds,
        is_heading="heading" in kinds,
        is_quoted="quote" in kinds,
        is_open="open" in kinds,
    )


def mask_quotes(line: str) -> str:
    """Return a line of the same length with letters in place of quoted text."""

    def blank(match: re.Match[str]) -> str:
        end = _CLOSING.search(match[0])
        closing = end[0] if end else ""
        return re.sub(r"\S", "x", match[0][: len(match[0]) - len(closing)]) + closing

    return _QUOTED.sub(blank, line)


class _Reader:
    """Reads lines one after the other, because a label may stand above its value."""

    def __init__(self) -> None:
        self._label = ""  # of the next line
        self._list_label = ""  # of the next items

    def read(self, text: str, line: _Line) -> Iterator[AuthorSentence]:
        """Yield the sentences of a line."""
        if line.is_open:
            return
        label = _LABEL_ALONE.fullmatch(line.masked)
        if label or _LIST_INTRODUCTION.fullmatch(line.masked):
            is_decision = not label or label["decision"] is not None
            self._label = "decision" if label and is_decision else ""
            self._list_label = "item" if is_decision else ""
            return
        self._list_label = self._list_label if line.is_item else ""
        value_label = "" if line.is_heading else self._list_label or self._label
        self._label = ""
        for match in _SENTENCE.finditer(line.masked):
            own_label = _LABEL.match(match[0])
            if (own_label or value_label or not line.is_quoted) and match[0].strip():
                yield from _build_sentence(text, line, match, own_label, value_label)
            value_label = ""


def _build_sentence(
    text: str, line: _Line, match: re.Match[str], label: re.Match[str] | None, value_label: str
) -> Iterator[AuthorSentence]:
    """Yield a sentence; a label in bold is left out, a plain one is not."""
    start = label.end() if label and label["markup"] else 0
    value = match[0][label.end() if label else 0 :]
    yield from _build(
        text,
        (line.start + match.start() + start, line.start + match.end()),
        (_BULLET if line.is_item or line.is_heading else "") + match[0][start:],
        value=value if label or value_label else None,
        label=_find_kind(label) if label else value_label,
    )


def _build(
    text: str,
    span: tuple[int, int],
    masked: str,
    *,
    value: str | None = None,
    label: str = "",
) -> Iterator[AuthorSentence]:
    """Yield a sentence without the markup at its ends; nothing where nothing remains."""
    original = text[slice(*span)]
    is_paired = original.strip(_EDGES).count("**") % 2 == 0  # else a part of it is in bold
    edges = _EDGES if is_paired else " \t\r"
    start = span[0] + len(original) - len(original.lstrip(edges))
    end = span[1] - len(original) + len(original.rstrip(edges))
    if start < end:
        yield AuthorSentence(
            start, end, _strip(masked), None if value is None else _strip(value), label
        )


def _find_kind(label: re.Match[str]) -> str:
    return next(kind for kind in _KINDS if label[kind])


def _strip(masked: str) -> str:
    return _MARKUP.sub("", _LINK.sub(r"\1", masked)).strip()


def _read_table(text: str, rows: Sequence[_Line]) -> Iterator[AuthorSentence]:
    """Yield the cells of a table that a label in their row or column makes decisions."""
    has_header = len(rows) > 1 and _RULE.fullmatch(rows[1].masked)
    columns: dict[int, str] = {}
    for number, row in enumerate(rows):
        cells = [cell for cell in _CELL.finditer(row.masked) if cell[0].strip()]
        labels = [_LABEL_CELL.fullmatch(cell[0].strip()) for cell in cells]
        if number == 0 and has_header:
            columns = {index: _find_kind(label) for index, label in enumerate(labels) if label}
        is_pair = len(cells) > 1 and (not columns or len(cells[1][0].split()) > _LONGEST_HEADER)
        if is_pair and labels[0]:
            yield from _build_cell(text, row, cells[1], label=_find_kind(labels[0]))
        elif number > 1 and has_header:
            for index, kind in columns.items():
                if index < len(cells):
                    yield from _build_cell(text, row, cells[index], label=kind)


def _build_cell(
    text: str, row: _Line, cell: re.Match[str], *, label: str
) -> Iterator[AuthorSentence]:
    span = row.start + cell.start(), row.start + cell.end()
    yield from _build(text, span, cell[0], value=cell[0], label=label)
