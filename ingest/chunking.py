"""Cutting a long text into overlapping passages that an encoder can take whole."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Offsets = Sequence[tuple[int, int]]

_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*$|[。！？]$")
_PARAGRAPH, _SENTENCE, _WORD, _INSIDE = 3, 2, 1, 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A piece of a text.

    Attributes:
        start: Where it begins in the text, in characters.
        end: Where it ends, exclusive.
        text: The characters between the two.
    """

    start: int
    end: int
    text: str


def split(
    text: str, offsets_of: Callable[[str], Offsets], *, max_tokens: int, overlap: int
) -> list[Passage]:
    """Cut a text into passages of at most `max_tokens` tokens.

    A text that fits is one passage, from its first to its last character. A longer one is cut at the end of a paragraph, else of a
    sentence, else between words, else (a word that is longer than a passage) between tokens. Every character but space at the edges of a
    passage is in at least one passage, and neighbours share up to `overlap` tokens, so that a sentence on a border is found in one piece.

    Args:
        text: Any text; an empty or blank one is one passage.
        offsets_of: The tokenizer: a text's tokens as pairs of character positions, in order, special tokens left out.
        max_tokens: The longest passage, at least 8 tokens.
        overlap: What neighbours share at most, fewer than half of `max_tokens`.

    Raises:
        ValueError: `max_tokens` or `overlap` is out of its range.
    """
    if max_tokens < 8 or not 0 <= overlap < max_tokens / 2:
        raise ValueError("max_tokens must be at least 8, and overlap less than half of it")
    offsets = offsets_of(text)
    if len(offsets) <= max_tokens:
        return [Passage(start=0, end=len(text), text=text)]
    levels = _levels(text, offsets)
    passages: list[Passage] = []
    first = done = 0
    while True:
        last = _cut(levels, first, min(first + max_tokens, len(offsets)), len(offsets))
        passage = _between(text, offsets, first, last)
        # Cut loose from what stood before it, the rest of a word may be spelt with more tokens than it had inside the text.
        while last - first > 1 and (surplus := len(offsets_of(passage.text)) - max_tokens) > 0:
            last = _separable(levels, first, max(first + 1, last - surplus))
            passage = _between(text, offsets, first, last)
        if last <= done:  # all of it is in the one before, so that they cannot overlap
            first = done
            continue
        if passage.text:
            passages.append(passage)
        if last == len(offsets):
            return passages
        done = last
        first = _next_start(levels, first, last, overlap)


def _levels(text: str, offsets: Offsets) -> list[int]:
    """How good a cut before each token is; -1 where two tokens share a character, so that no cut is possible."""
    levels = [_PARAGRAPH]
    for (_, end), (start, _) in pairwise(offsets):
        gap = text[end:start]
        if start < end:
            levels.append(-1)
        elif "\n\n" in gap or "\r\n\r\n" in gap:
            levels.append(_PARAGRAPH)
        elif "\n" in gap or (
            (gap.strip() != gap or text[end - 1] in "。！？")
            and _SENTENCE_END.search(text, max(0, end - 4), end)
        ):
            levels.append(_SENTENCE)
        else:
            levels.append(_WORD if gap.strip() != gap else _INSIDE)
    return levels


def _cut(levels: Sequence[int], first: int, last: int, total: int) -> int:
    """The token before which a passage ends that starts with `first` and may reach up to `last`."""
    if last == total:
        return last
    for level, share in ((_PARAGRAPH, 0.5), (_SENTENCE, 0.5), (_WORD, 0.75)):
        earliest = max(first + 1, first + int((last - first) * share))
        for index in range(last, earliest - 1, -1):
            if levels[index] >= level:
                return index
    return _separable(levels, first, last)


def _separable(levels: Sequence[int], first: int, last: int) -> int:
    """The nearest token at or before `last` (else after it) where a cut splits no character."""
    for index in range(last, first, -1):
        if levels[index] >= _INSIDE:
            return index
    return next(
        (index for index in range(last + 1, len(levels)) if levels[index] >= _INSIDE), len(levels)
    )


def _next_start(levels: Sequence[int], first: int, last: int, overlap: int) -> int:
    """Where the next passage starts: at the earliest good place among the last `overlap` tokens, after `first` in any case."""
    window = range(max(first + 1, last - overlap), last)
    for level in (_SENTENCE, _WORD):
        for index in window:
            if levels[index] >= level:
                return index
    return last


def _between(text: str, offsets: Offsets, first: int, last: int) -> Passage:
    """The text of the tokens `first` to `last` (exclusive), and of whatever the tokenizer leaves out around them, but for space."""
    start = offsets[first][0] if first else 0
    end = offsets[last][0] if last < len(offsets) else len(text)
    end = start + len(text[start:end].rstrip())
    start = end - len(text[start:end].lstrip())
    return Passage(start=start, end=end, text=text[start:end])
