"""Extract entities and relationships from a text, and store them."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.ingest.extraction.results import Extraction
from mcp_context_persistence.ingest.graph_rows import GraphRows, graph_rows, mention_rows
from mcp_context_persistence.ingest.pipeline import entity_vectors
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg import identifiers, limits, validation
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.merging.redirects import Redirects
from mcp_context_persistence.kg.models import Entity, Relationship
from mcp_context_persistence.kg.timestamps import from_milliseconds, now_ms
from mcp_context_persistence.kg.writes import entities as knowledge
from mcp_context_persistence.models import (
    ExtractEntitiesResponse,
)
from mcp_context_persistence.runtime.engine import Engine


def extract_entities(
    engine: Engine,
    text: object,
    *,
    conversation_id: object,
    message_id: object,
    entity_types: object,
    context: object,
    store: bool,
) -> ExtractEntitiesResponse:
    """Extract entities and relations from a text, and store them.

    All are stored; the response has the entities of the given types.
    """
    now = now_ms()
    checked_text = validation.check_text("text", text, characters=limits.EXTRACTION_CHARACTERS)
    conversation = (
        None
        if conversation_id is None
        else validation.check_identifier("conversation_id", conversation_id)
    )
    message = None if message_id is None else validation.check_identifier("message_id", message_id)
    types = check_types(entity_types)
    validation.dump_metadata("context", context)
    extraction = next(
        iter(engine.models.extractor.extract([checked_text], engine.state.patterns()))
    )
    source = message or (
        text_source(checked_text)
        if conversation is None
        else f"{conversation}:{text_source(checked_text)}"
    )

    def store_or_look() -> tuple[Extraction, GraphRows, str | None]:
        merged = engine.state.redirects() if store else Redirects()
        redirected = followed(extraction, merged.targets)
        rows = graph_rows(engine.namespace, [(source, redirected)], now=now, admission=engine.types)
        if not store or not rows.entities:
            return redirected, rows, None
        link_statement = None
        if conversation is not None or message is not None:
            mentions = mention_rows(redirected.mentions)
            link_statement = knowledge.save_mentions(
                engine.namespace,
                conversation_id=conversation,
                message_id=message,
                mentions=mentions,
            )
        return redirected, rows, store_entities(engine, rows, merged, link_statement, now=now)

    redirected, rows, linked_to = engine.embeddings.retry_when_stale(store_or_look)
    metadata = dict(context) if isinstance(context, Mapping) and context else None
    response = build_response(
        engine,
        rows,
        redirected,
        types,
        conversation=conversation,
        message=message,
        metadata=metadata,
        now=now,
    )
    return response.model_copy(
        update={
            "stored": store and bool(rows.entities),
            "linked_to": linked_to,
        }
    )


def text_source(text: str) -> str:
    """Return the id that stands for a text that is no message, as evidence of relationships."""
    return f"text:{identifiers.digest(text)}"


def build_response(
    engine: Engine,
    rows: GraphRows,
    extraction: Extraction,
    types: set[str] | None,
    *,
    conversation: str | None = None,
    message: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    now: int,
) -> ExtractEntitiesResponse:
    """Build the response for one text; it says that nothing is stored yet."""
    entities = [
        _build_entity(
            row,
            extraction.mentions,
            metadata=metadata,
            conversation=conversation,
            message=message,
            now=now,
        )
        for row in rows.entities
    ]
    first_positions = {
        mention.entity_id: mention.start for mention in reversed(extraction.mentions)
    }
    selected = [
        entity
        for entity in sorted(entities, key=lambda entity: first_positions[entity.id])
        if entity.confidence >= engine.config.entity_extraction_threshold
        and (types is None or entity.type in types)
    ]
    max_entities = engine.config.max_entities_per_text
    return ExtractEntitiesResponse(
        entities=selected[:max_entities],
        conversation_id=conversation,
        message_id=message,
        total_entities=len(selected[:max_entities]),
        truncated=extraction.truncated or len(selected) > max_entities,
        processing_time=0.0,
        relationships=[_build_relationship(row) for row in rows.relations],
    )


def check_types(entity_types: object) -> set[str] | None:
    """Return the types that a response is limited to, None for all types."""
    if entity_types is None:
        return None
    if (
        isinstance(entity_types, str)
        or not isinstance(entity_types, Sequence)
        or len(entity_types) > limits.FILTER_VALUES
    ):
        raise ValidationError(
            f"entity_types must be a list of at most {limits.FILTER_VALUES} types"
        )
    if not entity_types:
        raise ValidationError("entity_types must not be an empty list; None means all types")
    return {validation.check_type_name("entity_types", type_name) for type_name in entity_types}


def store_entities(
    engine: Engine,
    rows: GraphRows,
    merged: Redirects,
    link_statement: Statement[Row] | None = None,
    *,
    now: int,
) -> str | None:
    """Store extracted entities and relations, and link them.

    Args:
        engine: The engine.
        rows: The rows of entities and relations.
        merged: The redirects of merged entities.
        link_statement: The statement that links the entities to a message or a conversation.
        now: The time in milliseconds.

    Returns:
        `message` or `conversation` for what they were linked to, None for nothing.
    """
    embedding = engine.embeddings.current()
    vectors = merged.guard_vectors(embedding.vectors, rows.ids, rows.followed)
    entities = entity_vectors(rows, embedding.embedder).entities
    store_statement = knowledge.store(
        engine.namespace,
        entities=entities,
        relations=rows.relations,
        vectors=vectors,
        now=now,
        last=True,
    )
    if link_statement is None:
        engine.types.run(store_statement, rows.types)
        return None

    def work(run: Run) -> str | None:
        run(store_statement)
        linked_to: str | None = run(link_statement)[0]["linked"]
        engine.types.register(run, rows.types)
        return linked_to

    return engine.types.transact(work, name="extract_entities")


def _build_entity(
    row: Mapping[str, Any],
    mentions: Any,
    *,
    metadata: Mapping[str, Any] | None,
    conversation: str | None,
    message: str | None,
    now: int,
) -> Entity:
    properties = row["properties"]
    spans = [[mention.start, mention.end] for mention in mentions if mention.entity_id == row["id"]]
    extractors = sorted(
        {mention.extractor for mention in mentions if mention.entity_id == row["id"]}
    )
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


def _build_relationship(row: Mapping[str, Any]) -> Relationship:
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
