"""Choose the consecutive sentences of a text that are worth showing."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from mcp_context_persistence.kg.text.languages import ENGLISH, detect_language
from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.kg.text.terms import list_index_terms
from mcp_context_persistence.kg.text.words import list_words
from mcp_context_persistence.queries.prompt_context.sentences import Sentences

USUAL_WINDOW = 40  # tokens of pieces in a small budget
_BORDER_CHARACTERS = 40  # on either side of the border of two pieces, in which a word may be cut


@dataclass(frozen=True, kw_only=True)
class QueryWords:
    """The words of a query.

    Attributes:
        words: The words.
        variants: The terms of the fulltext index that stand for them.
    """

    words: Sequence[str]
    variants: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def find_in_sentences(self, text: Sentences) -> list[frozenset[str]]:
        """Return for each sentence which of the words it contains, in any form."""
        language = self._detect_language(text)
        return [self._find(sentence, language) for sentence in text.sentences]

    def find_at_borders(self, text: Sentences) -> list[frozenset[str]]:
        """Return for each sentence but the last the words that its end cuts into two."""
        language = self._detect_language(text)
        words = []
        for (start, end), (next_start, next_end) in zip(text.spans, text.spans[1:], strict=False):
            before = text.text[max(start, end - _BORDER_CHARACTERS) : end]
            after = text.text[next_start : min(next_end, next_start + _BORDER_CHARACTERS)]
            is_cut = end == next_start and not before[-1:].isspace()
            words.append(
                self._find(before + after, language)
                - self._find(before, language)
                - self._find(after, language)
                if is_cut
                else frozenset[str]()
            )
        return words

    def _detect_language(self, text: Sentences) -> str | None:
        """Return the language of a text, None where English stems are enough."""
        language = detect_language(text.text) if self.variants else None
        return None if language == ENGLISH else language

    def _find(self, text: str, language: str | None) -> frozenset[str]:
        stems = frozenset(map(stem, list_words(text)))
        words = frozenset(word for word in self.words if stem(word) in stems)
        if not language:
            return words
        terms = frozenset(list_index_terms(text, language))
        return words | {
            word for word in self.words if not terms.isdisjoint(self.variants.get(word, ()))
        }


@dataclass(frozen=True, kw_only=True)
class Window:
    """How many tokens may be shown of a text.

    Attributes:
        preferred: The token limit, unless only a longer sentence contains a word, or no sentence is
            that short.
        largest: The token limit in these cases.
    """

    preferred: int
    largest: int

    @property
    def preferred_of_pieces(self) -> int:
        """The token limit for pieces of a sentence, which need some words near the matching one."""
        return max(self.preferred, min(self.largest, USUAL_WINDOW))


def choose_sentences(
    text: Sentences, sizes: Sequence[int], *, words: QueryWords, window: Window
) -> tuple[int, int]:
    """Choose the consecutive sentences that contain most of the words.

    Args:
        text: The text.
        sizes: The tokens of each sentence.
        words: The words that they should contain.
        window: How many tokens may be shown, without the marks for omitted sentences.

    Returns:
        The first and the last (exclusive) sentence; the same twice if none fits.
    """
    matches = words.find_in_sentences(text)
    runs = _Runs(sizes, matches, words.find_at_borders(text), is_centered=text.has_pieces)
    first, last = runs.find_best(window.preferred)
    if any(matches[first:last]):
        return first, last
    longer_run = runs.find_best(window.largest)
    matching = [index for index in range(*longer_run) if matches[index]]
    if matching:
        return matching[0], matching[-1] + 1
    return (first, last) if first < last else longer_run


class _Runs:
    """The runs of consecutive sentences of a text.

    Args:
        sizes: The tokens of each sentence.
        matches: The words in each sentence.
        borders: The words on the borders of two sentences.
        is_centered: Whether the words should be in the middle of a run.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        matches: Sequence[frozenset[str]],
        borders: Sequence[frozenset[str]],
        *,
        is_centered: bool,
    ) -> None:
        self._sizes, self._matches, self._borders = sizes, matches, borders
        self._is_centered = is_centered
        self._ends = [0, *accumulate(sizes)]  # tokens before each sentence
        self._matching = [index for index, found in enumerate(matches) if found]

    def find_best(self, max_tokens: int) -> tuple[int, int]:
        """Return the best run within a token limit.

        It has most distinct words, then the words in the middle, then most sentences; of equal runs
        it is the first one.
        """
        best, best_rank = (0, 0), (0, 0, 0)
        counts: Counter[str] = Counter()
        end = 0
        for start in range(len(self._sizes)):
            end = max(end, start)
            while end < len(self._sizes) and self._ends[end + 1] - self._ends[start] <= max_tokens:
                counts.update(self._matches[end])
                if end > start:
                    counts.update(self._borders[end - 1])
                end += 1
            rank = (
                sum(count > 0 for count in counts.values()),
                self._measure_balance(start, end),
                end - start,
            )
            if rank > best_rank:
                best, best_rank = (start, end), rank
            if end > start:
                counts.subtract(self._matches[start])
                if end > start + 1:
                    counts.subtract(self._borders[start])
        return best

    def _measure_balance(self, start: int, end: int) -> int:
        """Return how well the words are in the middle: the tokens on their shorter side.

        What follows a word is rather its answer than what precedes it.
        """
        first = bisect_left(self._matching, start)
        last = bisect_left(self._matching, end) - 1
        if not self._is_centered or last < first:
            return 0
        before = self._ends[self._matching[first]] - self._ends[start]
        after = self._ends[end] - self._ends[self._matching[last] + 1]
        return 2 * min(before, after) + (after >= before)
