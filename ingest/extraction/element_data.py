"""Records and tables in HTML and XML: elements that contain one short value each."""

import re
from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.labels import read_headings
from mcp_context_persistence.ingest.extraction.tables import Cell

_TAG = r"[A-Za-z][\w:.-]{0,40}"
# Elements of prose; the others are cells of tables and fields of records.
_PROSE = (
    "a|abbr|address|article|b|big|blockquote|body|br|button|caption|cite|code|dd|div|dt|em|figcaption"
    "|font|footer|h[1-6]|header|i|kbd|label|li|mark|option|p|pre|q|s|script|section|small|span|strong"
    "|style|sub|summary|sup|svg|text|title|tt|u|var"
)
_VALUE = re.compile(
    rf"<(?!(?:{_PROSE})\b)(?P<tag>{_TAG})(?:\s[^<>]{{0,300}})?>\s*"
    r"(?P<value>[^<>\s](?:[^<>.!?]|[.!?](?!\s)){0,80}[.!?]?)</(?P=tag)\s?>",
    re.IGNORECASE,
)
_GAP = re.compile(rf"(?:\s|</?{_TAG}(?:\s[^<>]{{0,300}})?/?>|<!--[^<>]{{0,300}}-->)*")
_ROW_OR_VALUE = re.compile(rf"<(?P<row>tr)\b|{_VALUE.pattern}|<(?P<parent>{_TAG})", re.IGNORECASE)
_MIN_VALUES = 2
_NAME_TAGS = frozenset({"name", "fullname", "full-name", "displayname"})


def find_elements(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of values that follow each other with nothing but tags between them."""
    start = end = count = 0
    for match in _VALUE.finditer(text):
        if count and _GAP.fullmatch(text, end, match.start()):
            count, end = count + 1, match.end()
            continue
        if count >= _MIN_VALUES:
            yield start, end
        start, end, count = match.start(), match.end(), 1
    if count >= _MIN_VALUES:
        yield start, end


def find_element_values(text: str, start: int, end: int) -> Iterator[Cell]:
    """Yield the values with what announces them: the heading of a column, or the tag."""
    headings: list[str] = []
    parent, column, are_new = "", 0, False
    for match in _ROW_OR_VALUE.finditer(text, start, end):
        tag = match["tag"] or ""
        if match["row"]:
            if are_new:  # once for all rows below
                headings, are_new = read_headings(headings), False
            column = 0
        elif not tag:
            parent = match["parent"]
        elif tag.lower() == "th":
            headings[column:] = [match["value"]]
            column, are_new = column + 1, True
        else:
            heading = f"{parent} {tag}" if tag.lower() in _NAME_TAGS else tag
            if tag.lower() == "td":
                heading = headings[column] if column < len(headings) else ""
                column += 1
            yield Cell(match.start("value"), match.end("value"), heading)
