from typing import Any

import pytest

from mcp_context_persistence.queries.search.score_fusion import (
    HYBRID,
    KEYWORD,
    LEAST,
    Arms,
    by_meaning,
    coverage,
    fuse,
    overlap,
    spread,
)


def message(name: str, *, meaning: float | None = 0.5) -> dict[str, Any]:
    return {"id": name, "kind": "message", "meaning": meaning, "words": None}


def other(
    kind: str,
    name: str,
    *,
    meaning: float | None = None,
    words: float | None = None,
    content: str = "",
) -> dict[str, Any]:
    return {
        "id": name,
        "kind": kind,
        "name": name,
        "aliases": [],
        "content": content or name,
        "meaning": meaning,
        "words": words,
    }


def found(others: list[dict[str, Any]], **ranges: float | None) -> dict[str, Any]:
    low_high = {"meaning_low": 0.2, "meaning_high": 0.6, "words_low": 1.0, "words_high": 5.0}
    return {"others": others, **low_high, **ranges}


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (None, 0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0, LEAST),
        (1.0, 0.0, 1.0, 1.0),
        (2.0, 0.0, 1.0, 1.0),
        (0.3, 0.3, 0.3, 1.0),
        (0.3, None, None, 1.0),
    ],
)
def test_scores_are_spread_over_their_leg(
    value: float | None, low: float | None, high: float | None, expected: float
) -> None:
    assert spread(value, low, high) == pytest.approx(expected)


def test_an_entity_that_is_the_query_comes_first() -> None:
    crowd = found([other("entity", "pandas", meaning=0.7, words=9.0)])
    scored = fuse(crowd, messages=[(0.9, message("a"))], arms=HYBRID, words=["pandas"], limit=10)
    assert [(score, row["id"]) for score, row in scored] == [
        (pytest.approx(1.0), "pandas"),
        (pytest.approx(0.9), "a"),
    ]


def test_an_entity_that_the_query_only_mentions_does_not_crowd_messages_out() -> None:
    rows = [(0.9 - n / 20, message(f"m{n}")) for n in range(10)]
    crowd = found([other("entity", "Caroline", meaning=0.9, words=12.0)])
    scored = fuse(
        crowd,
        messages=rows,
        arms=HYBRID,
        words=["caroline", "research", "adoption", "agencies"],
        limit=10,
    )
    assert [row["kind"] for _, row in scored] == ["message"] * 10


def test_entities_alone_are_ordered_by_their_likeness() -> None:
    rows = [other("entity", "a", meaning=0.2), other("entity", "b", meaning=0.6)]
    alone = found(rows, meaning_low=None, meaning_high=None, words_low=None, words_high=None)
    scored = fuse(alone, messages=[], arms=HYBRID, words=["zebra"], limit=10)
    assert [row["id"] for _, row in scored] == ["b", "a"]
    assert all(0 < score <= 1 for score, _ in scored)


def test_a_decision_is_measured_as_a_message_is() -> None:
    scored = fuse(
        found([other("decision", "d", meaning=0.6, words=5.0)]),
        messages=[],
        arms=HYBRID,
        words=["x"],
        limit=10,
    )
    assert scored[0][0] == pytest.approx(1.0)


def test_the_arms_count_as_they_are_told() -> None:
    rows = [other("decision", "d", meaning=0.6, words=1.0)]
    assert fuse(found(rows), messages=[], arms=KEYWORD, words=["x"], limit=1)[0][
        0
    ] == pytest.approx(LEAST)
    assert fuse(found(rows), messages=[], arms=Arms(meaning=1.0, words=0.0), words=["x"], limit=1)[
        0
    ][0] == pytest.approx(1.0)


def test_kinds_count_as_they_are_told_and_never_more_than_1() -> None:
    rows = [
        other("decision", "d", meaning=0.6, words=5.0),
        other("decision", "e", meaning=0.5, words=5.0),
        other("entity", "x"),
    ]
    scored = fuse(
        found(rows),
        messages=[(0.9, message("a"))],
        arms=HYBRID,
        words=["y"],
        limit=9,
        factors={"decision": 5, "entity": 0},
    )
    assert [row["id"] for _, row in scored] == ["d", "e", "a"]
    assert [score for score, _ in scored] == [
        pytest.approx(1.0),
        pytest.approx(0.905),
        pytest.approx(0.9 / 5),
    ]
    for score, row in scored[:2]:
        assert (
            row["fusion"]["factor"] * sum(row["fusion"]["parts"].values())
            == pytest.approx(score)
            == row["fusion"]["score"]
        )
    half = fuse(
        found(rows[:1]),
        messages=[(0.9, message("a"))],
        arms=HYBRID,
        words=[],
        limit=9,
        factors={"decision": 0.5, "entity": 9},
    )
    assert [(score, row["id"]) for score, row in half] == [
        (pytest.approx(0.9), "a"),
        (pytest.approx(0.5), "d"),
    ]


def test_arms_multiplied_stay_within_1() -> None:
    assert HYBRID.times(10, 0) == Arms(meaning=1.0, words=0.0)
    assert HYBRID.times(1, 0) == Arms(meaning=0.4, words=0.0)
    loud = HYBRID.times(3, 3)
    assert loud.meaning + loud.words == pytest.approx(1.0)


def test_by_meaning_is_the_raw_cosine_across_kinds() -> None:
    rows = found([other("entity", "e", meaning=0.5)]) | {
        "messages": [message("a", meaning=0.4), message("b", meaning=None)]
    }
    assert [(score, row["id"]) for score, row in by_meaning(rows, limit=10)] == [
        (0.5, "e"),
        (0.4, "a"),
    ]
    assert len(by_meaning(rows, limit=1)) == 1


def test_overlap_compares_names_and_half_of_what_else_is_said() -> None:
    assert overlap(["data", "transformation"], names=["data_transformation"], content="") == 1.0
    assert overlap(["running"], names=["runs"], content="") == 1.0
    assert (
        overlap(
            ["validates", "frames"],
            names=["DataProcessor"],
            content="DataProcessor validates data frames",
        )
        == 0.5
    )
    assert overlap([], names=["x"], content="x") == 0.0


def test_coverage_is_the_share_of_the_name() -> None:
    assert coverage(["support", "group", "lgbtq"], "support_group") == (1.0, 2)
    assert coverage(["support"], "support group") == (0.5, 1)
    assert coverage(["x"], "...") == (0.0, 0)
