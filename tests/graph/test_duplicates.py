"""Entities under several names on a real server: found, merged, saved to again, and parted."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import GraphError, NotFoundError, ValidationError
from tests.graph.duplicate_entities import (
    canonical,
    conversation_messages,
    entities,
    fill,
    mentioning,
    query,
)


def test_duplicates_are_found_with_their_evidence_and_merged(client):
    fill(client)
    before = canonical(client)
    found = client.find_duplicate_entities("Acme")
    assert canonical(client) == before
    pair = found.pairs[0]
    assert (pair.keep_id, pair.duplicate_id, pair.band, pair.evidence[0].stage) == (
        "acme_corp",
        "Acme",
        "same",
        "exact",
    )
    assert {"vector", "neighbors"} <= {evidence.stage for evidence in pair.evidence}
    assert [group.duplicate_ids for group in found.groups] == [["Acme"]]
    done = client.merge_entities(
        found.groups[0].keep_id,
        found.groups[0].duplicate_ids,
        reason="the same firm",
        evidence=found.pairs,
    )
    assert (done.kept_id, done.merged_ids) == ("acme_corp", ["Acme"])
    assert "Acme" not in entities(client)
    kept = client.query_knowledge_graph("Acme").context.entity
    assert (kept.id, kept.aliases) == ("acme_corp", ["Acme"])
    assert client.find_duplicate_entities("Acme").groups == []
    row = query(
        client,
        "MATCH (g:Merge {namespace: $n})-[:INTO]->(k:Entity) RETURN g.reason AS reason, "
        "g.evidence AS why, k.id AS id",
    )[0]
    assert (row["reason"], row["id"]) == ("the same firm", "acme_corp")
    assert json.loads(row["why"])["pairs"][0]["score"] == pair.score


def test_types_are_compared_and_filtered_in_any_case(client):
    client.update_knowledge_graph(
        [
            {"id": "json", "type": "format", "name": "json"},
            {"id": "JSON", "type": "Format", "name": "JSON"},
            {"id": "x", "name": "json"},
        ],
        [],
    )
    found = client.find_duplicate_entities(entity_types="FORMAT")
    assert (found.compared, [pair.band for pair in found.pairs]) == (2, ["same"])


def test_mentions_relationships_and_decisions_move_to_the_kept_entity(client):
    fill(client)
    done = client.merge_entities("Acme", "acme_corp")
    assert mentioning(client, "Acme") == {
        "one:0": 1,
        "one:1": 1,
        "one:2": 2,
        "two:1": 2,
        **{key: 1 for key in mentioning(client, "Acme") if key.startswith("document:")},
    }
    assert done.mentions == 4
    assert done.decisions == 1
    around = client.query_knowledge_graph("Acme", depth=1).neighbors
    by_type = {(one.relationship_type, one.entity_id): one.confidence for one in around}
    assert by_type["works in", "vienna"] == 0.9
    assert ("checks", "audit") in by_type
    assert not any(one.entity_id == "Acme" for one in around)
    row = query(
        client,
        "MATCH (:Entity {namespace: $n, id: 'Acme'})-[r:WORKS_IN]->() RETURN r.properties AS "
        "properties",
    )[0]
    assert json.loads(row["properties"]) == {"a": 1, "b": 2}
    decided = query(
        client, "MATCH (d:Decision {namespace: $n})-[:ABOUT]->(e) RETURN collect(e.id) AS ids"
    )[0]["ids"]
    assert "Acme" in decided
    results = client.search_hybrid(
        "Acme Corp", "keyword", filters={"content_types": "entity"}
    ).results
    assert [one.id for one in results if one.id in {"Acme", "acme_corp"}] == ["Acme"]


@pytest.mark.parametrize(
    ("keep", "others"),
    [("Acme", ["acme_corp"]), ("acme_corp", ["Acme"]), ("vienna", ["Acme", "acme_corp"])],
)
def test_undoing_a_merge_restores_the_graph(client, keep, others):
    fill(client)
    before = canonical(client)
    done = client.merge_entities(keep, others)
    assert canonical(client) != before
    undone = client.undo_merge(done.merge_id)
    assert canonical(client) == before
    assert (undone.kept_id, undone.restored_ids, undone.mentions) == (
        keep,
        sorted(others),
        done.mentions,
    )
    assert query(
        client, "MATCH (g:Merge {namespace: $n}) RETURN g.undone_ms IS NOT NULL AS undone"
    )[0]["undone"]
    with pytest.raises(ValidationError, match="undone already"):
        client.undo_merge(done.merge_id)
    again = client.merge_entities(keep, others)
    client.undo_merge(again.merge_id)
    assert canonical(client) == before


def test_nested_merges_are_undone_in_order(client):
    fill(client)
    client.update_knowledge_graph(
        [{"id": "ACME", "type": "organization"}],
        [{"from_entity": "ACME", "to_entity": "vienna", "relationship_type": "works in"}],
    )
    states = [canonical(client)]
    first = client.merge_entities("Acme", "acme_corp")
    states.append(canonical(client))
    second = client.merge_entities("ACME", "Acme")
    states.append(canonical(client))
    third = client.merge_entities("ACME", "vienna")
    assert client.query_knowledge_graph("acme_corp").entity_id == "ACME"
    client.save_conversation("three", conversation_messages("Acme Corp uses numpy."))
    assert "three:0" in mentioning(client, "ACME")
    client.save_conversation("three", conversation_messages("Nothing at all."))
    with pytest.raises(GraphError, match="undone first"):
        client.undo_merge(first.merge_id)
    client.undo_merge(third.merge_id)
    client.undo_merge(second.merge_id)
    assert client.query_knowledge_graph("acme_corp").entity_id == "Acme"
    client.undo_merge(first.merge_id)
    with_three = canonical(client)
    assert {
        key: value
        for key, value in with_three[0].items()
        if "three" not in key[1] and "numpy" not in key[1]
    } == states[0][0]


def test_saves_under_a_merged_name_belong_to_the_kept_entity(client):
    fill(client)
    client.merge_entities("Acme", "acme_corp")
    before, merged = entities(client), canonical(client)
    client.save_conversation(
        "one",
        conversation_messages(
            "Acme Corp uses pandas.", "Acme is in Vienna.", "Acme and Acme Corp use PostgreSQL."
        ),
    )
    client.save_conversation("three", conversation_messages("Acme Corp uses pandas."))
    client.save_document("handbook", "Acme Corp uses PostgreSQL for its orders. Really.")
    client.save_decision(
        "one", "tool", "Acme Corp compared pandas with polars", "Acme Corp uses polars"
    )
    client.extract_entities("Acme Corp uses pandas.", conversation_id="three")
    client.batch_extract_entities(["Acme Corp uses pandas."])
    client.batch_save_conversations(
        [{"conversation_id": "four", "messages": conversation_messages("Acme Corp uses pandas.")}]
    )
    client.update_knowledge_graph([{"id": "acme_corp", "description": "A firm"}], [])
    client.create_relationship("acme_corp", "pandas", "likes")
    assert entities(client) == before
    assert {"three:0", "three", "four:0"} <= mentioning(client, "Acme").keys()
    assert client.query_knowledge_graph("Acme").context.entity.name == "Acme"
    assert client.reextract().texts_changed == 0
    assert client.reextract(apply=True).texts_changed == 0
    assert canonical(client) != merged


def test_saving_before_or_after_a_merge_gives_the_same_graph(client, server):
    texts = conversation_messages(
        "Acme Corp uses pandas.", "Acme is in Vienna.", "Acme and Acme Corp use PostgreSQL."
    )
    fill(client)
    client.merge_entities("Acme", "acme_corp")
    before = canonical(client)
    client.save_conversation("one", conversation_messages("x", "y", "z"))
    client.save_conversation("one", texts)
    rows = [
        [row for row in found if row[1] == "MENTIONS"]
        for found in (before[1], canonical(client)[1])
    ]
    assert rows[0] == rows[1]


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_undo_restores_any_graph(server, namespace, data):
    names = ["a", "b", "c", "d"]
    links = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(names), st.sampled_from(["uses", "knows"]), st.sampled_from(names)
            ),
            max_size=8,
            unique=True,
        )
    )
    texts = data.draw(
        st.lists(
            st.lists(st.sampled_from(["Alpha", "Beta", "Gamma", "Delta"]), min_size=1, max_size=4),
            max_size=4,
        )
    )
    keep, *others = data.draw(st.permutations(names))
    others = others[: data.draw(st.integers(1, 3))]
    name = f"{namespace}-{data.draw(st.integers(0, 2**60))}"
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=name) as client:
        client.configure_entity_patterns({"thing": ["Alpha|Beta|Gamma|Delta"]})
        client.update_knowledge_graph(
            [
                {"id": one, "type": kind}
                for one, kind in zip(names, ["thing", "robot", "thing", "animal"], strict=True)
            ],
            [
                {"from_entity": a, "to_entity": b, "relationship_type": kind, "confidence": 0.5}
                for a, kind, b in links
            ],
        )
        client.save_conversation(
            "t", conversation_messages("Start.", *(" uses ".join(words) + "." for words in texts))
        )
        found = {"a": "Alpha", "b": "Beta", "c": "Gamma", "d": "Delta"}
        there = entities(client)
        group = [
            found[one] if found[one] in there and data.draw(st.booleans()) else one
            for one in (keep, *others)
        ]
        before = canonical(client)
        done = client.merge_entities(group[0], group[1:])
        assert there - entities(client) == set(group[1:])
        client.undo_merge(done.merge_id)
        assert canonical(client) == before


def test_invalid_merges_are_refused(client):
    fill(client)
    with pytest.raises(NotFoundError, match=r"duplicate_ids\.0"):
        client.merge_entities("Acme", ["nobody"])
    with pytest.raises(ValidationError, match="entity in keep_id"):
        client.merge_entities("Acme", ["acme_corp", "Acme"])
    with pytest.raises(ValidationError, match="duplicate_ids"):
        client.merge_entities("Acme", [])
    with pytest.raises(NotFoundError, match="no such merge"):
        client.undo_merge("merge:1")
    with pytest.raises(ValidationError, match="min_score"):
        client.find_duplicate_entities(min_score=2)


def test_merges_invalidate_cached_responses(client):
    from mcp_context_persistence.kg.namespaces import clear

    fill(client)
    client.configure_cache()
    assert client.query_knowledge_graph("Acme").context.entity.aliases == []
    client.merge_entities("Acme", "acme_corp")
    assert client.query_knowledge_graph("Acme").context.entity.aliases == ["Acme Corp"]
    client._engine.graph.run(clear(client._engine.namespace))
    assert (
        query(client, "MATCH (x:Merge|MergedEntity {namespace: $n}) RETURN count(x) AS count")[0][
            "count"
        ]
        == 0
    )
    client.save_conversation("one", conversation_messages("Acme Corp uses pandas."))
    assert "acme_corp" in entities(client)


def test_undo_embeds_again_after_a_change_of_the_model(client):
    import numpy as np

    from tests.graph.hashing_model import HashingModel

    fill(client)
    done = client.merge_entities("Acme", "acme_corp")
    client.configure_embedding_model(HashingModel(384, 5), wait=True)
    client.undo_merge(done.merge_id)
    model, space = (
        client._engine.embeddings.newest,
        client._engine.embeddings.current().vector_state.active,
    )
    rows = query(
        client,
        "MATCH (e:Entity {namespace: $n, id: 'acme_corp'}) RETURN e[$p] AS vector",
        p=space.property_name,
    )
    assert np.allclose(rows[0]["vector"], model.embed(["Acme Corp"])[0], atol=1e-5)
