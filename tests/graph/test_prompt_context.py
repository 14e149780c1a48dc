"""Texts for a prompt, through the client."""

import re
from urllib.parse import unquote

import numpy as np
import pytest

from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.queries.prompt_context import graph_context
from mcp_context_persistence.queries.prompt_context.builder import select_texts
from mcp_context_persistence.queries.search.hybrid_search import rank_candidates
from mcp_context_persistence.services.search import build_search_context, read_request


@pytest.fixture
def diary(client):
    """A season of talks about a garden."""
    for month in range(1, 5):
        said = [
            "How was the garden?",
            f"The garden was green, I planted {month * 10} beans.",
            "Nice.",
        ]
        client.save_conversation(
            f"month-{month}",
            [
                {
                    "id": f"{month}:{number}",
                    "role": "user",
                    "name": "Ann" if number % 2 else "Bob",
                    "content": text,
                    "timestamp": f"2023-0{month}-11T09:00:00Z",
                }
                for number, text in enumerate(said)
            ],
        )
    return client


def test_the_text_stays_within_the_token_budget(diary):
    diary.save_decision(
        "month-3",
        "garden",
        context="Beans grow well in the garden",
        outcome="Plant beans every year",
    )
    for budget in (1, 30, 100, 1000):
        made = diary.build_context("which beans did Ann plant in the garden?", budget)
        assert made.tokens <= budget
        assert (made.text == "") == (made.citations == [])
        for one in made.citations:
            assert f"[{one.key}]" in made.text
    assert {one.type for one in made.citations} == {"message", "decision"}
    counted = diary.build_context(
        "garden",
        20,
        count_tokens=lambda text: len(text.split()),
        filters={"conversation_id": "month-4"},
    )
    assert 0 < len(counted.text.split()) == counted.tokens <= 20
    assert {one.conversation_id for one in counted.citations} == {"month-4"}


def test_notes_say_why_the_text_is_empty(diary):
    diary.update_knowledge_graph([{"id": "garden", "name": "Garden", "type": "place"}], [])

    def why(**how):
        made = diary.build_context("garden", **how)
        assert (made.text, made.tokens, made.citations) == ("", 0, [])
        return made.notes

    assert why(token_budget=1) == ["nothing that was found fits into the budget"]
    assert why(filters={"conversation_id": "nowhere"}) == ["nothing was found"]
    assert "content_types" in why(filters={"content_types": "entity"})[0]
    assert diary.build_context("garden").notes == []


def test_results_without_text_are_not_blamed_on_the_budget(client):
    client.update_knowledge_graph([{"id": "garden", "name": "Garden", "type": "place"}], [])
    assert client.build_context("garden").notes == [
        "only entities or conversations were found, which have no text to show"
    ]


def test_words_of_any_length_are_counted(client):
    for number, text in enumerate(
        ["garden " + "x" * 7_000, "garden " + "😀" * 2_000, "garden " + "\u200b" * 2_000 + " beans"]
    ):
        client.save_conversation(f"flood-{number}", [{"role": "user", "content": text}])
    client.save_conversation("flood-3", [{"role": "user", "content": "The garden is small."}])
    made = client.build_context("garden", 200)
    assert "flood-3" in [one.conversation_id for one in made.citations]
    assert len(made.text.encode()) / 4 <= made.tokens <= 200
    long = client.build_context("garden", 20_000)
    assert len(long.citations) > 1
    assert len(long.text.encode()) / 4 <= long.tokens <= 20_000


def test_a_proposed_decision_follows_its_message(client):
    said = [
        "Which store do we take?",
        "We decided to use Neo4j for the orders graph.",
        "Good, the orders graph will be fine.",
        "And the store is quick.",
    ]
    messages = [
        {
            "id": f"m{number}",
            "role": "user",
            "content": text,
            "timestamp": f"2024-03-0{number + 1}T10:00:00Z",
        }
        for number, text in enumerate(said)
    ]
    client.save_conversation("design", messages)
    assert client.propose_decisions("design").saved == 1
    made = client.build_context("which store for the orders graph was decided?", 1_000)
    lines = [line for line in made.text.splitlines() if line]
    place = next(number for number, line in enumerate(lines) if line.startswith("[d:"))
    assert lines[place].endswith("Proposed decision: We decided to use Neo4j for the orders graph.")
    assert lines[place - 1].startswith("[m:m1]")
    assert lines[place + 1] == "# 3 March 2024"
    assert [one.id for one in made.citations] == ["m0", "m1", made.citations[2].id, "m2"]


def test_citations_of_any_id_can_be_parsed(client):
    ids = ["x] [m:y", "100%", "%5D"]
    for one in ids:
        client.save_conversation(
            f"talk {one}", [{"id": one, "role": "user", "content": "The garden [m:z] of beans."}]
        )
        made = client.build_context("garden beans", 500, filters={"conversation_id": f"talk {one}"})
        found = re.findall(r"^\[(m|d|doc):([^\]]+)\]", made.text, re.MULTILINE)
        assert [(kind, unquote(own)) for kind, own in found] == [("m", one)]
        assert [(cited.key, cited.id) for cited in made.citations] == [(f"m:{found[0][1]}", one)]


def test_graph_context_has_mentions_and_the_evidence_of_decisions(client):
    client.save_conversation(
        "store",
        [
            {"id": f"s{number}", "role": "user", "content": text}
            for number, text in enumerate(["Hello.", "Redis runs in Berlin.", "No."])
        ],
    )
    client.save_document("manual", "Kafka runs in Oslo.")
    decision = client.save_decision(
        "store", "database", context="Redis in Berlin", outcome="Redis stays"
    ).decision_id
    engine = client._engine
    ranked = rank_candidates(build_search_context(engine, "runs"), read_request(engine, "runs"))
    scored = [(one.score, one.candidate) for one in ranked.scored]
    rows = [row for _, row in select_texts(scored)]
    found = graph_context.read_facts(
        client._engine.graph.run, client._engine.namespace, rows, entities=True
    )
    assert {"Redis", "Berlin"} <= set(found.entities["m:s1"])
    assert {"Kafka", "Oslo"} <= set(found.entities["doc:manual"])
    assert "Redis" in found.entities[f"d:{decision}"]
    assert found.entities["m:s0"] == []
    assert found.evidence == {}
    without = graph_context.read_facts(
        client._engine.graph.run, client._engine.namespace, rows, entities=False
    )
    assert without.entities == {}


def _fails(text):
    raise KeyError(text)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"token_budget": 0}, "token_budget"),
        ({"token_budget": "many"}, "token_budget"),
        ({"token_budget": 10**9}, "token_budget"),
        ({"count_tokens": 7}, "count_tokens"),
        *[
            ({"count_tokens": lambda text, value=value: value}, "count_tokens")
            for value in (-1, 1.5, "3", True, None, float("nan"), [3])
        ],
        ({"count_tokens": _fails}, "count_tokens"),
        ({"count_tokens": lambda: 1}, "count_tokens"),
        ({"diversity": 1.5}, "diversity"),
        ({"diversity": "much"}, "diversity"),
        ({"recipe": "none"}, "recipe"),
        ({"filters": {"nothing": 1}}, "filters"),
    ],
)
def test_invalid_arguments_are_refused(diary, given, told):
    with pytest.raises(ValidationError, match=told):
        diary.build_context("garden", **given)


def test_count_tokens_may_return_numpy_integers(diary):
    assert diary.build_context(
        "garden", 50, count_tokens=lambda text: np.int64(len(text.split()))
    ).citations


def test_a_query_in_another_language_is_noted_where_no_text_has_its_words(client, diary):
    for answer in (
        client.build_context("Welche Musik hören die Nachbarn?"),
        client.search_hybrid("Welche Musik hören die Nachbarn?"),
    ):
        assert [note for note in answer.notes if "another language than English (de)" in note]
    answer = client.build_context("Wo ist die garden oder der Garten?")
    assert answer.text
    assert not [note for note in answer.notes if "another language" in note]


def test_a_context_has_the_notes_of_a_search_on_the_query(client, diary):
    assert "only punctuation" in str(client.build_context("?!").notes)
