"""What a cross-encoder adds to the order of messages."""

import numpy as np
import pytest

from mcp_context_persistence.queries.search.ranker import Question, rank
from mcp_context_persistence.queries.search.recipes import recipe
from mcp_context_persistence.queries.search.reranking import WEIGHT

TEXTS = [
    "The parser is slow.",
    "Ann fixed the parser.",
    "It rained.",
    "The parser again.",
    "Bob wrote a parser in a week.",
]


def rows(allowed=lambda place: True):
    return [
        {
            "kind": "message", "id": f"m{place}", "conversation_id": "c", "position": place, "content": text, "passes": allowed(place),
            "cosine": 0.5 - place / 20, "meaning": 0.5 - place / 20, "words": 1.0, "own": 0.8, "author": None, "timestamp_ms": None,
        }
        for place, text in enumerate(TEXTS)
    ]  # fmt: skip


class Judge:
    """Says yes to one text, no to all others."""

    def __init__(self, favourite):
        self.favourite, self.asked = favourite, []

    def __call__(self, query, texts):
        self.asked.append((query, list(texts)))
        return np.array([float(text == self.favourite) for text in texts])


def found(judge, given, *, limit=10, allowed=lambda place: True):
    question = Question(text="who fixed the parser?", words=["fixed", "parser"], judge=judge)
    return rank(rows(allowed), question, limit=limit, recipe=recipe(given))


def ids(answer):
    return [row["id"] for _, row in answer]


@pytest.mark.parametrize("base", ["precise", "exploratory"])
def test_what_the_model_says_yes_to_comes_first_and_the_parts_still_sum_to_the_score(base):
    judge = Judge(TEXTS[2])
    plain = found(None, {"base": base})
    answer = found(judge, {"base": base, "reranked": 5})
    assert ids(plain)[0] != "m2"
    assert ids(answer)[0] == "m2" or base == "exploratory"  # there relevance is spread
    [(query, texts)] = judge.asked
    assert (query, set(texts)) == ("who fixed the parser?", set(TEXTS))
    for score, row in answer:
        told = row["cross_encoder"]
        assert told["score"] == float(row["id"] == "m2")
        assert (told["rank"] == 1) == (row["id"] == "m2")
        assert row["ranking"]["parts"]["cross_encoder"] == WEIGHT * told["score"]
        assert sum(row["ranking"]["parts"].values()) == pytest.approx(row["ranking"]["score"])
        assert 0 <= score <= 1
    assert sorted(row["cross_encoder"]["rank"] for _, row in answer) == [1, 2, 3, 4, 5]


def test_only_the_best_are_read_and_only_what_may_be_shown():
    best = ids(found(None, "balanced"))
    judge = Judge(None)
    answer = found(judge, {"reranked": 2})
    assert ids(answer) == best  # a model that says no to all that it reads changes nothing
    assert [row["id"] for _, row in answer if "cross_encoder" in row] == best[:2]
    judge = Judge(TEXTS[1])
    answer = found(judge, {"reranked": 2}, allowed=lambda place: place in {0, 2})
    assert set(judge.asked[0][1]) == {TEXTS[0], TEXTS[2]}
    assert set(ids(answer)) == {"m0", "m2"}


@pytest.mark.parametrize(
    "given", ["balanced", "fast", "exploratory", {"base": "precise", "arms": {"cross_encoder": 0}}]
)
def test_who_does_not_want_it_does_not_pay_for_it(given):
    judge = Judge(TEXTS[2])
    assert found(judge, given) == found(None, given)
    assert judge.asked == []
    assert all("cross_encoder" not in row for _, row in found(judge, given))


def test_its_factor_counts():
    doubled = found(Judge(TEXTS[2]), {"reranked": 5, "arms": {"cross_encoder": 2}})
    assert doubled[0][1]["ranking"]["parts"]["cross_encoder"] == 2 * WEIGHT


def test_nothing_that_may_be_shown_needs_no_model():
    judge = Judge(None)
    assert found(judge, "precise", allowed=lambda place: False) == []
    assert judge.asked == []
