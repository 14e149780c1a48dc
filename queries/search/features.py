"""The features of the ranker.

Each is between 0 and 1 and calculated from the candidates alone, without another statement:

- `vector`, `view_vector`: cosine of the message; the sum of its own and of the messages before and
  after it
- `coverage`, `view_coverage`: share of the query's words in it; in it and the two around it. Words
  that are rare among the candidates count more
- `conversation`, `conversation_best`: the query's words in all candidates of the conversation; in
  the best of them
- `author`: the query names its author
- `user`: in a chat with an assistant, the user wrote it
- `entities`: the entities that the query names lead to it, where its words do not say so
- `question`, `answer`: it asks something; the message before it asks something and matches the
  query
- `length`: logarithm of its length
- `time_word`, `number`: it has a word of time; a digit
- `when`: it has a word of time, and the query asks when
- `date`, `month`: it is from a time that the query names; from the calendar month of that time
- `second_before`: how well the message two positions before it matches
- `near`, `near_best`: the matches within four positions, closer ones counting more; the best of
  them
- `answer_time_word`, `month_near`, `question_time_word`, `length_squared`: products of two features

Where passages of a conversation are looked for, features of the messages around replace the
products: `wide_coverage`, `wide_vector`, `wide_keyword` (their keyword scores together),
`wide_text` (the score of their texts as one) and `wide_length` of three messages on either side,
and `far_keyword`, the keyword scores of eight on either side.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.query_terms import (
    STOP_WORDS,
    tokenize,
)
from mcp_context_persistence.queries.search.word_counts import (
    WordCounts,
    find_identifiers,
    split_cased_words,
)
from mcp_context_persistence.queries.temporal.query_dates import NO_DATES, QueryDates, TimeRange

Floats = NDArray[np.float64]

BASE_FEATURES = (
    "vector",
    "view_vector",
    "coverage",
    "view_coverage",
    "conversation",
    "conversation_best",
    "author",
    "entities",
    "identifier",
    "question",
    "answer",
    "length",
    "time_word",
    "number",
    "when",
    "date",
    "month",
    "second_before",
    "near",
    "near_best",
)
PRODUCTS: Mapping[str, tuple[str, str]] = {
    "answer_time_word": ("answer", "time_word"),
    "month_near": ("month", "near_best"),
    "question_time_word": ("question", "time_word"),
    "length_squared": ("length", "length"),
}
MESSAGE_FEATURES = (*BASE_FEATURES, "user", *PRODUCTS)
PASSAGE_FEATURES = (
    *BASE_FEATURES,
    "wide_coverage",
    "wide_vector",
    "wide_keyword",
    "wide_text",
    "wide_length",
    "far_keyword",
)
# Messages on either side that the features of the neighbors, the passage and the region look at.
NEIGHBOR_RADIUS, PASSAGE_RADIUS, REGION_RADIUS = 4, 3, 8
VECTOR_SHARE, KEYWORD_SHARE = 0.4, 0.6  # of the score by which neighbors are compared
MANY_POSITIONS = 2**40  # more than a conversation has
LONG_TEXT = math.log(1 + 1000)  # characters; more make no difference
_WHEN = re.compile(
    r"^\W*(?:(?:since|until) )?when\b|\bhow long\b|\b(?:what|which) (?:year|month|day|date)\b"
)
_TIME_WORD_LIST = """
yesterday today tomorrow tonight week weekend month year ago last next monday tuesday wednesday
thursday friday saturday sunday january february march april may june july august september october
november december morning evening night recently soon day days weeks months years summer winter
spring fall autumn since until
"""
_TIME_WORDS = frozenset(_TIME_WORD_LIST.split())
_QUESTION_MARKS = "?？؟"
_DIGIT = re.compile(r"\d")


class EntityLink(Protocol):
    """How a message is reached through the entities that the query names."""

    @property
    def score(self) -> float:
        """How certain it is, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class RankingQuery:
    """What the ranker knows of a query.

    Attributes:
        text: The query.
        words: Its informative words.
        stems: The stems of those words that are not English.
        identifiers: Those of the words that name one thing, such as versions and addresses.
        dates: The times that it names.
        entity_links: The messages that are reached through the entities that it names, by id.
        now_ms: The time of the search.
    """

    text: str
    words: Sequence[str]
    stems: Mapping[str, str] = field(default_factory=dict)
    identifiers: frozenset[str] = frozenset()
    dates: QueryDates = NO_DATES
    entity_links: Mapping[str, EntityLink] = field(default_factory=dict)
    now_ms: int = 0


def calculate_features(
    messages: Sequence[Candidate],
    authors: Sequence[str | None],
    query: RankingQuery,
    *,
    for_passages: bool = False,
    assistant_share: float = 0.0,
) -> Floats:
    """Calculate the features of messages, `(messages, features) float64`.

    The columns are in the order of `MESSAGE_FEATURES` or `PASSAGE_FEATURES`.

    Args:
        messages: In the order of conversation and position.
        authors: Their authors.
        query: The query.
        for_passages: Whether passages of a conversation are looked for.
        assistant_share: How far the messages are from chats with an assistant, 0 to 1.
    """
    texts = [(message.content or "").lower() for message in messages]
    words_by_text = split_cased_words([message.content or "" for message in messages])
    neighbors = _Neighbors(messages, window=REGION_RADIUS if for_passages else NEIGHBOR_RADIUS)
    counts = WordCounts(query.words, words_by_text, query.stems)
    cosines = _read_cosines(messages)
    lengths = np.array([len(text) for text in texts], float)
    keyword_scores = counts.score(counts.matrix, lengths)
    scores = VECTOR_SHARE * _normalize(cosines) + KEYWORD_SHARE * _normalize(keyword_scores)
    view = neighbors.add_adjacent(counts.matrix)
    form = _calculate_form_features(texts, words_by_text, lengths)
    questions = form["question"]
    near, near_best = neighbors.weigh(scores * _are_found(messages))
    coverage = counts.measure_coverage(counts.matrix)
    columns = {
        "vector": _normalize(cosines),
        "view_vector": _normalize(neighbors.add_adjacent(cosines)),
        "coverage": coverage,
        "view_coverage": counts.measure_coverage(view),
        "conversation": _normalize(counts.score(neighbors.sum_conversations(counts.matrix))),
        "conversation_best": _normalize(neighbors.find_conversation_maxima(keyword_scores)),
        "author": _find_named_authors(authors, query.text),
        "entities": (1 - coverage) * _read_link_scores(messages, query.entity_links),
        "identifier": find_identifiers(texts, query.identifiers)
        if query.identifiers
        else np.zeros(len(texts)),
        **form,
        "answer": neighbors.shift(scores * questions, -1),
        "when": form["time_word"] * float(_WHEN.search(query.text.lower()) is not None),
        "date": _find_in_ranges(messages, query.dates.ranges),
        "month": _find_in_ranges(messages, query.dates.months),
        "second_before": neighbors.shift(scores, -2),
        "near": near / (near.max() or 1.0),
        "near_best": near_best,
    }
    if for_passages:
        columns |= _calculate_wide_features(
            neighbors, counts, cosines=cosines, keyword_scores=keyword_scores, lengths=lengths
        )
        return _join_columns([columns[name] for name in PASSAGE_FEATURES])
    columns["user"] = assistant_share * _are_from_users(messages)
    columns |= {name: columns[left] * columns[right] for name, (left, right) in PRODUCTS.items()}
    return _join_columns([columns[name] for name in MESSAGE_FEATURES])


def _calculate_form_features(
    texts: Sequence[str], words_by_text: Sequence[Sequence[str]], lengths: Floats
) -> dict[str, Floats]:
    """Calculate the features of messages that do not depend on the query."""
    questions = [any(mark in text for mark in _QUESTION_MARKS) for text in texts]
    time_words = [not _TIME_WORDS.isdisjoint(words) for words in words_by_text]
    return {
        "question": np.array(questions, float),
        "length": np.minimum(1.0, np.log1p(lengths) / LONG_TEXT),
        "time_word": np.array(time_words, float),
        "number": np.array([_DIGIT.search(text) is not None for text in texts], float),
    }


def _join_columns(columns: Sequence[Floats]) -> Floats:
    """Return the columns as a matrix; faster than `np.stack`."""
    return np.ascontiguousarray(np.array(columns).T)


def _calculate_wide_features(
    neighbors: "_Neighbors",
    counts: "WordCounts",
    *,
    cosines: Floats,
    keyword_scores: Floats,
    lengths: Floats,
) -> dict[str, Floats]:
    """Calculate the features of a message together with those around it."""
    wide_counts = neighbors.sum_window(counts.matrix, PASSAGE_RADIUS)
    wide_lengths = neighbors.sum_window(lengths, PASSAGE_RADIUS)
    return {
        "wide_coverage": counts.measure_coverage(wide_counts),
        "wide_vector": _normalize(neighbors.sum_window(cosines - cosines.min(), PASSAGE_RADIUS)),
        "wide_keyword": _normalize(neighbors.sum_window(keyword_scores, PASSAGE_RADIUS)),
        "wide_text": _normalize(counts.score(wide_counts, wide_lengths)),
        "wide_length": _normalize(neighbors.sum_window(np.log1p(lengths), PASSAGE_RADIUS)),
        "far_keyword": _normalize(neighbors.sum_window(keyword_scores, REGION_RADIUS)),
    }


class _Neighbors:
    """Which messages follow each other in a conversation; they come in that order."""

    def __init__(self, messages: Sequence[Candidate], *, window: int) -> None:
        numbers: dict[str | None, int] = {}
        owners = np.array(
            [numbers.setdefault(message.conversation_id, len(numbers)) for message in messages]
        )
        keys = owners * MANY_POSITIONS + np.array([message.position for message in messages])
        shifted = keys + np.arange(-window, window + 1)[:, None]
        self._starts = np.searchsorted(owners, np.arange(len(numbers)))
        self._owners = owners
        self._window = window
        self._indexes = np.minimum(np.searchsorted(keys, shifted), len(keys) - 1)
        self._exist = keys[self._indexes] == shifted

    def shift(self, values: Floats, steps: int) -> Floats:
        """Return for each message the value of the one so many positions after it.

        0 where there is none.
        """
        row = self._window + steps
        exist = self._exist[row]
        shifted: Floats = values[self._indexes[row]] * (
            exist if values.ndim == 1 else exist[:, None]
        )
        return shifted

    def add_adjacent(self, values: Floats) -> Floats:
        """Return each value plus those of the messages before and after it."""
        return values + self.shift(values, -1) + self.shift(values, 1)

    def weigh(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the sum and the largest of the values within `NEIGHBOR_RADIUS` positions.

        Closer ones count more.
        """
        rows = slice(self._window - NEIGHBOR_RADIUS, self._window + NEIGHBOR_RADIUS + 1)
        closeness = 1 - np.abs(np.arange(-NEIGHBOR_RADIUS, NEIGHBOR_RADIUS + 1)[:, None]) / (
            NEIGHBOR_RADIUS + 1
        )
        weighed = values[self._indexes[rows]] * self._exist[rows] * closeness
        return weighed.sum(axis=0), weighed.max(axis=0)

    def sum_window(self, values: Floats, window: int) -> Floats:
        """Return the sum of the values of the messages up to so many positions away."""
        total: Floats = np.sum(
            [self.shift(values, steps) for steps in range(-window, window + 1)], axis=0
        )
        return total

    def sum_conversations(self, values: Floats) -> Floats:
        """Return for each message the sum over its conversation."""
        sums: Floats = np.add.reduceat(values, self._starts)[self._owners]
        return sums

    def find_conversation_maxima(self, values: Floats) -> Floats:
        """Return for each message the largest value of its conversation."""
        maxima: Floats = np.maximum.reduceat(values, self._starts)[self._owners]
        return maxima


def _are_found(messages: Sequence[Candidate]) -> NDArray[np.bool_]:
    """Return for each message whether an index returned it."""
    return np.array(
        [
            message.vector_score is not None or message.keyword_score is not None
            for message in messages
        ]
    )


def _read_link_scores(messages: Sequence[Candidate], links: Mapping[str, EntityLink]) -> Floats:
    return np.array([links[item.id].score if item.id in links else 0.0 for item in messages])


def _are_from_users(messages: Sequence[Candidate]) -> Floats:
    return np.array([message.role == "user" for message in messages], float)


def _read_cosines(messages: Sequence[Candidate]) -> Floats:
    """Return the cosines; one that was not computed counts as the smallest."""
    cosines = [message.cosine for message in messages]
    smallest = min((cosine for cosine in cosines if cosine is not None), default=0.0)
    return np.array([smallest if cosine is None else cosine for cosine in cosines], float)


def _find_named_authors(authors: Sequence[str | None], query: str) -> Floats:
    """Return for each message whether the query names its author.

    Words that most queries have name nobody.
    """
    names = set(filter(None, authors))
    if not names:
        return np.zeros(len(authors))
    query_stems = {stem(word) for word in tokenize(query) if word not in STOP_WORDS}
    named_authors = {
        name
        for name in names
        if any(len(word) > 1 and stem(word) in query_stems for word in tokenize(name))
    }
    return np.array([author in named_authors for author in authors], float)


def _find_in_ranges(messages: Sequence[Candidate], ranges: Sequence[TimeRange]) -> Floats:
    """Return for each message whether it is from one of these times."""
    if not ranges:
        return np.zeros(len(messages))
    times = np.array(
        [-1 if message.timestamp_ms is None else message.timestamp_ms for message in messages]
    )[:, None]
    starts, ends = np.array([(time.start_ms, time.end_ms) for time in ranges]).T
    inside: Floats = ((starts <= times) & (times <= ends)).any(axis=1).astype(float)
    return inside


def _normalize(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
