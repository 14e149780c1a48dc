"""The features of the ranker.

Each is between 0 and 1 and calculated from the candidates alone, without another statement:

- `vector`, `view_vector`: cosine of the message; the sum of its own and of the messages before and
  after it
- `coverage`, `view_coverage`: share of the query's words in it; in it and the two around it. Words
  that are rare among the candidates count more
- `conversation`, `conversation_best`: the query's words in all candidates of the conversation; in
  the best of them
- `author`: the query names its author
- `user`: in a chat with an assistant, the user wrote it. If the query is about what the assistant
  said, half of this for the assistant's messages instead
- `entities`: the entities that the query names lead to it, where its words do not say so
- `repetition`: it repeats a query that is a question, or announces an answer without giving one
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
from mcp_context_persistence.kg.text.words import list_words, split_cased_words
from mcp_context_persistence.queries.search.authors import ASSISTANTS_WORDS
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.message_neighbors import (
    NEIGHBOR_RADIUS,
    MessageNeighbors,
)
from mcp_context_persistence.queries.search.query_repetition import (
    QUESTION_MARKS,
    RepetitionDetector,
)
from mcp_context_persistence.queries.search.query_terms import (
    STOP_WORDS,
)
from mcp_context_persistence.queries.search.word_counts import (
    WordCounts,
    find_identifiers,
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
    "repetition",
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
# Messages on either side that the features of the passage and the region look at.
PASSAGE_RADIUS, REGION_RADIUS = 3, 8
VECTOR_SHARE, KEYWORD_SHARE = 0.4, 0.6  # of the score by which neighbors are compared
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
        forms: The irregular forms of those words that are English.
        identifiers: Those of the words that name one thing, such as versions and addresses.
        dates: The times that it names.
        entity_links: The messages that are reached through the entities that it names, by id.
        now_ms: The time of the search.
        is_english: Whether its function words show that it is English.
    """

    text: str
    words: Sequence[str]
    stems: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    identifiers: frozenset[str] = frozenset()
    dates: QueryDates = NO_DATES
    entity_links: Mapping[str, EntityLink] = field(default_factory=dict)
    now_ms: int = 0
    is_english: bool = False


@dataclass(frozen=True, kw_only=True)
class MessageAnalysis:
    """The features of messages, and what they were calculated from.

    Attributes:
        features: `(messages, features)`.
        names: The names of the features.
        counts: How often each message has each word of the query.
    """

    features: Floats
    names: tuple[str, ...]
    counts: WordCounts

    def get_column(self, name: str) -> Floats:
        """Return a feature of all messages."""
        return self.features[:, self.names.index(name)]


def calculate_features(
    messages: Sequence[Candidate],
    authors: Sequence[str | None],
    query: RankingQuery,
    *,
    for_passages: bool = False,
    assistant_share: float = 0.0,
) -> Floats:
    """Calculate the features of messages, `(messages, features) float64`.

    The columns are in the order of `MESSAGE_FEATURES` or `PASSAGE_FEATURES`. The arguments are
    those of `analyze_messages`.
    """
    return analyze_messages(
        messages, authors, query, for_passages=for_passages, assistant_share=assistant_share
    ).features


def analyze_messages(
    messages: Sequence[Candidate],
    authors: Sequence[str | None],
    query: RankingQuery,
    *,
    for_passages: bool = False,
    assistant_share: float = 0.0,
) -> MessageAnalysis:
    """Calculate the features of messages.

    Args:
        messages: In the order of conversation and position.
        authors: Their authors.
        query: The query.
        for_passages: Whether passages of a conversation are looked for.
        assistant_share: How far the messages are from chats with an assistant, 0 to 1.
    """
    texts = [(message.content or "").lower() for message in messages]
    words_by_text = split_cased_words([message.content or "" for message in messages])
    window = REGION_RADIUS if for_passages else NEIGHBOR_RADIUS
    neighbors = MessageNeighbors(messages, window=window)
    counts = WordCounts(query.words, words_by_text, query.stems, query.forms)
    repetition = np.array(RepetitionDetector(query.text).find(texts, authors), float)
    cosines = _read_cosines(messages)
    lengths = np.array([len(text) for text in texts], float)
    keyword_scores = counts.score(counts.matrix, lengths)
    # What follows a repeated question may answer it; what is near it gains nothing from it.
    scores = _combine(cosines, keyword_scores)
    cosines = _limit_repetitions(cosines, repetition)
    keyword_scores = _limit_repetitions(keyword_scores, repetition)
    answer_scores = _combine(cosines, keyword_scores) * (repetition == 0)
    form = _calculate_form_features(texts, words_by_text, lengths)
    near, near_best = neighbors.weigh(answer_scores * _are_found(messages))
    coverage = counts.measure_coverage(counts.matrix)
    columns = _calculate_query_features(messages, authors, texts, query) | {
        "vector": _normalize(cosines),
        "view_vector": _normalize(neighbors.add_adjacent(cosines)),
        "coverage": coverage,
        "view_coverage": counts.measure_coverage(neighbors.add_adjacent(counts.matrix)),
        "conversation": _normalize(counts.score(neighbors.sum_conversations(counts.matrix))),
        "conversation_best": _normalize(neighbors.find_conversation_maxima(keyword_scores)),
        "entities": (1 - coverage) * _read_link_scores(messages, query.entity_links),
        "repetition": repetition,
        **form,
        "answer": neighbors.shift(scores * form["question"], -1),
        "when": form["time_word"] * float(_WHEN.search(query.text.lower()) is not None),
        "second_before": neighbors.shift(scores, -2),
        "near": near / (near.max() or 1.0),
        "near_best": near_best,
    }
    if for_passages:
        columns |= _calculate_wide_features(
            neighbors, counts, cosines=cosines, keyword_scores=keyword_scores, lengths=lengths
        )
        return _join_columns(columns, PASSAGE_FEATURES, counts)
    columns["user"] *= assistant_share
    columns |= {name: columns[left] * columns[right] for name, (left, right) in PRODUCTS.items()}
    return _join_columns(columns, MESSAGE_FEATURES, counts)


def _calculate_query_features(
    messages: Sequence[Candidate],
    authors: Sequence[str | None],
    texts: Sequence[str],
    query: RankingQuery,
) -> dict[str, Floats]:
    """Calculate the features that say which author, thing or time the query names."""
    role, rating = ("assistant", 0.5) if ASSISTANTS_WORDS.search(query.text) else ("user", 1.0)
    return {
        "user": np.array([rating * (message.role == role) for message in messages], float),
        "author": _find_named_authors(authors, query.text),
        "identifier": find_identifiers(texts, query.identifiers)
        if query.identifiers
        else np.zeros(len(texts)),
        "date": _find_in_ranges(messages, query.dates.ranges),
        "month": _find_in_ranges(messages, query.dates.months),
    }


def _calculate_form_features(
    texts: Sequence[str], words_by_text: Sequence[Sequence[str]], lengths: Floats
) -> dict[str, Floats]:
    """Calculate the features of messages that do not depend on the query."""
    questions = [any(mark in text for mark in QUESTION_MARKS) for text in texts]
    time_words = [not _TIME_WORDS.isdisjoint(words) for words in words_by_text]
    return {
        "question": np.array(questions, float),
        "length": np.minimum(1.0, np.log1p(lengths) / LONG_TEXT),
        "time_word": np.array(time_words, float),
        "number": np.array([_DIGIT.search(text) is not None for text in texts], float),
    }


def _join_columns(
    columns: Mapping[str, Floats], names: tuple[str, ...], counts: WordCounts
) -> MessageAnalysis:
    # Faster than `np.stack`.
    matrix = np.ascontiguousarray(np.array([columns[name] for name in names]).T)
    return MessageAnalysis(features=matrix, names=names, counts=counts)


def _calculate_wide_features(
    neighbors: MessageNeighbors,
    counts: "WordCounts",
    *,
    cosines: Floats,
    keyword_scores: Floats,
    lengths: Floats,
) -> dict[str, Floats]:
    """Calculate the features of a message together with its neighbors."""
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


def _are_found(messages: Sequence[Candidate]) -> NDArray[np.bool_]:
    """Return for each message whether an index returned it."""
    return np.array(
        [
            message.vector_score is not None or message.keyword_score is not None
            for message in messages
        ]
    )


def _combine(cosines: Floats, keyword_scores: Floats) -> Floats:
    """Return the scores by which neighbors are compared."""
    return VECTOR_SHARE * _normalize(cosines) + KEYWORD_SHARE * _normalize(keyword_scores)


def _limit_repetitions(scores: Floats, repetition: Floats) -> Floats:
    """Return the scores, with those of repetitions limited to the score of the others.

    Otherwise all answers would look alike beside the question itself.
    """
    is_repetition = repetition > 0
    if is_repetition.all() or not is_repetition.any():
        return scores
    return np.where(is_repetition, np.minimum(scores, scores[~is_repetition].max()), scores)


def _read_link_scores(messages: Sequence[Candidate], links: Mapping[str, EntityLink]) -> Floats:
    return np.array([links[item.id].score if item.id in links else 0.0 for item in messages])


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
    query_stems = {stem(word) for word in list_words(query) if word not in STOP_WORDS}
    named_authors = {
        name
        for name in names
        if any(len(word) > 1 and stem(word) in query_stems for word in list_words(name))
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
