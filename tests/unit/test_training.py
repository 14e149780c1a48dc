from dataclasses import replace

import numpy as np
import pytest

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.queries.search import training
from mcp_context_persistence.queries.search.features import MESSAGE_FEATURES
from mcp_context_persistence.queries.search.training import (
    Group,
    Question,
    calculate_figures,
    cross_validate,
    format_figures,
    learn_weights,
    parse_judgments,
    read_current_weights,
    split_groups,
)


def question(relevant: int, *, feature: str = "coverage", of: int = 5, seed: int = 0) -> Question:
    """One whose relevant candidate is the only one with a feature."""
    seen = np.random.default_rng(seed).random((of, len(MESSAGE_FEATURES))) / 10
    seen[relevant, MESSAGE_FEATURES.index(feature)] = 1.0
    wanted = np.zeros(of)
    wanted[relevant] = 1.0
    ids = tuple(f"m{place}" for place in range(of))
    return Question(
        text="?",
        features=seen,
        is_relevant=wanted,
        relevant_ids=frozenset({f"m{relevant}"}),
        ids=ids,
    )


def groups(count: int, *, feature: str = "coverage", any_is_enough: bool = False) -> list[Group]:
    return [
        Group(
            name=str(one),
            any_is_enough=any_is_enough,
            questions=[question(one % 5, feature=feature, seed=one)],
        )
        for one in range(count)
    ]


@pytest.mark.parametrize("any_is_enough", [False, True])
def test_what_relevant_candidates_have_is_learned(any_is_enough: bool) -> None:
    weights = dict(
        zip(MESSAGE_FEATURES, learn_weights(groups(20, any_is_enough=any_is_enough)), strict=False)
    )
    assert max(weights, key=weights.__getitem__) == "coverage"
    assert (
        learn_weights(groups(20), excluded=["coverage"])[MESSAGE_FEATURES.index("coverage")] == 0.0
    )


def test_chats_with_an_assistant_have_weights_of_their_own(monkeypatch, tmp_path) -> None:
    file = tmp_path / "ranker.json"
    file.write_text("{}")
    monkeypatch.setattr(training, "FILE", file)
    people, others = groups(20), groups(20, feature="user")
    for group in others:
        group.questions = [replace(item, assistant_share=1.0) for item in group.questions]
    content = training.build_weights_file([*people, *others])
    assert content["messages"]["coverage"] > content["assistants"]["coverage"]
    assert content["assistants"]["user"] > content["messages"]["user"]
    assert training.build_weights_file(people).keys() == {"messages"}
    assert training.build_weights_file(others).keys() == {"assistants"}


def test_each_is_judged_by_weights_that_do_not_know_it() -> None:
    strange = Group(name="strange", any_is_enough=False, questions=[question(0, feature="author")])
    by = {group.name: weights for group, _, weights in cross_validate([*groups(4), strange])}
    assert (
        abs(by["strange"][MESSAGE_FEATURES.index("author")])
        < 0.5
        < by["0"][MESSAGE_FEATURES.index("author")]
    )


def test_many_are_left_out_in_fifths_and_meetings_alone_one_by_one() -> None:
    assert [len(part) for part in split_groups(groups(4))] == [1] * 4
    assert [len(part) for part in split_groups(groups(20))] == [4] * 5
    assert [len(part) for part in split_groups(groups(20, any_is_enough=True))] == [1] * 20
    assert [len(part) for part in split_groups([*groups(2), *groups(20, any_is_enough=True)])] == [
        1,
        1,
        *[4] * 5,
    ]


def test_the_weights_as_they_are_stand_beside_the_learned_ones() -> None:
    hidden = question(0)
    lost = Question(
        text="?",
        features=hidden.features,
        is_relevant=hidden.is_relevant * 0,
        relevant_ids=hidden.relevant_ids,
        ids=hidden.ids,
    )
    group = Group(name="a", any_is_enough=False, questions=[question(0), lost])
    told = "\n".join(
        format_figures([(group, one, read_current_weights(one)) for one in group.questions])
    )
    assert "(2 questions, 1 with a relevant candidate)" in told
    assert "R@10 0.500" in told


def test_figures_are_of_the_first_ten() -> None:
    assert calculate_figures([False, True], 2) == pytest.approx(
        {"R@10": 0.5, "MRR": 0.5, "nDCG@10": 0.3868528, "hit@10": 1.0}
    )
    assert calculate_figures([False] * 10 + [True], 1) == {
        "R@10": 0.0,
        "MRR": 0.0,
        "nDCG@10": 0.0,
        "hit@10": 0.0,
    }
    assert calculate_figures([True], 1) == {"R@10": 1.0, "MRR": 1.0, "nDCG@10": 1.0, "hit@10": 1.0}


def test_judgements_are_lines() -> None:
    assert parse_judgments(
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
    with pytest.raises(ValidationError, match="line 2"):
        parse_judgments(f"\n{line}")


def test_nothing_to_learn_from_is_told() -> None:
    with pytest.raises(ValidationError, match="no judgments"):
        parse_judgments("\n")
    one = question(0)
    lost = Question(
        text="?",
        features=one.features,
        is_relevant=one.is_relevant * 0,
        relevant_ids=one.relevant_ids,
        ids=one.ids,
    )
    with pytest.raises(ValidationError, match="nothing to learn"):
        learn_weights([Group(name="a", any_is_enough=False, questions=[lost])])
