"""The sentences of a text, and those of them that are worth showing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_context_persistence.queries.search.query_terms import tokenize
from mcp_context_persistence.queries.search.query_terms import stem

OMITTED = "…"
_END = re.compile(r"(?:(?<=[.!?…。！？])|(?<=[.!?…。！？][\"'”’)\]]))\s+|\n+")


@dataclass(frozen=True, kw_only=True)
class Sentences:
    """A text in its sentences and lines.

    Attributes:
        text: Without blank space around it.
        spans: Where each begins and ends.
        cut: Whether the text goes on beyond what is known of it.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    cut: bool = False

    @property
    def parts(self) -> list[str]:
        """The sentences one by one."""
        return [self.text[start:end] for start, end in self.spans]

    def between(self, first: int, last: int) -> str:
        """Some of them in a row as they are shown, with marks where something is left out; lines stay lines."""
        said = _tidy(self.text[self.spans[first][0] : self.spans[last - 1][1]])
        before, after = self._left_out(first, last)
        return f"{f'{OMITTED} ' * before}{said}{f' {OMITTED}' * after}"

    def marks(self, first: int, last: int) -> int:
        """How many marks of what is left out stand there."""
        return sum(self._left_out(first, last))

    def _left_out(self, first: int, last: int) -> tuple[bool, bool]:
        return first > 0, last < len(self.spans) or self.cut


def split(text: str, *, cut: bool = False) -> Sentences:
    """The sentences and the lines of a text; the last one is left out where the text was cut, which may be inside it."""
    text = text.strip()
    ends = [found.span() for found in _END.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    spans = zip(starts, [*(start for start, _ in ends), len(text)], strict=True)
    whole = tuple((start, end) for start, end in spans if text[start:end].strip())
    return Sentences(text=text, spans=whole[:-1] if cut else whole, cut=cut)


def best(
    text: Sentences, sizes: Sequence[int], *, words: Sequence[str], most: int, room: int, mark: int
) -> tuple[int, int]:
    """The sentences in a row that have most of the words.

    Args:
        text: The text.
        sizes: The tokens of each sentence.
        words: What they should have.
        most: Tokens at most, if so few are enough for any sentence, or for one that has a word where some have.
        room: Tokens at most, otherwise.
        mark: Tokens of a mark of what is left out.

    Returns:
        The first one and the last (exclusive): all where they fit, the same twice where none does.
    """
    if sum(sizes) + mark * text.marks(0, len(sizes)) <= most:
        return 0, len(sizes)
    asked = frozenset(map(stem, words))
    held = [asked & frozenset(map(stem, tokenize(part))) for part in text.parts]
    first, last = _most(held, sizes, most - 2 * mark)
    if any(held[first:last]):
        return first, last
    wide = _most(held, sizes, room - 2 * mark)
    telling = [place for place in range(*wide) if held[place]]
    if telling:
        return telling[0], telling[-1] + 1
    return (first, last) if first < last else wide


def _most(held: Sequence[frozenset[str]], sizes: Sequence[int], most: int) -> tuple[int, int]:
    return max(
        (_run(sizes, start, most) for start in range(len(sizes))),
        key=lambda run: (len(frozenset[str]().union(*held[slice(*run)])), run[1] - run[0], -run[0]),
        default=(0, 0),
    )


def _run(sizes: Sequence[int], start: int, most: int) -> tuple[int, int]:
    """The sentences from one on that fit."""
    end, room = start, most
    while end < len(sizes) and sizes[end] <= room:
        room -= sizes[end]
        end += 1
    return start, end


def _tidy(text: str) -> str:
    """The same lines without what is blank; all but the first are indented, so that none looks like a heading or a citation."""
    return "\n  ".join(line.rstrip() for line in text.splitlines() if line.strip())
