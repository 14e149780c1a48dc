"""Fit texts into a token budget: whole, or the sentences and pieces with the query's words."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from mcp_context_persistence.queries.prompt_context.sentences import (
    OMITTED,
    Sentences,
    split_sentences,
)
from mcp_context_persistence.queries.prompt_context.windows import (
    QueryWords,
    Window,
    choose_sentences,
)

# Returns the number of tokens of each text.
TokenCounter = Callable[[Sequence[str]], Sequence[int]]

LINE_BREAK, BLANK_LINE = "\n", "\n\n"
MAX_MESSAGE_SHARE = 1 / 3  # of the budget for one message, unless one of its sentences is longer
LONGEST_SENTENCE = 60  # tokens; a longer one is divided where it takes too much of the budget
SHORTEST_WINDOW = 8  # tokens, below which a part of a sentence says nothing
_PIECES = 4  # of a long sentence that a window shows
_SHORTEST_PIECE = 24  # characters
_MAX_ROUNDS = 6  # of dividing pieces whose tokens are more than those of the rest


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What surrounds a text in the prompt context.

    Attributes:
        labels: The citation, and the citation with the author if there is one.
        headings: The heading of its source, and the heading of its day.
        author: The author; a text that begins with it gets no other label.
        is_cut: Whether the original text is longer.
    """

    labels: tuple[str, ...]
    headings: tuple[str, str]
    author: str
    is_cut: bool


@dataclass(frozen=True, kw_only=True)
class FittedText:
    """A text as it is shown.

    Attributes:
        text: The text with its label.
        shown_text: The text without the label.
        tokens: Tokens of the text and the line break.
        heading_tokens: Tokens of the headings, line breaks included.
    """

    text: str
    shown_text: str
    tokens: int
    heading_tokens: tuple[int, int]


class TextFitter:
    """Fits texts into the token budget of a prompt context."""

    def __init__(self, count_tokens: TokenCounter, *, budget: int, words: QueryWords) -> None:
        self._count_tokens = count_tokens
        self._budget = budget
        self._words = words
        self._tokens: dict[str, int] = {}

    def fit(self, texts: Sequence[str], *, frames: Sequence[Frame]) -> list[FittedText | None]:
        """Return each text as it is shown, None where nothing of it fits.

        The tokens of all texts are counted together.
        """
        divided = [
            split_sentences(text, is_cut=frame.is_cut, words=self._words.words)
            for text, frame in zip(texts, frames, strict=True)
        ]
        parts = chain(*(text.sentences + text.fence_lines for text in divided))
        surroundings = chain(*(frame.labels + frame.headings for frame in frames))
        self._count([LINE_BREAK, BLANK_LINE, OMITTED, *parts, *surroundings])
        windows = [
            self._find_window(text, frame) for text, frame in zip(divided, frames, strict=True)
        ]
        divided = self._divide(divided, windows)
        return [
            self._show(text, frame, window)
            for text, frame, window in zip(divided, frames, windows, strict=True)
        ]

    def _count(self, texts: Iterable[str]) -> None:
        """Count the tokens of texts, without those that the counter adds to every text."""
        new = [text for text in dict.fromkeys(["", *texts]) if not text or text not in self._tokens]
        counts = self._count_tokens(new)
        for text, count in zip(new, counts, strict=True):
            self._tokens[text] = max(0, count - counts[0])

    def _find_window(self, text: Sentences, frame: Frame) -> Window:
        """Return how many tokens may be shown of a text, apart from its label and marks."""
        fences = [
            self._tokens[fence.opening] + self._tokens[fence.closing] for fence in text.fences
        ]
        lines = max(fences) + 2 * self._tokens[LINE_BREAK] if fences else 0
        label = max(self._tokens[label] for label in frame.labels) + self._tokens[LINE_BREAK]
        surroundings = label + 2 * self._tokens[OMITTED] + lines
        heading = self._tokens[frame.headings[0]] + self._tokens[BLANK_LINE]
        return Window(
            preferred=int(self._budget * MAX_MESSAGE_SHARE) - surroundings,
            largest=self._budget - surroundings - heading,
        )

    def _divide(self, texts: Sequence[Sentences], windows: Sequence[Window]) -> list[Sentences]:
        """Return the texts with the sentences divided that are too long for their windows."""
        divided = list(texts)
        for _ in range(_MAX_ROUNDS):
            lengths = [
                self._find_lengths(text, window)
                for text, window in zip(divided, windows, strict=True)
            ]
            changed = [index for index, row in enumerate(lengths) if any(row)]
            if not changed:
                break
            for index in changed:
                divided[index] = divided[index].split_long(lengths[index])
            self._count(chain(*(divided[index].sentences for index in changed)))
        return divided

    def _find_lengths(self, text: Sentences, window: Window) -> list[int | None]:
        """Return the most characters of a piece of each sentence, None for one that stays whole."""
        sizes = [self._tokens[sentence] for sentence in text.sentences]
        longest = min(max(window.preferred, LONGEST_SENTENCE), window.largest)
        is_whole = sum(sizes) <= window.preferred
        if is_whole or window.largest < SHORTEST_WINDOW:
            return [None] * len(sizes)
        room = window.preferred_of_pieces // _PIECES
        return [
            max(_SHORTEST_PIECE, (end - start) * room // size)
            if size > longest and end - start > _SHORTEST_PIECE
            else None
            for size, (start, end) in zip(sizes, text.spans, strict=True)
        ]

    def _show(self, text: Sentences, frame: Frame, window: Window) -> FittedText | None:
        sizes = [self._tokens[sentence] for sentence in text.sentences]
        marks = text.count_marks(0, len(sizes)) - 2
        if sum(sizes) + marks * self._tokens[OMITTED] <= window.preferred:
            first, last = 0, len(sizes)
        else:
            if text.is_divided:
                window = replace(window, preferred=window.preferred_of_pieces)
            first, last = choose_sentences(text, sizes, words=self._words, window=window)
        if first >= last:
            return None
        shown_text = text.render(first, last)
        has_author = shown_text.startswith(f"{frame.author}:")
        label = frame.labels[0] if has_author else frame.labels[-1]
        fences = [line for line in text.find_missing_fences(first, last) if line]
        source_tokens, day_tokens = (
            self._tokens[heading] + self._tokens[BLANK_LINE] for heading in frame.headings
        )
        return FittedText(
            text=(label.rstrip() if shown_text.startswith("\n") else label) + shown_text,
            shown_text=shown_text,
            tokens=self._tokens[label]
            + sum(sizes[first:last])
            + sum(self._tokens[line] for line in fences)
            + self._tokens[LINE_BREAK] * (1 + shown_text.count("\n"))
            + self._tokens[OMITTED] * text.count_marks(first, last),
            heading_tokens=(source_tokens, day_tokens),
        )
