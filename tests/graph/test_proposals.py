"""Decisions that messages tell of: proposed with their evidence, reviewed, found or not found."""

import pytest

from mcp_context_persistence.exceptions import NotFoundError, ValidationError

TALK = [
    {"id": "m0", "role": "user", "content": "Which database shall we take?"},
    {"id": "m1", "role": "assistant", "content": "Neo4j fits. We decided to use Neo4j for the orders graph."},
    {"id": "m2", "role": "user", "content": "Fine. Let's use pandas for the reports."},
]


@pytest.fixture
def talk(client):
    client.save_conversation("design", TALK)
    return client


def decisions(client, query="database for the orders graph"):
    return client.search_hybrid(query, filters={"content_types": "decision"}, limit=20).results


def rows(client, text, **parameters):
    with client._core.graph.driver.session() as session:
        return [dict(row) for row in session.run(text, namespace=client.namespace, **parameters)]


def test_proposals_are_kept_with_their_evidence_and_are_no_facts(talk):
    found = talk.propose_decisions("design")
    assert [one.decision.outcome for one in found.proposals] == [
        "We decided to use Neo4j for the orders graph.",
        "Let's use pandas for the reports.",
    ]
    assert [one.message_id for one in found.proposals] == ["m1", "m2"]
    assert {one.decision.status for one in found.proposals} == {"proposed"}
    assert found.saved == 2
    stored = rows(
        talk,
        "MATCH (:Conversation {namespace: $namespace, id: 'design'})-[:HAS_DECISION]->(d:Decision)-[:EVIDENCED_BY]->(m:Message) "
        "RETURN d.status AS status, m.id AS id, COUNT { (d)-[:ABOUT]->(:Entity) } AS about ORDER BY id",
    )
    assert [(row["status"], row["id"]) for row in stored] == [("proposed", "m1"), ("proposed", "m2")]
    assert stored[0]["about"] > 0
    assert {one.explanation["status"] for one in decisions(talk)} == {"proposed"}


def test_proposing_again_changes_nothing(talk):
    first = talk.propose_decisions("design")
    again = talk.propose_decisions("design")
    assert again.saved == 0
    assert [one.decision for one in again.proposals] == [one.decision for one in first.proposals]
    assert not any(one.created for one in again.proposals)
    assert talk.get_conversation_stats().stats.total_decisions == 2


def test_what_is_not_to_be_saved_is_only_told(talk):
    found = talk.propose_decisions("design", save=False)
    assert (len(found.proposals), found.saved) == (2, 0)
    assert decisions(talk) == []


def test_an_accepted_one_is_a_decision_and_a_rejected_one_is_gone_for_good(talk):
    first, second = (one.decision for one in talk.propose_decisions("design").proposals)
    answer = talk.review_decision(first.id)
    assert (answer.decision.status, answer.changed) == ("accepted", True)
    assert not talk.review_decision(first.id).changed
    answer = talk.review_decision(second.id, accept=False)
    assert (answer.decision.status, answer.decision.outcome) == ("rejected", second.outcome)
    for mode in ("hybrid", "semantic", "keyword", "graph"):
        found = talk.search_hybrid(
            "pandas for the reports, Neo4j for orders", mode=mode, filters={"content_types": "decision"}
        ).results
        assert [one.id for one in found] == [first.id]
        assert "status" not in found[0].explanation
    again = talk.propose_decisions("design")
    assert [one.decision.status for one in again.proposals] == ["accepted", "rejected"]
    assert again.saved == 0
    assert talk.get_conversation_stats().stats.total_decisions == 1
    with pytest.raises(NotFoundError):
        talk.review_decision(second.id)
    talk.save_decision("design", second.decision_type, second.context, second.outcome)
    assert {one.id for one in decisions(talk, "pandas reports")} == {first.id, second.id}


def test_a_decision_that_was_saved_is_accepted(talk):
    saved = talk.save_decision("design", "architecture", "Two designs", "The simple one").decision
    assert saved.status == "accepted"
    assert "status" not in decisions(talk, "the simple design")[0].explanation
    assert talk.review_decision(saved.id, accept=False).decision.status == "rejected"
    assert decisions(talk, "the simple design") == []


def test_what_is_wrong_is_told(talk):
    with pytest.raises(NotFoundError):
        talk.propose_decisions("nowhere")
    with pytest.raises(NotFoundError):
        talk.review_decision("decision:none")
    with pytest.raises(ValidationError, match="save"):
        talk.propose_decisions("design", save="no")
    with pytest.raises(ValidationError, match="accept"):
        talk.review_decision("decision:none", accept="yes")
    with pytest.raises(ValidationError, match="conversation_id"):
        talk.propose_decisions("")
