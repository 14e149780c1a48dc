"""Search by the graph, mix messages with other results, and explain each result."""

import pytest

from mcp_context_persistence.models import HybridSearchParams
from mcp_context_persistence.queries.search import graph_search

ONLY = {"content_types": "message"}


def ids(answer):
    return [one.id for one in answer.results]


@pytest.fixture
def tools(client):
    client.save_conversation(
        "tools",
        [
            {
                "id": f"t{day}",
                "role": "user",
                "content": "The pandas library again.",
                "timestamp": f"2024-03-{day:02}T10:00:00",
            }
            for day in range(1, 13)
        ],
    )
    return client


def test_graph_searches_tell_that_a_decision_is_only_proposed(client):
    client.save_conversation(
        "design", [{"role": "user", "content": "We decided to use Neo4j for the orders graph."}]
    )
    client.propose_decisions("design")
    client.save_decision("design", "storage", "Neo4j has vectors", "Keep them in Neo4j")
    found = client.search_hybrid(
        "what about Neo4j?", mode="graph", filters={"content_types": "decision"}
    ).results
    assert sorted(one.explanation.get("status", "accepted") for one in found) == [
        "accepted",
        "proposed",
    ]


def test_graph_searches_filter_before_they_cut(tools, monkeypatch):
    monkeypatch.setattr(graph_search, "MESSAGES_PER_ENTITY", 3)
    old = {**ONLY, "date_range": {"end": "2024-03-02"}}
    assert set(ids(tools.search_hybrid("pandas", mode="graph", filters=old))) == {"t1", "t2"}
    assert set(ids(tools.search_hybrid("pandas", mode="graph", filters=ONLY))) == {
        "t10",
        "t11",
        "t12",
    }


def test_a_document_takes_one_place_however_many_of_its_passages_fit(tools):
    rain = "It rained on the garden all day, and nobody went out to see the roses. " * 40
    tools.save_document(
        "long", "\n\n".join(f"The pandas library reads tables. {rain}" for _ in range(6))
    )
    tools.save_document(
        "short", "The numpy library, not the pandas library, has arrays of numbers."
    )
    for mode in ("hybrid", "keyword", "semantic", "graph"):
        asked = {
            "filters": {"content_types": "document"},
            "recipe": {"vector_candidates": 1, "keyword_candidates": 1},
        }
        found = tools.search_hybrid("pandas library reads tables", mode=mode, limit=2, **asked)
        assert sorted(ids(found)) == ["long", "short"], mode
    assert len(tools.search_hybrid("pandas", mode="graph", limit=4).results) == 4


def test_entities_and_decisions_are_arms(tools):
    tools.save_decision("tools", "library", "pandas or polars", "The pandas library stays")
    tools.save_decision(
        "tools", "testing", "pandas in tests", "Test tables with the pandas library"
    )
    plain = tools.search_hybrid("pandas library", limit=30).results
    assert {"entity", "decision", "message"} <= {one.type for one in plain}
    for arm, kind in (("entities", "entity"), ("decisions", "decision")):
        off = tools.search_hybrid("pandas library", limit=30, recipe={"weights": {arm: 0}}).results
        assert [one.id for one in off] == [one.id for one in plain if one.type != kind]
        much = tools.search_hybrid(
            "pandas library", limit=30, recipe={"weights": {arm: 10}}
        ).results
        first = [one.id for one in plain if one.type == kind]
        assert [one.id for one in much if one.type == kind] == first
        assert much[0].id == first[0]
        assert all(0 <= one.similarity_score <= 1 for one in much)
    assert much[0].similarity_score > much[1].similarity_score > much[2].similarity_score
    assert [one.type for one in much[:2]] == ["decision", "decision"]
    loud = tools.search_hybrid(
        "pandas library", limit=30, recipe={"weights": {"vector": 10, "keyword": 10}}
    ).results
    assert all(0 <= one.similarity_score <= 1 for one in loud)


def test_a_recipe_bounds_what_entities_lead_to(tools):
    for linked in (1, 4):
        found = tools.search_hybrid(
            "pandas", filters=ONLY, limit=20, recipe={"entity_candidates": linked}
        ).results
        assert len(found) == 12
        assert sum("entities" in one.explanation for one in found) == linked
        assert sum("entities" in one.explanation["ranking"]["parts"] for one in found) <= linked


def test_entity_types_are_found_in_any_case(client):
    client.update_knowledge_graph([{"id": "kiln", "type": "Oven"}], [])
    client.save_conversation("pots", [{"id": "p", "role": "user", "content": "The kiln is hot."}])
    for written in ("Oven", "oven", "OVEN"):
        for mode in ("hybrid", "graph", "keyword"):
            assert "kiln" in ids(
                client.search_hybrid("kiln", mode=mode, filters={"entity_types": written})
            ), (written, mode)


def test_what_filters_leave_out_is_told(tools):
    by_role = tools.search_hybrid("pandas", filters={"role": "user"}).notes
    assert "entity, decision, instruction, conversation, document" in by_role[0]
    assert (
        "entity, document"
        in tools.search_hybrid("pandas", filters={"conversation_id": "tools"}).notes[0]
    )
    assert (
        ": entity"
        in tools.search_hybrid(
            "pandas", filters={"project": "x", "content_types": ["entity", "message"]}
        ).notes[0]
    )
    assert tools.search_hybrid("pandas", filters={"role": "user", **ONLY}).notes == []
    assert tools.search_hybrid("pandas", filters={"entity_types": "library"}).notes == []


def test_each_result_tells_its_score_and_the_path_to_it(tools):
    tools.save_decision("tools", "library", "pandas or polars", "The pandas library stays")
    tools.save_document("manual", "The pandas library reads tables.")
    tools.create_relationship("pandas", "pandas", "self", 1.0)
    for mode in ("hybrid", "semantic", "keyword"):
        found = tools.search_hybrid("pandas library", mode=mode, limit=40, explain=True).results
        assert {"message", "decision", "document", "entity"} <= {one.type for one in found}, mode
        for one in found:
            path, told = one.explanation["path"], one.explanation
            assert path["to"] == one.id
            assert path["relationship"] == ("HAS_CHUNK" if one.type == "document" else "NEXT")
            if mode == "semantic":
                assert told["vector"]["score"] == one.similarity_score
            elif mode == "keyword" or one.type != "message":
                assert told["fusion"]["score"] == pytest.approx(one.similarity_score)
                assert told["fusion"]["factor"] * sum(
                    told["fusion"]["parts"].values()
                ) == pytest.approx(one.similarity_score)
            else:
                assert "ranking" in told
    plain = tools.search_hybrid("pandas library", limit=40).results
    assert all("path" not in one.explanation for one in plain)


def test_a_path_tells_which_way_its_relationships_point_and_ends_at_the_result(client):
    client.update_knowledge_graph(
        [{"id": name} for name in ("ledger", "bookkeeper", "abacus")],
        [
            {
                "source_entity_id": "ledger",
                "target_entity_id": "bookkeeper",
                "type": "kept by",
                "confidence": 0.9,
            },
            {
                "source_entity_id": "abacus",
                "target_entity_id": "bookkeeper",
                "type": "helps",
                "confidence": 0.9,
            },
        ],
    )
    client.save_document("manual", "The abacus has beads.")
    found = {
        one.id: one.explanation["path"]
        for one in client.search_hybrid("ledger", mode="graph", explain=True).results
    }
    kept = {
        "from": "ledger",
        "relationship": "KEPT_BY",
        "direction": "outgoing",
        "to": "bookkeeper",
    }
    helps = {"from": "bookkeeper", "relationship": "HELPS", "direction": "incoming", "to": "abacus"}
    assert found["abacus"]["relationships"] == [kept, helps]
    *way, mentioned, part = found["manual"]["relationships"]
    assert way == [kept, helps]
    assert (mentioned["relationship"], mentioned["direction"]) == ("MENTIONS", "incoming")
    assert part == {
        "from": mentioned["to"],
        "relationship": "HAS_CHUNK",
        "direction": "incoming",
        "to": "manual",
    }
    assert (found["manual"]["to"], found["manual"]["steps"]) == ("manual", 4)


def test_graph_searches_tell_the_relationships_on_the_way(client):
    entities = [
        {"id": "robert_miller", "name": "Robert Miller", "type": "person", "aliases": ["Bobby"]},
        {"id": "pandas", "type": "library"},
    ]
    ends = {"source_entity_id": "robert_miller", "target_entity_id": "pandas"}
    client.update_knowledge_graph(entities, [{**ends, "type": "founded", "confidence": 0.9}])
    client.save_conversation(
        "firm", [{"id": "m", "role": "user", "content": "The pandas library is large."}]
    )
    asked = HybridSearchParams(query="Where is Bobby?", mode="graph", explain=True)
    found = {one.id: one.explanation["path"] for one in client.search_hybrid(asked).results}
    assert found["robert_miller"] == {
        "name": "Bobby",
        "from": "robert_miller",
        "relationships": [],
        "steps": 0,
        "to": "robert_miller",
    }
    founded = {
        "from": "robert_miller",
        "relationship": "FOUNDED",
        "direction": "outgoing",
        "to": "pandas",
    }
    assert found["pandas"]["relationships"] == [founded]
    mentioned = {"from": "pandas", "relationship": "MENTIONS", "direction": "incoming", "to": "m"}
    assert (found["m"]["name"], found["m"]["relationships"], found["m"]["steps"]) == (
        "Bobby",
        [founded, mentioned],
        2,
    )
    by_words = {"entity_candidates": 5, "neighbor_window": 0, "weights": {"vector": 0}}
    client.save_conversation(
        "talk", [{"role": "user", "content": "Bobby says where it is."}], mode="conversation"
    )
    led = client.search_hybrid(
        "Where is Bobby?", filters=ONLY, recipe=by_words, explain=True
    ).results
    told = next(one for one in led if one.id == "m").explanation
    assert told["path"] == found["m"]
    assert not {"vector", "keyword"} & told.keys()
