"""Entities, relationships, the graph around them, and decisions."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.ingest.extraction.results import Extraction
from mcp_context_persistence.ingest.graph_rows import GraphRows, graph_rows, mention_rows
from mcp_context_persistence.ingest.pipeline import entity_vectors
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg import identifiers, limits, validation
from mcp_context_persistence.kg.driver.graph import Run
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.kg.merging.merge import Merged
from mcp_context_persistence.kg.models import Entity, Relationship
from mcp_context_persistence.kg.schema.type_limits import types
from mcp_context_persistence.kg.timestamps import from_milliseconds, now_ms
from mcp_context_persistence.kg.writes import entities as knowledge
from mcp_context_persistence.kg.writes import upsert
from mcp_context_persistence.models import (
    CreateRelationshipResponse,
    ExtractEntitiesResponse,
    GraphContext,
    GraphNeighbor,
    GraphPath,
    GraphStep,
    QueryKnowledgeGraphResponse,
    UpdateKnowledgeGraphResponse,
)
from mcp_context_persistence.queries.traversal import Walk, walk
from mcp_context_persistence.runtime.embedding_models import TRIES
from mcp_context_persistence.runtime.engine import Engine

OPERATIONS = ("context", "neighbors", "paths")


def extract(
    engine: Engine,
    text: object,
    *,
    conversation_id: object,
    message_id: object,
    entity_types: object,
    context: object,
    store: bool,
) -> ExtractEntitiesResponse:
    """Find entities and relations in a text, keep all of them, and answer with those that were asked for."""
    now = now_ms()
    said = validation.check_text("text", text, characters=limits.EXTRACTION_CHARACTERS)
    conversation = (
        None
        if conversation_id is None
        else validation.check_identifier("conversation_id", conversation_id)
    )
    message = None if message_id is None else validation.check_identifier("message_id", message_id)
    wanted = types_wanted(entity_types)
    validation.dump_metadata("context", context)
    found = next(iter(engine.models.extractor.extract([said], engine.state.patterns())))
    source = message or (
        text_source(said) if conversation is None else f"{conversation}:{text_source(said)}"
    )

    def kept() -> tuple[Extraction, GraphRows, str | None]:
        merged = engine.state.redirects() if store else Merged()
        meant = followed(found, merged.names)
        rows = graph_rows(engine.namespace, [(source, meant)], now=now, admission=engine.types)
        if not store or not rows.entities:
            return meant, rows, None
        link = None
        if conversation is not None or message is not None:
            mentioned = mention_rows(meant.mentions)
            link = knowledge.mention(
                engine.namespace,
                conversation_id=conversation,
                message_id=message,
                mentions=mentioned,
            )
        return meant, rows, store_entities(engine, rows, merged, link, now=now)

    meant, rows, linked = engine.embeddings.again(kept)
    metadata = dict(context) if isinstance(context, Mapping) and context else None
    made = answer(
        engine,
        rows,
        meant,
        wanted,
        conversation=conversation,
        message=message,
        metadata=metadata,
        now=now,
    )
    return made.model_copy(
        update={
            "stored": store and bool(rows.entities),
            "linked_to": linked,
        }
    )


def text_source(text: str) -> str:
    """What supports the relationships of a text that is no message."""
    return f"text:{identifiers.digest(text)}"


def answer(
    engine: Engine,
    rows: GraphRows,
    found: Extraction,
    wanted: set[str] | None,
    *,
    conversation: str | None = None,
    message: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    now: int,
) -> ExtractEntitiesResponse:
    """The answer for one text, as long as nothing of it is stored."""
    entities = [
        _entity(
            row,
            found.mentions,
            metadata=metadata,
            conversation=conversation,
            message=message,
            now=now,
        )
        for row in rows.entities
    ]
    first = {mention.entity_id: mention.start for mention in reversed(found.mentions)}
    chosen = [
        one
        for one in sorted(entities, key=lambda one: first[one.id])
        if one.confidence >= engine.config.entity_extraction_threshold
        and (wanted is None or one.type in wanted)
    ]
    most = engine.config.max_entities_per_text
    return ExtractEntitiesResponse(
        entities=chosen[:most],
        conversation_id=conversation,
        message_id=message,
        total_entities=len(chosen[:most]),
        truncated=found.truncated or len(chosen) > most,
        processing_time=0.0,
        relationships=[_found_relationship(row) for row in rows.relations],
    )


def types_wanted(given: object) -> set[str] | None:
    """The types that an answer is narrowed to, None for all."""
    if given is None:
        return None
    if (
        isinstance(given, str)
        or not isinstance(given, Sequence)
        or len(given) > limits.FILTER_VALUES
    ):
        raise ValidationError(
            f"entity_types must be a list of at most {limits.FILTER_VALUES} types"
        )
    if not given:
        raise ValidationError("entity_types must not be an empty list; None means all types")
    return {validation.check_type_name("entity_types", one) for one in given}


def store_entities(
    engine: Engine, rows: GraphRows, merged: Merged, link: Statement[Row] | None = None, *, now: int
) -> str | None:
    """Store what was found in texts, then hang it on what `link` says; answers with what that is."""
    encoding = engine.embeddings.current()
    space = merged.writing(encoding.vectors, rows.ids, rows.followed)
    things = entity_vectors(rows, encoding.embedder).entities
    found = knowledge.store(
        engine.namespace,
        entities=things,
        relations=rows.relations,
        vectors=space,
        now=now,
        last=True,
    )
    if link is None:
        engine.types.run(found, rows.types)
        return None

    def work(run: Run) -> str | None:
        run(found)
        linked: str | None = run(link)[0]["linked"]
        engine.types.register(run, rows.types)
        return linked

    return engine.types.transact(work, name="extract_entities")


def _entity(
    row: Mapping[str, Any],
    mentions: Any,
    *,
    metadata: Mapping[str, Any] | None,
    conversation: str | None,
    message: str | None,
    now: int,
) -> Entity:
    properties = row["properties"]
    spans = [[one.start, one.end] for one in mentions if one.entity_id == row["id"]]
    extractors = sorted({one.extractor for one in mentions if one.entity_id == row["id"]})
    return Entity.model_construct(
        id=row["id"],
        type=properties["type"],
        name=properties["name"],
        description=properties["description"],
        confidence=properties["confidence"],
        metadata={
            "spans": spans,
            "extractors": extractors,
            **({"context": metadata} if metadata else {}),
        },
        conversation_id=conversation,
        message_id=message,
        created_at=from_milliseconds(now),
        aliases=[],
    )


def _found_relationship(row: Mapping[str, Any]) -> Relationship:
    properties = row["properties"]
    return Relationship.model_construct(
        id=properties["id"],
        source_entity_id=row["source"],
        target_entity_id=row["target"],
        relationship_type=properties["name"],
        confidence=properties["confidence"],
        properties={"evidence": properties["evidence"], "extractor": properties["extractor"]},
        created_at=None,
    )


def relate(
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
    name = validation.check_type_name("relationship_type", relationship_type)
    sure = validation.check_confidence("confidence", confidence)
    given = upsert.RelationshipRow(
        source=references["source_entity_id"],
        target=references["target_entity_id"],
        name=name,
        confidence=sure,
        properties=validation.check_metadata("properties", properties),
    )
    engine.state.resolve_entities(references)
    row, written = engine.embeddings.again(lambda: _related(engine, given, references, now=now))
    return CreateRelationshipResponse(
        relationship=Relationship(
            id=written[0]["id"],
            source_entity_id=row.source,
            target_entity_id=row.target,
            relationship_type=name,
            confidence=sure,
            properties=json.loads(written[0]["properties"] or "null"),
            created_at=from_milliseconds(written[0]["created_ms"]),
        ),
        created=written[0]["created"],
    )


def _related(
    engine: Engine, given: upsert.RelationshipRow, references: Mapping[str, str], *, now: int
) -> tuple[upsert.RelationshipRow, list[Row]]:
    """Write a relationship, and return it with the ids of its ends and the row that was written."""
    engine.types.check([given.type], ())

    def work(run: Run) -> tuple[upsert.RelationshipRow, list[Row]]:
        (row,) = knowledge.resolved(run, engine.namespace, [given])
        written = run(knowledge.save_relationships(engine.namespace, [row], now=now))
        if written:
            engine.types.register(run, types([row.type]))
        return row, written

    for _ in range(TRIES):
        row, written = engine.types.transact(work, name="create_relationship")
        if written:
            return row, written
        engine.state.resolve_entities(references)  # it is another one, if it was merged meanwhile
    raise NotFoundError("source_entity_id or target_entity_id: the entity was deleted meanwhile")


def query(
    engine: Engine, entity_id: object, *, depth: object, operation: object
) -> QueryKnowledgeGraphResponse:
    """What lies around an entity."""
    reference = validation.check_identifier("entity_id", entity_id)
    steps = validation.check_integer("depth", depth, minimum=1, maximum=limits.TRAVERSAL_DEPTH)
    asked = validation.check_choice("operation", operation, OPERATIONS)
    found = engine.state.resolve_entities({"entity_id": reference})["entity_id"]
    seen = walk(engine.graph.run, engine.namespace, found, depth=steps)
    stored = engine.graph.run(knowledge.read_entities(engine.namespace, [found]))
    return QueryKnowledgeGraphResponse(
        entity_id=found,
        operation=asked,
        depth=steps,
        context=_context(
            seen, entity=_stored_entity(stored[0]) if stored else None, operation=asked
        ),
        truncated=seen.truncated,
    )


def _stored_entity(row: Mapping[str, Any]) -> Entity:
    properties = row["properties"]
    return Entity.model_construct(
        id=row["id"],
        type=properties["type"] or "concept",
        name=properties["name"] or row["id"],
        description=properties["description"] or "",
        confidence=1.0 if properties["confidence"] is None else properties["confidence"],
        metadata=json.loads(properties["metadata"] or "null"),
        conversation_id=None,
        message_id=None,
        created_at=from_milliseconds(properties["created_ms"]),
        aliases=list(properties["aliases"] or ()),
    )


def _context(seen: Walk, *, entity: Entity | None, operation: str) -> GraphContext:
    neighbors = [
        GraphNeighbor(
            entity_id=one.entity_id,
            name=one.name,
            type=one.type,
            description=one.description,
            relationship_type=one.relationship_type,
            direction=one.direction,
            confidence=one.confidence,
            distance=one.distance,
            evidence=one.evidence,
            sources=list(one.sources),
        )
        for one in seen.neighbors
    ]
    paths = []
    start = entity.id if entity else ""
    for way in seen.ways:
        at, nodes = start, [start]
        for step in way:
            at = step.to_entity if step.from_entity == at else step.from_entity
            nodes.append(at)
        single = len(way) == 1
        paths.append(
            GraphPath(
                from_entity=way[0].from_entity if single else start,
                to_entity=way[0].to_entity if single else at,
                relationship_type=" -> ".join(step.relationship_type for step in way),
                entities=[way[0].from_entity, way[0].to_entity] if single else nodes,
                steps=[
                    GraphStep(
                        from_entity=step.from_entity,
                        relationship_type=step.relationship_type,
                        to_entity=step.to_entity,
                        confidence=step.confidence,
                    )
                    for step in way
                ],
                length=len(way),
                confidence=math.prod(step.confidence for step in way),
            )
        )
    return GraphContext(
        entity=entity,
        neighbors=neighbors if operation != "paths" else [],
        paths=paths if operation != "neighbors" else [],
    )


def update(
    engine: Engine, entities: object, relationships: object, merge_strategy: object
) -> UpdateKnowledgeGraphResponse:
    """Write entities and relationships together: all of them, or none."""
    now = now_ms()
    strategy: upsert.Strategy = validation.check_choice(
        "merge_strategy", merge_strategy, upsert.STRATEGIES
    )  # type: ignore[assignment]
    things = [
        upsert.entity_row(one, place=f"entities.{place}")
        for place, one in enumerate(_list("entities", entities, limits.ENTITIES_PER_UPDATE))
    ]
    links = [
        upsert.relationship_row(one, place=f"relationships.{place}")
        for place, one in enumerate(
            _list("relationships", relationships, limits.RELATIONSHIPS_PER_UPDATE)
        )
    ]
    _no_contradiction("entities", [one.id for one in things])
    told: dict[tuple[str, str, str], upsert.RelationshipRow] = {}
    if any(told.setdefault(link.key, link) != link for link in links):
        raise ValidationError("relationships: the same one is given twice, with different values")
    done = engine.embeddings.again(lambda: _written(engine, things, links, strategy, now=now))
    return UpdateKnowledgeGraphResponse(**done)


def _written(
    engine: Engine,
    things: Sequence[upsert.EntityRow],
    links: Sequence[upsert.RelationshipRow],
    strategy: upsert.Strategy,
    *,
    now: int,
) -> dict[str, int]:
    """Write all of it; the vectors are made before the transaction, as far as it can be known which ones it needs."""
    engine.types.check(
        (link.type for link in links),
        (identifiers.label(entity.type or "concept") for entity in things),
    )
    found = engine.embeddings.current() if things else None
    merged = engine.state.redirects() if things else Merged()
    given, things = things, upsert.followed(things, merged.names)
    memory: dict[str, Any] = {}

    def embed(texts: Sequence[str]) -> list[Any]:
        assert found is not None  # noqa: S101 - without entities nothing is embedded
        new = [text for text in texts if text not in memory]
        memory.update(zip(new, found.embedder.embed(new), strict=True))
        return [memory[text] for text in texts]

    if found:
        stored = engine.graph.run(
            knowledge.read_entities(engine.namespace, [one.id for one in things], found.vectors)
        )
        embed(
            [
                knowledge.words(row)
                for row, _, stale in knowledge.join(things, stored, strategy)
                if stale
            ]
        )
    vectors = (
        merged.writing(found.vectors, (one.id for one in things), (one.id for one in given))
        if found
        else None
    )
    how: dict[str, Any] = {"strategy": strategy, "register": engine.types.register, "now": now}
    return engine.types.transact(
        lambda run: knowledge.update(run, engine.namespace, things, links, embed, vectors, **how),
        name="update_knowledge_graph",
    )


def _list(field: str, value: object, most: int) -> Sequence[object]:
    if value is None:
        return []
    if (
        isinstance(value, (str, bytes, Mapping))
        or not isinstance(value, Sequence)
        or len(value) > most
    ):
        raise ValidationError(f"{field} must be a list of at most {most:,} mappings")
    return value


def _no_contradiction(field: str, ids: Sequence[str]) -> None:
    if len(set(ids)) != len(ids):
        raise ValidationError(f"{field}: the same id is given twice")
