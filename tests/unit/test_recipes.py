from dataclasses import replace

import pytest

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.queries.search.ranker import FEATURES, STRETCHES
from mcp_context_persistence.queries.search.recipes import ARMS, Recipe, for_meetings, known, recipe


def test_each_feature_belongs_to_one_arm() -> None:
    names = [name for arm in ARMS.values() for name in arm]
    assert sorted(names) == sorted({*FEATURES, *STRETCHES})
    assert Recipe().factors() == dict.fromkeys(names, 1.0)


def test_recipes_have_names() -> None:
    assert set(known()) == {"balanced", "fast", "precise", "exploratory"}
    assert recipe("balanced") == Recipe(meetings=100)
    assert recipe("fast").seeds < Recipe().seeds < recipe("precise").seeds
    assert Recipe().linked == 0 < recipe("precise").linked
    assert recipe("exploratory").passage > 0


def test_meetings_are_looked_through_by_exploratory_with_the_factors_that_were_asked_for() -> None:
    made = for_meetings(recipe({"arms": {"time": 0}, "recency": 1.5}))
    assert made == replace(recipe("exploratory"), arms={"time": 0.0}, recency=1.5)
    assert made.meetings == 0
    assert for_meetings(recipe({"nearest": 200, "seeds": 5})) == replace(
        recipe("exploratory"), nearest=200
    )


def test_a_mapping_changes_a_recipe() -> None:
    made = recipe({"base": "fast", "arms": {"time": 0}, "recency": 1.5})
    assert (made.seeds, made.recency, made.factor("time"), made.factor("words")) == (
        recipe("fast").seeds,
        1.5,
        0.0,
        1.0,
    )
    assert made.factors()["dated"] == 0.0
    assert recipe({"base": {"arms": {"words": 2}}, "arms": {"time": 0}}).arms == {
        "words": 2.0,
        "time": 0.0,
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("slow", "balanced"),
        (None, "balanced"),
        (3, "balanced"),
        ({"base": "slow"}, "exploratory"),
        ({"sees": 3}, "seeds"),
        ({1: 3}, "seeds"),
        ({"reach": 6}, "recipe.reach"),
        ({"reach": True}, "recipe.reach"),
        ({"recency": float("nan")}, "recipe.recency"),
        ({"half_life_days": 0}, "recipe.half_life_days"),
        ({"arms": {"tyme": 1}}, "time"),
        ({"arms": {"time": -1}}, "recipe.arms.time"),
        ({"arms": ["time"]}, "recipe.arms"),
    ],
)
def test_what_is_wrong_is_told(given: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        recipe(given)


def test_a_recipe_that_changes_itself_is_refused() -> None:
    circle: dict[str, object] = {}
    circle["base"] = circle
    with pytest.raises(ValidationError, match="circle"):
        recipe(circle)


@pytest.mark.parametrize(
    ("given", "key"),
    [({"mine": "s3cret"}, "'mine'"), ({"\ud800": 3}, r"'\ud800'"), ({b"x": 3}, "the type bytes")],
)
def test_an_unknown_key_is_named_without_its_value(given: object, key: str) -> None:
    with pytest.raises(ValidationError) as error:
        recipe(given)
    assert key in str(error.value)
    assert "s3cret" not in str(error.value)
    assert str(error.value).isascii()
