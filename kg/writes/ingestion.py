"""Build statements that write the items of an export; nothing is run here."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.identifiers import build_label, build_relationship_id
from mcp_context_persistence.kg.vector_spaces import WriteGuard
from mcp_context_persistence.kg.writes.entities import search_properties


def build_entity_row(
    namespace: str,
    *,
    entity_id: str,
    entity_type: str,
    stored_type: str | None,
    fields: Mapping[str, Any],
    created_ms: int,
    vector: Any,
) -> dict[str, Any]:
    """Return the row of `entity/save` for an exported entity.

    Args:
        namespace: Name of the namespace.
        entity_id: Id of the entity.
        entity_type: Its type.
        stored_type: The type of the entity that is stored with this id, if there is one.
        fields: Its name, description, confidence, aliases, metadata and origin.
        created_ms: When it was created, in milliseconds since 1970.
        vector: `(dim,) float32`.
    """
    is_extracted = fields["origin"] == "extracted"
    properties = {
        **fields,
        "type": entity_type,
        "metadata": validation.dump_metadata("metadata", fields["metadata"]),
        "created_ms": created_ms,
        "timestamp_ms": created_ms,
        **search_properties(
            namespace,
            entity_id=entity_id,
            name=fields["name"],
            entity_type=entity_type,
            aliases=fields["aliases"],
            description="" if is_extracted else fields["description"],
        ),
    }
    old_type = stored_type or entity_type
    return {
        "id": entity_id,
        "label": build_label(entity_type),
        "stale_label": build_label(old_type),
        "properties": properties,
        "vector": vector,
        "has_new_type": old_type != entity_type,
    }


def save_entities(
    namespace: str, rows: Sequence[Mapping[str, Any]], guard: WriteGuard, *, now: int
) -> Statement[Row]:
    """Write entities that `claim_entities` has locked, in the same transaction."""
    batch = {
        "namespace": namespace,
        "now": now,
        "entities": sorted(rows, key=lambda row: str(row["id"])),
        "expected_state": guard.parameters(),
    }
    return Statement(name="entity/save", parameters={"batch": batch}, read=as_is, writes=True)


def create_conversation(
    namespace: str, conversation_id: str, properties: Mapping[str, Any], *, now: int
) -> Statement[Row]:
    """Create a conversation without messages; one that exists does not change."""
    batch = {
        "namespace": namespace,
        "now": now,
        "rows": [{"id": conversation_id, "properties": dict(properties)}],
    }
    return Statement(
        name="ingest/conversations", parameters={"batch": batch}, read=as_is, writes=True
    )


def save_mentions(namespace: str, rows: Sequence[Mapping[str, Any]]) -> Statement[Row]:
    """Link texts to entities; rows have `label`, `id`, `unasserted` and `mentions`."""
    batch = {"namespace": namespace, "rows": list(rows)}
    return Statement(name="ingest/mentions", parameters={"batch": batch}, read=as_is, writes=True)


def build_relationship_row(
    namespace: str, *, source: str, stored_type: str, target: str, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the row of a relationship; `fields` are its other properties."""
    return {
        "source": source,
        "target": target,
        "type": stored_type,
        "properties": {
            **fields,
            "id": build_relationship_id(source, stored_type, target),
            "namespace": namespace,
            "properties": validation.dump_metadata("properties", fields["properties"]),
        },
    }


def save_relationships(
    namespace: str, rows: Sequence[Mapping[str, Any]], *, now: int
) -> Statement[Row]:
    """Write relationships between entities that exist."""
    batch = {
        "namespace": namespace,
        "now": now,
        "rows": sorted(rows, key=lambda row: (row["source"], row["type"], row["target"])),
    }
    return Statement(
        name="ingest/relationships", parameters={"batch": batch}, read=as_is, writes=True
    )


def save_details(namespace: str, rows: Sequence[Mapping[str, Any]]) -> Statement[Row]:
    """Write times, and evidence; rows have `label`, `id`, `properties` and `evidence`."""
    batch = {"namespace": namespace, "rows": list(rows)}
    return Statement(name="ingest/details", parameters={"batch": batch}, read=as_is, writes=True)
