"""Each namespace has its own limits on types, which are exact under parallel writers."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.identifiers import GRAPH_TYPES
from mcp_context_persistence.kg.schema import migrations, type_limits

TEXT = "The DataProcessor class uses pandas. The DataProcessor class depends on numpy."
ENDS = [{"id": "a"}, {"id": "b"}]


def opened(server, namespace):
    return ContextPersistenceClient(
        database_url=server.bolt_url, auth=server.auth, namespace=namespace
    )


def links(first, last):
    """Make relationships of the types FIRST to LAST; tests share names, as servers keep them."""
    return [
        {"from_entity": "a", "to_entity": "b", "relationship_type": f"kind {number}"}
        for number in range(first, last)
    ]


def things(first, last):
    return [{"id": f"e{number}", "type": f"sort {number}"} for number in range(first, last)]


def stored(client):
    """Compare the graph with the namespace's lists of types; return how many each list has."""
    with client._engine.graph.driver.session() as session:
        types = session.run(
            "MATCH (e:Entity {namespace: $namespace})-[r]->(:Entity) "
            "RETURN collect(DISTINCT type(r)) AS types",
            namespace=client.namespace,
        ).single()["types"]
        labels = session.run(
            "MATCH (e:Entity {namespace: $namespace}) UNWIND labels(e) AS label "
            "RETURN collect(DISTINCT label) AS labels",
            namespace=client.namespace,
        ).single()["labels"]
        listed = session.run(
            "MATCH (v:NamespaceVersion {namespace: $namespace}) "
            "RETURN v.relationship_types AS types, v.entity_labels AS labels",
            namespace=client.namespace,
        ).single()
    assert len(set(listed["types"])) == len(listed["types"])
    assert len(set(listed["labels"])) == len(listed["labels"])
    assert set(types) - {"RELATED_TO"} <= set(listed["types"])
    assert set(labels) - {"Entity", "Concept"} <= set(listed["labels"])
    return len(listed["types"]), len(listed["labels"])


def outcomes(calls):
    """Count the successful calls; check that each other one failed with a limit's name."""
    succeeded = 0
    for call in calls:
        try:
            call.result()
            succeeded += 1
        except ValidationError as error:
            assert "a namespace has at most" in str(error)  # noqa: PT017 - the others must not be lost
    return succeeded


def test_relationship_types_end_at_their_limit_and_only_in_their_namespace(
    server, client, namespace
):
    most = limits.RELATIONSHIP_TYPES
    client.update_knowledge_graph(ENDS, links(0, most))
    assert stored(client) == (most, 0)
    for write in (
        lambda: client.create_relationship("a", "b", f"kind {most}"),
        lambda: client.update_knowledge_graph([{"id": "c"}], links(most, most + 1)),
    ):
        with pytest.raises(
            ValidationError,
            match=r"^relationship_type: a namespace has at most 500 relationship types",
        ):
            write()
    assert client.get_conversation_stats().stats.total_entities == 2
    assert client.create_relationship("a", "b", "kind 7", 0.5).created is False
    assert client.create_relationship("b", "a", "related to").created
    with opened(server, f"{namespace}-other") as other:
        other.update_knowledge_graph(
            ENDS, [{"from_entity": "a", "to_entity": "b", "relationship_type": "kind 1"}]
        )
        assert other.create_relationship("a", "b", f"kind {most}").created
        with pytest.raises(ValidationError, match="at most 500"):
            other.update_knowledge_graph([], links(0, most + 1))
        assert stored(other) == (2, 0)
    assert (
        client.save_conversation("c", [{"role": "user", "content": TEXT}]).relationships_found >= 2
    )
    found = client.query_knowledge_graph("DataProcessor", depth=1).neighbors
    assert {neighbor.relationship_type for neighbor in found} >= {
        "uses",
        "depends_on",
    }  # their names are kept
    assert stored(client)[0] == most


def test_types_of_entities_end_at_their_limit_and_only_in_their_namespace(
    server, client, namespace
):
    most = limits.ENTITY_TYPES
    client.update_knowledge_graph(things(0, most), [])
    assert stored(client) == (0, most)
    for write in (
        lambda: client.update_knowledge_graph(things(most, most + 1), []),
        lambda: client.configure_entity_patterns({f"sort {most}": ["x+"]}),
    ):
        with pytest.raises(
            ValidationError, match=r"^type: a namespace has at most 200 types of entities"
        ):
            write()
    client.update_knowledge_graph([{"id": "plain"}, {"id": "known", "type": "sort 3"}], [])
    assert client.configure_entity_patterns({"sort 5": ["zebra"]}).changed
    answer = client.extract_entities(f"{TEXT} A zebra.")
    assert {entity.type for entity in answer.entities} == {"concept", "sort 5"}
    with opened(server, f"{namespace}-other") as other:
        assert other.configure_entity_patterns(
            {f"sort {most}": ["x+"]}
        ).changed  # the types of patterns have their place at once
        other.update_knowledge_graph(things(0, most - 1), [])
        with pytest.raises(ValidationError, match="at most 200"):
            other.update_knowledge_graph(things(most - 1, most), [])
        assert stored(other) == (0, most)
    assert stored(client)[1] == most


def test_the_last_places_are_given_once_to_writers_in_two_clients(server, namespace):
    spare = 20
    with ExitStack() as stack:
        clients = [stack.enter_context(opened(server, namespace)) for _ in range(2)]
        other = stack.enter_context(opened(server, f"{namespace}-other"))
        clients[0].update_knowledge_graph(ENDS, links(0, limits.RELATIONSHIP_TYPES - spare))
        clients[0].update_knowledge_graph(things(0, limits.ENTITY_TYPES - spare), [])
        other.update_knowledge_graph(ENDS, [])
        pool = stack.enter_context(ThreadPoolExecutor(16))
        names = range(limits.RELATIONSHIP_TYPES - spare, limits.RELATIONSHIP_TYPES + spare)
        by_hand = [
            pool.submit(clients[number % 2].create_relationship, "a", "b", f"kind {number}")
            for number in names
        ]
        sorts = range(limits.ENTITY_TYPES - spare, limits.ENTITY_TYPES + spare)
        entities = [
            pool.submit(clients[number % 2].update_knowledge_graph, things(number, number + 1), [])
            for number in sorts
        ]
        elsewhere = [
            pool.submit(other.create_relationship, "a", "b", f"kind {number}")
            for number in range(spare)
        ]
        assert outcomes(by_hand) == spare
        assert outcomes(entities) == spare
        assert outcomes(elsewhere) == spare
        assert stored(clients[0]) == (limits.RELATIONSHIP_TYPES, limits.ENTITY_TYPES)
        assert stored(other) == (spare, 0)


def test_a_transaction_does_not_wait_for_a_second_connection(server, namespace):
    """A late write may remove the list of types meanwhile; the pool has no other connection."""
    with ContextPersistenceClient(
        database_url=server.bolt_url,
        auth=server.auth,
        namespace=namespace,
        config={"pool_size": 1, "max_overflow": 0},
    ) as client:
        client.update_knowledge_graph(ENDS, links(1, 2))
        registry = client._engine.types

        def work(run):
            registry._last = None
            registry.register(run, type_limits.collect_types(["KIND_1"]))

        registry.transact(work, name="test")


@pytest.mark.parametrize("text", [False, True])
def test_a_write_that_comes_too_late_is_rolled_back(server, client, namespace, monkeypatch, text):
    """A client that has read the list before another one filled it."""
    with opened(server, namespace) as late:
        client.update_knowledge_graph(ENDS, links(0, limits.RELATIONSHIP_TYPES - 1))
        registry = late._engine.types
        before, read = registry.snapshot(), registry._read
        client.create_relationship("a", "b", f"kind {limits.RELATIONSHIP_TYPES - 1}")
        answers = iter([before, before])
        monkeypatch.setattr(registry, "_read", lambda: next(answers, None) or read())
        if text:
            late.save_conversation("late", [{"role": "user", "content": TEXT}])
        else:
            with pytest.raises(ValidationError, match="at most 500"):
                late.update_knowledge_graph(
                    [{"id": "late"}],
                    links(limits.RELATIONSHIP_TYPES, limits.RELATIONSHIP_TYPES + 1),
                )
            assert client.get_conversation_stats().stats.total_entities == 2
        assert next(answers, None) is None
        assert stored(client)[0] == limits.RELATIONSHIP_TYPES


def test_an_older_store_lists_its_types_when_it_is_opened(client, namespace):
    client.update_knowledge_graph([*things(0, 3), *ENDS], links(0, 4))
    client.save_conversation("c", [{"role": "user", "content": TEXT}])
    client.merge_entities("e0", "e1")
    graph, before = client._engine.graph, stored(client)
    with graph.driver.session() as session:
        session.run(
            "MATCH (v:NamespaceVersion {namespace: $namespace}) "
            "REMOVE v.relationship_types, v.entity_labels",
            namespace=namespace,
        ).consume()
        session.run("MATCH (s:SchemaVersion) SET s.version = 5").consume()
    migrations.ensure_schema(graph, vector_size=384)
    assert stored(client) == (
        before[0],
        before[1] - 1,
    )  # that of the merged entity comes back with it
    migrations.ensure_schema(graph, vector_size=384)
    client.undo_merge(client.list_merges().merges[0].merge_id)
    assert stored(client) == before


def test_what_a_full_database_has_no_room_for_is_told_to_who_brings_it(
    server, client, namespace, monkeypatch
):
    client.update_knowledge_graph([*ENDS, {"id": "known", "type": "sort 1"}], links(1, 2))
    monkeypatch.setattr(limits, "DATABASE_TYPES", 0)
    with opened(server, namespace) as full:
        for write in (
            lambda: full.create_relationship("a", "b", "kind 2"),
            lambda: full.update_knowledge_graph(things(2, 3), []),
        ):
            with pytest.raises(ValidationError, match="the database has no room for further"):
                write()
        assert full.create_relationship("b", "a", "kind 1").created
        full.update_knowledge_graph([{"id": "more", "type": "sort 1"}], [])
        assert full.save_conversation("c", [{"role": "user", "content": TEXT}]).entities_found
        assert stored(full) == (1, 1)


def add_types(url, auth, namespace, numbers, results):
    succeeded = 0
    with (
        ContextPersistenceClient(database_url=url, auth=auth, namespace=namespace) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        succeeded += outcomes(
            [
                pool.submit(client.create_relationship, "a", "b", f"kind {number}")
                for number in numbers
            ]
        )
        succeeded += outcomes([pool.submit(client.extract_entities, TEXT) for _ in range(8)]) - 8
    results.put(succeeded)


@pytest.mark.long
def test_the_last_places_are_given_once_to_two_processes(server, namespace):
    context = multiprocessing.get_context("spawn")
    with opened(server, namespace) as client:
        client.update_knowledge_graph(ENDS, [])
        results = context.Queue()
        numbers = [range(first, 600, 2) for first in (0, 1)]
        processes = [
            context.Process(
                target=add_types, args=(server.bolt_url, server.auth, namespace, half, results)
            )
            for half in numbers
        ]
        for process in processes:
            process.start()
        succeeded = sum(results.get(timeout=250) for _ in processes)
        for process in processes:
            process.join(30)
        types, _ = stored(client)
        assert types == limits.RELATIONSHIP_TYPES
        assert types - 4 <= succeeded <= types  # the texts bring up to four types of their own


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_database_without_room_for_a_type_harms_nobody_who_brings_none(tmp_path):
    from mcp_context_persistence.kg import local

    with local.attach(tmp_path / "store") as managed:
        url, auth = managed.bolt_url, (managed.user, managed.password)
        with (
            ContextPersistenceClient(url, auth=auth, namespace="one") as client,
            client._engine.graph.driver.session() as session,
        ):
            client.update_knowledge_graph(ENDS, links(1, 2))
            for start in range(0, 70_000, 1000):
                try:
                    session.run(
                        "UNWIND range($first, $first + 999) AS n "
                        "CALL db.createRelationshipType('BULK_' + n) RETURN count(*)",
                        first=start,
                    ).consume()
                except Exception as error:
                    assert "TokenLimitReached" in str(error)  # noqa: PT017 - it is how the loop ends
                    break
            with pytest.raises(
                ValidationError, match="the database has no room for further relationship types"
            ):
                client.create_relationship("a", "b", "kind 2")
            with ContextPersistenceClient(url, auth=auth, namespace="two") as other:
                assert (
                    other.save_conversation(
                        "c", [{"role": "user", "content": TEXT}]
                    ).relationships_found
                    >= 2
                )
                other.update_knowledge_graph(ENDS, [])
                merge = other.merge_entities("a", "b")
                other.undo_merge(merge.merge_id)
                other.save_decision("c", "plan", "Two ways.", "We use pandas.")
                found = other.query_knowledge_graph("DataProcessor", depth=1).neighbors
                assert {neighbor.relationship_type for neighbor in found} >= {"uses", "depends_on"}
            assert client.create_relationship("b", "a", "kind 1").created
    local.stop(tmp_path / "store")


def test_the_graphs_own_types_exist_from_the_start(client):
    with client._engine.graph.driver.session() as session:
        tokens = session.run(
            "CALL db.stats.retrieve('TOKENS') YIELD data RETURN data.relationshipTypes AS types"
        ).single()["types"]
    assert set(GRAPH_TYPES) <= set(tokens)
    assert type_limits.FALLBACK_TYPE in GRAPH_TYPES
