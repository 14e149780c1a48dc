"""The schema in versions: which constraints and indexes a database must have, and what its data must say.

Nothing is written before every constraint exists and every index is ONLINE: `MERGE` without a constraint is not unique under
concurrency, and a search on a populating index finds half of what is there. Every step can be cut anywhere and repeated; the version is
written last.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.identifiers import GRAPH_TYPES
from mcp_context_persistence.kg.limits import SCHEMA_SECONDS
from mcp_context_persistence.kg.schema import indexes
from mcp_context_persistence.kg.schema.indexes import Index
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.vector_spaces import INDEX, LABELS, PROPERTY, Space

# 2: passages of documents by words; 3: patterns; 4: namespaces say which model made their vectors; 5: merges;
# 6: namespaces list their types, and the graph's own relationship types exist from the start.
VERSION = 6
MOMENT_SECONDS = 0.02  # that a statement gets at least
SIZE = "vector.dimensions"
KEY = ("namespace", "id")


def _unique(name: str, create: str, label: str, properties: tuple[str, ...] = KEY) -> Index:
    return Index(name=name, create=create, labels=(label,), properties=properties, unique=True)


BASE = (
    _unique("schema_version_id", "schema/unique_version", "SchemaVersion", ("id",)),
    _unique("conversation_id", "schema/unique_conversation", "Conversation"),
    _unique("message_id", "schema/unique_message", "Message"),
    _unique("chunk_id", "schema/unique_chunk", "Chunk"),
    _unique("entity_id", "schema/unique_entity", "Entity"),
    _unique("decision_id", "schema/unique_decision", "Decision"),
    _unique("document_id", "schema/unique_document", "Document"),
    _unique("namespace_version", "schema/unique_namespace", "NamespaceVersion", ("namespace",)),
    _unique("entity_patterns", "schema/unique_patterns", "EntityPatterns", ("namespace",)),
    _unique("merge_id", "schema/unique_merge", "Merge"),
    _unique("merged_entity_id", "schema/unique_merged_entity", "MergedEntity"),
    Index(
        name="entity_name",
        create="schema/range_entity_name",
        labels=("Entity",),
        properties=("namespace", "name"),
    ),
    Index(
        name="entity_type",
        create="schema/range_entity_type",
        labels=("Entity",),
        properties=("namespace", "type"),
    ),
    Index(
        name="memory_text",
        create="schema/fulltext",
        type="FULLTEXT",
        labels=("Message", "Chunk", "Entity", "Decision", "Conversation"),
        properties=("content", "facets"),
        config={"fulltext.analyzer": "english"},
    ),
)
FILTERED = ("namespace", "kind", "conversation_id", "role", "project", "timestamp_ms", "confidence")
VECTORS = {"schema/vectors": INDEX}
VECTORS_BY_LABEL = {
    "schema/vectors_message": f"{INDEX}_message",
    "schema/vectors_chunk": f"{INDEX}_chunk",
    "schema/vectors_entity": f"{INDEX}_entity",
    "schema/vectors_decision": f"{INDEX}_decision",
}


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

    A database that has all of it is only read: one statement for its version, one for its indexes.

    Args:
        graph: The database.
        vector_size: Numbers per vector, for a database that is new.

    Raises:
        DatabaseError: The schema is newer than this code, or an index is not ready within `SCHEMA_SECONDS`.
    """
    end = time.monotonic() + SCHEMA_SECONDS
    state = _read_known(graph, end)
    while True:
        wanted = expected(graph, vector_size=state.vector_size if state else vector_size)
        if state is None:  # whoever came first decided on the size
            wanted = [replace(index, config=_without_size(index)) for index in wanted]
        existing = indexes.reconcile(graph, wanted, end=end, ours=state is not None)
        if state is not None and state.version == VERSION:
            return state
        sizes = [existing[index.name]["config"][SIZE] for index in wanted if index.type == "VECTOR"]
        _migrate(graph, since=state.version if state else VERSION, vector_size=sizes[0], end=end)
        state = _read_known(graph, end)  # another opener may have written another one meanwhile
        if state is None:
            raise DatabaseError("the schema could not be written")


def read(graph: Graph) -> State | None:
    """The database's own note of its schema, None when it is new."""
    rows = graph.run(Statement(name="schema/state", read=_state))
    return rows[0] if rows else None


def ensure_vectors(graph: Graph, space: Space) -> None:
    """Make the index of a model's vectors where it is missing or broken, and wait until it is ready.

    Raises:
        DatabaseError: It is not ready within what is left of the call's deadline.
    """
    indexes.reconcile(
        graph, vector_indexes(graph, space), end=time.monotonic() + graph.seconds_left
    )


def expected(graph: Graph, *, vector_size: int) -> list[Index]:
    """The indexes that a database on this server must have.

    Args:
        graph: The database.
        vector_size: Numbers per vector in its first index of vectors.
    """
    first = Space(model="", size=vector_size, vectors=PROPERTY)
    return [*BASE, *vector_indexes(graph, first)]


def vector_indexes(graph: Graph, space: Space) -> Sequence[Index]:
    """The indexes of a model's vectors: one for all labels, or one for each where the server has no Cypher 25."""
    together = graph.server.dialect == "25"
    return [
        Index(
            name=name.replace(INDEX, space.index, 1),
            create=create,
            type="VECTOR",
            labels=LABELS if together else (label,),
            properties=(space.vectors, *FILTERED) if together else (space.vectors,),
            config={SIZE: space.size, "vector.similarity_function": "cosine"},
            parameters={"vector_size": space.size},
            names={name: name.replace(INDEX, space.index, 1), PROPERTY: space.vectors},
        )
        for (create, name), label in zip(
            (VECTORS if together else VECTORS_BY_LABEL).items(), LABELS, strict=False
        )
    ]


def _read_known(graph: Graph, end: float) -> State | None:
    with graph.call(max(MOMENT_SECONDS, end - time.monotonic())):
        state = read(graph)
    if state is not None and state.version > VERSION:
        raise DatabaseError(
            f"the database has schema version {state.version}, this release knows {VERSION}; use a newer release"
        )
    return state


def _state(row: Row) -> State:
    return State(version=row["version"], vector_size=row["vector_size"])


def _without_size(index: Index) -> dict[str, object]:
    return {key: value for key, value in index.config.items() if key != SIZE}


def _migrate(graph: Graph, *, since: int, vector_size: int, end: float) -> None:
    """Change the data from one version to this one, and write the version last: whoever is cut before that begins again."""
    now = now_ms()
    if since < 4:
        adopt: Statement[Row] = Statement(
            name="schema/adopt_models", parameters={"now": now}, read=as_is, writes=True
        )
        graph.run(adopt, deadline=max(MOMENT_SECONDS, end - time.monotonic()))
    if since < 6:
        list_types: Statement[Row] = Statement(name="schema/list_types", read=as_is, writes=True)
        graph.run(list_types, deadline=max(MOMENT_SECONDS, end - time.monotonic()))
    graph_types = Statement(
        name="schema/graph_types", parameters={"types": list(GRAPH_TYPES)}, read=as_is, writes=True
    )
    graph.run(graph_types, deadline=max(MOMENT_SECONDS, end - time.monotonic()))
    parameters = {"version": VERSION, "vector_size": vector_size, "now": now}
    with graph.call(max(MOMENT_SECONDS, end - time.monotonic())):
        graph.run(Statement(name="schema/mark", parameters=parameters, read=as_is, writes=True))
