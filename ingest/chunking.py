"""Split a long text into overlapping passages that fit into an encoder."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Offsets = Sequence[tuple[int, int]]

_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*$|[。！？]$")
# How well a text can be cut before a token. Two tokens of one character cannot be cut apart.
_UNCUTTABLE, _IN_WORD, _WORD, _SENTENCE, _PARAGRAPH = -1, 0, 1, 2, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A part of a text.

    Attributes:
        start: Its first character, counted from 0 in the text.
        end: One past its last character.
        text: The characters between the two.
    """

    start: int
    end: int
    text: str


def split_text(
    text: str, offsets_of: Callable[[str], Offsets], *, max_tokens: int, overlap: int
) -> list[Passage]:
    """Split a text into passages of at most `max_tokens` tokens.

    A text that fits is one passage, from its first to its last character. A longer one is cut at
    the end of a paragraph, else of a sentence, else between words, else (in a word that is longer
    than a passage) between tokens. Every character is in at least one passage, except space at the
    edges of a passage. Neighbors share up to `overlap` tokens, so that a sentence at a cut is
    complete in one of them.

    Args:
        text: Any text; an empty or blank one is one passage.
        offsets_of: The tokenizer. It returns a text's tokens as pairs of character positions, in
            order, without special tokens.
        max_tokens: The longest passage, at least 8 tokens.
        overlap: The most tokens that neighbors share, fewer than half of `max_tokens`.

    Raises:
        ValueError: `max_tokens` or `overlap` is out of its range.
    """
    if max_tokens < 8 or not 0 <= overlap < max_tokens / 2:
        raise ValueError("max_tokens must be at least 8, and overlap less than half of it")
    if len(text) < max_tokens and text.isascii():  # each token has at least one of its characters
        return [Passage(start=0, end=len(text), text=text)]
    offsets = offsets_of(text)
    if len(offsets) <= max_tokens:
        return [Passage(start=0, end=len(text), text=text)]
    levels = _rate_cuts(text, offsets)
    passages: list[Passage] = []
    first = covered = 0
    while True:
        end = _find_cut(levels, first, min(first + max_tokens, len(offsets)))
        passage = _build_passage(text, offsets, first, end)
        # At the start of a passage, the rest of a word may have more tokens than inside the text.
        while end - first > 1 and (surplus := len(offsets_of(passage.text)) - max_tokens) > 0:
            end = _find_cuttable(levels, first, max(first + 1, end - surplus))
            passage = _build_passage(text, offsets, first, end)
        if end <= covered:  # The previous passage contains this one. Start without an overlap.
            first = covered
            continue
        if passage.text:
            passages.append(passage)
        if end == len(offsets):
            return passages
        covered = end
        first = _find_next_start(levels, first, end, overlap)


def _rate_cuts(text: str, offsets: Offsets) -> list[int]:
    """Return for each token how well the text can be cut before it."""
    levels = [_PARAGRAPH]
    for (_, end), (start, _) in pairwise(offsets):
        gap = text[end:start]
        has_space = gap.strip() != gap
        if start < end:
            levels.append(_UNCUTTABLE)
        elif "\n\n" in gap or "\r\n\r\n" in gap:
            levels.append(_PARAGRAPH)
        elif "\n" in gap or (
            (has_space or text[end - 1] in "。！？")
            and _SENTENCE_END.search(text, max(0, end - 4), end)
        ):
            levels.append(_SENTENCE)
        else:
            levels.append(_WORD if has_space else _IN_WORD)
    return levels


def _find_cut(levels: Sequence[int], first: int, limit: int) -> int:
    """Return the token before which a passage ends.

    Args:
        levels: How well the text can be cut before each token.
        first: The passage's first token.
        limit: The last possible cut.
    """
    if limit == len(levels):
        return limit
    for level, min_share in ((_PARAGRAPH, 0.5), (_SENTENCE, 0.5), (_WORD, 0.75)):
        earliest = max(first + 1, first + int((limit - first) * min_share))
        for index in range(limit, earliest - 1, -1):
            if levels[index] >= level:
                return index
    return _find_cuttable(levels, first, limit)


def _find_cuttable(levels: Sequence[int], first: int, limit: int) -> int:
    """Return the last token up to `limit`, else the next one, where a cut splits no character."""
    for index in range(limit, first, -1):
        if levels[index] >= _IN_WORD:
            return index
    return next(
        (index for index in range(limit + 1, len(levels)) if levels[index] >= _IN_WORD),
        len(levels),
    )


def _find_next_start(levels: Sequence[int], first: int, end: int, overlap: int) -> int:
    """Return the first token of the next passage: the earliest good cut in the overlap."""
    window = range(max(first + 1, end - overlap), end)
    for level in (_SENTENCE, _WORD):
        for index in window:
            if levels[index] >= level:
                return index
    return end


def _build_passage(text: str, offsets: Offsets, first: int, end: int) -> Passage:
    """Return the text of some tokens, with the characters next to them that the tokenizer omits.

    Space at the edges is left out.
    """
    start = offsets[first][0] if first else 0
    stop = offsets[end][0] if end < len(offsets) else len(text)
    stop = start + len(text[start:stop].rstrip())
    start = stop - len(text[start:stop].lstrip())
    return Passage(start=start, end=stop, text=text[start:stop])
