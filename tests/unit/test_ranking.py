from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from queries.ranking import FEATURES, STRETCHES, Question, features, rank, weights
from queries.recipes import BALANCED
from queries.text import terms
from queries.times import times


def row(place: int, content: str, *, cosine: float | None = 0.1, talk: str = "c", hit: bool = True, **more: Any) -> dict[str, Any]:
    found = {
        "id": f"{talk}:{place}",
        "conversation_id": talk,
        "position": place,
        "content": content,
        "author": None,
        "timestamp_ms": NOW,
        "cosine": cosine,
    }
    return {**found, "meaning": cosine if hit else None, "words": None, "own": 0.8 if hit else 0.0, "passes": True, **more}


NOW = 1_700_000_000_000  # 14 November 2023


def asked(query: str) -> Question:
    return Question(text=query, words=terms(query).words, times=times(query, now_ms=NOW), now_ms=NOW)


def seen(rows: list[dict[str, Any]], query: str) -> dict[str, list[float]]:
    columns = features(rows, asked(query))
    assert columns.shape == (len(rows), len(FEATURES))
    assert np.isfinite(columns).all()
    assert (columns >= 0).all()
    return {name: columns[:, place].tolist() for place, name in enumerate(FEATURES)}


def test_there_is_a_weight_for_each_feature() -> None:
    assert list(weights()) == FEATURES
    assert list(weights(stretches=True)) == STRETCHES


def test_stretches_are_judged_by_what_lies_around_each_message_too() -> None:
    rows = [row(place, text) for place, text in enumerate(["pottery", "no", "class", "bowl", "so", "well", "right", "garden"])]
    plain = features(rows, asked("pottery class"))
    seen = features(rows, asked("pottery class"), stretches=True)
    assert seen.shape == (8, len(STRETCHES))
    assert seen[:, : len(FEATURES)].tolist() == plain.tolist()
    assert seen[:, STRETCHES.index("wide_cover")].tolist() == pytest.approx([1, 1, 1, 1, seen[4, -5], seen[5, -5], 0, 0])
    assert 0 < seen[4, -5] < 1
    assert np.isfinite(seen).all()
    assert (seen >= 0).all()


def test_what_the_entities_of_the_query_lead_to_is_seen() -> None:
    rows = [row(0, "Bob came."), row(4, "He left.")]
    question = replace(asked("Robert"), links={"c:4": {"score": 0.9, "through": ["Robert"]}})
    assert features(rows, question)[:, FEATURES.index("linked")].tolist() == [0.0, 0.9]
    words = replace(question, words=("left",))
    assert features(rows, words)[:, FEATURES.index("linked")].tolist() == [0.0, 0.0]  # its words say it already


def test_words_count_in_all_their_forms_and_rare_ones_more() -> None:
    rows = [row(0, "We hiked a lot."), row(2, "hiking boots"), row(4, "hikers, and art"), row(6, "an article")]
    cover = seen(rows, "hiking art")["cover"]
    assert cover[0] == cover[1] > 0
    assert cover[2] == pytest.approx(1.0)
    assert cover[3] == 0.0  # art is too short to stand for article


def test_a_view_has_the_neighbours_of_the_same_conversation_only() -> None:
    rows = [row(0, "pottery"), row(1, "class"), row(2, "bowl"), row(0, "garden", talk="d")]
    assert seen(rows, "pottery class")["view_cover"] == pytest.approx([1.0, 1.0, seen(rows, "pottery class")["cover"][1], 0.0])


def test_the_author_that_is_named_and_the_answer_to_a_question_are_seen() -> None:
    rows = [
        row(0, "What did you paint?", author="Melanie"),
        row(1, "A sunrise over the lake.", author="Caroline"),
        row(3, "Hi", author="Melanie"),
    ]
    found = seen(rows, "What did Caroline's sister paint?")
    assert found["speaker"] == [0.0, 1.0, 0.0]
    assert found["question"] == [1.0, 0.0, 0.0]
    assert found["answer"][1] > 0 == found["answer"][2]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("When did she go?", [1.0, 0.0]), ("How long was it?", [1.0, 0.0]), ("What did she do when it rained?", [0.0, 0.0])],
)
def test_a_question_for_a_time_looks_for_words_of_time(query: str, expected: list[float]) -> None:
    rows = [row(0, "We went there yesterday."), row(4, "We paid 20 euros.")]
    found = seen(rows, query)
    assert found["when"] == expected
    assert found["time"] == [1.0, 0.0]
    assert found["number"] == [0.0, 1.0]


def test_candidates_without_anything_in_common_have_a_place_too() -> None:
    rows = [row(0, "", cosine=None), row(5, "", cosine=None)]
    assert [one["id"] for _, one in rank(rows, asked("?"), limit=5, recipe=BALANCED)] == ["c:0", "c:5"]
    assert rank([], asked("x"), limit=5, recipe=BALANCED) == []


def test_the_best_has_the_best_score_of_the_legs_and_each_tells_its_parts() -> None:
    rows = [
        row(0, "the pottery class is on Monday", cosine=0.8),
        row(1, "no", cosine=0.1, hit=False),
        row(5, "lunch", cosine=0.2, own=0.3),
    ]
    found = rank(rows, asked("pottery class"), limit=10, recipe=BALANCED)
    assert found[0][1]["id"] == "c:0"
    assert [score for score, _ in found] == sorted((score for score, _ in found), reverse=True)
    assert found[0][0] == pytest.approx(0.8)
    for _, one in found:
        assert sum(one["ranking"]["parts"].values()) == pytest.approx(one["ranking"]["score"])


def test_messages_that_no_leg_scored_keep_their_order() -> None:
    rows = [row(place, text, hit=False) for place, text in enumerate(["no", "the pottery class", "pottery"])]
    found = rank(rows, asked("pottery class"), limit=10, recipe=BALANCED)
    scores = [score for score, _ in found]
    assert scores == sorted(set(scores), reverse=True)
    assert scores[-1] > 0


def test_what_the_filters_refuse_is_looked_at_but_not_returned() -> None:
    rows = [row(0, "pottery"), row(1, "class", passes=False), row(7, "pottery", talk="d")]
    assert [one["id"] for _, one in rank(rows, asked("pottery class"), limit=10, recipe=BALANCED)] == ["c:0", "d:7"]
    assert len(rank(rows, asked("pottery class"), limit=1, recipe=BALANCED)) == 1
