"""The schema: constraints and indexes, in versions, and the wait until they are ready.

Nothing is written before every constraint exists and every index is ONLINE: `MERGE` without a constraint is not unique under
concurrency, and a search on a populating index finds half of what is there.
"""

import time
from dataclasses import dataclass

from kg.driver import Graph
from kg.errors import ContextPersistenceError, DatabaseError, ValidationError
from kg.statement import Row, Statement, as_is

VERSION = 3
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
# the constraint of the patterns.
DROPS = {2: ("schema/drop_fulltext",)}


@dataclass(frozen=True, kw_only=True)
class State:
    """What a database says of itself.

    Attributes:
        version: Of its schema.
        embedding_model: Name of the model that made its vectors, or None while it has none.
        vector_size: Numbers per vector.
    """

    version: int
    embedding_model: str | None
    vector_size: int


def ensure(graph: Graph, *, vector_size: int) -> State:
    """Bring a database to this version of the schema and wait until its indexes are ready.

    Args:
        graph: The database.
        vector_size: Numbers per vector that the caller is going to store.

    Raises:
        DatabaseError: The schema is newer than this code, or an index did not become ready.
        ValidationError: The database holds vectors of another size.
    """
    state = read(graph)
    if state is not None:
        _check(state, vector_size=vector_size)
    if state is None or state.version < VERSION or not _ready(graph):
        _migrate(graph, since=state.version if state else VERSION, vector_size=vector_size)
        state = read(graph)
        if state is None:
            raise DatabaseError("the schema could not be written")
        _check(state, vector_size=vector_size)  # another opener may have written another one meanwhile
    return state


def _check(state: State, *, vector_size: int) -> None:
    if state.version > VERSION:
        raise DatabaseError(f"the database has schema version {state.version}, this release knows {VERSION}; use a newer release")
    if state.vector_size != vector_size:
        raise ValidationError(f"vector_size: the store holds vectors of {state.vector_size} numbers, not {vector_size}")


def read(graph: Graph) -> State | None:
    """The database's own note of its schema, None when it is new."""
    rows = graph.run(Statement(name="schema/state", read=_state))
    return rows[0] if rows else None


def claim_model(graph: Graph, model: str) -> str:
    """Note that `model` makes this database's vectors, unless another one does; returns the one that does."""
    statement = Statement(
        name="schema/mark_model",
        parameters={"embedding_model": model},
        read=lambda row: str(row["embedding_model"]),
        writes=True,
    )
    noted = graph.run(statement)
    if not noted:
        raise DatabaseError("the database has lost the note of its schema; open it again")
    return noted[0]


def _state(row: Row) -> State:
    return State(version=row["version"], embedding_model=row["embedding_model"], vector_size=row["vector_size"])


def expected(graph: Graph) -> dict[str, str]:
    """The statements that make the schema on this server, each with the name of its index."""
    return BASE | (VECTORS if graph.server.dialect == "25" else VECTORS_BY_LABEL)


def _indexes(graph: Graph) -> dict[str, str]:
    rows = graph.run(Statement(name="schema/indexes", read=as_is))
    return {row["name"]: row["state"] for row in rows}


def _ready(graph: Graph) -> bool:
    states = _indexes(graph)
    return all(states.get(name) == "ONLINE" for name in expected(graph).values())


def _migrate(graph: Graph, *, since: int, vector_size: int) -> None:
    for version in range(since + 1, VERSION + 1):
        for name in DROPS.get(version, ()):
            _create(graph, Statement(name=name, read=as_is, writes=True))
    for name in expected(graph):
        parameters = {"vector_size": vector_size} if "vectors" in name else {}
        _create(graph, Statement(name=name, parameters=parameters, read=as_is, writes=True))
    waiting = Statement(name="schema/await", parameters={"seconds": READY_SECONDS}, read=as_is)
    graph.run(waiting, deadline=READY_SECONDS + 10)
    states = _indexes(graph)
    missing = sorted(name for name in expected(graph).values() if states.get(name) != "ONLINE")
    if missing:
        raise DatabaseError(f"these indexes did not become ready: {', '.join(missing)}", retryable=True)
    mark = Statement(
        name="schema/mark",
        parameters={"version": VERSION, "vector_size": vector_size, "now": time.time_ns() // 1_000_000},
        read=as_is,
        writes=True,
    )
    graph.run(mark)


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
