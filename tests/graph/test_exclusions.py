"""Conversations and ids that are excluded are returned by no search, whatever it looks through."""

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.models import HybridSearchParams

QUERY = "Where is the budget of the harbor project?"
MODES = ("hybrid", "semantic", "keyword", "graph")
# Ids next to each other in the order of strings. The order of the last two depends on whether
# characters or UTF-16 code units are compared.
TALKS = (
    *("talk", "talk\uffee", "tal", "talk0", "tall", "Talk", "\u00e9", "~"),
    *("\uff21", "\U0001f642"),
)


@pytest.fixture
def stored(client: ContextPersistenceClient) -> ContextPersistenceClient:
    for talk in TALKS:
        client.save_conversation(
            talk,
            [
                {
                    "id": f"{talk}-{number}",
                    "role": "user",
                    "content": f"HarborLib {number}: the budget of the harbor project is {number}.",
                }
                for number in range(6)
            ],
        )
        client.save_decision(talk, "budget", "The budget of the harbor project", f"Pay {talk}")
    client.save_document("harbor", "The budget of the harbor project is in the blue folder.")
    return client


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("excluded", [["talk"], ["tal", "tall", "~"], list(TALKS)])
def test_nothing_of_an_excluded_conversation_is_returned(
    stored: ContextPersistenceClient, mode: str, excluded: list[str]
) -> None:
    everything = stored.search_hybrid(QUERY, mode, limit=100).results
    rest = stored.search_hybrid(QUERY, mode, limit=100, exclude_conversation_id=excluded).results
    assert {result.conversation_id for result in everything} >= set(excluded)
    assert {(result.type, result.id) for result in rest} == {
        (result.type, result.id) for result in everything if result.conversation_id not in excluded
    }


@pytest.mark.parametrize("mode", MODES)
def test_excluded_ids_make_room_for_others(stored: ContextPersistenceClient, mode: str) -> None:
    found = stored.search_hybrid(QUERY, mode, limit=5).results
    ids = {result.id for result in found}
    others = stored.search_hybrid(QUERY, mode, limit=5, exclude_ids=list(ids)).results
    assert len(others) == 5
    assert ids.isdisjoint(result.id for result in others)


def test_documents_and_entities_are_excluded_by_their_ids(
    stored: ContextPersistenceClient,
) -> None:
    results = stored.search_hybrid("harbor budget HarborLib", limit=100).results
    ids = [result.id for result in results if result.type in {"document", "entity", "decision"}]
    assert "harbor" in ids
    rest = stored.search_hybrid("harbor budget HarborLib", limit=100, exclude_ids=ids).results
    assert {result.type for result in rest} <= {"message", "conversation", "instruction"}


def test_every_call_takes_the_exclusions(stored: ContextPersistenceClient) -> None:
    excluded = list(TALKS[1:])
    similar = stored.search_similar_conversations(
        QUERY, min_score=0.0, limit=20, exclude_conversation_id=excluded, exclude_ids="talk-0"
    )
    assert [result.conversation_id for result in similar.results] == ["talk"]
    assert "talk-0" not in {message.id for message in similar.results[0].messages}
    context = stored.build_context(
        QUERY, exclude_conversation_id=excluded, exclude_ids=["harbor", "talk-0"]
    )
    assert {citation.conversation_id for citation in context.citations} == {"talk"}
    assert "talk-0" not in {citation.id for citation in context.citations}
    parameters = HybridSearchParams(query=QUERY, exclude_conversation_id="talk")
    assert "talk" not in {
        result.conversation_id for result in stored.search_hybrid(parameters).results
    }


@pytest.mark.parametrize("mode", MODES)
def test_a_filter_passes_conversations_with_any_id(
    stored: ContextPersistenceClient, mode: str
) -> None:
    results = stored.search_hybrid(QUERY, mode, {"role": "user"}, limit=100).results
    assert {result.conversation_id for result in results} == set(TALKS)


def test_empty_lists_exclude_nothing(stored: ContextPersistenceClient) -> None:
    nothing: dict[str, list[str]] = {"exclude_conversation_id": [], "exclude_ids": []}
    assert stored.search_hybrid(QUERY, **nothing).results == stored.search_hybrid(QUERY).results
    parameters = HybridSearchParams(query=QUERY, **nothing)
    assert stored.search_hybrid(parameters).results == stored.search_hybrid(QUERY).results


def test_instructions_of_an_excluded_conversation_do_not_apply(
    client: ContextPersistenceClient,
) -> None:
    client.save_conversation(
        "rules", [{"id": "rule", "role": "user", "content": "Always answer in French."}]
    )
    assert client.build_context(QUERY).instructions
    assert not client.build_context(QUERY, exclude_conversation_id="rules").instructions
    assert not client.build_context(QUERY, exclude_ids="rule").instructions
