"""Score by the words around two names how likely they are together in something that is no fact.

Names that are together in a sentence are related, as long as the rules of `modality` see a fact
there. These rules read the grammar. People have more ways to say that something does not hold:
"the move of Tern to Lagos is off", "Tern on Redis? Not as long as Ida is here". A linear model
reads the words of the sentence and of its neighbors, by their place. Its weights were learned by
`bench.quality.cooccurrence_training`. Relations that a rule finds are not scored: in ordinary
texts, more facts would be lost than mistakes found.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.extraction.hashed_words import hash_terms, split_words

WEIGHTS_FILE = Path(__file__).with_name("cooccurrence_weights.npz")
MAX_ODDS = -0.3  # log-odds above which two names are not related

Floats = NDArray[np.float32]
Span = tuple[int, int]


@cache
def read_weights() -> Floats:
    """Return the weights of the package, ``(BUCKETS + 1,)``, the last one added to each score."""
    with np.load(WEIGHTS_FILE) as file:
        return np.asarray(file["weights"], np.float32)


def is_doubtful(text: str, sentences: Sequence[Span], first: Span, second: Span) -> bool:
    """Return whether two names are together in something that is probably no fact.

    Args:
        text: The text.
        sentences: First character of the sentence of the names and of those beside it, and one
            past the last of each.
        first: First character of a name, and one past its last.
        second: The same of the other name.
    """
    weights = read_weights()
    buckets = hash_words(text, sentences, first, second)
    return float(weights[buckets].sum() + weights[-1]) > MAX_ODDS


def hash_words(text: str, sentences: Sequence[Span], first: Span, second: Span) -> list[int]:
    """Return the buckets of the words around two names, each once.

    A word counts by its place (before both, between them, after them, in the previous or in the
    next sentence), and wherever it is.
    """
    first, second = sorted((first, second))
    here = [
        index
        for index, (start, end) in enumerate(sentences)
        if start < second[1] and first[0] < end
    ]
    begin, stop = (sentences[here[0]][0], sentences[here[-1]][1]) if here else (0, len(text))
    before = sentences[here[0] - 1][0] if here and here[0] > 0 else begin
    after = sentences[here[-1] + 1][1] if here and here[-1] + 1 < len(sentences) else stop
    terms: set[str] = set()
    for place, start, end in (
        ("previous", before, begin),
        ("before", begin, first[0]),
        ("between", first[1], second[0]),
        ("after", second[1], stop),
        ("next", stop, after),
    ):
        words, pairs = split_words(text[start:end])
        terms.update(words, (f"{place} {term}" for term in (*words, *pairs)))
    return hash_terms(terms)
