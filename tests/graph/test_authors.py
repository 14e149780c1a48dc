"""What users say about themselves, in the graph."""

import pytest

from mcp_context_persistence.exceptions import NotFoundError

FACTS = """
MATCH (a:Entity {namespace: $namespace})-[r]->(b:Entity)
RETURN a.id AS source, r.name AS type, b.id AS target, r.sources AS sources
"""


def read_facts(client):
    records = client._engine.graph.driver.execute_query(FACTS, namespace=client.namespace).records
    return {(record["source"], record["type"], record["target"]) for record in records}


def say(text, role="user", **fields):
    return {"role": role, "content": text, **fields}


def test_users_are_entities_with_the_names_that_they_have(client):
    client.save_conversation("unnamed", [say("I live in Lisbon.")])
    client.batch_save_conversations(
        [{"conversation_id": "named", "messages": [say("I live in Lisbon.", name="Petra Novak")]}]
    )
    client.append_messages("named", [say("My boss is called Marcus Lind.", name="Petra Novak")])
    assert read_facts(client) == {
        ("me", "lives_in", "Lisbon"),
        ("petra_novak", "lives_in", "Lisbon"),
        ("marcus_lind", "manages", "petra_novak"),
    }
    entity = client.get_entity("petra_novak").entity
    assert (entity.name, entity.type) == ("Petra Novak", "person")


def test_a_told_name_leads_to_the_facts_of_the_user(client):
    client.save_conversation("talk", [say("My name is Ada Lind."), say("I live in Lisbon.")])
    assert read_facts(client) == {("me", "same_as", "ada_lind"), ("me", "lives_in", "Lisbon")}
    assert client.get_entity("ada_lind").entity.type == "person"


def test_the_same_relative_of_two_users_is_two_people(client):
    for name in ("Petra Novak", "Omar Haddad"):
        client.append_messages("talk", [say("My sister lives in Bergen.", name=name)])
    assert read_facts(client) == {
        (f"{user}'s_sister", *rest)
        for user in ("petra_novak", "omar_haddad")
        for rest in (("lives_in", "Bergen"), ("family_of", user))
    }


def test_what_an_assistant_or_a_tool_says_of_itself_is_nobodys_fact(client):
    client.save_conversation(
        "talk", [say("I live in Lisbon.", role=role) for role in ("assistant", "system", "tool")]
    )
    client.save_document("note", "I live in Lisbon.")
    assert read_facts(client) == set()
    assert client.extract_entities("I live in Lisbon.").relationships == []


def test_a_new_extraction_finds_the_same(client):
    client.save_conversation("talk", [say("I take metformin."), say("Sure.", role="assistant")])
    facts = read_facts(client)
    assert facts == {("me", "takes", "metformin")}
    for scope in ("talk", None):
        assert client.reextract(scope, apply=True).texts_changed == 0
    assert read_facts(client) == facts


def test_facts_go_with_their_message(client):
    client.save_conversation("talk", [say("I play the cello.", id="m1"), say("Hello.", id="m2")])
    assert read_facts(client) == {("me", "plays", "cello")}
    client.update_message("m1", content="I play the harp.")
    assert read_facts(client) == {("me", "plays", "harp")}
    client.delete_message("m1")
    assert read_facts(client) == set()
    with pytest.raises(NotFoundError):
        client.get_entity("me")


def test_a_traversal_begins_at_the_user(client):
    client.save_conversation("talk", [say("I work at Deloitte.")])
    neighbors = client.query_knowledge_graph("me").neighbors
    assert [neighbor.entity_id for neighbor in neighbors] == ["Deloitte"]
