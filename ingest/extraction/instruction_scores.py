"""Score how likely clauses are an instruction, a preference or a fact about the user.

Rules know the common wordings; people have many more ("Celsius or I'm not listening", "they put me
on sertraline in the spring"). Two linear models are added: one of the words, which is quick and
rejects most sentences, and one of what the lower layers of the embedding model know of the clause,
of its sentence and of its first word. Their weights were learned by
`bench.quality.instruction_training`.
"""

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.extraction.hashed_words import hash_terms, split_words
from mcp_context_persistence.ingest.extraction.instruction_clauses import split_into_clauses
from mcp_context_persistence.ingest.extraction.instruction_wordings import Kind
from mcp_context_persistence.ingest.models.token_states import TokenStateReader, TokenStates
from mcp_context_persistence.kg.errors import VectorDBError

# The classes of a clause, after "none".
KINDS: tuple[Kind, ...] = get_args(Kind)
WEIGHTS_FILE = Path(__file__).with_name("instruction_weights.npz")
MIN_WORD_SCORE = -0.5  # of the best clause of a sentence that the embedding model reads
WORD_SHARE = 0.3  # of the score of the words in that of a clause
MIN_SCORE = 0.3  # of a clause
MIN_NEIGHBOR_SCORE = -2.0  # of a clause beside it that belongs to it

_log = logging.getLogger(__name__)

Floats = NDArray[np.float32]


class Weights(NamedTuple):
    """What was learned.

    Attributes:
        words: ``(BUCKETS + 1,)``, the last one added to each score.
        states: ``(features + 1, 1 + len(KINDS))``, the last row added to each.
    """

    words: Floats
    states: Floats


class ScoredClause(NamedTuple):
    """A clause that is an instruction, by its characters in the sentence."""

    start: int
    end: int
    kind: Kind


class InstructionScorer:
    """Scores sentences. Threads may share an instance.

    Where the embedding model cannot be loaded, nothing is found, and the log says so once.
    """

    def __init__(self, reader: TokenStateReader | None = None) -> None:
        """Keep the reader of the sentences, or one of its own; nothing is loaded."""
        self._reader, self._is_missing = reader or TokenStateReader(), False

    def find(self, sentences: Sequence[str]) -> list[ScoredClause | None]:
        """Return the clauses of each sentence that are an instruction, as one; None without any.

        Raises:
            NLPError: The model failed.
        """
        clauses: list[ScoredClause | None] = [None] * len(sentences)
        if self._is_missing:
            return clauses
        weights = read_weights()
        chosen = list[tuple[int, list[tuple[int, int]], list[float]]]()
        for index, sentence in enumerate(sentences):
            spans = split_into_clauses(sentence)
            words = [score_words(sentence[slice(*span)], weights) for span in spans]
            if is_worth_reading(words):
                chosen.append((index, spans, words))
        try:
            for tokens in self._reader.read([sentences[index] for index, _, _ in chosen]):
                index, spans, words = chosen[tokens.text]
                clauses[index] = find_clause(spans, words, describe_clauses(spans, tokens), weights)
        except VectorDBError as error:
            self._is_missing = True
            _log.warning("Instructions are found by rules alone: %s", error)
        return clauses


@cache
def read_weights() -> Weights:
    """Return the weights of the package."""
    with np.load(WEIGHTS_FILE) as file:
        return Weights(*(np.asarray(file[name], np.float32) for name in Weights._fields))


def hash_words(text: str) -> list[int]:
    """Return the buckets of the words of a text and of the pairs of neighbors, each once."""
    words, pairs = split_words(text)
    return hash_terms((*words, *pairs))


def score_words(text: str, weights: Weights) -> float:
    """Return the log-odds by the words."""
    return float(weights.words[hash_words(text)].sum() + weights.words[-1])


def is_worth_reading(words: Sequence[float]) -> bool:
    """Return whether the embedding model reads a sentence, by the log-odds of its clauses."""
    return any(score >= MIN_WORD_SCORE for score in words)


def find_clause(
    spans: Sequence[tuple[int, int]], words: Sequence[float], features: Floats, weights: Weights
) -> ScoredClause | None:
    """Return the best clause with those beside it that belong to it; None without a good one.

    Args:
        spans: The characters of each clause.
        words: The log-odds of each by its words, see `score_words`.
        features: See `describe_clauses`.
        weights: What was learned.
    """
    scores, shares = _score_clauses(words, features, weights)
    best = int(scores.argmax())
    if scores[best] < MIN_SCORE:
        return None
    first, last = best, best
    while first > 0 and scores[first - 1] >= MIN_NEIGHBOR_SCORE:
        first -= 1
    while last + 1 < len(spans) and scores[last + 1] >= MIN_NEIGHBOR_SCORE:
        last += 1
    kind = KINDS[int(shares[first : last + 1].sum(axis=0).argmax())]
    return ScoredClause(spans[first][0], spans[last][1], kind)


def _score_clauses(
    words: Sequence[float], features: Floats, weights: Weights
) -> tuple[Floats, Floats]:
    """Return the log-odds of each clause of a sentence, and the share of each kind in it.

    Returns:
        ``(clauses,)`` and ``(clauses, len(KINDS))``.
    """
    values = features @ weights.states[:-1] + weights.states[-1]
    values -= values.max(axis=1, keepdims=True)
    shares = np.exp(values[:, 1:])
    scores = np.log(shares.sum(axis=1) + 1e-9) - values[:, 0] + WORD_SHARE * np.array(words)
    return np.asarray(scores, np.float32), np.asarray(shares, np.float32)


def describe_clauses(spans: Sequence[tuple[int, int]], tokens: TokenStates) -> Floats:
    """Return the mean states of each clause, of the sentence, and the state of its first token.

    Returns:
        ``(clauses, 3 * 384)``; zeros for clauses beyond what the model reads.
    """
    starts = np.array([start if start < end else -1 for start, end in tokens.spans])
    rows = np.zeros((len(spans), 3, tokens.states.shape[1]), np.float32)
    rows[:, 1] = tokens.states[starts >= 0].mean(axis=0) if (starts >= 0).any() else 0
    for row, (start, end) in zip(rows, spans, strict=True):
        token_rows = np.flatnonzero((starts >= start) & (starts < end))
        if len(token_rows):
            row[0], row[2] = tokens.states[token_rows].mean(axis=0), tokens.states[token_rows[0]]
    return rows.reshape(len(spans), -1)
