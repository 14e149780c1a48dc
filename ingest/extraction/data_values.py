"""Values in JSON, HTML, XML and tables that may hold names: names themselves, short sentences."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.data_shapes import DataSpan, Shape
from mcp_context_persistence.ingest.extraction.element_data import find_element_values
from mcp_context_persistence.ingest.extraction.json_data import find_strings
from mcp_context_persistence.ingest.extraction.labels import read_label
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, Tier
from mcp_context_persistence.ingest.extraction.software_terms import list_software_terms
from mcp_context_persistence.ingest.extraction.tables import find_cells
from mcp_context_persistence.kg import limits

_NAME_CHARACTERS = 80
_FULL_NAME_CHARACTERS = 30
_NAME_WORD = r"(?:[^\W\d_a-z][\w.'’-]*|&|[a-z]\.)"
_NAME = re.compile(
    rf"{_NAME_WORD}(?:,? (?:{_NAME_WORD}|of|the|and|in|at|on|de|del|della|der|den|des|di|do|da|du"
    r"|el|et|la|le|las|los|van|von|vom|y|zu|zum|zur|\d{1,4}|i|o\.o\.?))*"
)
_SENTENCE = re.compile(r"(?:[\"'(]?\w[\w'’./-]*[,;:.!?)\"']*(?: [-–—&+]+)?(?:\s+|$)){4,}")
_TITLE = re.compile(r"(?:(?:Dr|Mr|Mrs|Ms|Prof|Sir|Dipl|Ing|Mme|Hr|Fr)\.?\s+)+")


_ADDRESS = re.compile(r"\s*<[^<>\s]+@[^<>\s]+>$")
_IDENTIFIER = re.compile(r"@?[A-Za-z][\w./-]*")
_IMAGE = re.compile(r"(?:[\w.-]+/)*(?P<name>[a-z][\w-]*)(?::[\w.-]+)?")
_SOFTWARE_KINDS = frozenset({"library", "technology"})


class Value(NamedTuple):
    """A value to read.

    Attributes:
        start: Its first character in the text.
        end: One past the last one.
        type: The type of entities that its label announces, such as ``person``, or "".
        is_name: Whether the whole value is a name rather than a sentence.
        label: Its key in JSON, or the heading of its column.
    """

    start: int
    end: int
    type: str
    is_name: bool
    label: str = ""


def find_values(text: str, spans: Sequence[DataSpan]) -> tuple[list[Value], bool]:
    """Return the values of JSON and tables that are worth reading, each text once.

    They have at most `kg.limits.DATA_CHARACTERS` characters together.

    Returns:
        The values, and whether there are more.
    """
    values, contents, size = list[Value](), set[str](), 0
    for start, end, label in _find_labeled(text, spans):
        content = text[start:end]
        if content in contents or len(content) < 2:
            continue
        value = _read_value(content, start, end, label)
        if value is not None:
            value = value._replace(label=label.lower())
            contents.add(content)
            size += len(content)
            if size > limits.DATA_CHARACTERS:
                return values, True
            values.append(value)
    return values, False


def _find_labeled(text: str, spans: Sequence[DataSpan]) -> Iterator[tuple[int, int, str]]:
    for span in spans:
        if span.shape == Shape.JSON:
            yield from find_strings(text, span.start, span.end)
        elif span.shape == Shape.TABLE:
            yield from find_cells(text, span.start, span.end)
        elif span.shape == Shape.ELEMENTS:
            yield from find_element_values(text, span.start, span.end)


def _read_value(content: str, start: int, end: int, label: str) -> Value | None:
    """Return a value that is a name or a sentence, None for other values."""
    kind = read_label(label)
    if (address := _ADDRESS.search(content)) is not None:
        content, kind = content[: address.start()], kind or "person"
        end = start + len(content)
    if (title := _TITLE.match(content)) is not None:
        content, start, kind = content[title.end() :], start + title.end(), kind or "person"
    if len(content) <= _NAME_CHARACTERS:
        if _NAME.fullmatch(content) and (" " in content or kind):
            return Value(start, end, kind, True)
        if kind in _SOFTWARE_KINDS and _IDENTIFIER.fullmatch(content):
            return Value(start, end, kind, True)
        if content.lower() in _list_terms():
            return Value(start, end, "", True)
        if (image := _IMAGE.fullmatch(content)) and image["name"] in _list_terms():
            return Value(start + image.start("name"), start + image.end("name"), "", True)
    return Value(start, end, "", False) if _SENTENCE.match(content) else None


@cache
def _list_terms() -> frozenset[str]:
    return frozenset(term.name for term in list_software_terms() if term.is_unambiguous)


def restrict_to_cells(
    candidates: Sequence[EntityCandidate], cells: Sequence[Value]
) -> list[EntityCandidate]:
    """Return the candidates in sentences, those that are whole names, and labeled names.

    Args:
        candidates: What the rules found in a segment of values.
        cells: The values' spans in it, in order.
    """
    selected = []
    for candidate in candidates:
        index = bisect_right(cells, candidate.start, key=lambda cell: cell.start) - 1
        cell = cells[index]
        end = min(candidate.end, cell.end)  # without the sign that ends a cell
        if candidate.start < end and (
            not cell.is_name or (candidate.start, end) == (cell.start, cell.end)
        ):
            selected.append(candidate._replace(end=end))
    selected += [
        EntityCandidate(cell.start, cell.end, cell.type, f"data:{cell.type}", Tier.NAME_RULE)
        for cell in cells
        if cell.type
    ]
    return [*selected, *_complete_columns(selected, cells)]


def _complete_columns(
    candidates: Sequence[EntityCandidate], cells: Sequence[Value]
) -> Iterator[EntityCandidate]:
    """Yield the full names of which the recognizer found nothing, in a column of people.

    That is a column of which it takes half of the names, or more, for people.
    """
    kinds = {candidate.start: candidate.type for candidate in candidates}
    columns: dict[str, list[Value]] = {}
    for cell in cells:
        if cell.label and cell.is_name and not cell.type:
            columns.setdefault(cell.label, []).append(cell)
    for column in columns.values():
        people = sum(kinds.get(cell.start) == "person" for cell in column)
        if 2 * people >= len(column):
            for cell in column:
                if cell.start not in kinds and cell.end - cell.start <= _FULL_NAME_CHARACTERS:
                    rule = "data:person"
                    yield EntityCandidate(cell.start, cell.end, "person", rule, Tier.NAME_RULE)
