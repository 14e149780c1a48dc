"""Split texts into sentences, and choose those that are worth showing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.queries.search.query_terms import tokenize

OMITTED = "…"
_END = re.compile(r"(?:(?<=[.!?…。！？])|(?<=[.!?…。！？][\"'”’)\]]))\s+|\n+")


@dataclass(frozen=True, kw_only=True)
class Sentences:
    """A text with its sentences and lines.

    Attributes:
        text: The text without white space at its ends.
        spans: Start and end of each sentence.
        is_cut: Whether the original text goes on after this one.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    is_cut: bool = False

    @property
    def sentences(self) -> list[str]:
        """The sentences."""
        return [self.text[start:end] for start, end in self.spans]

    def render(self, first: int, last: int) -> str:
        """Return the sentences from `first` to `last` (exclusive), with marks for omitted ones.

        Line breaks stay.
        """
        excerpt = _indent_lines(self.text[self.spans[first][0] : self.spans[last - 1][1]])
        omits_before, omits_after = self._omissions(first, last)
        return f"{f'{OMITTED} ' * omits_before}{excerpt}{f' {OMITTED}' * omits_after}"

    def count_marks(self, first: int, last: int) -> int:
        """Return the number of marks for omitted sentences."""
        return sum(self._omissions(first, last))

    def _omissions(self, first: int, last: int) -> tuple[bool, bool]:
        return first > 0, last < len(self.spans) or self.is_cut


def split_sentences(text: str, *, is_cut: bool = False) -> Sentences:
    """Split a text into sentences and lines.

    The last sentence of a cut text is left out, because it may be incomplete.
    """
    text = text.strip()
    separators = [match.span() for match in _END.finditer(text)]
    starts = [0, *(end for _, end in separators)]
    ends = [*(start for start, _ in separators), len(text)]
    spans = tuple(
        (start, end) for start, end in zip(starts, ends, strict=True) if text[start:end].strip()
    )
    return Sentences(text=text, spans=spans[:-1] if is_cut else spans, is_cut=is_cut)


def choose_sentences(
    text: Sentences,
    sizes: Sequence[int],
    *,
    words: Sequence[str],
    preferred_tokens: int,
    max_tokens: int,
    mark_tokens: int,
) -> tuple[int, int]:
    """Choose the consecutive sentences that contain most of the words.

    Args:
        text: The text.
        sizes: The tokens of each sentence.
        words: The words that they should contain.
        preferred_tokens: The token limit, unless only a longer sentence contains a word, or no
            sentence is that short.
        max_tokens: The token limit in these cases.
        mark_tokens: Tokens of a mark for omitted sentences.

    Returns:
        The first and the last (exclusive) sentence: all if they fit, the same twice if none fits.
    """
    if sum(sizes) + mark_tokens * text.count_marks(0, len(sizes)) <= preferred_tokens:
        return 0, len(sizes)
    stems = frozenset(map(stem, words))
    matches = [stems & frozenset(map(stem, tokenize(sentence))) for sentence in text.sentences]
    first, last = _find_best_run(matches, sizes, preferred_tokens - 2 * mark_tokens)
    if any(matches[first:last]):
        return first, last
    longer_run = _find_best_run(matches, sizes, max_tokens - 2 * mark_tokens)
    matching = [index for index in range(*longer_run) if matches[index]]
    if matching:
        return matching[0], matching[-1] + 1
    return (first, last) if first < last else longer_run


def _find_best_run(
    matches: Sequence[frozenset[str]], sizes: Sequence[int], max_tokens: int
) -> tuple[int, int]:
    """Return the run with most distinct matches, then with most sentences, then the first one."""
    return max(
        (_longest_run(sizes, start, max_tokens) for start in range(len(sizes))),
        key=lambda run: (
            len(frozenset[str]().union(*matches[slice(*run)])),
            run[1] - run[0],
            -run[0],
        ),
        default=(0, 0),
    )


def _longest_run(sizes: Sequence[int], start: int, max_tokens: int) -> tuple[int, int]:
    """Return the longest run of sentences from `start` that fits."""
    end, free_tokens = start, max_tokens
    while end < len(sizes) and sizes[end] <= free_tokens:
        free_tokens -= sizes[end]
        end += 1
    return start, end


def _indent_lines(text: str) -> str:
    """Return the lines without blank ones, all but the first indented.

    An indented line cannot look like a heading or a citation of the prompt context.
    """
    return "\n  ".join(line.rstrip() for line in text.splitlines() if line.strip())
