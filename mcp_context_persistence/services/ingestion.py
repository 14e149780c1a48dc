"""Ingest the items of an export: check all of them first, then write them in their order."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError as PydanticValidationError

from mcp_context_persistence.ingest.extraction.results import Relation
from mcp_context_persistence.ingest.graph_rows import build_unasserted_properties
from mcp_context_persistence.ingest.pipeline import AnalysisCache
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Run
from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.kg.identifiers import build_label
from mcp_context_persistence.kg.models import Message, explain
from mcp_context_persistence.kg.namespaces import touch
from mcp_context_persistence.kg.plain_values import to_plain
from mcp_context_persistence.kg.schema.type_limits import collect_types
from mcp_context_persistence.kg.timestamps import now_ms, to_milliseconds
from mcp_context_persistence.kg.writes import conversation_diff, documents, entities, ingestion
from mcp_context_persistence.responses import transfer
from mcp_context_persistence.responses.transfer import IngestItemsResponse
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import appends, conversations, patterns
from mcp_context_persistence.services import documents as document_service
from mcp_context_persistence.services.conversation_deletion import complete_deletion
from mcp_context_persistence.services.ingestion_decisions import ingest_decision, ingest_instruction
from mcp_context_persistence.services.knowledge_writer import NOTHING

T = TypeVar("T", bound=transfer.ExportedItem)
ITEM_DEPTH = 8  # levels of an item above the metadata of a message
MODELS: Mapping[str, type[transfer.ExportedItem]] = {
    "patterns": transfer.ExportedPatterns,
    "entity": transfer.ExportedEntity,
    "conversation": transfer.ExportedConversation,
    "document": transfer.ExportedDocument,
    "decision": transfer.ExportedDecision,
    "instruction": transfer.ExportedInstruction,
    "relationship": transfer.ExportedRelationship,
}


def ingest_items(engine: Engine, items: object) -> IngestItemsResponse:
    """Write items; items of one kind that follow each other are written together."""
    checked = [
        _check_item(item, f"items.{index}")
        for index, item in enumerate(
            validation.check_list("items", items, limit=limits.INGESTED_ITEMS)
        )
    ]
    response = IngestItemsResponse(counts=dict(Counter(item.kind for item in checked)))
    for _, group in itertools.groupby(checked, key=type):
        _ingest_group(engine, list(group), response)
    return response


def _check_item(item: object, path: str) -> transfer.ExportedItem:
    with validation.reading(path):
        fields = to_plain(path, validation.check_mapping(path, item), depth=-ITEM_DEPTH)
    model = MODELS[validation.check_choice(f"{path}.kind", fields.get("kind"), list(MODELS))]
    try:
        return model.model_validate(fields)
    except PydanticValidationError as error:
        raise ValidationError(f"{path}: {explain(error)}") from error


def _ingest_group(
    engine: Engine, group: Sequence[transfer.ExportedItem], response: IngestItemsResponse
) -> None:
    if isinstance(group[0], transfer.ExportedEntity):
        _ingest_entities(engine, _select(group, transfer.ExportedEntity))
    elif isinstance(group[0], transfer.ExportedRelationship):
        _ingest_relationships(engine, _select(group, transfer.ExportedRelationship))
    else:
        for item in group:
            _ingest_item(engine, item, response)


def _select(group: Iterable[transfer.ExportedItem], kind: type[T]) -> list[T]:
    return [item for item in group if isinstance(item, kind)]


def _ingest_item(
    engine: Engine, item: transfer.ExportedItem, response: IngestItemsResponse
) -> None:
    if isinstance(item, transfer.ExportedPatterns):
        patterns.configure_patterns(engine, item.patterns, item.confidence)
    elif isinstance(item, transfer.ExportedConversation):
        response.differing_messages += _ingest_conversation(engine, item)
    elif isinstance(item, transfer.ExportedDocument):
        _ingest_document(engine, item)
    elif isinstance(item, transfer.ExportedDecision):
        ingest_decision(engine, item)
    elif isinstance(item, transfer.ExportedInstruction):
        response.missing_instructions += not ingest_instruction(engine, item)


def _ingest_entities(engine: Engine, items: Sequence[transfer.ExportedEntity]) -> None:
    by_id = {item.id: item for item in items}  # the last one of an id counts
    labels = [build_label(item.type) for item in items]
    now = now_ms()

    def attempt() -> None:
        engine.types.check((), labels)
        model = engine.embeddings.current()
        redirects = engine.state.redirects()
        if any(entity_id in redirects.targets for entity_id in by_id):
            raise ValidationError(
                "items: an entity of the same id was merged into another one here; undo that "
                "merge, or use another namespace"
            )
        guard = redirects.guard_write(model.vector_state, list(by_id), list(by_id), ())
        vectors = model.embedder.embed([_text_to_embed(item) for item in by_id.values()])

        def work(run: Run) -> None:
            claimed = run(
                entities.claim_entities(engine.namespace, list(by_id), model.vector_state, now=now)
            )
            types = {row["id"]: row["properties"]["type"] for row in claimed}
            rows = [
                ingestion.build_entity_row(
                    engine.namespace,
                    entity_id=item.id,
                    entity_type=item.type,
                    stored_type=types[item.id],
                    fields={name: getattr(item, name) for name in _ENTITY_FIELDS},
                    created_ms=to_milliseconds(item.created_at) if item.created_at else now,
                    vector=vector,
                )
                for item, vector in zip(by_id.values(), vectors, strict=True)
            ]
            run(ingestion.save_entities(engine.namespace, rows, guard, now=now))
            run(touch(engine.namespace, guard))
            engine.types.register(run, collect_types((), labels))

        engine.types.transact(work, name="ingest_items")

    engine.embeddings.retry_when_stale(attempt)


_ENTITY_FIELDS = ("name", "description", "confidence", "aliases", "metadata", "origin")


def _text_to_embed(item: transfer.ExportedEntity) -> str:
    description = None if item.origin == "extracted" else item.description
    return entities.embedding_text(item.name, description)


def _ingest_relationships(engine: Engine, items: Sequence[transfer.ExportedRelationship]) -> None:
    now = now_ms()
    rows = {
        (item.source_entity_id, item.stored_type, item.target_entity_id): _build_relationship_row(
            engine.namespace, item, now=now
        )
        for item in items
    }
    types = [item.stored_type for item in items]

    def attempt() -> None:
        engine.types.check(types, ())

        def work(run: Run) -> None:
            statement = ingestion.save_relationships(engine.namespace, list(rows.values()), now=now)
            if run(statement)[0]["written"] < len(rows):
                raise NotFoundError(
                    "items: an entity at the end of a relationship is not stored; ingest it first"
                )
            engine.types.register(run, collect_types(types))

        engine.types.transact(work, name="ingest_items")

    engine.embeddings.retry_when_stale(attempt)


def _build_relationship_row(
    namespace: str, item: transfer.ExportedRelationship, *, now: int
) -> dict[str, Any]:
    return ingestion.build_relationship_row(
        namespace,
        source=item.source_entity_id,
        stored_type=item.stored_type,
        target=item.target_entity_id,
        fields={
            "name": item.relationship_type,
            "confidence": item.confidence,
            "properties": item.properties,
            "origin": item.origin,
            "evidence": item.evidence,
            "extractor": item.extractor,
            "sources": item.sources,
            "capped": item.has_more_sources or None,
            "created_ms": to_milliseconds(item.created_at) if item.created_at else now,
        },
    )


def _ingest_conversation(engine: Engine, item: transfer.ExportedConversation) -> int:
    """Write a conversation, and return how many of its messages are stored with another text."""
    complete_deletion(engine, item.conversation_id)
    now = now_ms()
    properties = conversation_diff.conversation_properties(
        engine.namespace,
        item.conversation_id,
        project_path=item.project_path,
        mode=item.mode,
        metadata=item.metadata,
    )
    properties["created_ms"] = to_milliseconds(item.created_at) if item.created_at else now
    statement = ingestion.create_conversation(
        engine.namespace, item.conversation_id, properties, now=now
    )
    engine.graph.run(statement)
    differing = 0
    if item.messages:
        response = appends.append_messages(
            engine,
            conversations.build_conversation(
                item.conversation_id,
                item.messages,
                item.project_path,
                item.mode,
                item.metadata,
                max_messages=engine.config.max_conversation_length,
            ),
            mode=item.mode,
            embeddings=None,
            cache=_build_cache(item),
        )
        differing = len(response.differing_ids)
    rows = [
        _build_mention_row("Message", message_id, knowledge)
        for message_id, knowledge in (item.knowledge or {}).items()
    ]
    if item.mentions:
        whole = transfer.TextKnowledge.model_construct(mentions=item.mentions, unasserted=[])
        rows.append(_build_mention_row("Conversation", item.conversation_id, whole))
    _link(engine, rows)
    return differing


def _build_cache(item: transfer.ExportedConversation) -> AnalysisCache:
    """Return a cache in which all messages are analyzed, if the item says what is in them."""
    if item.knowledge is None:
        return AnalysisCache()
    messages: list[Message] = item.messages
    return AnalysisCache(extractions={message.content: NOTHING for message in messages})


def _ingest_document(engine: Engine, item: transfer.ExportedDocument) -> None:
    """Write a document; it is analyzed if this model splits it into other passages."""
    passages = item.passages
    if passages is not None:
        found_passages = engine.embeddings.current().embedder.passages(item.text)
        passages = passages if len(found_passages) == len(passages) else None
    document_service.save_document(
        engine,
        item.document_id,
        item.text,
        metadata=item.metadata,
        project_path=item.project_path,
        extract=passages is None,
    )
    ids = [documents.passage_id(item.document_id, index) for index in range(len(passages or ()))]
    _link(
        engine,
        [
            _build_mention_row("Chunk", passage_id, knowledge)
            for passage_id, knowledge in zip(ids, passages or (), strict=True)
        ],
    )
    details = []
    if item.created_at:
        details.append(("Document", item.document_id, "created_ms", item.created_at))
    if item.timestamp:
        details += [("Chunk", passage_id, "timestamp_ms", item.timestamp) for passage_id in ids]
    rows = [
        {"label": label, "id": key, "properties": {name: to_milliseconds(time)}, "evidence": []}
        for label, key, name, time in details
    ]
    if rows:
        engine.graph.run(ingestion.save_details(engine.namespace, rows))


def _build_mention_row(
    label: str, text_id: str, knowledge: transfer.TextKnowledge
) -> dict[str, Any]:
    fields = ("start", "end", "count", "confidence", "extractor")
    relations = [
        Relation(**relation.model_dump(), start=0, end=0, extractor="")
        for relation in knowledge.unasserted
    ]
    unasserted: Mapping[str, Any] = build_unasserted_properties(relations) if relations else {}
    return {
        "label": label,
        "id": text_id,
        "unasserted": unasserted,
        "mentions": [
            {
                "id": mention.entity_id,
                "properties": {name: getattr(mention, name) for name in fields},
            }
            for mention in knowledge.mentions
        ],
    }


def _link(engine: Engine, rows: Sequence[Mapping[str, Any]]) -> None:
    """Link texts to entities, all or none."""
    if not rows:
        return

    def work(run: Run) -> None:
        linked = run(ingestion.save_mentions(engine.namespace, rows))[0]
        if linked["missing"] or linked["texts"] < len(rows):
            raise NotFoundError(
                "items: a mentioned entity, or the text that mentions it, is not stored; "
                "ingest it first"
            )

    transact: Callable[..., None] = engine.graph.transact
    transact(work, name="ingest_items")
