"""The schema of a database in versions, and the migrations between them.

Nothing is written before every constraint exists and every index is ONLINE: `MERGE` without a
constraint is not unique under concurrency, and a search on a populating index finds a part of the
data only. Every step may be interrupted anywhere and repeated; the version is written last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.identifiers import GRAPH_TYPES
from mcp_context_persistence.kg.limits import SCHEMA_SECONDS
from mcp_context_persistence.kg.schema import indexes
from mcp_context_persistence.kg.schema.indexes import Index
from mcp_context_persistence.kg.schema.name_migration import fill_folded_names
from mcp_context_persistence.kg.schema.term_migration import fill_terms
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.vector_spaces import INDEX, LABELS, PROPERTY, VectorSpace

# 2: passages of documents in the fulltext index; 3: patterns; 4: namespaces note which model made
# their vectors; 5: merges; 6: namespaces list their types, and the graph's own relationship types
# exist from the start; 7: the fulltext index has the terms of texts and filter tokens of all values
# of metadata; 8: entities have their names in the form in which the spellings meet; 9: instructions
# in the vector and the fulltext index.
VERSION = 9
STATEMENT_SECONDS = 0.02  # for a statement, at least
SIZE = "vector.dimensions"
KEY = ("namespace", "id")


def _unique(name: str, create: str, label: str, properties: tuple[str, ...] = KEY) -> Index:
    return Index(name=name, create=create, labels=(label,), properties=properties, is_unique=True)


BASE = (
    _unique("schema_version_id", "schema/unique_version", "SchemaVersion", ("id",)),
    _unique("conversation_id", "schema/unique_conversation", "Conversation"),
    _unique("message_id", "schema/unique_message", "Message"),
    _unique("chunk_id", "schema/unique_chunk", "Chunk"),
    _unique("entity_id", "schema/unique_entity", "Entity"),
    _unique("decision_id", "schema/unique_decision", "Decision"),
    _unique("instruction_id", "schema/unique_instruction", "Instruction"),
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
        name="entity_folded",
        create="schema/range_entity_folded",
        labels=("Entity",),
        properties=("namespace", "folded"),
    ),
    Index(
        name="entity_type",
        create="schema/range_entity_type",
        labels=("Entity",),
        properties=("namespace", "type"),
    ),
    Index(
        name="instruction_address",
        create="schema/range_instruction_address",
        labels=("Instruction",),
        properties=("namespace", "address"),
    ),
    Index(
        name="memory_text",
        create="schema/fulltext",
        type="FULLTEXT",
        labels=("Message", "Chunk", "Entity", "Decision", "Instruction", "Conversation"),
        properties=("terms", "facets"),
        config={"fulltext.analyzer": "whitespace"},
    ),
)
FILTERED = ("namespace", "kind", "conversation_id", "role", "project", "timestamp_ms", "confidence")
VECTORS = {"schema/vectors": INDEX}
VECTORS_BY_LABEL = {
    "schema/vectors_message": f"{INDEX}_message",
    "schema/vectors_chunk": f"{INDEX}_chunk",
    "schema/vectors_entity": f"{INDEX}_entity",
    "schema/vectors_decision": f"{INDEX}_decision",
    "schema/vectors_instruction": f"{INDEX}_instruction",
}


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    """What a database notes about its schema.

    Attributes:
        version: Version of its schema.
        vector_size: Numbers per vector in its first vector index; others are created when a model
            needs them.
    """

    version: int
    vector_size: int


def ensure_schema(
    graph: Graph, *, vector_size: int, deadline: Deadline | None = None
) -> SchemaState:
    """Bring a database to this version of the schema and wait until its indexes are ready.

    A database that is complete is only read: one statement for its version, one for its indexes.

    Args:
        graph: The database.
        vector_size: Numbers per vector, for a database that is new.
        deadline: When to give up; after `SCHEMA_SECONDS` where it is None.

    Raises:
        DatabaseError: The schema is newer than this code, or an index is not ready in time.
    """
    deadline = deadline or Deadline.after(SCHEMA_SECONDS)
    state = _read_supported_state(graph, deadline)
    while True:
        required = list_required_indexes(
            graph, vector_size=state.vector_size if state else vector_size
        )
        if state is None:  # the first client has chosen the size
            required = [replace(index, config=_drop_size(index)) for index in required]
        existing = indexes.reconcile(
            graph, required, deadline=deadline, may_drop_constraints=state is not None
        )
        if state is not None and state.version == VERSION:
            return state
        first_vectors = next(index for index in required if index.type == "VECTOR")
        _migrate(
            graph,
            since=state.version if state else VERSION,
            vector_size=existing[first_vectors.name]["config"][SIZE],
            deadline=deadline,
        )
        # Another client may have written another state meanwhile.
        state = _read_supported_state(graph, deadline)
        if state is None:
            raise DatabaseError("the schema could not be written; open the database again")


def read_schema_state(graph: Graph) -> SchemaState | None:
    """Read what the database notes about its schema, None when it is new."""
    rows = graph.run(Statement(name="schema/version", read=_read_state))
    return rows[0] if rows else None


def ensure_vector_indexes(graph: Graph, space: VectorSpace) -> None:
    """Create missing and broken indexes of a model's vectors, and wait until they are ready.

    Raises:
        DatabaseError: They are not ready before the deadline of the call.
    """
    indexes.reconcile(
        graph, list_vector_indexes(graph, space), deadline=Deadline.after(graph.seconds_left)
    )


def repair_schema(graph: Graph, deadline: Deadline, *, vector_size: int) -> None:
    """Create missing and broken indexes of a database that was complete, and wait for them.

    These are also the indexes for vectors of all models of all namespaces.

    Args:
        graph: The database.
        deadline: When to give up.
        vector_size: Numbers per vector, should the database be new.

    Raises:
        DatabaseError: An index is not ready in time.
    """
    ensure_schema(graph, vector_size=vector_size, deadline=deadline)
    with graph.call(_statement_seconds(deadline)):
        existing = indexes.read_indexes(graph)
    spaces = {
        VectorSpace(model="", size=row["config"].get(SIZE), property_name=row["properties"][0])
        for name, row in existing.items()
        if row["type"] == "VECTOR" and name.startswith(f"{INDEX}_")
    }
    required = [index for space in spaces for index in list_vector_indexes(graph, space)]
    indexes.reconcile(
        graph, [index for index in required if index.name in existing], deadline=deadline
    )


def list_required_indexes(graph: Graph, *, vector_size: int) -> list[Index]:
    """Return the indexes that a database on this server must have.

    Args:
        graph: The database.
        vector_size: Numbers per vector in its first vector index.
    """
    first_space = VectorSpace(model="", size=vector_size, property_name=PROPERTY)
    return [*BASE, *list_vector_indexes(graph, first_space)]


def list_vector_indexes(graph: Graph, space: VectorSpace) -> Sequence[Index]:
    """Return the indexes of a model's vectors.

    There is one for all labels, or one for each label where the server has no Cypher 25.
    """
    is_combined = graph.server.dialect == "25"
    return [
        Index(
            name=name.replace(INDEX, space.index, 1),
            create=create,
            type="VECTOR",
            labels=LABELS if is_combined else (label,),
            properties=(space.property_name, *FILTERED) if is_combined else (space.property_name,),
            config={SIZE: space.size, "vector.similarity_function": "cosine"},
            parameters={"vector_size": space.size},
            names={name: name.replace(INDEX, space.index, 1), PROPERTY: space.property_name},
        )
        for (create, name), label in zip(
            (VECTORS if is_combined else VECTORS_BY_LABEL).items(), LABELS, strict=False
        )
    ]


def _read_supported_state(graph: Graph, deadline: Deadline) -> SchemaState | None:
    with graph.call(_statement_seconds(deadline)):
        state = read_schema_state(graph)
    if state is not None and state.version > VERSION:
        raise DatabaseError(
            f"the database has schema version {state.version}, this release supports {VERSION}; "
            "use a newer release"
        )
    return state


def _statement_seconds(deadline: Deadline) -> float:
    return max(STATEMENT_SECONDS, deadline.seconds_left)


def _read_state(row: Row) -> SchemaState:
    return SchemaState(version=row["version"], vector_size=row["vector_size"])


def _drop_size(index: Index) -> dict[str, object]:
    return {key: value for key, value in index.config.items() if key != SIZE}


def _migrate(graph: Graph, *, since: int, vector_size: int, deadline: Deadline) -> None:
    """Change the data from an older version to this one, and write the version last.

    A migration that is interrupted before that begins again.
    """
    now = now_ms()
    if since < 4:
        adopt: Statement[Row] = Statement(
            name="schema/adopt_models", parameters={"now": now}, read=as_is, writes=True
        )
        graph.run(adopt, deadline=_statement_seconds(deadline))
    if since < 6:
        list_types: Statement[Row] = Statement(name="schema/list_types", read=as_is, writes=True)
        graph.run(list_types, deadline=_statement_seconds(deadline))
    if since < 7:
        fill_terms(graph, deadline)
    if since < 8:
        fill_folded_names(graph, deadline)
    graph_types = Statement(
        name="schema/graph_types", parameters={"types": list(GRAPH_TYPES)}, read=as_is, writes=True
    )
    graph.run(graph_types, deadline=_statement_seconds(deadline))
    parameters = {"version": VERSION, "vector_size": vector_size, "now": now}
    with graph.call(_statement_seconds(deadline)):
        graph.run(
            Statement(name="schema/set_version", parameters=parameters, read=as_is, writes=True)
        )
