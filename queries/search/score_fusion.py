"""How the arms of a search are joined: plain arithmetic on the scores that one statement returns.

Messages come with the scores that `queries.search.ranker` or a single arm gave them. What is no message is scored here on the same scale.
An entity has a scale of its own for words: its text is little more than a name, which Lucene would prefer to any message.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.identifiers import split_name
from mcp_context_persistence.queries.search.query_terms import bare, tokens

MEANING, WORDS = 0.4, 0.6
LEAST = 0.05  # what an arm gives for having found something at all
_SUFFIX = re.compile(
    r"(?<=...)(?:ies|ing|es|ed|s|e|y)$"
)  # what is left has three letters: "king" is no form of "k"


@dataclass(frozen=True, kw_only=True)
class Arms:
    """How much each arm counts."""

    meaning: float
    words: float

    def times(self, meaning: float, words: float) -> "Arms":
        """The same multiplied by factors, so that the sum is 1 at most."""
        most = max(1.0, self.meaning * meaning + self.words * words)
        return Arms(meaning=self.meaning * meaning / most, words=self.words * words / most)


HYBRID = Arms(meaning=MEANING, words=WORDS)
SEMANTIC = Arms(meaning=1.0, words=0.0)
KEYWORD = Arms(meaning=0.0, words=1.0)


def spread(value: float | None, low: float | None, high: float | None) -> float:
    """A score's place between the lowest and the highest of its leg, 0.05 to 1.0; 0.0 when the leg did not find it."""
    if value is None:
        return 0.0
    if low is None or high is None or high <= low:
        return 1.0
    return LEAST + (1 - LEAST) * min(1.0, max(0.0, (value - low) / (high - low)))


def stem(word: str) -> str:
    """A word without its commonest English ending; enough to compare a name with a query."""
    word = bare(word)
    if len(word) <= 3:
        return word
    root = _SUFFIX.sub("", word)
    return root[:-1] if len(root) > 3 and root[-1] == root[-2] else root


def overlap(words: Sequence[str], *, names: Sequence[str], content: str) -> float:
    """How much of an entity and of a query is the same, 0.0 to 1.0.

    It is the best Jaccard index of the query's words and a name's words. What else is said of the entity counts half.
    """
    asked = {stem(word) for word in words}
    if not asked:
        return 0.0
    best = 0.0
    for name in names:
        for form in {name.replace("_", " "), split_name(name)}:
            if named := {stem(word) for word in tokens(form)}:
                best = max(best, len(asked & named) / len(asked | named))
    told = {stem(word) for word in tokens(content.replace("_", " "))}
    return max(best, 0.5 * len(asked & told) / len(asked))


def coverage(words: Sequence[str], name: str) -> tuple[float, int]:
    """Which share of a name's words are among the query's, and how many."""
    asked = {stem(word) for word in words}
    best = (0.0, 0)
    for form in {name.replace("_", " "), split_name(name)}:
        if parts := {stem(word) for word in tokens(form)}:
            best = max(best, (len(asked & parts) / len(parts), len(asked & parts)))
    return best


def fuse(
    found: Row,
    *,
    messages: Iterable[tuple[float, Row]],
    arms: Arms,
    words: Sequence[str],
    limit: int,
    factors: Mapping[str, float] | None = None,
) -> list[tuple[float, Row]]:
    """Scores between 0 and 1 for all that was found, best first, at most `limit`.

    What is no message gets `fusion`: its `score`, which is the `factor` times the sum of the `parts` that the arms gave to it.

    Args:
        found: The row of `search/find`.
        messages: Its messages with their scores.
        arms: How much each arm counts.
        words: The query's words.
        limit: How many to return.
        factors: How much kinds count beside messages; what has 0 is left out. Where one is above 1, the scores of all others become less.
    """
    factors = factors or {}
    others = [row for row in found["others"] if factors.get(row["kind"], 1.0)]
    most = max((1.0, *(factors.get(row["kind"], 1.0) for row in others)))
    scored = [(score / most, row) for score, row in messages]
    for row in others:
        factor, parts = (
            factors.get(row["kind"], 1.0) / most,
            _parts(row, found, arms=arms, words=words),
        )
        score = factor * sum(parts.values())
        scored.append(
            (score, {**row, "fusion": {"score": score, "factor": factor, "parts": parts}})
        )
    scored.sort(key=lambda one: (-one[0], one[1]["kind"], one[1]["id"]))
    return one_passage_each(scored)[:limit]


def by_meaning(found: Row, *, limit: int) -> list[tuple[float, Row]]:
    """Everything that has a vector by its raw cosine, best first, at most `limit`."""
    rows = [row for row in (*found["messages"], *found["others"]) if row["meaning"] is not None]
    rows.sort(key=lambda row: (-row["meaning"], row["kind"], row["id"]))
    return one_passage_each([(row["meaning"], row) for row in rows])[:limit]


def one_passage_each(scored: Iterable[tuple[float, Row]]) -> list[tuple[float, Row]]:
    """Of a document only the first passage."""
    found: dict[tuple[str, str], tuple[float, Row]] = {}
    for score, row in scored:
        found.setdefault(
            (row["kind"], row["document_id"] if row["kind"] == "document" else row["id"]),
            (score, row),
        )
    return list(found.values())


def _parts(row: Row, found: Row, *, arms: Arms, words: Sequence[str]) -> dict[str, float]:
    """What each arm gives to what is no message; the sum is on the scale of a message's own.

    An entity scores to the degree in which the query names it; one that is only like the query gets at most half of that arm.
    """
    low, high = found["meaning_low"], found["meaning_high"]
    if row["kind"] != "entity":
        by_words = spread(row["words"], found["words_low"], found["words_high"])
        return {
            "meaning": arms.meaning * spread(row["meaning"], low, high),
            "words": arms.words * by_words,
        }
    meaning = max(0.0, row["meaning"] or 0.0) if low is None else spread(row["meaning"], low, high)
    names = [row["name"] or row["id"], row["id"], *(row["aliases"] or ())]
    named = overlap(words, names=names, content=row["content"] or "")
    alike = arms.meaning * meaning
    if named * (alike + arms.words) >= alike / 2:
        return {"meaning": named * alike, "words": named * arms.words}
    return {"meaning": alike / 2, "words": 0.0}
