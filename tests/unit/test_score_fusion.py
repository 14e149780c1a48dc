import pytest

from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.queries.search.candidate import (
    Candidate,
    Candidates,
    ScoredCandidate,
    ScoreRange,
)
from mcp_context_persistence.queries.search.score_fusion import (
    HYBRID,
    KEYWORD_ONLY,
    SMALLEST_SHARE,
    VECTOR_ONLY,
    RetrieverWeights,
    compare_with_entity,
    fuse,
    measure_coverage,
    normalize_score,
    order_by_vector,
)


def message(name: str, *, score: float = 0.9, vector: float | None = 0.5) -> ScoredCandidate:
    return ScoredCandidate(score, Candidate("message", name, vector_score=vector))


def other(
    kind: str, name: str, *, vector: float | None = None, keyword: float | None = None
) -> Candidate:
    return Candidate(
        kind, name, name=name, content=name, vector_score=vector, keyword_score=keyword
    )


def found(others: list[Candidate], *, with_ranges: bool = True) -> Candidates:
    if not with_ranges:
        return Candidates(others=others)
    return Candidates(
        others=others,
        vector_range=ScoreRange(minimum=0.2, maximum=0.6),
        keyword_range=ScoreRange(minimum=1.0, maximum=5.0),
    )


def overlap(words: list[str], *, names: list[str], content: str) -> float:
    return compare_with_entity(frozenset(map(stem, words)), names=names, content=content)


def coverage(words: list[str], name: str) -> tuple[float, int]:
    return measure_coverage(frozenset(map(stem, words)), name)


def ids(scored: list[ScoredCandidate]) -> list[str]:
    return [one.candidate.id for one in scored]


def scores(scored: list[ScoredCandidate]) -> list[float]:
    return [one.score for one in scored]


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (None, 0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0, SMALLEST_SHARE),
        (1.0, 0.0, 1.0, 1.0),
        (2.0, 0.0, 1.0, 1.0),
        (0.3, 0.3, 0.3, 1.0),
        (0.3, None, None, 1.0),
    ],
)
def test_scores_are_normalized_over_the_range_of_their_retriever(
    value: float | None, low: float | None, high: float | None, expected: float
) -> None:
    assert normalize_score(value, ScoreRange(minimum=low, maximum=high)) == pytest.approx(expected)


def test_an_entity_that_is_the_query_comes_first() -> None:
    crowd = found([other("entity", "pandas", vector=0.7, keyword=9.0)])
    scored = fuse(crowd, messages=[message("a")], weights=HYBRID, words=["pandas"], limit=10)
    assert ids(scored) == ["pandas", "a"]
    assert scores(scored) == pytest.approx([1.0, 0.9])


def test_an_entity_that_the_query_only_mentions_does_not_crowd_messages_out() -> None:
    rows = [message(f"m{n}", score=0.9 - n / 20) for n in range(10)]
    crowd = found([other("entity", "Caroline", vector=0.9, keyword=12.0)])
    scored = fuse(
        crowd,
        messages=rows,
        weights=HYBRID,
        words=["caroline", "research", "adoption", "agencies"],
        limit=10,
    )
    assert [one.candidate.kind for one in scored] == ["message"] * 10


def test_entities_alone_are_ordered_by_their_likeness() -> None:
    rows = [other("entity", "a", vector=0.2), other("entity", "b", vector=0.6)]
    alone = found(rows, with_ranges=False)
    scored = fuse(alone, messages=[], weights=HYBRID, words=["zebra"], limit=10)
    assert ids(scored) == ["b", "a"]
    assert all(0 < score <= 1 for score in scores(scored))


def test_a_decision_is_measured_as_a_message_is() -> None:
    scored = fuse(
        found([other("decision", "d", vector=0.6, keyword=5.0)]),
        messages=[],
        weights=HYBRID,
        words=["x"],
        limit=10,
    )
    assert scored[0].score == pytest.approx(1.0)


def test_the_arms_count_as_they_are_told() -> None:
    rows = [other("decision", "d", vector=0.6, keyword=1.0)]
    assert fuse(found(rows), messages=[], weights=KEYWORD_ONLY, words=["x"], limit=1)[
        0
    ].score == pytest.approx(SMALLEST_SHARE)
    assert fuse(found(rows), messages=[], weights=VECTOR_ONLY, words=["x"], limit=1)[
        0
    ].score == pytest.approx(1.0)


def test_kinds_count_as_they_are_told_and_never_more_than_1() -> None:
    rows = [
        other("decision", "d", vector=0.6, keyword=5.0),
        other("decision", "e", vector=0.5, keyword=5.0),
        other("entity", "x"),
    ]
    scored = fuse(
        found(rows),
        messages=[message("a")],
        weights=HYBRID,
        words=["y"],
        limit=9,
        kind_factors={"decision": 5, "entity": 0},
    )
    assert ids(scored) == ["d", "e", "a"]
    assert scores(scored) == [
        pytest.approx(1.0),
        pytest.approx(0.905),
        pytest.approx(0.9 / 5),
    ]
    for one in scored[:2]:
        score, row = one.score, one.scoring
        assert (
            row["fusion"]["factor"] * sum(row["fusion"]["parts"].values())
            == pytest.approx(score)
            == row["fusion"]["score"]
        )
    half = fuse(
        found(rows[:1]),
        messages=[message("a")],
        weights=HYBRID,
        words=[],
        limit=9,
        kind_factors={"decision": 0.5, "entity": 9},
    )
    assert ids(half) == ["a", "d"]
    assert scores(half) == pytest.approx([0.9, 0.5])


def test_arms_multiplied_stay_within_1() -> None:
    assert HYBRID.scale(vector=10, keyword=0) == RetrieverWeights(vector=1.0, keyword=0.0)
    assert HYBRID.scale(vector=1, keyword=0) == RetrieverWeights(vector=0.4, keyword=0.0)
    loud = HYBRID.scale(vector=3, keyword=3)
    assert loud.vector + loud.keyword == pytest.approx(1.0)


def test_the_vector_order_is_the_raw_cosine_across_kinds() -> None:
    messages = [
        Candidate("message", "a", vector_score=0.4),
        Candidate("message", "b"),
    ]
    candidates = Candidates(messages=messages, others=[other("entity", "e", vector=0.5)])
    scored = order_by_vector(candidates, limit=10)
    assert [(one.score, one.candidate.id) for one in scored] == [(0.5, "e"), (0.4, "a")]
    assert len(order_by_vector(candidates, limit=1)) == 1


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
