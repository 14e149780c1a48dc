"""Score how likely each word is part of a name of a type, with the embedding model.

spaCy's small recognizer knows a name mostly by its spelling. The layers in the middle of
all-MiniLM-L6-v2 read the whole sentence, so a linear layer on top of one of them, beside the shape
of the words and the labels of spaCy, tells people from firms and places better. Its weights were
learned by `bench.quality.name_training`.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.extraction.named_entities import ENTITY_TYPES
from mcp_context_persistence.ingest.extraction.results import ParsedText
from mcp_context_persistence.ingest.models.token_states import TokenStateReader, TokenStates
from mcp_context_persistence.kg.errors import VectorDBError

# The classes of a word: in no name, and in a name of a type. "other" are names of other types.
CLASSES = (
    *("", "person", "organization", "location"),
    *("product", "technology", "event", "other"),
)
WEIGHTS_FILE = Path(__file__).with_name("name_weights.npz")
_NAME_TAGS = frozenset({"NNP", "NNPS"})
_LABELS = (
    *("PERSON", "ORG", "GPE", "LOC", "FAC", "PRODUCT", "EVENT", "WORK_OF_ART"),
    *("NORP", "DATE", "CARDINAL", "LAW", "LANGUAGE"),
)
_TAGS = (
    *("NNP", "NNPS", "NN", "NNS", "JJ", "IN", "DT", "VB"),
    *("CD", "PRP", "POS", "HYPH", ":", "."),
)
_SHAPES = 10

_log = logging.getLogger(__name__)

Floats = NDArray[np.float32]


class NameScorer:
    """Scores the words of parsed texts. Threads may share an instance.

    Where the embedding model cannot be loaded, no text gets scores, and the log says so once.
    """

    def __init__(
        self, reader: TokenStateReader | None = None, *, weights: Floats | None = None
    ) -> None:
        """Keep the settings; nothing is loaded.

        Args:
            reader: Reads the sentences; one of its own where it is None.
            weights: ``(features + 1, classes)``, the last row added to each; those of the package
                where it is None.
        """
        self._reader, self._weights = reader or TokenStateReader(), weights
        self._is_missing = False

    def score(self, texts: Sequence[ParsedText]) -> list[ParsedText]:
        """Return the texts with the scores of their words.

        Only sentences that may have names are read; the words of others are in no name.

        Raises:
            NLPError: The model failed.
        """
        if self._is_missing:
            return list(texts)
        weights = read_weights() if self._weights is None else self._weights
        scores: dict[int, Floats] = {}
        try:
            for index, first, features in self.read_features(texts):
                if index not in scores:
                    scores[index] = np.zeros((len(texts[index].words), len(CLASSES)), np.float32)
                    scores[index][:, 0] = 1
                values = features @ weights[:-1] + weights[-1]
                scores[index][first : first + len(values)] = _softmax(values)
        except VectorDBError as error:
            self._is_missing = True
            _log.warning("Names are recognized without the embedding model: %s", error)
            return list(texts)
        return [text._replace(name_scores=scores.get(row)) for row, text in enumerate(texts)]

    def read_features(self, texts: Sequence[ParsedText]) -> Iterator[tuple[int, int, Floats]]:
        """Yield what the weights are multiplied with, for each sentence that may have names.

        Yields:
            The index of the text, the first token of the sentence, and the features of its tokens,
            ``(tokens, features)``.

        Raises:
            VectorDBError: The model cannot be loaded.
            NLPError: The model failed.
        """
        labels = [_read_labels(text) for text in texts]
        sentences = [
            (index, first, end)
            for index, text in enumerate(texts)
            for first, end in text.sentences
            if _may_have_names(text, labels[index], first, end)
        ]
        words = [
            texts[index].text[texts[index].starts[first] : texts[index].ends[end - 1]]
            for index, first, end in sentences
        ]
        for tokens in self._reader.read(words):
            index, first, end = sentences[tokens.text]
            starts = np.array(texts[index].starts[first:end])
            states = _average_states(tokens, starts - starts[0])
            shapes = _describe_words(texts[index], labels[index], first, end)
            yield index, first, np.hstack([states, shapes])


@cache
def read_weights() -> Floats:
    """Return the weights of the package, ``(features + 1, classes)``."""
    with np.load(WEIGHTS_FILE) as file:
        return np.asarray(file["weights"], np.float32)


def _read_labels(text: ParsedText) -> list[str]:
    """Return the label of spaCy of each token, in lower case after the first token of a name."""
    labels = [""] * len(text.words)
    for start, end, label in text.entity_spans:
        labels[start:end] = [label, *[label.lower()] * (end - start - 1)]
    return labels


def _may_have_names(text: ParsedText, labels: Sequence[str], first: int, end: int) -> bool:
    return not (
        _NAME_TAGS.isdisjoint(text.tags[first:end])
        and ENTITY_TYPES.keys().isdisjoint(map(str.upper, labels[first:end]))
    )


def _average_states(tokens: TokenStates, starts: NDArray[np.int64]) -> Floats:
    """Return the mean of the states of each word's tokens, ``(words, 384)``.

    It is zero for words beyond what the model reads.
    """
    sums = np.zeros((len(starts), tokens.states.shape[1]), np.float32)
    counts = np.zeros(len(starts), np.float32)
    for state, (begin, stop) in zip(tokens.states, tokens.spans, strict=True):
        if begin < stop:
            word = int(np.searchsorted(starts, begin, side="right")) - 1
            sums[word] += state
            counts[word] += 1
    return np.asarray(sums / np.maximum(counts, 1)[:, None], np.float32)


def _describe_words(text: ParsedText, labels: Sequence[str], first: int, end: int) -> Floats:
    """Return the shapes, labels and tags of some tokens and of their neighbors.

    Returns:
        ``(tokens, features)``, with zeros for the neighbors outside.
    """
    size = end - first
    own = np.zeros((size, _SHAPES + len(_LABELS) + 2 + len(_TAGS)), np.float32)
    for row, word in enumerate(text.words[first:end]):
        own[row, :_SHAPES] = (
            word[0].isupper(),
            word.isupper() and len(word) > 1,
            any(map(str.isdigit, word)),
            word.islower(),
            row == 0,
            not any(map(str.isalnum, word)),
            len(word) <= 2,
            "-" in word,
            any(map(str.isupper, word[1:])),
            word[0].isupper() and row > 0,
        )
        label, tag = labels[first + row], text.tags[first + row]
        if label:
            own[row, _SHAPES + len(_LABELS) + label.islower()] = 1
        if label.upper() in _LABELS:
            own[row, _SHAPES + _LABELS.index(label.upper())] = 1
        if tag in _TAGS:
            own[row, _SHAPES + len(_LABELS) + 2 + _TAGS.index(tag)] = 1
    before, after = np.zeros_like(own), np.zeros_like(own)
    before[1:], after[:-1] = own[:-1], own[1:]
    return np.hstack([own, before, after])


def _softmax(values: Floats) -> Floats:
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)
