"""Decisions that messages tell of: proposed with their evidence, reviewed, found or not found."""

from datetime import UTC, datetime

import pytest

from mcp_context_persistence.exceptions import DatabaseError, NotFoundError, ValidationError
from mcp_context_persistence.ingest.extraction.decision_cues import find_decision_sentences
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.writes import conversations
from mcp_context_persistence.services import decisions as saving

TALK = [
    {"id": "m0", "role": "user", "content": "Which database shall we take?"},
    {
        "id": "m1",
        "role": "assistant",
        "content": "Neo4j fits. We decided to use Neo4j for the orders graph.",
    },
    {"id": "m2", "role": "user", "content": "Fine. Let's use pandas for the reports."},
]


@pytest.fixture
def talk(client):
    client.save_conversation("design", TALK)
    return client


def decisions(client, query="database for the orders graph"):
    return client.search_hybrid(query, filters={"content_types": "decision"}, limit=20).results


def rows(client, text, **parameters):
    with client._engine.graph.driver.session() as session:
        return [dict(row) for row in session.run(text, namespace=client.namespace, **parameters)]


def test_proposals_are_stored_with_their_evidence_as_proposed(talk):
    found = talk.propose_decisions("design")
    assert [proposal.decision.outcome for proposal in found.proposals] == [
        "We decided to use Neo4j for the orders graph.",
        "Let's use pandas for the reports.",
    ]
    assert [proposal.message_id for proposal in found.proposals] == ["m1", "m2"]
    assert {proposal.decision.status for proposal in found.proposals} == {"proposed"}
    assert found.saved == 2
    stored = rows(
        talk,
        "MATCH (:Conversation {namespace: $namespace, id: "
        "'design'})-[:HAS_DECISION]->(d:Decision)-[:EVIDENCED_BY]->(m:Message) "
        "RETURN d.status AS status, m.id AS id, COUNT { (d)-[:ABOUT]->(:Entity) } AS about ORDER "
        "BY id",
    )
    assert [(row["status"], row["id"]) for row in stored] == [
        ("proposed", "m1"),
        ("proposed", "m2"),
    ]
    assert stored[0]["about"] > 0
    assert {one.explanation["status"] for one in decisions(talk)} == {"proposed"}


def test_proposing_again_is_a_no_op(talk):
    first = talk.propose_decisions("design")
    again = talk.propose_decisions("design")
    assert again.saved == 0
    assert [proposal.decision for proposal in again.proposals] == [
        proposal.decision for proposal in first.proposals
    ]
    assert not any(proposal.created for proposal in again.proposals)
    assert talk.get_conversation_stats().stats.total_decisions == 2


def test_save_false_only_returns_proposals(talk):
    found = talk.propose_decisions("design", save=False)
    assert (len(found.proposals), found.saved) == (2, 0)
    assert decisions(talk) == []


def test_accepted_proposals_are_decisions_and_rejected_ones_never_return(talk):
    first, second = (proposal.decision for proposal in talk.propose_decisions("design").proposals)
    answer = talk.review_decision(first.id)
    assert (answer.decision.status, answer.changed) == ("accepted", True)
    assert not talk.review_decision(first.id).changed
    answer = talk.review_decision(second.id, accept=False)
    assert (answer.decision.status, answer.decision.outcome) == ("rejected", second.outcome)
    for mode in ("hybrid", "semantic", "keyword", "graph"):
        found = talk.search_hybrid(
            "pandas for the reports, Neo4j for orders",
            mode=mode,
            filters={"content_types": "decision"},
        ).results
        assert [one.id for one in found] == [first.id]
        assert "status" not in found[0].explanation
    again = talk.propose_decisions("design")
    assert [proposal.decision.status for proposal in again.proposals] == ["accepted", "rejected"]
    assert again.saved == 0
    assert talk.get_conversation_stats().stats.total_decisions == 1
    with pytest.raises(NotFoundError):
        talk.review_decision(second.id)
    saved = talk.save_decision(
        "design", second.decision_type, second.context, second.outcome
    ).decision
    assert {one.id for one in decisions(talk, "pandas reports")} == {first.id, saved.id}


def test_saved_decisions_have_the_status_accepted(talk):
    saved = talk.save_decision("design", "architecture", "Two designs", "The simple one").decision
    assert saved.status == "accepted"
    assert "status" not in decisions(talk, "the simple design")[0].explanation
    assert talk.review_decision(saved.id, accept=False).decision.status == "rejected"
    assert decisions(talk, "the simple design") == []


def test_invalid_arguments_are_refused(talk):
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


def stored(client, *fields):
    """What the graph has of each decision, by its sentence."""
    found = rows(
        client,
        "MATCH (d:Decision {namespace: $namespace}) "
        "RETURN d.outcome AS outcome, d {.*, evidence: COLLECT { MATCH (d)-[:EVIDENCED_BY]->(m) "
        "RETURN m.id ORDER BY m.id }} AS d",
    )
    return {row["outcome"]: tuple(row["d"].get(field) for field in fields) for row in found}


def run_concurrently(monkeypatch, act):
    """Do something once after the messages were read and before proposals are kept."""
    find_sentences, done = find_decision_sentences, []

    def between(text):
        if not done:
            done.append(True)
            act()
        return find_sentences(text)

    monkeypatch.setattr(saving, "find_decision_sentences", between)


NEO4J, PANDAS = "We decided to use Neo4j for the orders graph.", "Let's use pandas for the reports."


@pytest.mark.parametrize("replace", [False, True])
def test_a_proposal_of_a_concurrently_changed_message_is_not_stored(talk, monkeypatch, replace):
    other = {"id": "m1", "role": "assistant", "content": "Neo4j does not fit Zanzibar."}
    given = [TALK[0], TALK[2]] if replace else [other]
    run_concurrently(monkeypatch, lambda: talk.save_conversation("design", given, replace=replace))
    found = talk.propose_decisions("design")
    assert [
        (proposal.message_id, proposal.kept, proposal.created) for proposal in found.proposals
    ] == [
        ("m1", False, False),
        ("m2", True, True),
    ]
    assert (found.saved, found.outdated) == (1, 1)
    assert stored(talk, "evidence") == {PANDAS: (["m2"],)}
    again = talk.propose_decisions("design")
    assert (len(again.proposals), again.saved, again.outdated) == (1, 0, 0)


def test_a_concurrent_review_is_kept(talk, monkeypatch):
    def act():
        for one in talk.propose_decisions("design").proposals:
            talk.review_decision(one.decision.id, accept=one.message_id == "m1")

    run_concurrently(monkeypatch, act)
    found = talk.propose_decisions("design")
    assert found.saved == 0
    assert [(proposal.decision.status, proposal.created) for proposal in found.proposals] == [
        ("accepted", False),
        ("rejected", False),
    ]
    assert stored(talk, "status") == {NEO4J: ("accepted",), PANDAS: ("rejected",)}
    assert stored(talk, "content")[PANDAS] == (None,)


def test_editing_a_message_does_not_bring_back_a_rejected_proposal(talk):
    for one in talk.propose_decisions("design").proposals:
        talk.review_decision(one.decision.id, accept=False)
    talk.save_conversation(
        "design", [{"id": "m1", "role": "assistant", "content": f"Neo4j suits us.\n\n{NEO4J}"}]
    )
    found = talk.propose_decisions("design")
    assert [proposal.decision.status for proposal in found.proposals] == ["rejected", "rejected"]
    assert found.saved == 0


def test_equal_sentences_are_evidence_of_one_proposal_with_the_time_of_the_first(talk):
    talk.save_conversation(
        "design",
        [{"id": "m3", "role": "user", "content": f"As I said. {NEO4J}", "timestamp": "2024-03-01"}],
    )
    found = talk.propose_decisions("design")
    assert [proposal.evidence for proposal in found.proposals] == [["m1", "m3"], ["m2"]]
    assert found.proposals[0].timestamp == datetime(2024, 3, 1, tzinfo=UTC)
    assert stored(talk, "evidence")[NEO4J] == (["m1", "m3"],)
    assert decisions(talk)[0].timestamp == datetime(2024, 3, 1, tzinfo=UTC)
    talk.save_conversation("design", [{"id": "m4", "role": "user", "content": NEO4J}])
    again = talk.propose_decisions("design")
    assert (again.saved, again.proposals[0].created) == (0, False)
    assert stored(talk, "evidence")[NEO4J] == (["m1", "m3", "m4"],)


def test_a_proposal_follows_the_time_of_its_message(talk):
    talk.propose_decisions("design")
    talk.save_conversation("design", [{**TALK[1], "timestamp": "2023-05-08T10:00:00Z"}])
    moment = int(datetime(2023, 5, 8, 10, tzinfo=UTC).timestamp() * 1000)
    assert stored(talk, "timestamp_ms")[NEO4J] == (moment,)
    within = {
        "content_types": "decision",
        "date_range": {"start": "2023-05-08", "end": "2023-05-08"},
    }
    assert [
        result.timestamp for result in talk.search_hybrid("orders graph", filters=within).results
    ] == [datetime(2023, 5, 8, 10, tzinfo=UTC)]


@pytest.mark.parametrize("mode", ["conversation", "hybrid"])
def test_a_proposal_is_removed_with_its_message_or_sentence(client, mode):
    client.save_conversation("design", TALK, mode=mode)
    client.propose_decisions("design")
    client.save_conversation(
        "design", [{"id": "m1", "role": "user", "content": f"Well. {NEO4J}"}], mode=mode
    )
    assert set(stored(client)) == {NEO4J, PANDAS}
    client.save_conversation(
        "design", [{"id": "m1", "role": "user", "content": "Forget that."}], mode=mode
    )
    assert set(stored(client)) == {PANDAS}
    client.save_conversation("design", TALK[:1], replace=True, mode=mode)
    assert stored(client) == {}
    left = rows(
        client,
        "MATCH (e:Entity {namespace: $namespace}) WHERE e.id IN ['Neo4j', 'pandas'] RETURN e.id "
        "AS id",
    )
    assert left == []


def test_a_proposal_stays_while_one_message_has_its_sentence(talk):
    talk.save_conversation(
        "design", [{"id": "m3", "role": "user", "content": NEO4J, "timestamp": "2024-03-01"}]
    )
    talk.propose_decisions("design")
    talk.save_conversation("design", TALK, replace=True)
    assert stored(talk, "evidence")[NEO4J] == (["m1"],)
    assert decisions(talk)[0].timestamp.year > 2024


def test_a_reviewed_decision_stays_without_its_message(talk):
    first, second = (proposal.decision for proposal in talk.propose_decisions("design").proposals)
    talk.review_decision(first.id)
    talk.review_decision(second.id, accept=False)
    talk.save_conversation("design", TALK[:1], replace=True)
    assert stored(talk, "status") == {NEO4J: ("accepted",), PANDAS: ("rejected",)}
    assert [one.id for one in decisions(talk)] == [first.id]


def reword(client, words, **arguments):
    """Save the message that has the sentence about Neo4j with other words beside it."""
    message = {"id": "m1", "role": "assistant", "content": f"{NEO4J} {words}"}
    client.save_conversation("design", [message], **arguments)


def test_the_context_of_a_decision_loses_words_that_no_message_has_any_more(talk):
    talk.propose_decisions("design")
    reword(talk, "Redis is no choice.")
    assert stored(talk, "context")[NEO4J] == (NEO4J,)
    assert "fits" not in decisions(talk)[0].content
    shown = talk.propose_decisions("design").proposals[0]
    assert (shown.created, shown.kept) == (False, True)
    assert stored(talk, "context")[NEO4J] == (f"{NEO4J} Redis is no choice.",)
    assert "Redis" in decisions(talk)[0].content
    talk.review_decision(shown.decision.id)
    reword(talk, "Redis is no choice. So it is.")  # the words are still there
    assert stored(talk, "context")[NEO4J] == (f"{NEO4J} Redis is no choice.",)
    reword(talk, "Kafka is no choice.", replace=True)
    talk.propose_decisions("design")
    assert stored(talk, "context")[NEO4J] == (NEO4J,)
    assert "Redis" not in decisions(talk)[0].content


def test_a_save_sees_a_proposal_that_is_stored_while_it_runs(talk, monkeypatch):
    save = conversations.save

    def propose_first(*arguments, **options):
        monkeypatch.undo()
        talk.propose_decisions("design")
        return save(*arguments, **options)

    monkeypatch.setattr(conversations, "save", propose_first)
    reword(talk, "Redis is no choice.")
    assert stored(talk, "context")[NEO4J] == (NEO4J,)


def test_a_cut_context_contains_the_sentence(client):
    filler = "Nothing of this is settled. " * (limits.DECISION_CHARACTERS // 20)
    client.save_conversation(
        "long",
        [
            {"role": "user", "content": f"{filler}{NEO4J} {filler}"},
            {"role": "user", "content": PANDAS},
        ],
    )
    long, short = client.propose_decisions("long").proposals
    assert (long.context_cut, short.context_cut) == (True, False)
    assert NEO4J in long.decision.context
    assert len(long.decision.context) == limits.DECISION_CHARACTERS
    assert stored(client, "context")[NEO4J] == (long.decision.context,)


def test_rejected_proposals_support_no_relationships(client):
    client.save_conversation(
        "design",
        [{"role": "user", "content": "We decided that Zanzibar uses Neo4j."}],
        mode="conversation",
    )
    proposed = client.propose_decisions("design").proposals[0].decision
    supported = "MATCH (:Entity {namespace: $namespace})-[r]->(:Entity) RETURN r.sources AS sources"
    assert rows(client, supported) == [{"sources": [proposed.id]}]
    client.review_decision(proposed.id, accept=False)
    assert rows(client, supported) == []
    assert rows(client, "MATCH (e:Entity {namespace: $namespace}) RETURN e.id AS id") == []


def test_a_refused_acceptance_changes_nothing(talk):
    rejected = talk.propose_decisions("design").proposals[0].decision.id
    talk.review_decision(rejected, accept=False)
    before = stored(talk, "updated_ms", "status")
    with pytest.raises(NotFoundError):
        talk.review_decision(rejected)
    assert stored(talk, "updated_ms", "status") == before


def test_a_call_that_fails_halfway_can_be_repeated(client, monkeypatch):
    client.save_conversation(
        "c",
        [
            {"role": "user", "content": f"We decided to use {name}."}
            for name in ("pandas", "numpy", "polars")
        ],
    )
    graph, calls = client._engine.graph, []

    def transact(*given, **named):
        calls.append(1)
        if len(calls) == 3:
            raise DatabaseError("no answer", retryable=True)
        return type(graph).transact(graph, *given, **named)

    monkeypatch.setattr(graph, "transact", transact)
    with pytest.raises(DatabaseError, match="2 proposals were kept") as error:
        client.propose_decisions("c")
    assert (error.value.outcome, error.value.retryable) == ("unknown", True)
    answer = client.propose_decisions("c")
    assert (answer.saved, [proposal.kept for proposal in answer.proposals]) == (
        1,
        [True, True, True],
    )


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_decision_is_not_about_what_only_a_lost_text_named(client, is_deleted):
    text = "Kafka and Flask are compared. We decided to use Flask."
    client.save_conversation("talk", [{"id": "first", "role": "user", "content": text}])
    (proposal,) = client.propose_decisions("talk").proposals
    client.review_decision(proposal.decision.id)
    assert {entity.id for entity in client.list_entities().entities} == {"Kafka", "Flask"}
    if is_deleted:
        preview = client.delete_message("first", dry_run=True)
        receipt = client.delete_message("first")
        assert receipt.deleted == preview.deleted
        assert receipt.deleted.entities == 1
    else:
        changed = [{"id": "first", "role": "user", "content": "We decided to use Flask."}]
        client.save_conversation("talk", changed)
    assert {entity.id for entity in client.list_entities().entities} == {"Flask"}
    assert client.get_decision(proposal.decision.id).decision.context == "We decided to use Flask."
