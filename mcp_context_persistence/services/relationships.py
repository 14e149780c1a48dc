"""Create relationships between stored entities."""

from collections.abc import Mapping
from dataclasses import replace

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.models import Relationship
from mcp_context_persistence.kg.schema.type_limits import collect_types
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.timestamps import from_milliseconds, now_ms
from mcp_context_persistence.kg.writes import entities as knowledge
from mcp_context_persistence.kg.writes import upsert
from mcp_context_persistence.kg.writes.references import resolve_references, select_ids
from mcp_context_persistence.models import (
    CreateRelationshipResponse,
)
from mcp_context_persistence.runtime.engine import Engine


def create_relationship(
    engine: Engine,
    source: object,
    target: object,
    relationship_type: object,
    *,
    confidence: object,
    properties: object,
) -> CreateRelationshipResponse:
    """Create or update the relationship between two entities that exist."""
    now = now_ms()
    references = {
        "source_entity_id": validation.check_identifier("source_entity_id", source),
        "target_entity_id": validation.check_identifier("target_entity_id", target),
    }
    type_name = validation.check_type_name("relationship_type", relationship_type)
    checked_confidence = validation.check_share("confidence", confidence)
    new_row = upsert.RelationshipRow(
        source=references["source_entity_id"],
        target=references["target_entity_id"],
        name=type_name,
        confidence=checked_confidence,
        properties=validation.check_metadata("properties", properties),
    )
    engine.state.resolve_entities(references)
    row, rows = engine.embeddings.retry_when_stale(
        lambda: _write_relationship(engine, new_row, references, now=now)
    )
    return CreateRelationshipResponse(
        relationship=Relationship(
            id=rows[0]["id"],
            source_entity_id=row.source,
            target_entity_id=row.target,
            relationship_type=type_name,
            confidence=checked_confidence,
            properties=load_stored(rows[0]["properties"], "properties of a relationship"),
            created_at=from_milliseconds(rows[0]["created_ms"]),
        ),
        created=rows[0]["created"],
    )


def _write_relationship(
    engine: Engine, new_row: upsert.RelationshipRow, references: Mapping[str, str], *, now: int
) -> tuple[upsert.RelationshipRow, list[Row]]:
    """Write a relationship; return it with the ids of its ends, and the rows that were written."""
    engine.types.check([new_row.type], ())

    def work(run: Run) -> tuple[upsert.RelationshipRow, list[Row]]:
        ids = resolve_references(run, engine.namespace, references.values())
        ends = select_ids(ids, references)
        row = replace(new_row, source=ends["source_entity_id"], target=ends["target_entity_id"])
        rows = run(knowledge.save_relationships(engine.namespace, [row], ids, now=now))
        engine.types.register(run, collect_types([row.type]))
        return row, rows

    return engine.types.transact(work, name="create_relationship")
