from dataclasses import replace

import pytest

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.queries.search.features import MESSAGE_FEATURES, PASSAGE_FEATURES
from mcp_context_persistence.queries.search.recipes import (
    RENAMED_KEYS,
    RENAMED_WEIGHTS,
    WEIGHTS,
    Recipe,
    named_recipes,
    read_recipe,
)


def test_each_feature_belongs_to_one_arm() -> None:
    names = [name for arm in WEIGHTS.values() for name in arm]
    assert sorted(names) == sorted({*MESSAGE_FEATURES, *PASSAGE_FEATURES})
    assert Recipe().feature_factors == dict.fromkeys(names, 1.0)


def test_recipes_have_names() -> None:
    assert set(named_recipes()) == {"balanced", "fast", "precise", "exploratory", "timeline"}
    assert read_recipe("balanced") == Recipe(meeting_min_messages=100)
    assert (
        read_recipe("fast").neighbor_seeds
        < Recipe().neighbor_seeds
        < read_recipe("precise").neighbor_seeds
    )
    assert Recipe().entity_candidates == 0 < read_recipe("precise").entity_candidates
    assert read_recipe("exploratory").passage_window > 0
    assert Recipe().time_segments == 0 < read_recipe("timeline").time_segments


def test_meetings_are_looked_through_by_exploratory_with_the_factors_that_were_asked_for() -> None:
    made = read_recipe({"weights": {"time": 0}, "recency": 1.5}).for_meetings
    assert made == replace(read_recipe("exploratory"), weights={"time": 0.0}, recency=1.5)
    assert made.meeting_min_messages == 0
    assert read_recipe({"vector_candidates": 200, "neighbor_seeds": 5}).for_meetings == replace(
        read_recipe("exploratory"), vector_candidates=200
    )


def test_a_mapping_changes_a_recipe() -> None:
    made = read_recipe({"base": "fast", "weights": {"time": 0}, "recency": 1.5})
    assert (
        made.neighbor_seeds,
        made.recency,
        made.get_weight("time"),
        made.get_weight("keyword"),
    ) == (
        read_recipe("fast").neighbor_seeds,
        1.5,
        0.0,
        1.0,
    )
    assert made.feature_factors["date"] == 0.0
    assert read_recipe({"base": {"weights": {"keyword": 2}}, "weights": {"time": 0}}).weights == {
        "keyword": 2.0,
        "time": 0.0,
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("slow", "balanced"),
        (None, "balanced"),
        (3, "balanced"),
        ({"base": "slow"}, "exploratory"),
        ({"sees": 3}, "neighbor_seeds"),
        ({1: 3}, "neighbor_seeds"),
        ({"neighbor_window": 6}, "recipe.neighbor_window"),
        ({"neighbor_window": True}, "recipe.neighbor_window"),
        ({"recency": float("nan")}, "recipe.recency"),
        ({"half_life_days": 0}, "recipe.half_life_days"),
        ({"weights": {"tyme": 1}}, "time"),
        ({"weights": {"time": -1}}, "recipe.weights.time"),
        ({"weights": ["time"]}, "recipe.weights"),
    ],
)
def test_what_is_wrong_is_told(given: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        read_recipe(given)


def test_a_recipe_that_changes_itself_is_refused() -> None:
    circle: dict[str, object] = {}
    circle["base"] = circle
    with pytest.raises(ValidationError, match="contains itself"):
        read_recipe(circle)


@pytest.mark.parametrize(
    ("given", "key"),
    [({"mine": "s3cret"}, "'mine'"), ({"\ud800": 3}, r"'\ud800'"), ({b"x": 3}, "the type bytes")],
)
def test_an_unknown_key_is_named_without_its_value(given: object, key: str) -> None:
    with pytest.raises(ValidationError) as error:
        read_recipe(given)
    assert key in str(error.value)
    assert "s3cret" not in str(error.value)
    assert str(error.value).isascii()


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items())
def test_renamed_keys_are_refused_with_their_new_names(old: str, new: str) -> None:
    with pytest.raises(ValidationError, match=rf"recipe\.{old} is now called recipe\.{new}$"):
        read_recipe({old: 1})


@pytest.mark.parametrize(("old", "new"), RENAMED_WEIGHTS.items())
def test_renamed_weights_are_refused_with_their_new_names(old: str, new: str) -> None:
    with pytest.raises(ValidationError, match=rf"recipe\.weights\.{new}$"):
        read_recipe({"weights": {old: 1}})
