"""The order of messages in a hybrid search: a linear ranker over what the legs, the neighbourhood and the session say of each.

The weights are plain numbers in `ranker.json`, learned by `python -m bench.quality.learn`. Every feature lies between 0 and 1 and is made from the
candidates alone, so that nothing but the one statement is asked of the database:

- `meaning`, `view_meaning`: cosine of the message, and the sum of its own and its two neighbours'
- `cover`, `view_cover`: share of the query's words in it, and in it and its neighbours together; rare words among the candidates count more
- `session`, `session_best`: the query's words in all candidates of the conversation together, and in the best one
- `speaker`: its author is named in the query
- `question`, `answer`: it asks something; the message before asks and fits the query
- `long`: logarithm of its length
- `time`, `number`: it has a word of time, a digit; `when`: a word of time where the query asks when
- `linked`: the entities that the query names lead to it, where its words do not say so
- `dated`, `month`: it is from a time that the query names; from the calendar month around that
- `before`: how well the message two places before fits
- `around`, `around_best`: the hits within four places, nearer ones counting more; the best of them
- `answer_time`, `month_around`, `question_time`, `long_long`: products of two of these, where one counts more, or less, if the other is there

A recipe with passages looks for stretches of a talk, and has weights of its own and, in the place of the products, five features of a message and the
three on either side of it: `wide_cover`, `wide_meaning`, `wide_words` (their scores by words together), `wide_text` (the score of their texts as
one), `wide_long`; and `far_words`, the scores by words of eight on either side.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.timestamps import DAY_MS
from mcp_context_persistence.queries.search import diversification
from mcp_context_persistence.queries.search.query_terms import DROPPED, QUESTION, tokens
from mcp_context_persistence.queries.search.recipes import Recipe
from mcp_context_persistence.queries.search.reranking import Judge, reread
from mcp_context_persistence.queries.search.score_fusion import LEAST, stem
from mcp_context_persistence.queries.temporal.query_dates import NO_DATES, QueryDates, TimeRange

Floats = NDArray[np.float64]

PLAIN = [
    "meaning",
    "view_meaning",
    "cover",
    "view_cover",
    "session",
    "session_best",
    "speaker",
    "linked",
    "question",
    "answer",
    "long",
    "time",
    "number",
    "when",
    "dated",
    "month",
    "before",
    "around",
    "around_best",
]
JOINED = {
    "answer_time": ("answer", "time"),
    "month_around": ("month", "around_best"),
    "question_time": ("question", "time"),
    "long_long": ("long", "long"),
}
FEATURES = [*PLAIN, *JOINED]
STRETCHES = [
    *PLAIN,
    "wide_cover",
    "wide_meaning",
    "wide_words",
    "wide_text",
    "wide_long",
    "far_words",
]
WIDE, FARTHER = 3, 8  # places on either side
SEVERAL = 3  # people
MOST = 0.8  # of the candidates
AROUND = 4
TINY = 1e-9  # keeps equal scores in order
SOFTNESS = 3.0  # of the linear scores, whose differences are logarithms of odds
MEANING, WORDS = 0.4, 0.6  # of the plain score by which neighbours are judged
K1, B = 1.2, 0.75  # Robertson and Zaragoza 2009
SHORT = 3  # letters
ENDING = 5
FAR = 2**40  # more places than a conversation has
LONG = math.log(1 + 1000)  # characters; more make no difference
WEIGHTS = Path(__file__).with_name("ranker.json")
_WHEN = re.compile(
    r"^\W*(?:(?:since|until) )?when\b|\bhow long\b|\b(?:what|which) (?:year|month|day|date)\b"
)
_TIMES = """
yesterday today tomorrow tonight week weekend month year ago last next monday tuesday wednesday thursday friday saturday sunday january
february march april may june july august september october november december morning evening night recently soon day days weeks months
years summer winter spring fall autumn since until
"""
_TIME = frozenset(_TIMES.split())
_NAMELESS = DROPPED | QUESTION
_DIGIT = re.compile(r"\d")
_SPEAKER = re.compile(r"([^\W\d_][\w .'’-]{0,40}):\s")
_WORD = re.compile(r"[^\W_]+")
_SPACED = bytes(code if code < 128 and chr(code).isalnum() else ord(" ") for code in range(256))


@cache
def weights(stretches: bool = False) -> Mapping[str, float]:
    """What each feature counts, where single messages are looked for or `stretches` of a talk."""
    found: dict[str, float] = json.loads(WEIGHTS.read_text(encoding="utf-8"))[
        "stretches" if stretches else "weights"
    ]
    return found


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        text: As it was written.
        words: Its telling words.
        times: The times that it names.
        links: The messages to which the entities lead that it names, by id: `score`, 0 to 1, and the entities' names, `through`.
        now_ms: When it is asked.
        judge: Judges texts by the query, where there is a model for that.
    """

    text: str
    words: Sequence[str]
    times: QueryDates = NO_DATES
    links: Mapping[str, Row] = field(default_factory=dict)
    now_ms: int = 0
    judge: Judge | None = None


def rank(
    rows: Sequence[Row], question: Question, *, limit: int, recipe: Recipe
) -> list[tuple[float, Row]]:
    """Messages best first, with scores between 0 and 1.

    The best one has the best score that both legs together gave to any message, so that it can be compared with what is no message;
    the others less by the distance of their linear scores. Each row gets `ranking`: `score`, which is linear and has no bounds, and
    `parts`, what each feature gave to it.

    Args:
        rows: The messages of `search/find`, hits and what lies around them.
        question: What is asked.
        limit: How many to return.
        recipe: How much each arm counts.
    """
    if not rows:
        return []
    ordered = sorted(rows, key=lambda row: (row["conversation_id"], row["position"], row["id"]))
    stretches = bool(recipe.passage)
    names = STRETCHES if stretches else FEATURES
    counted = features(ordered, question, stretches=stretches) * _counts(names, recipe)
    fresh = _fresh(ordered, recipe, question.now_ms)
    scores = counted.sum(axis=1) + fresh
    judged = reread(ordered, scores, question.text, recipe=recipe, judge=question.judge)
    scores += judged.added
    allowed = [row["passes"] for row in ordered]
    if stretches:
        distances = diversification.distances(ordered)
        worth = diversification.worth(distances, scores, width=recipe.passage)
        best = diversification.chosen(distances, worth, allowed, limit=limit)
    else:
        worth = scores
        best = [place for place in np.argsort(-worth, kind="stable").tolist() if allowed[place]][
            :limit
        ]
    most = max(row["own"] for row in rows) or LEAST  # where only entities led to them
    shown = np.minimum.accumulate(worth[best]) if best else worth
    return [
        (
            most * math.exp((shown[number] - shown[0]) / SOFTNESS) * (1 - number * TINY),
            {
                **ordered[place],
                **judged.explained(place),
                "ranking": {
                    "score": float(scores[place]),
                    "parts": _parts(names, counted[place], float(fresh[place]))
                    | judged.part(place),
                },
            },
        )
        for number, place in enumerate(best)
    ]


def _counts(names: Sequence[str], recipe: Recipe) -> Floats:
    """What each feature counts."""
    known, factors = weights(bool(recipe.passage)), recipe.factors()
    return np.array([known[name] * factors[name] for name in names])


def _parts(names: Sequence[str], values: Floats, fresh: float) -> dict[str, float]:
    found = {name: value for name, value in zip(names, values.tolist(), strict=True) if value}
    return found | ({"recency": fresh} if fresh else {})


def _fresh(rows: Sequence[Row], recipe: Recipe, now_ms: int) -> Floats:
    """What each message gets for being new."""
    if not recipe.recency:
        return np.zeros(len(rows))
    days = np.array([max(0, now_ms - (row["timestamp_ms"] or 0)) for row in rows]) / DAY_MS
    found: Floats = recipe.recency * 0.5 ** (days / recipe.half_life_days)
    return found


def features(rows: Sequence[Row], question: Question, *, stretches: bool = False) -> Floats:
    """What the ranker sees, `(len(rows), len(FEATURES)) float64`, or as wide as `STRETCHES`; rows are in the order of conversation and position."""
    texts = [(row["content"] or "").lower() for row in rows]
    words_of = [_words(text) for text in texts]
    cosines = [row["cosine"] for row in rows]
    least = min((one for one in cosines if one is not None), default=0.0)
    meaning = np.array([least if one is None else one for one in cosines], float)
    hits = np.array([row["meaning"] is not None or row["words"] is not None for row in rows])
    near, asked = _Neighbours(rows), _Asked(question.words, words_of)
    lengths = np.array([len(text) for text in texts], float)
    fits = asked.score(asked.counts, lengths)
    own = MEANING * _spread(meaning) + WORDS * _spread(fits)
    view = asked.counts + near.at(asked.counts, -1) + near.at(asked.counts, 1)
    asks = np.array(["?" in text for text in texts], float)
    time = np.array([not _TIME.isdisjoint(one) for one in words_of], float)
    around, best = _around(near, own * hits)
    cover = asked.cover(asked.counts)
    columns = {
        "meaning": _spread(meaning),
        "view_meaning": _spread(meaning + near.at(meaning, -1) + near.at(meaning, 1)),
        "cover": cover,
        "view_cover": asked.cover(view),
        "session": _spread(asked.score(near.summed(asked.counts))),
        "session_best": _spread(near.greatest(fits)),
        "speaker": _named(rows, question.text),
        "linked": (1 - cover)
        * [
            question.links[row["id"]]["score"] if row["id"] in question.links else 0.0
            for row in rows
        ],
        "question": asks,
        "answer": near.at(own * asks, -1),
        "long": np.minimum(1.0, np.log1p(lengths) / LONG),
        "time": time,
        "number": np.array([_DIGIT.search(text) is not None for text in texts], float),
        "when": time * float(_WHEN.search(question.text.lower()) is not None),
        "dated": _within(rows, question.times.ranges),
        "month": _within(rows, question.times.months),
        "before": near.at(own, -2),
        "around": around / (around.max() or 1.0),
        "around_best": best,
    }
    if stretches:
        columns |= _wide(near, asked, meaning=meaning, fits=fits, lengths=lengths)
    else:
        columns |= {name: columns[one] * columns[other] for name, (one, other) in JOINED.items()}
    return np.stack([columns[name] for name in (STRETCHES if stretches else FEATURES)], axis=1)


def _wide(
    near: "_Neighbours", asked: "_Asked", *, meaning: Floats, fits: Floats, lengths: Floats
) -> dict[str, Floats]:
    """The features of a message and those around it."""

    def together(values: Floats, reach: int = WIDE) -> Floats:
        found: Floats = np.sum([near.at(values, step) for step in range(-reach, reach + 1)], axis=0)
        return found

    counts = together(asked.counts)
    return {
        "wide_cover": asked.cover(counts),
        "wide_meaning": _spread(together(meaning - meaning.min())),
        "wide_words": _spread(together(fits)),
        "wide_text": _spread(asked.score(counts, together(lengths))),
        "wide_long": _spread(together(np.log1p(lengths))),
        "far_words": _spread(together(fits, FARTHER)),
    }


class _Neighbours:
    """Which rows follow each other in a conversation; they come in that order."""

    def __init__(self, rows: Sequence[Row]) -> None:
        talks: dict[str, int] = {}
        owners = np.array([talks.setdefault(row["conversation_id"], len(talks)) for row in rows])
        self._starts = np.searchsorted(owners, np.arange(len(talks)))
        self._owners = owners
        self._keys = owners * FAR + np.array([row["position"] for row in rows])

    def at(self, values: Floats, steps: int | NDArray[np.int64]) -> Floats:
        """Each row's neighbour's value, so many places on; 0 where there is none. `(n, 1)` steps give `(n, rows)`."""
        wanted = self._keys + steps
        places = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        there = self._keys[places] == wanted
        found = values[places]
        kept: Floats = found * (there if found.ndim == there.ndim else there[:, None])
        return kept

    def summed(self, values: Floats) -> Floats:
        """The sum over each conversation, for each of its rows."""
        found: Floats = np.add.reduceat(values, self._starts)[self._owners]
        return found

    def greatest(self, values: Floats) -> Floats:
        """The greatest of each conversation, for each of its rows."""
        found: Floats = np.maximum.reduceat(values, self._starts)[self._owners]
        return found


class _Asked:
    """The query's words in the texts, `counts` of `(texts, words)`; a word stands for those with the same beginning."""

    def __init__(self, words: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
        roots = list(dict.fromkeys(map(_root, words)))
        beginnings = tuple(root for root, _ in roots)
        meant: dict[str, int] = {}
        for word in [word for word in set().union(*texts) if word.startswith(beginnings)]:
            fits = (
                place
                for place, (root, most) in enumerate(roots)
                if word.startswith(root) and len(word) <= most
            )
            if (place := next(fits, None)) is not None:
                meant[word] = place
        self.counts = np.zeros((len(texts), len(roots)))
        for place, text in enumerate(texts):
            for word in filter(meant.__contains__, text):
                self.counts[place, meant[word]] += 1
        having = (self.counts > 0).sum(axis=0)
        self._rare = np.log(1 + (len(texts) - having + 0.5) / (having + 0.5))

    def score(self, counts: Floats, lengths: Floats | None = None) -> Floats:
        """BM25; the lengths count as shares of the mean one, or as one text of twice that length where they are not given."""
        norm = 2.0 if lengths is None else (1 - B + B * lengths / (lengths.mean() or 1.0))[:, None]
        found: Floats = (self._rare * counts * (K1 + 1) / (counts + K1 * norm)).sum(axis=1)
        return found

    def cover(self, counts: Floats) -> Floats:
        """The share of the words that are there."""
        found: Floats = ((counts > 0) * self._rare).sum(axis=1) / (self._rare.sum() or 1.0)
        return found


def _words(text: str) -> list[str]:
    """The runs of letters and digits in a text of lower case; twice as quick where all of it is ASCII."""
    return (
        text.encode().translate(_SPACED).decode().split() if text.isascii() else _WORD.findall(text)
    )


def _root(word: str) -> tuple[str, int]:
    """What the forms of a word begin with, and how long they are at most; one that is too short to have a stem stands for itself."""
    longest = max(_WORD.findall(word), key=len, default=word)
    root = stem(longest)
    return (longest, len(longest)) if len(longest) <= SHORT else (root, len(root) + ENDING)


def _around(near: _Neighbours, own: Floats) -> tuple[Floats, Floats]:
    """The sum of what lies within `AROUND` places, the nearer the more, and its greatest."""
    steps = np.arange(-AROUND, AROUND + 1)[:, None]
    values = near.at(own, steps) * (1 - np.abs(steps) / (AROUND + 1))
    return values.sum(axis=0), values.max(axis=0)


def _named(rows: Sequence[Row], query: str) -> Floats:
    """Whether the query names the author; words that most queries have name nobody."""
    by = _authors(rows)
    authors = set(filter(None, by))
    said = (
        {stem(word) for word in tokens(query) if word not in _NAMELESS} if authors else set[str]()
    )
    named = {
        author
        for author in authors
        if any(len(word) > 1 and stem(word) in said for word in tokens(author))
    }
    return np.array([author in named for author in by], float)


def _authors(rows: Sequence[Row]) -> list[str | None]:
    """Who wrote each: its author, or where none is told what stands before a colon, if most of those texts begin like that."""
    found = [row["author"] for row in rows]
    untold = [place for place, author in enumerate(found) if not author]
    begun = [
        (place, match[1])
        for place in untold
        if (match := _SPEAKER.match(rows[place]["content"] or ""))
    ]
    if 2 * len(begun) > len(untold):
        for place, name in begun:
            found[place] = name
    return found


def meeting(rows: Sequence[Row], *, least: int) -> bool:
    """Whether these messages are from talks of three people or more that have at least so many messages."""
    if not rows:
        return False
    people, length = dict[str, set[str | None]](), dict[str, int]()
    for row, author in zip(rows, _authors(rows), strict=True):
        talk = row["conversation_id"]
        people.setdefault(talk, set()).add(author)
        length[talk] = max(length.get(talk, 0), row["position"] + 1)
    talks = {
        talk
        for talk, names in people.items()
        if len(names - {None}) >= SEVERAL and length[talk] >= least
    }
    return sum(row["conversation_id"] in talks for row in rows) >= MOST * len(rows)


def _within(rows: Sequence[Row], spans: Sequence[TimeRange]) -> Floats:
    """Whether each is from one of these times."""
    if not spans:
        return np.zeros(len(rows))
    moments = np.array(
        [-1 if row["timestamp_ms"] is None else row["timestamp_ms"] for row in rows]
    )[:, None]
    starts, ends = np.array([(span.start_ms, span.end_ms) for span in spans]).T
    found: Floats = ((starts <= moments) & (moments <= ends)).any(axis=1).astype(float)
    return found


def _spread(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
