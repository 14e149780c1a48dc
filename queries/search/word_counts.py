"""The words of candidates that a query has: how many, how rare, and which identifiers."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.text.irregular_forms import FORM_WEIGHT
from mcp_context_persistence.kg.text.languages import UNSPACED_CHARACTERS
from mcp_context_persistence.kg.text.normalization import fold
from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.kg.text.terms import tokenize
from mcp_context_persistence.kg.text.words import list_words

Floats = NDArray[np.float64]

K1, B = 1.2, 0.75  # Robertson and Zaragoza 2009
_LONGEST_UNSTEMMED = 3  # letters
_LONGEST_ENDING = 5
_PAIR = 2
_UNSPACED = re.compile(f"[{UNSPACED_CHARACTERS}]")
_SHORTEST_SPACED_NUMBER = 5  # digits of a number that a text may have with spaces in it


class WordCounts:
    """How often the query's words are in the texts, `matrix` of `(texts, words)`.

    A word stands for all that begin like its stem; another irregular form of it counts half, and so
    does another form of a word that is not English, where a text has the word itself.
    """

    def __init__(
        self,
        words: Sequence[str],
        words_by_text: Sequence[Sequence[str]],
        stems: Mapping[str, str],
        forms: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Count the words.

        Args:
            words: Those of the query.
            words_by_text: Those of each text.
            stems: The stems of words that are not English.
            forms: The irregular forms of words, which stand for them.
        """
        roots = list(dict.fromkeys(_find_root(word, stems.get(word)) for word in words))
        prefixes = tuple(prefix for prefix, _ in roots)
        initials = {prefix[0] for prefix in prefixes}  # most words differ in the first character
        columns: dict[str, int] = {}
        for word in set[str]().union(*words_by_text):
            if word[0] in initials and word.startswith(prefixes):
                for column, (prefix, longest) in enumerate(roots):
                    if len(word) <= longest and word.startswith(prefix):
                        columns[word] = column
                        break
        if all(map(_UNSPACED.fullmatch, prefixes)):
            columns |= _find_pairs(words_by_text, prefixes)
        weights: dict[str, float] = {}
        is_graded = np.zeros(len(roots), dtype=bool)
        for word in words:
            other_forms = forms.get(word, ()) if forms else ()
            column = roots.index(_find_root(word, stems.get(word)))
            if word in stems and word in columns:  # The stem may be another word: "iban", "ibanez".
                is_graded[column] = True
                weights |= {other: FORM_WEIGHT for other in columns if columns[other] == column}
                weights[word] = 1.0
            weights |= {form: FORM_WEIGHT for form in other_forms if form not in columns}
            columns = dict.fromkeys(other_forms, column) | columns
        self.matrix = np.zeros((len(words_by_text), len(roots)))
        for row, text in enumerate(words_by_text):
            for word in filter(columns.__contains__, text):
                self.matrix[row, columns[word]] += weights.get(word, 1.0)
        self._is_graded = is_graded
        texts_with_word = (self.matrix > 0).sum(axis=0)
        self._rarity = np.log(
            1 + (len(words_by_text) - texts_with_word + 0.5) / (texts_with_word + 0.5)
        )

    def score(self, counts: Floats, lengths: Floats | None = None) -> Floats:
        """Return BM25 scores.

        A length counts relative to the mean one, and as twice the mean where none is given.
        """
        norm = 2.0 if lengths is None else (1 - B + B * lengths / (lengths.mean() or 1.0))[:, None]
        scores: Floats = (self._rarity * counts * (K1 + 1) / (counts + K1 * norm)).sum(axis=1)
        return scores

    def measure_coverage(self, counts: Floats) -> Floats:
        """Return the share of the query's words that each text has.

        Of a word that is not English, other forms cover half.
        """
        covered = np.where(self._is_graded, np.minimum(counts, 1.0), counts > 0)
        shares: Floats = (covered * self._rarity).sum(axis=1) / (self._rarity.sum() or 1.0)
        return shares


def _find_pairs(words_by_text: Sequence[Sequence[str]], roots: Sequence[str]) -> dict[str, int]:
    """Return the pairs of characters that have one of a query of single characters.

    Without spaces between words, "傘" has no pair, and "私の傘は" has "の傘" and "傘は".
    """
    single = {root: column for column, root in enumerate(roots)}
    return {
        word: single[character]
        for word in set[str]().union(*words_by_text)
        for character in reversed(word)
        if len(word) == _PAIR and character in single
    }


def _find_root(word: str, known_stem: str | None) -> tuple[str, int]:
    """Return how the forms of a word begin, and how long they are at most.

    A short word has no other forms.
    """
    if known_stem:
        return known_stem, max(len(word), len(known_stem) + _LONGEST_ENDING)
    longest = max(word.split("_"), key=len)  # A vowel sign of an Indic script is part of its word.
    if len(longest) <= _LONGEST_UNSTEMMED:
        return longest, len(longest)
    root = stem(longest)
    return root, len(root) + _LONGEST_ENDING


def find_identifiers(texts: Sequence[str], identifiers: frozenset[str]) -> Floats:
    """Return for each text the share of the query's identifiers that it has."""
    # Whatever joins the parts, the longest is in a text that has the identifier.
    parts = tuple(max(identifier.split("_"), key=len) for identifier in identifiers)
    spaced = [
        identifier
        for identifier in identifiers
        if identifier.isalnum()
        and any(map(str.isdigit, identifier))
        and not (identifier.isdigit() and len(identifier) < _SHORTEST_SPACED_NUMBER)
    ]
    shares = np.zeros(len(texts))
    for index, text in enumerate(texts):
        if any(part in text for part in parts) or not text.isascii():
            words = {fold(token.text) for token in tokenize(text)}
            shares[index] = len(identifiers & words) / len(identifiers)
        elif spaced:
            words_of_text = list_words(text)
            present = sum(_has_run(words_of_text, identifier) for identifier in spaced)
            shares[index] = present / len(identifiers)
    return shares


def _has_run(words: Sequence[str], identifier: str) -> bool:
    """Return whether some words in a row make an identifier: "LH 1234" for "lh1234"."""
    for start, first in enumerate(words):
        joined, end = first, start + 1
        while len(joined) < len(identifier) and identifier.startswith(joined) and end < len(words):
            joined, end = joined + words[end], end + 1
        if joined == identifier:
            return True
    return False
