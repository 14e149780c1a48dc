"""The order of messages in a hybrid search: a linear ranker over what the legs, the neighbourhood and the session say of each.

The weights are plain numbers in `ranker.json`, learned by `python -m bench.learn`. Every feature lies between 0 and 1 and is made from the
candidates alone, so that nothing but the one statement is asked of the database:

- `meaning`, `view_meaning`: cosine of the message, and the mean of its own and its two neighbours'
- `cover`, `view_cover`: share of the query's words in it, and in it and its neighbours together; rare words among the candidates count more
- `session`, `session_best`: the query's words in all candidates of the conversation together, and in the best one
- `speaker`: its author is named in the query
- `question`, `answer`: it asks something; the message before asks and fits the query
- `long`: logarithm of its length
- `time`, `number`: it has a word of time, a digit; `when`: a word of time where the query asks when
- `before`: how well the message two places before fits
- `around`, `around_best`: the hits within four places, nearer ones counting more; the best of them
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from queries.fusion import stem
from queries.text import tokens

Row = Mapping[str, Any]
Floats = NDArray[np.float64]

FEATURES = [
    "meaning",
    "view_meaning",
    "cover",
    "view_cover",
    "session",
    "session_best",
    "speaker",
    "question",
    "answer",
    "long",
    "time",
    "number",
    "when",
    "before",
    "around",
    "around_best",
]
VIEW = (-1, 0, 1)
AROUND = 4
SOFTNESS = 3.0  # of the linear scores, whose differences are logarithms of odds
MEANING, WORDS = 0.4, 0.6  # of the plain score by which neighbours are judged
K1, B = 1.2, 0.75  # Robertson and Zaragoza 2009
SHORT = 3  # letters
CHARACTERS_PER_WORD = 6
LONG = math.log(1 + 1000 / CHARACTERS_PER_WORD)
WEIGHTS = Path(__file__).with_name("ranker.json")
_WHEN = re.compile(r"^\W*(?:(?:since|until) )?when\b|\bhow long\b|\b(?:what|which) (?:year|month|day|date)\b")
_TIMES = """
yesterday today tomorrow tonight week weekend month year ago last next monday tuesday wednesday thursday friday saturday sunday january
february march april may june july august september october november december morning evening night recently soon day days weeks months
years summer winter spring fall autumn since until
"""
_TIME = frozenset(_TIMES.split())
_DIGIT = re.compile(r"\d")
_PLAIN = re.compile(r"[a-z]+")


@cache
def weights() -> Mapping[str, float]:
    """What each feature counts."""
    found: dict[str, float] = json.loads(WEIGHTS.read_text(encoding="utf-8"))["weights"]
    return found


def rank(rows: Sequence[Row], *, query: str, words: Sequence[str], limit: int) -> list[tuple[float, Row]]:
    """Messages best first, with scores between 0 and 1.

    The best one has the best score that both legs together gave to any message, so that it can be compared with what is no message;
    the others less by the distance of their linear scores. Each row gets `ranking`: `score`, which is linear and has no bounds, and
    `parts`, what each feature gave to it.

    Args:
        rows: The messages of `search/find`, hits and what lies around them.
        query: As it was written.
        words: Its telling words.
        limit: How many to return.
    """
    if not rows:
        return []
    ordered = sorted(rows, key=lambda row: (row["conversation_id"], row["position"], row["id"]))
    counted = features(ordered, query=query, words=words) * np.array([weights()[name] for name in FEATURES])
    scores = counted.sum(axis=1)
    places = [place for place, row in enumerate(ordered) if row["passes"]]
    best = sorted(places, key=lambda place: (-scores[place], ordered[place]["id"]))[:limit]
    most = max(row["own"] for row in rows)
    return [
        (
            most * math.exp((scores[place] - scores[best[0]]) / SOFTNESS),
            {**ordered[place], "ranking": {"score": float(scores[place]), "parts": _parts(counted[place])}},
        )
        for place in best
    ]


def _parts(values: Floats) -> dict[str, float]:
    return {name: value for name, value in zip(FEATURES, values.tolist(), strict=True) if value}


def features(rows: Sequence[Row], *, query: str, words: Sequence[str]) -> Floats:
    """What the ranker sees, `(len(rows), len(FEATURES)) float64`; rows are in the order of conversation and position."""
    texts = [(row["content"] or "").lower() for row in rows]
    hits = np.array([row["meaning"] is not None or row["words"] is not None for row in rows])
    cosines = [row["cosine"] for row in rows]
    least = min((one for one in cosines if one is not None), default=0.0)
    meaning = np.array([least if one is None else one for one in cosines], float)
    near = _Neighbours(rows)
    asked = _Asked(words, texts)
    lengths = np.array([len(text) / CHARACTERS_PER_WORD for text in texts])
    fits = asked.score(asked.counts, lengths, float(lengths.mean()) or 1.0)
    own = MEANING * _spread(meaning) + WORDS * _spread(fits)
    view = sum((near.at(asked.counts, step) for step in VIEW), np.zeros_like(asked.counts))
    asks = np.array(["?" in text for text in texts], float)
    named = _named(rows, query)
    when = np.array([not _TIME.isdisjoint(_PLAIN.findall(text)) for text in texts], float)
    around, best = _around(near, own * hits)
    session = near.by_conversation(asked.counts, lambda part: asked.saturated(part.sum(axis=0)))
    columns = {
        "meaning": _spread(meaning),
        "view_meaning": _spread(sum((near.at(meaning, step) for step in VIEW), np.zeros(len(rows)))),
        "cover": asked.cover(asked.counts),
        "view_cover": asked.cover(view),
        "session": _spread(session),
        "session_best": _spread(near.by_conversation(fits, lambda part: float(part.max()))),
        "speaker": named,
        "question": asks,
        "answer": near.at(own * asks, -1),
        "long": np.minimum(1.0, np.log1p(lengths) / LONG),
        "time": when,
        "number": np.array([_DIGIT.search(text) is not None for text in texts], float),
        "when": when if _WHEN.search(query.lower()) else np.zeros(len(rows)),
        "before": near.at(own, -2),
        "around": around / (around.max() or 1.0),
        "around_best": best,
    }
    return np.stack([columns[name] for name in FEATURES], axis=1)


class _Neighbours:
    """Which rows follow each other in a conversation."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._places = {(row["conversation_id"], row["position"]): place for place, row in enumerate(rows)}
        self._keys = (
            list(self._places) if len(self._places) == len(rows) else [(row["conversation_id"], row["position"]) for row in rows]
        )
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            groups[row["conversation_id"]].append(place)
        self._groups = [np.array(places) for places in groups.values()]
        self._steps: dict[int, tuple[NDArray[np.int64], Floats]] = {}

    def at(self, values: Floats, step: int) -> Floats:
        """Each row's neighbour's value, so many places on; 0 where there is none."""
        if step not in self._steps:
            found = [self._places.get((key, position + step), -1) for key, position in self._keys]
            places = np.array(found)
            self._steps[step] = places, (places >= 0).astype(float)
        places, there = self._steps[step]
        return values[places] * (there if values.ndim == 1 else there[:, None])

    def by_conversation(self, values: Floats, what: Callable[[Floats], float]) -> Floats:
        """One number per conversation, for each of its rows."""
        found = np.zeros(len(self._keys))
        for places in self._groups:
            found[places] = what(values[places])
        return found


class _Asked:
    """The query's words in the texts, `counts` of `(texts, words)`; a word stands for those with the same beginning."""

    def __init__(self, words: Sequence[str], texts: Sequence[str]) -> None:
        roots = list(dict.fromkeys(map(_beginning, words)))
        self.counts = np.zeros((len(texts), len(roots)))
        if roots:
            pattern = re.compile(r"(?<!\w)(?:" + "|".join(f"({root})" for root in roots) + r")(?!\w)")
            for place, text in enumerate(texts):
                for match in pattern.finditer(text):
                    self.counts[place, (match.lastindex or 1) - 1] += 1
        having = (self.counts > 0).sum(axis=0)
        self._rare = np.log(1 + (len(texts) - having + 0.5) / (having + 0.5))

    def score(self, counts: Floats, lengths: Floats, mean: float) -> Floats:
        """BM25 of texts of these lengths."""
        found: Floats = (self._rare * counts * (K1 + 1) / (counts + K1 * (1 - B + B * lengths / mean)[:, None])).sum(axis=1)
        return found

    def saturated(self, counts: Floats) -> float:
        """The same for one text whose length does not count."""
        return float((self._rare * counts * (K1 + 1) / (counts + 2 * K1)).sum())

    def cover(self, counts: Floats) -> Floats:
        """The share of the words that are there."""
        found: Floats = ((counts > 0) * self._rare).sum(axis=1) / (self._rare.sum() or 1.0)
        return found


def _beginning(word: str) -> str:
    """A pattern for a word in its forms; one that is too short to have a stem stands for itself and its plural."""
    if len(word) <= SHORT:
        return re.escape(word) + r"(?:['’]?s)?"
    return re.escape(stem(word)) + r"(?:['’]s|\w{0,5})"


def _around(near: _Neighbours, own: Floats) -> tuple[Floats, Floats]:
    """The sum of what lies within `AROUND` places, the nearer the more, and its greatest."""
    total, best = own.copy(), own.copy()
    for step in (*range(-AROUND, 0), *range(1, AROUND + 1)):
        value = near.at(own, step) * (1 - abs(step) / (AROUND + 1))
        total, best = total + value, np.maximum(best, value)
    return total, best


def _named(rows: Iterable[Row], query: str) -> Floats:
    """Whether the query names the author."""
    said = {stem(word) for word in tokens(query)}
    known: dict[str | None, bool] = {None: False}
    for row in rows:
        name = row["author"]
        if name not in known:
            known[name] = any(stem(word) in said for word in tokens(name))
    return np.array([known[row["author"]] for row in rows], float)


def _spread(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
