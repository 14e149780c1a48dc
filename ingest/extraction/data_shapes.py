"""Find the parts of a text that are no prose: code, logs, tables, JSON, blobs and the like.

They are recognized by their shape, in linear time: blobs, fenced code and JSON first, then the
lines of what is left, paragraph by paragraph.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction import line_shapes
from mcp_context_persistence.ingest.extraction.element_data import find_elements
from mcp_context_persistence.ingest.extraction.json_data import find_json
from mcp_context_persistence.ingest.extraction.tables import find_table
from mcp_context_persistence.kg.text.blobs import find_blobs


class Shape(StrEnum):
    """What a part of a text is.

    `FENCED` is code between fences, `CODE` other source code, commands and differences of files.
    `LOG` is a log or a stack trace. `ELEMENTS` are values in HTML or XML.
    `OPAQUE` is what names no entity: a query, settings, a license.
    """

    BLOB = "blob"
    FENCED = "fenced"
    CODE = "code"
    LOG = "log"
    TABLE = "table"
    JSON = "json"
    ELEMENTS = "elements"
    OPAQUE = "opaque"


class DataSpan(NamedTuple):
    """A part of a text that is no prose."""

    start: int
    end: int
    shape: Shape


_FENCE = re.compile(r"(?<![`~])(?:`{3,}+|~{3,}+)")
_LICENSE = re.compile(
    r"Permission is hereby granted, free of charge|THE SOFTWARE IS PROVIDED|WITHOUT WARRANT"
    r"|Redistribution and use in source and binary|Licensed under the Apache License"
    r"|GNU (?:LESSER |AFFERO )?GENERAL PUBLIC LICENSE|MERCHANTABILITY"
)
_WORD = re.compile(r"(?<!\S)[\"'(\[*_]*[^\W\d_][^\W\d_'’-]*[\"')\]*_.,;:!?]*(?!\S)")
_LABEL = re.compile(r"(?:^|(?<=\n))[ \t>]*\w+(?: \w+)?:\s*\Z")
_LABEL_CHARACTERS = 60
_MIN_DENSE_CHARACTERS = 400
_MIN_WORD_SHARE = 0.3  # of the characters of a long paragraph that is prose
_PARAGRAPH = re.compile(r"\S[^\n]*(?:\n[^\S\n]*+\S[^\n]*)*")


def find_data(text: str) -> list[DataSpan]:
    """Return the parts of a text that are no prose, in order and without overlaps."""
    spans = [_include_label(text, start, end) for start, end, _ in find_blobs(text)]
    if len(text) < _MIN_DENSE_CHARACTERS and not line_shapes.has_sign_of_data(text):
        return spans
    if "```" in text or "~~~" in text:
        spans = _add(spans, _find_fenced(text))
    if "{" in text or "[" in text:
        spans = _add(spans, (DataSpan(start, end, Shape.JSON) for start, end in find_json(text)))
    if "</" in text:
        elements = (DataSpan(*span, Shape.ELEMENTS) for span in find_elements(text))
        spans = _add(spans, elements)
    return _add(spans, _find_data_outside(text, spans))


def _find_fenced(text: str) -> Iterator[DataSpan]:
    """Yield the blocks between two fences, or after one that nothing closes.

    The closing fence is at least as long as the opening one, so that a block can contain others.
    """
    position = 0
    while match := _FENCE.search(text, position):
        if (line_end := text.find("\n", match.end())) < 0:
            return
        end = text.find(match[0], line_end)
        position = end + len(match[0]) if end >= 0 else len(text)
        yield DataSpan(match.start(), position, Shape.FENCED)


def _include_label(text: str, start: int, end: int) -> DataSpan:
    """Return a blob with the line before it that only announces it: "Attachment:"."""
    label = _LABEL.search(text, max(0, start - _LABEL_CHARACTERS), start)
    return DataSpan(label.start() if label is not None else start, end, Shape.BLOB)


def _add(spans: list[DataSpan], additions: Iterator[DataSpan]) -> list[DataSpan]:
    """Return spans with the additions that overlap none of them, in order."""
    merged: list[DataSpan] = []
    index = 0
    for span in sorted(additions):
        while index < len(spans) and spans[index].end <= span.start:
            merged.append(spans[index])
            index += 1
        if index == len(spans) or span.end <= spans[index].start:
            merged.append(span)
    return merged + spans[index:]


def _find_data_outside(text: str, spans: list[DataSpan]) -> Iterator[DataSpan]:
    """Yield the data among the lines outside of some spans, neighbors of one shape as one."""
    current: DataSpan | None = None
    for span in _find_paragraphs(text, spans):
        if (
            current is not None
            and current.shape == span.shape
            and not text[current.end : span.start].strip()
        ):
            current = DataSpan(current.start, span.end, span.shape)
        else:
            if current is not None:
                yield current
            current = span
    if current is not None:
        yield current


def _find_paragraphs(text: str, spans: list[DataSpan]) -> Iterator[DataSpan]:
    reader = line_shapes.LineReader()
    position = 0
    for start, end, _ in [*spans, DataSpan(len(text), len(text), Shape.CODE)]:
        for paragraph in _PARAGRAPH.finditer(text, position, start):
            begin = text.rfind("\n", position, paragraph.start()) + 1
            yield from _read_paragraph(text, max(begin, position), paragraph.end(), reader)
        position = end
        reader.reset()


def _read_paragraph(
    text: str, start: int, end: int, reader: line_shapes.LineReader
) -> Iterator[DataSpan]:
    if _LICENSE.search(text, start, end):
        yield DataSpan(start, end, Shape.OPAQUE)
        return
    lines = text[start:end].split("\n")
    shapes = reader.read(lines)
    first, last = find_table(lines)
    shapes[first:last] = [shape or Shape.TABLE for shape in shapes[first:last]]
    prose = [line for line, shape in zip(lines, shapes, strict=True) if not shape]
    default = Shape.OPAQUE if _is_dense("\n".join(prose)) else ""
    position = start
    for line, shape in zip(lines, shapes, strict=True):
        if shape or default:
            yield DataSpan(position, position + len(line), Shape(shape or default))
        position += len(line) + 1


def _is_dense(paragraph: str) -> bool:
    """Return whether a long paragraph has hardly any words: lists of numbers or addresses."""
    if len(paragraph) < _MIN_DENSE_CHARACTERS or not paragraph.isascii():
        return False
    words = sum(len(match.group()) for match in _WORD.finditer(paragraph))
    return words < _MIN_WORD_SHARE * len(paragraph)
