"""Extract entities and relationships from a text, and store them."""

from collections.abc import Mapping
from typing import Any

from mcp_context_persistence.ingest.extraction.results import Extraction, Relation
from mcp_context_persistence.ingest.graph_rows import GraphRows, build_mention_rows
from mcp_context_persistence.kg import identifiers, limits, validation
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.merging.redirects import Redirects
from mcp_context_persistence.kg.models import Entity, Relationship
from mcp_context_persistence.kg.timestamps import from_milliseconds, now_ms
from mcp_context_persistence.kg.writes import entities as statements
from mcp_context_persistence.models import (
    ExtractEntitiesResponse,
)
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.knowledge_writer import (
    Knowledge,
    build_knowledge,
    embed_knowledge,
    extract_texts,
    store_knowledge,
    store_knowledge_with,
)


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
    checked_context = validation.check_metadata("context", context)
    (extraction,) = extract_texts(engine, [checked_text])
    source = message or text_source(checked_text, conversation)
    knowledge, linked_to = engine.embeddings.retry_when_stale(
        lambda: _build_and_store(
            engine,
            source,
            extraction,
            conversation=conversation,
            message=message,
            should_store=store,
            now=now,
        )
    )
    response = build_response(
        engine,
        knowledge.rows,
        knowledge.extractions[0],
        types,
        conversation=conversation,
        message=message,
        metadata=checked_context,
        now=now,
    )
    is_stored = store and bool(knowledge.rows.entities)
    return response.model_copy(update={"stored": is_stored, "linked_to": linked_to})


def _build_and_store(
    engine: Engine,
    source: str,
    extraction: Extraction,
    *,
    conversation: str | None,
    message: str | None,
    should_store: bool,
    now: int,
) -> tuple[Knowledge, str | None]:
    """Build the rows of an extraction, and store them; return what they were linked to."""
    redirects = engine.state.redirects() if should_store else Redirects()
    knowledge = build_knowledge(
        engine, [(source, extraction)], redirects, now=now, reads_stored=should_store
    )
    if not should_store or not knowledge.rows.entities:
        return knowledge, None
    link_statement = None
    if conversation is not None or message is not None:
        link_statement = statements.save_mentions(
            engine.namespace,
            conversation_id=conversation,
            message_id=message,
            mentions=build_mention_rows(knowledge.extractions[0].mentions),
        )
    return knowledge, store_entities(engine, knowledge, link_statement, now=now)


def text_source(text: str, conversation_id: str | None = None) -> str:
    """Return the id that stands for a text that is no message, as evidence of relationships."""
    source = f"text:{identifiers.digest(text)}"
    return source if conversation_id is None else f"{conversation_id}:{source}"


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
    redirects = {
        mention.redirected_from: mention.entity_id
        for mention in extraction.mentions
        if mention.redirected_from
    }
    max_entities = engine.config.max_entities_per_text
    return ExtractEntitiesResponse(
        entities=selected[:max_entities],
        conversation_id=conversation,
        message_id=message,
        total_entities=len(selected[:max_entities]),
        truncated=extraction.truncated or len(selected) > max_entities,
        language_understood=extraction.is_understood,
        processing_time=0.0,
        relationships=[_build_relationship(row) for row in rows.relations],
        unasserted=[_build_unasserted(relation, redirects) for relation in extraction.unasserted],
    )


def check_types(entity_types: object) -> set[str] | None:
    """Return the types that a response is limited to, None for all types."""
    if entity_types is None:
        return None
    type_list = validation.check_list(
        "entity_types", entity_types, limit=limits.FILTER_VALUES, items="types"
    )
    if not type_list:
        raise ValidationError("entity_types must not be an empty list; None means all types")
    return {validation.check_type_name("entity_types", type_name) for type_name in type_list}


def store_entities(
    engine: Engine,
    knowledge: Knowledge,
    link_statement: Statement[Row] | None = None,
    *,
    now: int,
) -> str | None:
    """Embed and store extracted entities and relations, and link them.

    Args:
        engine: Gives the graph, the models and the settings.
        knowledge: The entities and relations.
        link_statement: The statement that links the entities to a message or a conversation.
        now: The time in milliseconds.

    Returns:
        `message` or `conversation` for what they were linked to, None for nothing.
    """
    embedded = embed_knowledge(knowledge, engine.embeddings.current())
    if link_statement is None:
        store_knowledge(engine, embedded, now=now)
        return None
    linked_to: str | None = store_knowledge_with(
        engine,
        embedded,
        lambda run: run(link_statement)[0]["linked"],
        name="extract_entities",
        now=now,
        writes_vectors=False,
    )
    return linked_to


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


def _build_unasserted(relation: Relation, redirects: Mapping[str, str]) -> Relationship:
    source = redirects.get(relation.source, relation.source)
    target = redirects.get(relation.target, relation.target)
    stored_type = identifiers.build_relationship_type(relation.type)
    return Relationship.model_construct(
        id=identifiers.build_relationship_id(source, stored_type, target),
        source_entity_id=source,
        target_entity_id=target,
        relationship_type=relation.type,
        confidence=relation.confidence,
        properties={"evidence": relation.evidence, "extractor": relation.extractor},
        created_at=None,
        modality=relation.modality,
        polarity=relation.polarity,
    )
