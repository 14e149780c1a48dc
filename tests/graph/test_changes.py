"""What changed: the later message is shown with the earlier one, and both are marked."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "bench" / "data" / "changes_dev.jsonl"
OTHER = [
    "The kitchen tap drips again.",
    "I read a long book about whales.",
    "Tomorrow it rains, says the radio.",
    "Our neighbor plays the trombone.",
    "I bought six blue cups at the market.",
]


def save(client, texts, *, role="user", conversation="talk"):
    client.save_conversation(
        conversation,
        [
            {
                "id": f"m{number}",
                "role": role,
                "content": text,
                "timestamp": datetime(2024, 3, number + 1, 9, tzinfo=UTC),
            }
            for number, text in enumerate(texts)
        ],
    )


MOVED = [
    "My dentist appointment is on Tuesday at 3 PM.",
    *OTHER,
    "The dentist moved my appointment to Thursday at 10 AM.",
]
QUERY = "When is my dentist appointment?"


def test_the_later_message_comes_first_and_both_are_marked(client):
    save(client, MOVED)
    results = client.search_hybrid(QUERY).results
    by_id = {result.id: result for result in results}
    assert by_id["m0"].explanation["change"] == {"superseded_by": "m6"}
    assert by_id["m6"].explanation["change"] == {"supersedes": ["m0"]}
    ids = [result.id for result in results]
    assert ids.index("m6") < ids.index("m0")
    assert [result.similarity_score for result in results] == sorted(
        (result.similarity_score for result in results), reverse=True
    )
    assert not any("change" in by_id[each].explanation for each in by_id.keys() - {"m0", "m6"})


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_results_never_have_the_old_message_alone(client, limit):
    save(client, MOVED)
    ids = [result.id for result in client.search_hybrid(QUERY, limit=limit).results]
    assert "m0" not in ids or "m6" in ids
    assert ids[: min(limit, 2)] == ["m6", "m0"][:limit]


def test_the_context_shows_both_with_the_date_of_the_change(client):
    save(client, MOVED)
    context = client.build_context(QUERY, 500)
    assert "[m:m0] (superseded by m:m6 on 7 March 2024) My dentist" in context.text
    assert "[m:m6] (7 March 2024, supersedes m:m0) The dentist" in context.text


@pytest.mark.parametrize("order", ["conversation", "time"])
def test_the_context_never_has_the_old_message_alone(client, order):
    save(client, MOVED)
    seen = set()
    for budget in range(5, 160, 5):
        context = client.build_context(QUERY, budget, order=order)
        ids = {citation.id for citation in context.citations}
        assert "m0" not in ids or "m6" in ids
        assert context.tokens <= budget
        seen |= ids
    assert {"m0", "m6"} <= seen


def test_a_chain_of_changes_leads_to_the_last_one(client):
    save(
        client,
        [
            "The rent of our flat is 900 euros.",
            *OTHER,
            "The rent of our flat was raised to 950 euros.",
            "Now the rent of our flat is 990 euros.",
        ],
    )
    by_id = {result.id: result for result in client.search_hybrid("rent of our flat").results}
    assert by_id["m0"].explanation["change"] == {"superseded_by": "m7"}
    assert by_id["m6"].explanation["change"] == {"superseded_by": "m7"}
    assert sorted(by_id["m7"].explanation["change"]["supersedes"]) == ["m0", "m6"]


def test_facts_at_the_same_address_supersede_each_other(client):
    save(client, ["I live in Berlin.", *OTHER, "I live in Hamburg."])
    by_id = {result.id: result for result in client.search_hybrid("where do I live?").results}
    assert by_id["m0"].explanation["change"] == {"superseded_by": "m6"}
    context = client.build_context("where do I live?", 500)
    assert "superseded by m:m6" in context.text
    assert "Hamburg" in context.text


@pytest.mark.parametrize("role", ["assistant", "tool", "system"])
def test_only_what_people_write_changes_anything(client, role):
    save(client, MOVED, role=role)
    results = client.search_hybrid(QUERY).results
    assert len(results) > 2
    assert not any("change" in result.explanation for result in results)


def test_another_person_changes_nothing(client):
    client.save_conversation(
        "talk",
        [
            {
                "id": f"m{number}",
                "role": "user",
                "name": name,
                "content": text,
                "timestamp": datetime(2024, 3, number + 1, tzinfo=UTC),
            }
            for number, (name, text) in enumerate(
                [
                    ("Ann", "My dentist appointment is on Tuesday."),
                    ("Bob", "My dentist appointment was moved to Friday."),
                ]
            )
        ],
    )
    results = client.search_hybrid(QUERY).results
    assert {result.id for result in results} >= {"m0", "m1"}
    assert not any("change" in result.explanation for result in results)


def test_the_written_cases_are_recognized_in_a_real_search(client):
    """Most of the development cases; the file has cases without a change, too."""
    right = []
    for number, line in enumerate(CASES.read_text(encoding="utf-8").splitlines()):
        case = json.loads(line)
        conversation = f"case-{number}"
        client.save_conversation(
            conversation,
            [
                {
                    "id": f"{number}:{position}",
                    "role": "user",
                    "content": text,
                    "timestamp": datetime(2024, 3, position + 1, tzinfo=UTC),
                }
                for position, text in enumerate(case["messages"])
            ],
        )
        answer = client.search_hybrid(
            case["query"], filters={"conversation_id": conversation, "content_types": "message"}
        )
        marked = {
            result.id: result.explanation["change"]["superseded_by"]
            for result in answer.results
            if "superseded_by" in result.explanation.get("change", {})
        }
        expected = (
            {}
            if case["earlier"] is None
            else {f"{number}:{case['earlier']}": f"{number}:{case['later']}"}
        )
        right.append(marked == expected)
    assert sum(right) >= len(right) - 2
