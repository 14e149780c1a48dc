"""Recipes of the hybrid search: how far each arm looks, and how much it counts. They are plain data, in `recipes.json`.

An arm is a part of the search with a name. Its factor multiplies what the learned weights give to its features; 0 turns it off, and
an arm that finds candidates then finds none. Those of entities and decisions multiply the scores of these beside those of messages.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError

ARMS: Mapping[str, tuple[str, ...]] = {
    "meaning": ("meaning", "view_meaning", "wide_meaning"),
    "words": ("cover", "view_cover", "wide_cover", "wide_words", "wide_text", "far_words"),
    "neighbours": ("answer", "answer_time", "before", "around", "around_best"),
    "conversation": ("session", "session_best"),
    "author": ("speaker",),
    "entities": ("linked",),
    "decisions": (),
    "time": ("dated", "month", "month_around", "when"),
    "form": ("question", "question_time", "long", "long_long", "wide_long", "time", "number"),
    "cross_encoder": (),  # no learned weight: see mcp_context_persistence.queries.search.reranking
}
KINDS: Mapping[str, str] = {
    "entities": "entity",
    "decisions": "decision",
}  # arms that also are kinds of what is found
DEFAULT = "balanced"
FILE = Path(__file__).with_name("recipes.json")
_RANGES = {
    "nearest": (1, 500),
    "worded": (1, 500),
    "seeds": (1, 200),
    "reach": (0, 5),
    "passage": (0, 10),
    "linked": (0, 200),
    "meetings": (0, limits.MESSAGES_PER_CONVERSATION),
    "reranked": (0, 100),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a hybrid search is made.

    Attributes:
        nearest: Best hits by meaning, at least.
        worded: Best hits by words, at least.
        seeds: The best of both together, whose neighbours are looked at, too.
        reach: How many messages on either side of a seed are candidates, 0 to 5.
        passage: Width in messages over which relevance is spread; 0 judges each message alone, which is best where answers are
            single messages, and 6 finds stretches of a long talk.
        linked: Messages, at most, to which the entities lead that the query names; looking for them takes two round trips more.
        meetings: Messages from which on a talk of three people or more counts as a meeting. Where most of what is found is from such
            talks, the search is made again by the recipe `exploratory`, as answers are stretches there; 0 never does that.
        reranked: Messages, at most, that a cross-encoder reads again, where one is configured; the best by all else.
        arms: Factors by name, 1.0 where none is given.
        recency: What a message of this moment gets on top of its score; the best of a search have scores of about 6.
        half_life_days: After how many days a message gets half of that.
    """

    nearest: int = 30
    worded: int = 30
    seeds: int = 8
    reach: int = 2
    passage: int = 0
    linked: int = 0
    meetings: int = 0
    reranked: int = 0
    arms: Mapping[str, float] = field(default_factory=dict)
    recency: float = 0.0
    half_life_days: float = 30.0

    def factor(self, arm: str) -> float:
        """How much an arm counts."""
        return self.arms.get(arm, 1.0)

    def factors(self) -> dict[str, float]:
        """How much each feature counts."""
        return {name: self.factor(arm) for arm, names in ARMS.items() for name in names}

    def kinds(self) -> dict[str, float]:
        """How much what is found of a kind counts."""
        return {kind: self.factor(arm) for arm, kind in KINDS.items()}


@cache
def known() -> Mapping[str, Recipe]:
    """The recipes that have a name."""
    return {
        name: _made(Recipe(), given)
        for name, given in json.loads(FILE.read_text(encoding="utf-8")).items()
    }


def for_meetings(asked: Recipe) -> Recipe:
    """The recipe `exploratory` with the factors, the recency and the cross-encoder of another one, that looks as far as the wider of both."""
    wide = known()["exploratory"]
    more = {
        name: max(getattr(asked, name), getattr(wide, name))
        for name in ("nearest", "worded", "seeds", "reach", "linked")
    }
    same = {
        name: getattr(asked, name) for name in ("arms", "recency", "half_life_days", "reranked")
    }
    return replace(wide, **more, **same)


def recipe(given: object) -> Recipe:
    """A recipe by its name, or from a mapping that changes one: `{"base": "fast", "arms": {"time": 0}, "recency": 1.5}`.

    Raises:
        ValidationError: No recipe, arm or key has that name, or a value is out of its range.
    """
    changes: list[Mapping[Any, object]] = []
    while isinstance(given, Mapping):
        if len(changes) == limits.METADATA_DEPTH:
            raise ValidationError(
                f"recipe is nested deeper than {limits.METADATA_DEPTH} levels, or in a circle"
            )
        changes.append({key: value for key, value in given.items() if key != "base"})
        given = given.get("base", DEFAULT)
    made = known()[validation.check_choice("recipe", given, tuple(known()))]
    for one in reversed(changes):
        made = _made(made, one)
    return made


def _made(base: Recipe, given: Mapping[Any, object]) -> Recipe:
    changes: dict[str, Any] = {}
    for key, value in given.items():
        if key in _RANGES:
            least, most = _RANGES[key]
            changes[key] = validation.check_integer(
                f"recipe.{key}", value, minimum=least, maximum=most
            )
        elif key == "arms":
            changes[key] = {**base.arms, **_arms(value)}
        elif key == "recency":
            changes[key] = validation.check_number(
                f"recipe.{key}", value, minimum=0.0, maximum=100.0
            )
        elif key == "half_life_days":
            changes[key] = validation.check_number(
                f"recipe.{key}", value, minimum=0.001, maximum=100_000.0
            )
        else:
            names = [*_RANGES, "arms", "recency", "half_life_days", "base"]
            raise ValidationError(
                f"recipe has an unknown key {validation.describe_key(key)}; "
                f"known are: {', '.join(names)}"
            )
    return replace(base, **changes)


def _arms(given: object) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ValidationError("recipe.arms must be a mapping from names to factors")
    return {
        validation.check_choice("recipe.arms", name, tuple(ARMS)): validation.check_number(
            f"recipe.arms.{name}", factor, minimum=0.0, maximum=10.0
        )
        for name, factor in given.items()
    }


BALANCED = known()[DEFAULT]
