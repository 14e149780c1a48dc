"""The schema: constraints and indexes, in versions, and the wait until they are ready.

Nothing is written before every constraint exists and every index is ONLINE: `MERGE` without a constraint is not unique under
concurrency, and a search on a populating index finds half of what is there.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kg.clock import now_ms
from kg.driver import Graph
from kg.errors import ContextPersistenceError, DatabaseError
from kg.names import GRAPH_TYPES
from kg.spaces import INDEX, PROPERTY, Space
from kg.statement import Row, Statement, as_is

VERSION = 6
READY_SECONDS = 120

# For each statement the name of the index that it leaves behind; a constraint has an index of its own name.
BASE = {
    "schema/unique_version": "schema_version_id",
    "schema/unique_conversation": "conversation_id",
    "schema/unique_message": "message_id",
    "schema/unique_chunk": "chunk_id",
    "schema/unique_entity": "entity_id",
    "schema/unique_decision": "decision_id",
    "schema/unique_document": "document_id",
    "schema/unique_namespace": "namespace_version",
    "schema/unique_patterns": "entity_patterns",
    "schema/unique_merge": "merge_id",
    "schema/unique_merged_entity": "merged_entity_id",
    "schema/range_entity_name": "entity_name",
    "schema/range_entity_type": "entity_type",
    "schema/fulltext": "memory_text",
}
VECTORS = {"schema/vectors": "memory_vectors"}
VECTORS_BY_LABEL = {
    "schema/vectors_message": "memory_vectors_message",
    "schema/vectors_chunk": "memory_vectors_chunk",
    "schema/vectors_entity": "memory_vectors_entity",
    "schema/vectors_decision": "memory_vectors_decision",
}
# What must go before the statements above can make a version: version 2 has the passages of documents in the fulltext index. Version 3 adds
# the constraint of the patterns. In version 4 each namespace says which model made its vectors. Version 5 adds merges.
# In version 6 each namespace lists its types, and the graph's own relationship types exist from the start.
DROPS = {2: ("schema/drop_fulltext",)}


@dataclass(frozen=True, kw_only=True)
class State:
    """What a database says of itself.

    Attributes:
        version: Of its schema.
        vector_size: Numbers per vector in its first index of vectors; others are made when a model needs them.
    """

    version: int
    vector_size: int


def ensure(graph: Graph, *, vector_size: int) -> State:
    """Bring a database to this version of the schema and wait until its indexes are ready.

    Args:
        graph: The database.
        vector_size: Numbers per vector, for a database that is new.

    Raises:
        DatabaseError: The schema is newer than this code, or an index did not become ready.
    """
    state = read(graph)
    _check(state)
    if state is None or state.version < VERSION or not _ready(graph):
        _migrate(graph, since=state.version if state else VERSION, vector_size=state.vector_size if state else vector_size)
        state = read(graph)
        if state is None:
            raise DatabaseError("the schema could not be written")
        _check(state)  # another opener may have written another one meanwhile
    return state


def _check(state: State | None) -> None:
    if state is not None and state.version > VERSION:
        raise DatabaseError(f"the database has schema version {state.version}, this release knows {VERSION}; use a newer release")


def read(graph: Graph) -> State | None:
    """The database's own note of its schema, None when it is new."""
    rows = graph.run(Statement(name="schema/state", read=_state))
    return rows[0] if rows else None


def ensure_vectors(graph: Graph, space: Space) -> None:
    """Make the index of a model's vectors where it is not there yet, and wait until it is ready.

    Raises:
        DatabaseError: It did not become ready.
    """
    names = _vector_indexes(graph)
    wanted = {statement: name.replace(INDEX, space.index, 1) for statement, name in names.items()}
    for statement, name in wanted.items():
        renamed = {names[statement]: name, PROPERTY: space.vectors}
        _create(graph, Statement(name=statement, parameters={"vector_size": space.size}, read=as_is, writes=True, names=renamed))
    _wait(graph, wanted.values())


def _state(row: Row) -> State:
    return State(version=row["version"], vector_size=row["vector_size"])


def _vector_indexes(graph: Graph) -> dict[str, str]:
    return VECTORS if graph.server.dialect == "25" else VECTORS_BY_LABEL


def expected(graph: Graph) -> dict[str, str]:
    """The statements that make the schema on this server, each with the name of its index."""
    return BASE | _vector_indexes(graph)


def _indexes(graph: Graph) -> dict[str, Row]:
    return {row["name"]: row for row in graph.run(Statement(name="schema/indexes", read=as_is))}


def _missing(graph: Graph, names: Iterable[str]) -> list[str]:
    found = _indexes(graph)
    return sorted(name for name in names if name not in found or found[name]["state"] != "ONLINE")


def _ready(graph: Graph) -> bool:
    return not _missing(graph, expected(graph).values())


def _wait(graph: Graph, names: Collection[str]) -> None:
    waiting = Statement(name="schema/await", parameters={"seconds": READY_SECONDS}, read=as_is)
    graph.run(waiting, deadline=READY_SECONDS + 10)
    if missing := _missing(graph, names):
        raise DatabaseError(f"these indexes did not become ready: {', '.join(missing)}", retryable=True)


def _migrate(graph: Graph, *, since: int, vector_size: int) -> None:
    for version in range(since + 1, VERSION + 1):
        for name in DROPS.get(version, ()):
            _create(graph, Statement(name=name, read=as_is, writes=True))
    for name in expected(graph):
        parameters = {"vector_size": vector_size} if "vectors" in name else {}
        _create(graph, Statement(name=name, parameters=parameters, read=as_is, writes=True))
    _wait(graph, expected(graph).values())
    now = now_ms()
    if since < 4:
        adopt: Statement[Row] = Statement(name="schema/adopt_models", parameters={"now": now}, read=as_is, writes=True)
        graph.run(adopt, deadline=READY_SECONDS)
    if since < 6:
        list_types: Statement[Row] = Statement(name="schema/list_types", read=as_is, writes=True)
        graph.run(list_types, deadline=READY_SECONDS)
    graph.run(Statement(name="schema/graph_types", parameters={"types": list(GRAPH_TYPES)}, read=as_is, writes=True))
    size = next(
        row["size"] for name, row in _indexes(graph).items() if name in _vector_indexes(graph).values()
    )  # who came first made it
    parameters = {"version": VERSION, "vector_size": size, "now": now}
    graph.run(Statement(name="schema/mark", parameters=parameters, read=as_is, writes=True))


def _create(graph: Graph, statement: Statement[Row]) -> None:
    """Create or drop one constraint or index. Another opener may be creating it too; the server then says so, and a second try finds it there."""
    for attempt in range(5):
        try:
            graph.run(statement, deadline=READY_SECONDS)
        except ContextPersistenceError:
            if attempt == 4:
                raise
            time.sleep(0.2 * (attempt + 1))
        else:
            return
