"""What a cross-encoder adds to the order of messages."""

import numpy as np
import pytest

from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.features import RankingQuery
from mcp_context_persistence.queries.search.ranker import rank
from mcp_context_persistence.queries.search.recipes import read_recipe
from mcp_context_persistence.queries.search.reranking import CROSS_ENCODER_WEIGHT

TEXTS = [
    "The parser is slow.",
    "Ann fixed the parser.",
    "It rained.",
    "The parser again.",
    "Bob wrote a parser in a week.",
]


def rows(allowed=lambda position: True):
    return [
        Candidate(
            "message",
            f"m{position}",
            conversation_id="c",
            position=position,
            content=text,
            is_allowed=allowed(position),
            cosine=0.5 - position / 20,
            vector_score=0.5 - position / 20,
            keyword_score=1.0,
            retrieval_score=0.8,
        )
        for position, text in enumerate(TEXTS)
    ]


class Judge:
    """Says yes to one text, no to all others."""

    def __init__(self, favourite):
        self.favourite, self.asked = favourite, []

    def __call__(self, query, texts):
        self.asked.append((query, list(texts)))
        return np.array([float(text == self.favourite) for text in texts])


def found(judge, given, *, limit=10, allowed=lambda place: True):
    query = RankingQuery(text="who fixed the parser?", words=["fixed", "parser"])
    return rank(
        rows(allowed),
        [None] * len(TEXTS),
        query,
        limit=limit,
        recipe=read_recipe(given),
        score_texts=judge,
    ).scored


def ids(answer):
    return [one.candidate.id for one in answer]


@pytest.mark.parametrize("base", ["precise", "exploratory"])
def test_what_the_model_says_yes_to_comes_first_and_the_parts_still_sum_to_the_score(base):
    judge = Judge(TEXTS[2])
    plain = found(None, {"base": base})
    answer = found(judge, {"base": base, "rerank_top_k": 5})
    assert ids(plain)[0] != "m2"
    assert ids(answer)[0] == "m2" or base == "exploratory"  # there relevance is spread
    [(query, texts)] = judge.asked
    assert (query, set(texts)) == ("who fixed the parser?", set(TEXTS))
    for one in answer:
        score, row = one.score, one.scoring
        told = row["cross_encoder"]
        assert told["score"] == float(one.candidate.id == "m2")
        assert (told["rank"] == 1) == (one.candidate.id == "m2")
        assert row["ranking"]["parts"]["cross_encoder"] == CROSS_ENCODER_WEIGHT * told["score"]
        assert sum(row["ranking"]["parts"].values()) == pytest.approx(row["ranking"]["score"])
        assert 0 <= score <= 1
    assert sorted(one.scoring["cross_encoder"]["rank"] for one in answer) == [1, 2, 3, 4, 5]


def test_only_the_best_are_read_and_only_what_may_be_shown():
    best = ids(found(None, "balanced"))
    judge = Judge(None)
    answer = found(judge, {"rerank_top_k": 2})
    assert ids(answer) == best  # a model that says no to all that it reads changes nothing
    assert [one.candidate.id for one in answer if "cross_encoder" in one.scoring] == best[:2]
    judge = Judge(TEXTS[1])
    answer = found(judge, {"rerank_top_k": 2}, allowed=lambda place: place in {0, 2})
    assert set(judge.asked[0][1]) == {TEXTS[0], TEXTS[2]}
    assert set(ids(answer)) == {"m0", "m2"}


@pytest.mark.parametrize(
    "given",
    ["balanced", "fast", "exploratory", {"base": "precise", "weights": {"cross_encoder": 0}}],
)
def test_who_does_not_want_it_does_not_pay_for_it(given):
    judge = Judge(TEXTS[2])
    assert found(judge, given) == found(None, given)
    assert judge.asked == []
    assert all("cross_encoder" not in one.scoring for one in found(judge, given))


def test_its_factor_counts():
    doubled = found(Judge(TEXTS[2]), {"rerank_top_k": 5, "weights": {"cross_encoder": 2}})
    assert doubled[0].scoring["ranking"]["parts"]["cross_encoder"] == 2 * CROSS_ENCODER_WEIGHT


def test_nothing_that_may_be_shown_needs_no_model():
    judge = Judge(None)
    assert found(judge, "precise", allowed=lambda place: False) == []
    assert judge.asked == []
