import numpy as np
import pytest

from bench.quality.learn import (
    Group,
    Judged,
    in_use,
    judge,
    judgements,
    learn,
    left_out,
    parts,
    show,
)
from mcp_context_persistence.queries.search.ranker import FEATURES


def question(relevant: int, *, feature: str = "cover", of: int = 5, seed: int = 0) -> Judged:
    """One whose relevant candidate is the only one with a feature."""
    seen = np.random.default_rng(seed).random((of, len(FEATURES))) / 10
    seen[relevant, FEATURES.index(feature)] = 1.0
    wanted = np.zeros(of)
    wanted[relevant] = 1.0
    ids = tuple(f"m{place}" for place in range(of))
    return Judged(
        question="?", seen=seen, relevant=wanted, wanted=frozenset({f"m{relevant}"}), ids=ids
    )


def groups(count: int, *, feature: str = "cover", any_will_do: bool = False) -> list[Group]:
    return [
        Group(
            name=str(one),
            any_will_do=any_will_do,
            questions=[question(one % 5, feature=feature, seed=one)],
        )
        for one in range(count)
    ]


@pytest.mark.parametrize("any_will_do", [False, True])
def test_what_relevant_candidates_have_is_learned(any_will_do: bool) -> None:
    weights = dict(zip(FEATURES, learn(groups(20, any_will_do=any_will_do)), strict=True))
    assert max(weights, key=weights.__getitem__) == "cover"
    assert learn(groups(20), without=["cover"])[FEATURES.index("cover")] == 0.0


def test_each_is_judged_by_weights_that_do_not_know_it() -> None:
    strange = Group(name="strange", any_will_do=False, questions=[question(0, feature="speaker")])
    by = {group.name: weights for group, _, weights in left_out([*groups(4), strange])}
    assert abs(by["strange"][FEATURES.index("speaker")]) < 0.5 < by["0"][FEATURES.index("speaker")]


def test_many_are_left_out_in_fifths_and_meetings_alone_one_by_one() -> None:
    assert [len(part) for part in parts(groups(4))] == [1] * 4
    assert [len(part) for part in parts(groups(20))] == [4] * 5
    assert [len(part) for part in parts(groups(20, any_will_do=True))] == [1] * 20
    assert [len(part) for part in parts([*groups(2), *groups(20, any_will_do=True)])] == [
        1,
        1,
        *[4] * 5,
    ]


def test_the_weights_as_they_are_stand_beside_the_learned_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hidden = question(0)
    lost = Judged(
        question="?",
        seen=hidden.seen,
        relevant=hidden.relevant * 0,
        wanted=hidden.wanted,
        ids=hidden.ids,
    )
    group = Group(name="a", any_will_do=False, questions=[question(0), lost])
    show([(group, one, in_use(one)) for one in group.questions])
    told = capsys.readouterr().out
    assert "(2 questions, 1 with a relevant candidate)" in told
    assert "R@10 0.500" in told


def test_figures_are_of_the_first_ten() -> None:
    assert judge([False, True], 2) == pytest.approx(
        {"R@10": 0.5, "MRR": 0.5, "nDCG@10": 0.3868528, "hit@10": 1.0}
    )
    assert judge([False] * 10 + [True], 1) == {
        "R@10": 0.0,
        "MRR": 0.0,
        "nDCG@10": 0.0,
        "hit@10": 0.0,
    }
    assert judge([True], 1) == {"R@10": 1.0, "MRR": 1.0, "nDCG@10": 1.0, "hit@10": 1.0}


def test_judgements_are_lines() -> None:
    assert judgements(
        '{"query": "a", "relevant": ["m1"]}\n\n{"query": "b", "relevant": ["m2", "m3"]}\n'
    ) == [
        ("a", ["m1"]),
        ("b", ["m2", "m3"]),
    ]


@pytest.mark.parametrize(
    "line",
    [
        '{"query": "a", "relevant": "m1"}',
        '{"query": "a", "relevant": []}',
        '{"query": "a"}',
        "[]",
        "{",
        '{"query": 1, "relevant": ["m"]}',
    ],
)
def test_other_lines_are_told(line: str) -> None:
    with pytest.raises(SystemExit, match="line 2"):
        judgements(f"\n{line}")


def test_nothing_to_learn_from_is_told() -> None:
    with pytest.raises(SystemExit, match="no judgements"):
        judgements("\n")
    one = question(0)
    lost = Judged(
        question="?", seen=one.seen, relevant=one.relevant * 0, wanted=one.wanted, ids=one.ids
    )
    with pytest.raises(SystemExit, match="nothing to learn"):
        learn([Group(name="a", any_will_do=False, questions=[lost])])
