"""Filters of metadata let through what a plain predicate over the saved metadata does."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.kg.schema import term_migration
from mcp_context_persistence.queries.search import hybrid_search, search_modes
from mcp_context_persistence.queries.search.filters import read_filters
from mcp_context_persistence.queries.search.query_terms import extract_terms
from mcp_context_persistence.queries.search.request import SearchRequest, SimilarRequest
from mcp_context_persistence.queries.search.retrieval import QueryVector
from mcp_context_persistence.queries.search.similar_conversations import (
    search_similar_conversations,
)

MESSAGES = 60
NUMBERS = [-1, 0, 1, 1.0, 2.5, 7, 2**53, 2**53 + 1, float(2**53)]
STRINGS = ["1", "true", "a", "b", "ä", "2026-01-02"]
SCALARS = [*NUMBERS, *STRINGS, True, False]
KEYS = ("a", "b", "c")
scalars = st.sampled_from(SCALARS)
plain_values = scalars | st.none() | st.lists(scalars | st.none() | st.lists(scalars), max_size=3)
nested = st.dictionaries(st.sampled_from(KEYS), plain_values, max_size=2)
metadata = st.none() | st.dictionaries(
    st.sampled_from([*KEYS, "a.b"]), plain_values | nested | st.lists(nested, max_size=2)
)
operators = st.sampled_from(["gt", "gte", "lt", "lte"])
excluded = scalars | st.lists(scalars, min_size=1, max_size=3)
conditions = (
    scalars
    | st.lists(scalars, min_size=1, max_size=3)
    | excluded.map(lambda values: {"not": values})
    | st.dictionaries(operators, st.sampled_from(NUMBERS), min_size=1, max_size=2)
    | st.dictionaries(operators, st.sampled_from(STRINGS), min_size=1, max_size=2)
    | st.tuples(operators, st.sampled_from(NUMBERS), excluded).map(
        lambda drawn: {drawn[0]: drawn[1], "not": drawn[2]}
    )
)
filter_maps = st.dictionaries(
    st.sampled_from(["metadata.a", "metadata.b", "metadata.a.b", "metadata.missing"]),
    conditions,
    min_size=1,
    max_size=2,
)


def look_up(value, keys):
    """Return the values of a path, of which a key may contain dots."""
    if not keys:
        items = value if isinstance(value, list) else [value]
        return [item for item in items if isinstance(item, (str, bool, int, float))]
    values = []
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, dict):
            for end in range(1, len(keys) + 1):
                key = ".".join(keys[:end])
                values += look_up(part[key], keys[end:]) if key in part else []
    return values


def is_equal(first, second):
    return first == second and isinstance(first, bool) == isinstance(second, bool)


def is_within(value, bounds):
    compare = {
        "gt": lambda a, b: a > b,
        "gte": lambda a, b: a >= b,
        "lt": lambda a, b: a < b,
        "lte": lambda a, b: a <= b,
    }
    return not isinstance(value, bool) and all(
        isinstance(value, str) == isinstance(bound, str) and compare[name](value, bound)
        for name, bound in bounds.items()
    )


def passes(values, condition):
    if not isinstance(condition, dict):
        wanted = condition if isinstance(condition, list) else [condition]
        return any(is_equal(value, item) for value in values for item in wanted)
    bounds = {name: bound for name, bound in condition.items() if name != "not"}
    unwanted = condition.get("not", [])
    unwanted = unwanted if isinstance(unwanted, list) else [unwanted]
    return not any(is_equal(value, item) for value in values for item in unwanted) and (
        not bounds or any(is_within(value, bounds) for value in values)
    )


def select(rows, shared, raw):
    """Return the ids that pass: a message has its own values and those of its conversation."""
    return {
        key
        for key, own in rows.items()
        if all(
            passes(
                [
                    value
                    for owner in (own, shared)
                    for value in look_up(owner or {}, path.split(".")[1:])
                ],
                condition,
            )
            for path, condition in raw.items()
        )
    }


def build_context(client):
    engine = client._engine
    vector = np.random.default_rng(1).standard_normal(384).astype(np.float32)
    return hybrid_search.SearchContext(
        run=engine.graph.run,
        namespace=engine.namespace,
        vector=QueryVector(numbers=vector, vector_state=engine.embeddings.current().vector_state),
    )


def search(client, mode, raw):
    filters = read_filters({"content_types": "message", **raw})
    request = SearchRequest(
        query="green apples",
        terms=extract_terms("green apples"),
        mode=mode,
        filters=filters,
        limit=100,
        now_ms=0,
    )
    answer = search_modes.search(build_context(client), request)
    return {result.scored.candidate.id for result in answer.results}


def search_similar(client, raw):
    request = SimilarRequest(
        query="", filters=read_filters(raw), limit=10, min_score=-1.0, include_metadata=False
    )
    return search_similar_conversations(build_context(client), request).conversations


@pytest.fixture(scope="module")
def numbered_clients(server):
    """Yield a function that opens a client in a new namespace."""
    from tests.conftest import RUN

    numbers, opened = itertools.count(), []

    def open_client():
        opened.append(
            ContextPersistenceClient(
                database_url=server.bolt_url,
                auth=server.auth,
                namespace=f"{RUN}filters-{next(numbers)}",
            )
        )
        return opened[-1]

    yield open_client
    for client in opened:
        client.close()


def save(client, rows, shared):
    vectors = np.random.default_rng(2).standard_normal((len(rows), 384)).astype(np.float32)
    messages = [
        {"id": key, "role": "user", "content": f"Green apples {key}", "metadata": own}
        for key, own in rows.items()
    ]
    client.save_conversation(
        "c", messages, mode="conversation", embeddings=vectors, metadata=shared
    )


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    own=st.lists(metadata, min_size=MESSAGES, max_size=MESSAGES),
    shared=metadata,
    raws=st.lists(filter_maps, min_size=5, max_size=5),
)
def test_filters_let_through_exactly_what_a_predicate_does(numbered_clients, own, shared, raws):
    client = numbered_clients()
    rows = {f"m{number}": value for number, value in enumerate(own)}
    save(client, rows, shared)
    for raw in raws:
        expected = select(rows, shared, raw)
        for mode in ("keyword", "semantic", "hybrid"):
            assert search(client, mode, raw) == expected, (mode, raw)
        assert bool(search_similar(client, raw)) == bool(expected), raw


@pytest.fixture
def shelf(client):
    """Return a client with conversations, messages, decisions and documents with metadata."""
    client.save_conversation(
        "fiction",
        [
            {
                "id": "a",
                "role": "user",
                "content": "Novels on the shelf",
                "metadata": {"year": 2019},
            },
            {
                "id": "b",
                "role": "user",
                "content": "Poems on the shelf",
                "metadata": {"year": 2024},
            },
            {"id": "c", "role": "user", "content": "Plays on the shelf"},
        ],
        metadata={"place": {"room": "north", "shelves": [1, 2]}, "status": "open"},
    )
    client.save_decision("fiction", "order", "The shelf is full", "Buy a second shelf")
    client.save_document(
        "atlas", "An atlas lies on the shelf", metadata={"year": 2021, "labels": ["map", "old"]}
    )
    client.update_knowledge_graph([{"id": "shelf", "type": "furniture"}], [])
    return client


def find(client, mode="hybrid", **raw):
    answer = client.search_hybrid("shelf", mode=mode, filters=raw, limit=50)
    return {(result.type, result.id) for result in answer.results}, answer.notes


def names(client, mode="hybrid", **raw):
    return {key if kind != "decision" else kind for kind, key in find(client, mode, **raw)[0]}


def test_each_kind_is_found_by_elements_nested_keys_ranges_and_exclusion(shelf):
    for mode in ("hybrid", "keyword"):
        assert names(shelf, mode, **{"metadata.labels": ["map", "new"]}) == {"atlas"}
        assert names(shelf, mode, **{"metadata.place.shelves": 2}) >= {"a", "b", "c", "decision"}
        assert names(shelf, mode, **{"metadata.place.shelves": "2"}) == set()
        assert names(shelf, mode, **{"metadata.year": {"gte": 2020}}) == {"b", "atlas"}
        assert names(shelf, mode, **{"metadata.year": {"gte": 2020, "lt": 2024}}) == {"atlas"}
        assert names(shelf, mode, **{"metadata.status": {"not": "open"}}) == {"atlas"}
        assert "shelf" not in names(shelf, mode, **{"metadata.x": {"not": "y"}})
        assert names(shelf, mode, **{"metadata.year": {"gt": 3000}}) == set()
    graph = names(shelf, "graph", **{"metadata.year": {"gte": 2020}})
    assert graph <= {"b", "atlas"}
    assert "shelf" not in names(shelf, "graph", **{"metadata.status": {"not": "open"}})


def test_notes_say_what_a_range_has_read(shelf):
    _, notes = find(shelf, **{"metadata.year": {"gte": 2020}})
    assert any("filters.metadata.year" in note and "values in 3 messages" in note for note in notes)
    _, notes = find(shelf, **{"metadata.place.shelves": {"gte": 2}})
    assert any("values in 1 messages" in note for note in notes)  # of the conversation alone
    _, notes = find(shelf, **{"metadata.year": 2019, "metadata.status": {"not": "open"}})
    assert not any("values in" in note for note in notes)
    similar = shelf.search_similar_conversations(
        "shelf", min_score=0.0, filters={"metadata.year": {"gte": 2020}}
    )
    assert [row.conversation_id for row in similar.results] == ["fiction"]
    assert [message.id for message in similar.results[0].messages] == ["b"]
    context = shelf.build_context("shelf", filters={"metadata.year": {"gte": 2020}})
    assert {citation.id for citation in context.citations} <= {"b", "atlas"}
    for response in (similar, context):
        assert any("filters.metadata.year" in note for note in response.notes)


def test_a_range_reads_the_metadata_of_the_named_conversations_only(shelf):
    shelf.save_conversation(
        "other", [{"role": "user", "content": "A shelf", "metadata": {"year": 2024}}]
    )
    raw = {"metadata.year": {"gte": 2020}, "conversation_id": "fiction"}
    results, notes = find(shelf, **raw)
    assert results == {("message", "b")}
    assert any("values in 2 messages" in note for note in notes)


def test_values_of_another_namespace_are_neither_found_nor_counted(shelf, connect, namespace):
    other = connect(namespace=f"{namespace}-other")
    other.save_conversation(
        "fiction",
        [{"id": "a", "role": "user", "content": "A shelf", "metadata": {"year": 2022}}],
        metadata={"status": "closed"},
    )
    results, notes = find(shelf, **{"metadata.year": {"gte": 2020, "lt": 2024}})
    assert results == {("document", "atlas")}
    assert any("values in 3 messages" in note for note in notes)
    assert find(other, **{"metadata.year": {"gte": 2020}})[0] == {("message", "a")}
    assert names(other, **{"metadata.status": {"not": "open"}}) <= {"a", "fiction"}


def test_metadata_that_an_older_version_stored_is_found(shelf):
    graph = shelf._engine.graph
    with graph.driver.session() as session:
        for kind in ("message", "conversation", "decision", "document", "entity"):
            session.run(
                "MATCH (n {namespace: $n, kind: $kind}) WHERE n.terms IS NOT NULL "
                "REMOVE n.terms, n.own_facets SET n.facets = $facets",  # as before version 7
                n=shelf.namespace,
                kind=kind,
                facets=[build_token("namespace", shelf.namespace), build_token("kind", kind)],
            ).consume()
    assert names(shelf, **{"metadata.year": {"gte": 2020}}) == set()
    term_migration.fill_terms(graph, Deadline.after(60))
    assert names(shelf, **{"metadata.year": {"gte": 2020}}) == {"b", "atlas"}
    assert names(shelf, **{"metadata.labels": "map"}) == {"atlas"}
    assert names(shelf, **{"metadata.place.shelves": 2}) >= {"a", "b", "c", "decision"}
    messages = [{"id": "c", "role": "user", "content": "Plays on the shelf"}]
    shelf.save_conversation("fiction", messages, metadata={"year": 2024})
    assert names(shelf, **{"metadata.year": 2024}) >= {"a", "b", "c", "decision"}
    assert names(shelf, **{"metadata.place.shelves": 2}) == set()
    shelf.save_conversation("fiction", messages, metadata={"status": "old"})
    assert names(shelf, **{"metadata.year": 2024}) == {"b"}  # its own value has stayed


def test_a_range_that_would_read_too_much_is_refused(shelf, monkeypatch):
    raw = {"metadata.year": {"gte": 2020}}
    monkeypatch.setattr(limits, "FILTERED_METADATA", 3)
    assert names(shelf, **raw) == {"b", "atlas"}
    monkeypatch.setattr(limits, "FILTERED_METADATA", 2)
    with pytest.raises(ValidationError, match=r"filters\.metadata\.year.*at most 2"):
        find(shelf, **raw)


def test_values_of_a_conversation_that_change_are_those_of_its_messages(shelf):
    shelf.save_conversation(
        "fiction",
        [{"id": "c", "role": "user", "content": "Plays on the shelf"}],
        metadata={"place": {"room": "south"}, "status": ["closed", "dusty"]},
    )
    assert names(shelf, **{"metadata.place.shelves": 2}) == set()
    closed = names(shelf, **{"metadata.status": "dusty", "metadata.place.room": "south"})
    assert closed >= {"a", "b", "c", "decision"}
    assert names(shelf, **{"metadata.status": {"not": "dusty"}}) == {"atlas"}


def test_many_values_pass_the_fulltext_index_by_and_are_checked(shelf):
    raw: dict[str, object] = {
        f"metadata.k{n}": [str(value) for value in range(100)] for n in range(12)
    }
    assert names(shelf, **raw) == set()
    values = [f"v{number}" for number in range(99)]
    raw = {f"metadata.k{n}": {"not": values} for n in range(12)}
    assert names(shelf, **raw) >= {"a", "b", "c", "atlas", "decision"}
    raw = {
        "metadata.year": [2019, *values],
        **{f"metadata.k{n}": {"not": values} for n in range(9)},
    }
    for mode in ("hybrid", "keyword", "semantic"):
        assert names(shelf, mode, **raw) == {"a"}


def test_a_range_over_more_values_than_a_fulltext_query_has_room_for(client):
    rows = {f"m{number}": {"at": number / 8} for number in range(1200)}
    save(client, rows, None)
    for mode in ("keyword", "semantic"):
        few = search(client, mode, {"metadata.at": {"gte": 10, "lt": 11}})
        assert few == {f"m{number}" for number in range(80, 88)}
        many = search(client, mode, {"metadata.at": {"gte": 10}})
        assert len(many) == 100
        assert all(int(key[1:]) >= 80 for key in many)


def test_filters_are_the_same_on_servers_without_a_filtering_vector_index(old_server):
    rows = {f"m{number}": {"n": number % 7, "l": ["x", number % 3]} for number in range(60)}
    save(old_server, rows, {"shared": True})
    for raw in (
        {"metadata.n": {"gt": 4}},
        {"metadata.l": [1, 2]},
        {"metadata.l": {"not": 1}, "metadata.shared": True},
    ):
        for mode in ("keyword", "semantic", "hybrid"):
            assert search(old_server, mode, raw) == select(rows, {"shared": True}, raw)
