"""Split texts into sentences, lines and pieces, and render some of them."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mcp_context_persistence.kg.text.normalization import fold

OMITTED = "…"
AREA_CHARACTERS = 20_000  # of a long text are looked at: those with most of the query's words
# What an abbreviation before a name or a number ends with is not the end of a sentence.
_ABBREVIATIONS = "".join(
    rf"(?<!\b{word}\.)"
    for word in (
        *("Dr", "Mr", "Mrs", "Ms", "Prof", "St", "Ing", "Fr", "Hr", "Sra", "Mme", "No", "Nr"),
        *("vs", "e\\.g", "i\\.e", "approx", "z\\.B", "bzw", "ca"),
    )
)
_END = re.compile(
    rf"{_ABBREVIATIONS}(?:(?<=[.!?…؟।])|(?<=[.!?…؟।][\"'”’)\]]))\s+|"
    r"(?<=[。！？｡])(?![\"'”’」』）)\]])|"
    r"(?<=[。！？｡][\"'”’」』）)\]])|\n+"
)
_LINE_END = re.compile(r"\n+")
_FENCE_LINE = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)$", re.MULTILINE)
# Places where a long sentence is cut, the best first: after a clause, between words, after a sign.
_BREAKS = (
    re.compile(r"[,;:–—](?=\s)|[，、；：﹐﹑﹔﹕·،؛]|\)(?=\s)"),
    re.compile(r"\s(?=\S)"),
    re.compile(r"[,;|&=/)}\]>](?=\S)"),
)
_JOINED = re.compile(
    r"[\u0300-\u036f\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\u0900-\u0903\u093a-\u094f]"
)
_MAX_COMBINED = 16  # characters that are shown as a single one, at most


@dataclass(frozen=True, kw_only=True)
class Fence:
    """A block of code between two fences.

    Attributes:
        start: Where the line of the first fence begins.
        end: Where the line of the second fence ends, or the text.
        opening: The first line.
        closing: The second line, without white space.
        is_open: Whether the second line is missing.
    """

    start: int
    end: int
    opening: str
    closing: str
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class Sentences:
    """A text with its sentences and lines.

    Attributes:
        text: The text without white space at its ends.
        spans: Start and end of each sentence.
        fences: Its blocks of code.
        is_cut: Whether the original text goes on after the last sentence.
        is_cut_before: Whether it begins before the first sentence.
        is_divided: Whether some of the sentences are pieces of one.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    fences: tuple[Fence, ...] = ()
    is_cut: bool = False
    is_cut_before: bool = False
    is_divided: bool = False

    @property
    def has_pieces(self) -> bool:
        """Whether it has pieces of sentences, or lines of code."""
        return self.is_divided or bool(self.fences)

    @property
    def sentences(self) -> list[str]:
        """The sentences."""
        return [self.text[start:end] for start, end in self.spans]

    @property
    def fence_lines(self) -> list[str]:
        """The lines that may be added so that a block of code is complete."""
        return [line for fence in self.fences for line in (fence.opening, fence.closing)]

    def render(self, first: int, last: int) -> str:
        """Return the sentences from `first` to `last` (exclusive), with marks for omitted ones.

        Line breaks stay. A block of code is complete. A text that begins with one begins with a
        line break, because a fence is only one at the start of a line.
        """
        excerpt = self.text[self.spans[first][0] : self.spans[last - 1][1]]
        opening, closing = self.find_missing_fences(first, last)
        if not opening:
            excerpt = excerpt.lstrip(" ")
        lines = [opening, _indent_lines(excerpt), closing]
        body = "\n  ".join(line for line in lines if line)
        omits_before, omits_after = self._omissions(first, last)
        starts_with_fence = _FENCE_LINE.match(body) is not None
        ends_with_fence = _FENCE_LINE.match(body.rpartition("\n")[2]) is not None
        before = (OMITTED if omits_before else "") + (
            "\n  " if starts_with_fence else " " if omits_before else ""
        )
        after = (("\n  " if ends_with_fence else " ") + OMITTED) if omits_after else ""
        return f"{before}{body}{after}"

    def find_missing_fences(self, first: int, last: int) -> tuple[str, str]:
        """Return the fences that the sentences from `first` to `last` (exclusive) lack."""
        start, end = self.spans[first][0], self.spans[last - 1][1]
        opening = closing = ""
        for fence in self.fences:
            if fence.start < start < fence.end:
                opening = fence.opening
            if fence.start < end and (end < fence.end or (fence.is_open and end == fence.end)):
                closing = fence.closing
        return opening, closing

    def count_marks(self, first: int, last: int) -> int:
        """Return the number of marks for omitted sentences."""
        return sum(self._omissions(first, last))

    def _omissions(self, first: int, last: int) -> tuple[bool, bool]:
        return (
            first > 0 or self.is_cut_before,
            last < len(self.spans) or self.is_cut,
        )

    def split_long(self, lengths: Sequence[int | None]) -> "Sentences":
        """Return the text with some sentences divided into pieces of at most so many characters.

        Args:
            lengths: For each sentence the most characters of a piece, None to leave it whole.
        """
        spans = [
            piece
            for span, length in zip(self.spans, lengths, strict=True)
            for piece in ([span] if length is None else _cut(self.text, *span, length=length))
        ]
        return replace(self, spans=tuple(spans), is_divided=True)


def split_sentences(text: str, *, is_cut: bool = False, words: Sequence[str] = ()) -> Sentences:
    """Split a text into sentences and lines; a line of code is not divided.

    The last sentence of a cut text is left out, because it may be incomplete. Of a very long text
    only an area is looked at.

    Args:
        text: The text.
        is_cut: Whether the original text goes on.
        words: The words of the query, by which the area is chosen.
    """
    text = text.strip()
    fences = tuple(_find_fences(text))
    start, end = _find_area(text, words)
    if is_cut and end == len(text):
        cuts = [match.start() for match in _END.finditer(text, start, end)]
        end = cuts[-1] if cuts else max(text.rfind(" ", start, end), start)
    spans = tuple(
        (first, last)
        for first, last in _split_area(text, start, end, fences)
        if text[first:last].strip()
    )
    return Sentences(
        text=text,
        spans=spans,
        fences=fences,
        is_cut=is_cut or end < len(text),
        is_cut_before=start > 0,
    )


def _split_area(
    text: str, start: int, end: int, fences: Sequence[Fence]
) -> Iterator[tuple[int, int]]:
    """Yield the spans of sentences outside of code, and of lines inside."""
    borders = sorted({start, end, *(edge for fence in fences for edge in (fence.start, fence.end))})
    borders = [border for border in borders if start <= border <= end]
    starts = [fence.start for fence in fences]
    for first, last in pairwise(borders):
        index = bisect_right(starts, first) - 1
        is_code = index >= 0 and first < fences[index].end
        separators = [
            match.span() for match in (_LINE_END if is_code else _END).finditer(text, first, last)
        ]
        yield from zip(
            [first, *(edge for _, edge in separators)],
            [*(edge for edge, _ in separators), last],
            strict=True,
        )


def _find_fences(text: str) -> Iterator[Fence]:
    """Yield the blocks of code; one whose second fence is missing ends with the text."""
    opening: re.Match[str] | None = None
    for match in _FENCE_LINE.finditer(text):
        if opening is None:
            opening = None if "`" in match["info"] and match["fence"][0] == "`" else match
        elif match["fence"].startswith(opening["fence"]) and not match["info"].strip():
            yield _build_fence(opening, match.end(), is_open=False)
            opening = None
    if opening is not None:
        yield _build_fence(opening, len(text), is_open=True)


def _build_fence(opening: re.Match[str], end: int, *, is_open: bool) -> Fence:
    return Fence(
        start=opening.start(),
        end=end,
        opening=opening[0].strip(),
        closing=opening["fence"],
        is_open=is_open,
    )


def _find_area(text: str, words: Sequence[str]) -> tuple[int, int]:
    """Return the part of a long text with most distinct words, cut at white space."""
    if len(text) <= AREA_CHARACTERS:
        return 0, len(text)
    hits = _find_hits(text, words)
    counts: Counter[str] = Counter()
    best, best_count, oldest = 0, 0, 0
    for position, word in hits:
        counts[word] += 1
        while position - hits[oldest][0] > AREA_CHARACTERS // 2:
            counts[hits[oldest][1]] -= 1
            oldest += 1
        distinct = sum(count > 0 for count in counts.values())
        if distinct > best_count:
            best, best_count = (hits[oldest][0] + position) // 2, distinct
    start = max(0, min(best - AREA_CHARACTERS // 2, len(text) - AREA_CHARACTERS))
    end = start + AREA_CHARACTERS
    spaces = [match.end() for match in re.finditer(r"\s", text[start : start + 200])]
    start = start + spaces[0] if start and spaces else start
    last_space = text.rfind(" ", end - 200, end)
    return start, last_space if end < len(text) and last_space > start else min(end, len(text))


def _find_hits(text: str, words: Sequence[str]) -> list[tuple[int, str]]:
    """Return where words begin in a text, by their first characters."""
    prefixes = [re.escape(word[: max(3, len(word) - 3)]) for word in words]
    if not prefixes:
        return []
    forms = (form for form in (fold(text), text.lower(), text) if len(form) == len(text))
    pattern = re.compile("|".join(sorted(prefixes, key=len, reverse=True)))
    return [(match.start(), match[0]) for match in pattern.finditer(next(forms))]


def _cut(text: str, start: int, end: int, *, length: int) -> Iterator[tuple[int, int]]:
    """Yield pieces of a sentence, cut after clauses, else between words, else anywhere."""
    while end - start > length:
        edge = _find_break(text, start, length)
        yield start, edge
        start = edge
    if start < end:
        yield start, end


def _find_break(text: str, start: int, length: int) -> int:
    latest = start + length
    for pattern in _BREAKS:
        edges = [match.end() for match in pattern.finditer(text, start + length // 2, latest)]
        if edges:
            return edges[-1]
    edge = latest
    while edge > max(start + 1, latest - _MAX_COMBINED) and _is_joined(text, edge):
        edge -= 1
    return latest if _is_joined(text, edge) else edge


def _is_joined(text: str, position: int) -> bool:
    """Return whether two characters are shown as a single one."""
    return bool(_JOINED.match(text, position)) or text[position - 1] == "\u200d"


def _indent_lines(text: str) -> str:
    """Return the lines without blank ones, all but the first indented.

    An indented line cannot look like a heading or a citation of the prompt context.
    """
    return "\n  ".join(line.rstrip() for line in text.splitlines() if line.strip())
