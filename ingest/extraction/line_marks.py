"""Marks in a text by which its words are no facts: open tasks, and what is struck through."""

import re
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.results import Mention

LIST_MARKS = frozenset({"-", "*", "•", "–", "—", "+"})
_LONGEST = 500
_MARKED = re.compile(
    r"(?m:^)[ \t>]*(?:(?:[-*+•]|\d{1,3}[.)])[ \t]+)?(?P<planned>(?:\[ ?\]|[☐⬜🔲])[^\n]*)"
    rf"|(?P<past>~~[^~\n]{{1,{_LONGEST}}}~~)"
)
# A text without any of these has no marks.
_SIGNS = ("[]", "[ ]", "~~", "☐", "⬜", "🔲")


class LineMark(NamedTuple):
    """A marked part of a text, and the modality of what it states."""

    start: int
    end: int
    modality: str

    def has_both(self, source: Mention, target: Mention) -> bool:
        """Return whether both ends of a relation are in the marked part."""
        return all(self.start <= mention.start < self.end for mention in (source, target))


def find_line_marks(text: str, start: int, end: int) -> list[LineMark]:
    """Return the marks in a part of a text, and those that reach into it."""
    if not any(sign in text for sign in _SIGNS):
        return []
    begin, last = max(0, start - _LONGEST), min(len(text), end + _LONGEST)
    return [
        LineMark(*match.span(match.lastgroup or 0), match.lastgroup or "")
        for match in _MARKED.finditer(text, begin, last)
    ]
