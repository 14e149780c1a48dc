"""Recipes, times and explanations, through the client."""

from datetime import UTC, datetime
from statistics import mean

import numpy as np
import pytest

from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.models import HybridSearchParams
from mcp_context_persistence.queries.search.ranker import learned_weights
from mcp_context_persistence.queries.search.recipes import WEIGHTS, named_recipes

ONLY = {"content_types": "message"}
NEWEST = {"recency": 100.0, "half_life_days": 740}


@pytest.fixture
def diary(client):
    """A year of sessions, one a month, that all say nearly the same."""
    random = np.random.default_rng(7)
    for month in range(1, 13):
        client.save_conversation(
            f"month-{month}",
            [
                {
                    "id": f"{month}:{number}",
                    "role": "user" if number % 2 else "assistant",
                    "name": "Ann" if number % 2 else "Bob",
                    "content": [
                        "How was the garden?",
                        "The garden was green, I planted beans.",
                        "Nice.",
                    ][number % 3],
                    "timestamp": f"2023-{month:02}-15T10:00:{number:02}",
                }
                for number in range(12)
            ],
            mode="conversation",
            embeddings=random.standard_normal((12, 384)).astype(np.float32),
        )
    return client


def ids(answer):
    return [one.id for one in answer.results]


def test_a_query_that_names_a_time_looks_there(diary):
    found = ids(
        diary.search_hybrid("what did Ann plant in the garden in May 2023?", filters=ONLY, limit=5)
    )
    assert {one.split(":")[0] for one in found} == {"5"}
    off = {"weights": {"time": 0}}
    found = ids(
        diary.search_hybrid(
            "what did Ann plant in the garden in May 2023?", filters=ONLY, limit=5, recipe=off
        )
    )
    assert {one.split(":")[0] for one in found} != {"5"}


@pytest.mark.parametrize(
    ("time", "months"),
    [
        ("before February 2023", {"1"}),
        ("since November 2023", {"11", "12"}),
        ("between May and June 2023", {"5", "6"}),
        ("in the second quarter of 2023", {"4", "5", "6"}),
    ],
)
def test_a_stretch_and_an_open_end_are_looked_at(diary, time, months):
    found = ids(
        diary.search_hybrid(f"what did Ann plant in the garden {time}?", filters=ONLY, limit=4)
    )
    assert {one.split(":")[0] for one in found} <= months


def test_an_explanation_tells_which_words_were_a_time(diary):
    found = diary.search_hybrid(
        "what did Ann plant in the garden in May 2023?", filters=ONLY, limit=1, explain=True
    ).results[0]
    assert found.explanation["times"] == ["in May 2023"]
    plain = diary.search_hybrid("what did Ann plant?", filters=ONLY, limit=1, explain=True).results[
        0
    ]
    assert "times" not in plain.explanation
    off = diary.search_hybrid(
        "garden in May 2023", filters=ONLY, limit=1, explain=True, recipe={"weights": {"time": 0}}
    ).results[0]
    assert "times" not in off.explanation


@pytest.mark.parametrize(
    "query", ["What happened in June 2025?", "on 10 June 2025", "in the second week of June 2025"]
)
def test_a_query_of_nothing_but_a_time_finds_what_is_from_then(client, query):
    client.save_conversation(
        "plans",
        [
            {
                "role": "user",
                "content": "The budget of June 2025 is done.",
                "timestamp": "2025-03-02",
            }
        ],
    )
    client.save_conversation(
        "notes", [{"role": "user", "content": "What happened in 2025, by the way? June was nice."}]
    )
    said = ["The dog ran off to the lake.", "We painted the fence green."]
    client.save_conversation(
        "june", [{"role": "user", "content": one, "timestamp": "2025-06-10T10:00"} for one in said]
    )
    found = client.search_hybrid(query, filters=ONLY, limit=2).results
    assert {one.conversation_id for one in found} == {"june"}
    assert (
        client.search_hybrid("the budget of June 2025", filters=ONLY, limit=1)
        .results[0]
        .conversation_id
        == "plans"
    )


@pytest.mark.parametrize(
    ("people", "is_one"), [(["Ann", "Bob", "Cy"], True), (["Ann", "Bob"], False)]
)
def test_meetings_are_looked_through_for_stretches(client, people, is_one):
    said = ["Well.", "The remote is yellow.", "Yes, yellow plastic.", "And the case is rubber."]
    turns = [
        {"role": "user", "name": people[place % len(people)], "content": said[place % 4]}
        for place in range(120)
    ]
    vectors = np.random.default_rng(3).standard_normal((120, 384)).astype(np.float32)
    client.save_conversation("kick-off", turns, mode="conversation", embeddings=vectors)
    answer = client.search_hybrid("what colour is the remote?", filters=ONLY)
    assert any("passages" in note for note in answer.notes) is is_one
    assert all(
        ("wide_length" in one.explanation["ranking"]["parts"]) is is_one for one in answer.results
    )
    alone = client.search_hybrid(
        "what colour is the remote?", filters=ONLY, recipe={"meeting_min_messages": 0}
    )
    assert not alone.notes
    assert all("wide_length" not in one.explanation["ranking"]["parts"] for one in alone.results)


def test_the_time_that_is_named_does_not_widen_the_filters(diary):
    answer = diary.search_hybrid(
        "garden in May 2023", filters={**ONLY, "date_range": {"start": "2023-07-01"}}, limit=20
    )
    assert answer.results
    assert all(int(one.id.split(":")[0]) >= 7 for one in answer.results)
    answer = diary.search_hybrid(
        "garden in May 2023", filters={**ONLY, "conversation_id": "month-2"}, limit=20
    )
    assert {one.conversation_id for one in answer.results} == {"month-2"}


@pytest.mark.parametrize("name", sorted(named_recipes()))
def test_every_recipe_finds_what_is_there(diary, name):
    answer = diary.search_hybrid("planted beans", filters=ONLY, recipe=name)
    assert len(answer.results) == 10
    assert "beans" in max(answer.results, key=lambda one: one.similarity_score).content
    scores = [one.similarity_score for one in answer.results]
    times = [one.timestamp for one in answer.results]
    if named_recipes()[name].time_segments:
        assert times == sorted(times)
    else:
        assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize("weight", sorted(WEIGHTS))
def test_every_weight_can_be_0(diary, weight):
    answer = diary.search_hybrid(
        "what did Ann plant in May 2023?", filters=ONLY, recipe={"weights": {weight: 0}}
    )
    assert len(answer.results) == 10
    for one in answer.results:
        assert not set(WEIGHTS[weight]) & one.explanation["ranking"]["parts"].keys()
        assert weight != "vector" or "vector" not in one.explanation
        assert weight != "keyword" or "keyword" not in one.explanation


def test_recency_prefers_what_is_new(diary):
    plain = diary.search_hybrid("garden", filters=ONLY, limit=20).results
    found = diary.search_hybrid("garden", filters=ONLY, limit=20, recipe=NEWEST).results
    for one in found:
        days = (datetime.now(UTC) - one.timestamp).total_seconds() / 86_400
        assert one.explanation["ranking"]["parts"]["recency"] == pytest.approx(
            100 * 0.5 ** (days / 740), rel=1e-3
        )
    assert mean(one.timestamp.timestamp() for one in found) > mean(
        one.timestamp.timestamp() for one in plain
    )
    assert "recency" not in plain[0].explanation["ranking"]["parts"]


def test_an_object_holds_a_recipe_too(diary):
    asked = HybridSearchParams(query="garden", filters=ONLY, recipe={"base": "fast", **NEWEST})
    assert ids(diary.search_hybrid(asked)) == ids(
        diary.search_hybrid("garden", filters=ONLY, recipe={"base": "fast", **NEWEST})
    )
    assert diary.search_hybrid(asked).results[0].explanation["ranking"]["parts"]["recency"] > 0
    with pytest.raises(ValidationError, match="not both"):
        diary.search_hybrid(asked, recipe="fast")
    with pytest.raises(ValidationError, match="balanced"):
        diary.search_hybrid("garden", recipe="slow")


def test_an_explanation_leads_from_the_query_to_the_result(diary):
    recipe = {"weights": {"neighbors": 10.0}}  # so that some results are only near matches
    found = diary.search_hybrid(
        "planted beans", filters=ONLY, limit=50, recipe=recipe, explain=True
    ).results
    assert all(one.explanation["statements"] == ["search/find"] for one in found)
    steps = set()
    for one in found:
        path = one.explanation["path"]
        assert path["to"] == one.id
        conversation, place = one.id.split(":")
        assert path["from"] in {
            f"{conversation}:{int(place) + step * path['steps']}" for step in (-1, 1)
        }
        assert (path["steps"] == 0) == ("vector" in one.explanation or "keyword" in one.explanation)
        steps.add(path["steps"])
    assert steps >= {0, 1}
    assert "path" not in diary.search_hybrid("planted beans").results[0].explanation
    assert (
        "path"
        in diary.search_hybrid(HybridSearchParams(query="planted beans", explain=True))
        .results[0]
        .explanation
    )
    named = diary.search_hybrid("Ann", mode="graph", explain=True).results
    assert all(
        one.explanation["statements"] == ["search/entities_by_words", "search/near_entities"]
        for one in named
    )
    with pytest.raises(ValidationError, match="explain"):
        diary.search_hybrid("x", explain="yes")


def test_the_entities_of_the_query_lead_to_messages_that_have_none_of_its_words(client):
    client.update_knowledge_graph(
        [{"id": "robert_miller", "name": "Robert Miller", "type": "person", "aliases": ["Bobby"]}],
        [],
    )
    said = [
        "Robert Miller signed the lease.",
        "We planted beans.",
        "The dog has no name yet.",
        "It rained all day.",
    ]
    messages = [
        {"id": f"m{number}", "role": "user", "content": text} for number, text in enumerate(said)
    ]
    client.save_conversation("flat", messages)
    narrow = {"vector_candidates": 1, "keyword_candidates": 1, "neighbor_window": 0}
    recipe = {**narrow, "entity_candidates": 10}
    linked = client.search_hybrid(
        "What is new with Bobby?", filters=ONLY, limit=1, explain=True, recipe=recipe
    ).results[0]
    assert linked.id == "m0"
    linked = linked.explanation
    assert linked["entities"]["through"][0] == "Robert Miller"
    assert linked["ranking"]["parts"]["entities"] == pytest.approx(
        learned_weights()["entities"] * linked["entities"]["score"]
    )
    assert linked["statements"] == [
        "search/entities_by_words",
        "search/near_entities",
        "search/find",
    ]
    off = {**recipe, "weights": {"entities": 0}}
    plain = client.search_hybrid(
        "What is new with Bobby?", filters=ONLY, limit=4, recipe=off
    ).results
    assert all("entities" not in one.explanation["ranking"]["parts"] for one in plain)
    elsewhere = {"content_types": "message", "conversation_id": "another"}
    assert not client.search_hybrid(
        "What is new with Bobby?", filters=elsewhere, recipe=recipe
    ).results
