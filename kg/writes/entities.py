"""Build statements that find, read and write entities and relationships; nothing is run here."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is, complete
from mcp_context_persistence.kg.filter_tokens import build_token, build_tokens
from mcp_context_persistence.kg.identifiers import (
    build_label,
    build_relationship_id,
    fold_name,
    split_name,
)
from mcp_context_persistence.kg.text.terms import text_properties
from mcp_context_persistence.kg.vector_spaces import NO_PROPERTY, VectorState, WriteGuard
from mcp_context_persistence.kg.writes.upsert import EntityRow, RelationshipRow


def search_properties(
    namespace: str,
    *,
    entity_id: str,
    name: str,
    entity_type: str,
    aliases: Sequence[str],
    description: str = "",
) -> dict[str, Any]:
    """Return the properties by which searches find an entity.

    These are its words, its filter tokens, and the properties that the vector index filters by.
    """
    words = dict.fromkeys(
        [
            name,
            split_name(name),
            entity_id.replace("_", " "),
            *aliases,
            *(split_name(alias) for alias in aliases),
            description,
        ]
    )
    type_token = build_token("mentions", entity_type.lower())
    return {
        "folded": fold_name(name),
        "type_facet": type_token,
        **text_properties(" ".join(word for word in words if word)),
        "facets": [
            *build_tokens(namespace, kind="entity", type=entity_type),
            type_token,
            *build_name_tokens(entity_id, name, aliases),
        ],
        "kind": "entity",
        "conversation_id": "",
        "role": "",
        "project": "",
    }


def build_name_tokens(entity_id: str, name: str, aliases: Sequence[str]) -> list[str]:
    """Return the filter tokens by which an entity is found under its aliases and all spellings."""
    spellings = dict.fromkeys(map(fold_name, (entity_id, name, *aliases)))
    return [
        *(build_token("alias", alias) for alias in aliases),
        *(build_token("spelling", spelling) for spelling in spellings),
    ]


def save_entities(
    namespace: str,
    upserts: Sequence[tuple[EntityRow, Mapping[str, Any] | None, Any]],
    guard: WriteGuard,
    *,
    now: int,
) -> Statement[Row]:
    """Write entities of a caller.

    Args:
        namespace: Name of the namespace.
        upserts: For each entity the new row, the stored properties or None, and the new vector or
            None.
        guard: What the write takes for granted.
        now: Milliseconds since 1970.
    """
    batch = {
        "namespace": namespace,
        "now": now,
        "entities": [
            _entity_parameters(namespace, row, stored, vector, now=now)
            for row, stored, vector in sorted(upserts, key=lambda upsert: upsert[0].id)
        ],
        "expected_state": guard.parameters(),
    }
    return Statement(name="entity/save", parameters={"batch": batch}, read=as_is, writes=True)


def _entity_parameters(
    namespace: str, row: EntityRow, stored: Mapping[str, Any] | None, vector: Any, *, now: int
) -> dict[str, Any]:
    """Return the row of `entity/save` for an entity."""
    entity_type, name = row.type or "concept", row.name or row.id
    stored_type = (stored and stored["type"]) or entity_type
    properties = {
        "name": name,
        "type": entity_type,
        "description": row.description or "",
        "confidence": row.confidence,
        "aliases": list(row.aliases or ()),
        "metadata": validation.dump_metadata("metadata", row.metadata),
        "origin": "user",
        "timestamp_ms": (stored and stored["created_ms"]) or now,
        **search_properties(
            namespace,
            entity_id=row.id,
            name=name,
            entity_type=entity_type,
            aliases=row.aliases or (),
            description=row.description or "",
        ),
    }
    return {
        "id": row.id,
        "label": build_label(entity_type),
        "stale_label": build_label(stored_type),
        "properties": properties,
        "vector": vector,
        "has_new_type": stored_type != entity_type,
    }


def save_relationships(
    namespace: str, rows: Sequence[RelationshipRow], ids: Mapping[str, str], *, now: int
) -> Statement[Row]:
    """Write relationships of a caller.

    Args:
        namespace: Name of the namespace.
        rows: The relationships, with ids as ends.
        ids: The ids of the ends by the references that were resolved; the write is repeated where
            that has changed.
        now: Milliseconds since 1970.
    """
    parameters = [
        {
            "source": row.source,
            "target": row.target,
            "type": row.type,
            "properties": {
                "id": build_relationship_id(row.source, row.type, row.target),
                "namespace": namespace,
                "name": row.name,
                "confidence": row.confidence,
                **(
                    {}
                    if row.properties is None
                    else {"properties": validation.dump_metadata("properties", row.properties)}
                ),
                "origin": "user",
            },
        }
        for row in sorted(rows, key=lambda row: row.key)
    ]
    return Statement(
        name="relationship/save",
        parameters={
            "batch": {
                "namespace": namespace,
                "now": now,
                "rows": parameters,
                "references": [
                    {"text": reference, "id": entity_id}
                    for reference, entity_id in ids.items()
                    if reference != entity_id
                ],
            }
        },
        read=as_is,
        writes=True,
    )


def read_entities(
    namespace: str, ids: Sequence[str], vector_state: VectorState | None = None
) -> Statement[Row]:
    """Read entities by id. The column `has_vector` refers to the vectors in use."""
    batch = {
        "namespace": namespace,
        "ids": list(ids),
        "vector_property": vector_state.active.property_name if vector_state else NO_PROPERTY,
    }
    return Statement(name="entity/read", parameters={"batch": batch}, read=complete("properties"))


def claim_entities(
    namespace: str, ids: Sequence[str], vector_state: VectorState, *, now: int
) -> Statement[Row]:
    """Lock entities by id and read them.

    An entity that does not exist is created without properties; `save_entities` completes it.
    """
    batch = {
        "namespace": namespace,
        "now": now,
        "ids": sorted(set(ids)),
        "vector_property": vector_state.active.property_name,
    }
    return Statement(name="entity/claim", parameters={"batch": batch}, read=as_is, writes=True)


def read_relationships(namespace: str, rows: Sequence[RelationshipRow]) -> Statement[Row]:
    """Read the stored relationships of these rows, and lock their sources."""
    triples = [
        {"source": row.source, "target": row.target, "type": row.type}
        for row in sorted(rows, key=lambda row: row.key)
    ]
    batch = {"namespace": namespace, "rows": triples}
    return Statement(name="relationship/read", parameters={"batch": batch}, read=as_is, writes=True)


def store(
    namespace: str,
    *,
    entities: Sequence[Mapping[str, Any]],
    relations: Sequence[Mapping[str, Any]],
    guard: WriteGuard,
    now: int,
    last: bool,
) -> Statement[Row]:
    """Store extracted entities and relationships.

    Args:
        namespace: Name of the namespace.
        entities: Rows of entities, sorted by id.
        relations: Rows of relationships.
        guard: What the write takes for granted.
        now: Milliseconds since 1970.
        last: Whether no later statement of the transaction writes vectors.
    """
    batch = {
        "namespace": namespace,
        "now": now,
        "entities": list(entities),
        "relations": list(relations),
        "max_evidence": limits.EVIDENCE_PER_RELATIONSHIP,
        "last": last,
        "expected_state": guard.parameters(),
    }
    return Statement(name="entity/store", parameters={"batch": batch}, read=as_is, writes=True)


def save_mentions(
    namespace: str,
    *,
    conversation_id: str | None,
    message_id: str | None,
    mentions: Sequence[Mapping[str, Any]],
) -> Statement[Row]:
    """Link stored entities to the message or the conversation that mentions them, if it exists."""
    batch = {
        "namespace": namespace,
        "conversation_id": conversation_id,
        "message_id": message_id,
        "mentions": list(mentions),
    }
    return Statement(name="entity/mention", parameters={"batch": batch}, read=as_is, writes=True)


def entity_text(row: EntityRow) -> str:
    """Return the text that is embedded for an entity of a caller."""
    return embedding_text(row.name or row.id, row.description)


def embedding_text(name: str, description: str | None) -> str:
    """Return the text that is embedded for an entity: its name and its description."""
    return ". ".join(text for text in (name, description) if text)
