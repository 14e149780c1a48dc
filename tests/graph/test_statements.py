"""A real server plans every statement, with its samples, on indexes."""

import importlib.resources

import neo4j
import pytest

from mcp_context_persistence import cypher
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.schema import migrations

LONG = 2_000  # characters; planning such a statement takes half a second on idle cores
RARE = {"merge/apply", "reextract/apply"}
# What these read grows with the namespace, or with its merges.
WHOLE_NAMESPACE = {
    *("analytics/project", "analytics/size"),
    *("delete/entity", "delete/entity_state", "delete/namespace", "delete/namespace_counts"),
    "delete/mark_conversations",
    *("explore/decisions", "explore/knowledge_graph", "explore/most_mentioned"),
    *("explore/node_counts", "instruction/applying", "instruction/list", "list/conversations"),
    *("list/decisions", "list/documents", "list/entities", "maintenance/clear"),
    *("maintenance/stats", "merge/list", "merge/profiles", "merge/redirects"),
    *("schema/list_types", "vectors/clear", "vectors/count"),
}
NOT_PLANNED = (
    "SHOW ",
    "CREATE CONSTRAINT",
    "CREATE INDEX",
    "CREATE FULLTEXT",
    "CREATE VECTOR",
    "CYPHER 25\nCREATE VECTOR",
)


@pytest.fixture(scope="module")
def driver(server):
    graph = Graph(server.bolt_url, server.auth)
    migrations.ensure_schema(graph, vector_size=384)
    graph.close()
    with neo4j.GraphDatabase.driver(
        server.bolt_url, auth=server.auth, notifications_min_severity="OFF"
    ) as driver:
        yield driver


def list_operators(plan):
    """Yield name and details of each operator of a plan."""
    yield plan["operatorType"].split("@")[0], str(plan["args"].get("Details"))
    for child in plan.get("children", []):
        yield from list_operators(child)


@pytest.mark.parametrize(
    "name",
    [name for name in cypher.list_names() if not cypher.load(name).text.startswith(NOT_PLANNED)],
)
def test_a_plan_uses_indexes(driver, name):
    script = cypher.load(name)
    with driver.session() as session:
        plan = (
            session.run(f"EXPLAIN {script.text.removeprefix('PROFILE')}", script.samples)
            .consume()
            .plan
        )
    operators = list(list_operators(plan))
    assert not {operator for operator, _ in operators} & {
        "AllNodesScan",
        "NodeByLabelScan",
        "DirectedAllRelationshipsScan",
        "UndirectedAllRelationshipsScan",
    }
    # On a store without statistics a seek by the namespace alone looks as cheap as one by its key.
    if name not in WHOLE_NAMESPACE:
        assert not [
            details
            for operator, details in operators
            if "Seek" in operator and "AND id IS NOT NULL" in details
        ]


def test_a_long_statement_is_not_planned_again_when_the_store_grows():
    for name in set(cypher.list_names()) - RARE:
        for dialect in ("25", "5"):
            text = cypher.load(name, dialect).text
            assert len(text) <= LONG or "replan=skip" in text.split("\n")[0], name


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in cypher.list_names()
        if name.startswith(("explore/", "maintenance/stats", "conversation/load"))
    ],
)
def test_a_script_runs_with_its_samples(driver, name):
    script = cypher.load(name)
    with driver.session() as session:
        session.run(script.text, script.samples).consume()


def test_the_text_of_a_statement_is_that_of_its_file():
    for name in cypher.list_names():
        source = (importlib.resources.files(cypher) / f"{name}.cypher").read_text()
        assert cypher.load(name).text in source


def test_new_messages_are_saved_as_by_the_statement_that_also_changes_stored_ones():
    """`conversation/extend` is `conversation/save` without the marked parts."""
    mark = "// Stored messages change: "
    parts = cypher.load("conversation/save").text.split(f"{mark}begin\n")
    kept = [parts[0], *(part.partition(f"{mark}end\n")[2] for part in parts[1:])]
    assert len(parts) > 2
    assert cypher.load("conversation/extend").text == "".join(kept)


def test_removing_the_property_that_no_node_has_locks_a_node(driver):
    """With an unknown property key it would not."""
    nodes = "MATCH (n:LockedNode)"
    with driver.session() as one, driver.session() as other:
        one.run("CREATE (:LockedNode)").consume()
        try:
            with one.begin_transaction() as holder:
                holder.run(f"{nodes} REMOVE n.lock").consume()
                with (
                    pytest.raises(neo4j.exceptions.Neo4jError, match=r"[Tt]erminated|timed out"),
                    other.begin_transaction(timeout=0.5) as waiter,
                ):
                    waiter.run(f"{nodes} SET n.seen = true").consume()
        finally:
            one.run(f"{nodes} DELETE n").consume()
