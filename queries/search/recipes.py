"""Recipes: how far the retrievers of a hybrid search look, and its weights.

The named recipes are in `recipes.json`.

A weight multiplies the learned weights of a group of features. With 0 the group has no influence,
and a retriever of that name returns nothing. The weights `entities` and `decisions` also multiply
the scores of these relative to messages.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.cached_property import cached_property
from mcp_context_persistence.kg.errors import ValidationError

# The features whose learned weights each weight multiplies.
WEIGHTS: Mapping[str, tuple[str, ...]] = {
    "vector": ("vector", "view_vector", "wide_vector"),
    "keyword": (
        "coverage",
        "view_coverage",
        "wide_coverage",
        "wide_keyword",
        "wide_text",
        "far_keyword",
        "identifier",
    ),
    "neighbors": ("answer", "answer_time_word", "second_before", "near", "near_best"),
    "conversation": ("conversation", "conversation_best"),
    "author": ("author", "user"),
    "entities": ("entities",),
    "decisions": (),
    "instructions": (),
    "time": ("date", "month", "month_near", "when"),
    "message_form": (
        "repetition",
        "question",
        "question_time_word",
        "length",
        "length_squared",
        "wide_length",
        "time_word",
        "number",
    ),
    "cross_encoder": (),  # no learned weight: see mcp_context_persistence.queries.search.reranking
}
KIND_WEIGHTS: Mapping[str, str] = {
    "entities": "entity",
    "decisions": "decision",
    "instructions": "instruction",
}
DEFAULT, TIMELINE = "balanced", "timeline"
FILE = Path(__file__).with_name("recipes.json")
_INTEGERS = {
    "vector_candidates": (1, 500),
    "keyword_candidates": (1, 500),
    "neighbor_seeds": (1, 200),
    "neighbor_window": (0, 5),
    "passage_window": (0, 10),
    "entity_candidates": (0, 200),
    "meeting_min_messages": (0, limits.MESSAGES_PER_CONVERSATION),
    "rerank_top_k": (0, 100),
    "time_segments": (0, 100),
}
_NOT_WIDER = {"passage_window", "meeting_min_messages", "rerank_top_k", "time_segments"}
_NUMBERS = {"recency": (0.0, 100.0), "half_life_days": (0.001, 100_000.0)}
_KEYS = (*_INTEGERS, "weights", *_NUMBERS, "base")
RENAMED_KEYS: Mapping[str, str] = {
    "nearest": "vector_candidates",
    "worded": "keyword_candidates",
    "seeds": "neighbor_seeds",
    "reach": "neighbor_window",
    "passage": "passage_window",
    "linked": "entity_candidates",
    "meetings": "meeting_min_messages",
    "reranked": "rerank_top_k",
    "arms": "weights",
}
RENAMED_WEIGHTS: Mapping[str, str] = {
    "meaning": "vector",
    "words": "keyword",
    "neighbours": "neighbors",
    "form": "message_form",
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a hybrid search.

    Attributes:
        vector_candidates: Candidates of the vector retriever, at least.
        keyword_candidates: Candidates of the keyword retriever, at least.
        neighbor_seeds: How many of the best candidates have their neighbors looked at.
        neighbor_window: How many messages on either side of a seed are candidates too, 0 to 5.
        passage_window: Over how many messages on either side relevance is spread. 0 scores each
            message alone, which is best where answers are single messages; 6 finds passages of a
            long conversation.
        entity_candidates: Messages, at most, that are reached through the entities that the query
            names; takes two more round trips.
        meeting_min_messages: From how many messages on a conversation of three people or more
            counts as a meeting. Where most candidates are from meetings, the search is repeated
            with the recipe `exploratory`, because there answers are passages. 0 turns this off.
        rerank_top_k: Messages, at most, that a cross-encoder scores again, where one is configured.
        time_segments: In how many parts the history is divided, over which the results are spread.
            They are in the order of time then. 0 turns this off.
        weights: Weights by name, 1.0 where none is given.
        recency: What is added to the linear score of a message of this moment; the best messages
            have about 6.
        half_life_days: After how many days half of that is added.
    """

    vector_candidates: int = 30
    keyword_candidates: int = 30
    neighbor_seeds: int = 8
    neighbor_window: int = 2
    passage_window: int = 0
    entity_candidates: int = 0
    meeting_min_messages: int = 0
    rerank_top_k: int = 0
    time_segments: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)
    recency: float = 0.0
    half_life_days: float = 30.0

    def get_weight(self, name: str) -> float:
        """Return a weight."""
        return self.weights.get(name, 1.0)

    @cached_property
    def feature_factors(self) -> Mapping[str, float]:
        """The factor of each feature's learned weight."""
        return {
            feature: self.get_weight(name) for name, names in WEIGHTS.items() for feature in names
        }

    @cached_property
    def kind_factors(self) -> Mapping[str, float]:
        """The factor of the scores of each kind, relative to messages."""
        return {kind: self.get_weight(name) for name, kind in KIND_WEIGHTS.items()}

    @cached_property
    def for_meetings(self) -> "Recipe":
        """The recipe `exploratory`, with these weights and at least these candidates."""
        exploratory = named_recipes()["exploratory"]
        wider = {
            name: max(getattr(self, name), getattr(exploratory, name))
            for name in _INTEGERS
            if name not in _NOT_WIDER
        }
        return replace(
            exploratory,
            **wider,
            rerank_top_k=self.rerank_top_k,
            time_segments=self.time_segments,
            weights=self.weights,
            recency=self.recency,
            half_life_days=self.half_life_days,
        )


@cache
def named_recipes() -> Mapping[str, Recipe]:
    """Return the recipes of `recipes.json` by their names."""
    return {
        name: _apply(Recipe(), changes)
        for name, changes in json.loads(FILE.read_text(encoding="utf-8")).items()
    }


def read_recipe(value: object) -> Recipe:
    """Read a recipe: its name, or a mapping that changes one.

    An example is `{"base": "fast", "weights": {"time": 0}, "recency": 1.5}`.

    Raises:
        ValidationError: No recipe, weight or key has that name, or a value is out of its range.
    """
    with validation.reading("recipe"):
        return _read_layers(value)


def _read_layers(value: object) -> Recipe:
    recipes = named_recipes()
    layers: list[Mapping[Any, object]] = []
    while isinstance(value, Mapping):
        value = validation.check_mapping("recipe", value)
        if len(layers) == limits.METADATA_DEPTH:
            raise ValidationError(
                f"recipe is nested deeper than {limits.METADATA_DEPTH} levels, or contains itself"
            )
        layers.append({key: setting for key, setting in value.items() if key != "base"})
        value = value.get("base", DEFAULT)
    recipe = recipes[validation.check_choice("recipe", value, tuple(recipes))]
    for changes in reversed(layers):
        recipe = _apply(recipe, changes)
    return recipe


def _apply(base: Recipe, settings: Mapping[Any, object]) -> Recipe:
    changes: dict[str, Any] = {}
    for key, value in settings.items():
        if key in _INTEGERS:
            minimum, maximum = _INTEGERS[key]
            changes[key] = validation.check_integer(
                f"recipe.{key}", value, minimum=minimum, maximum=maximum
            )
        elif key in _NUMBERS:
            lowest, highest = _NUMBERS[key]
            changes[key] = validation.check_number(
                f"recipe.{key}", value, minimum=lowest, maximum=highest
            )
        elif key == "weights":
            changes[key] = {**base.weights, **_read_weights(value)}
        elif key in RENAMED_KEYS:
            raise ValidationError(f"recipe.{key} is now called recipe.{RENAMED_KEYS[key]}")
        else:
            raise ValidationError(f"recipe has {validation.describe_unknown_key(key, _KEYS)}")
    return replace(base, **changes)


def _read_weights(value: object) -> dict[str, float]:
    weights: dict[str, float] = {}
    for name, weight in validation.check_mapping("recipe.weights", value).items():
        if isinstance(name, str) and name in RENAMED_WEIGHTS:
            raise ValidationError(
                f"recipe.weights.{name} is now called recipe.weights.{RENAMED_WEIGHTS[name]}"
            )
        known_name = validation.check_choice("recipe.weights", name, tuple(WEIGHTS))
        weights[known_name] = validation.check_number(
            f"recipe.weights.{known_name}", weight, minimum=0.0, maximum=10.0
        )
    return weights


BALANCED = named_recipes()[DEFAULT]
