"""Export everything of a namespace, page by page."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.identifiers import build_relationship_id, digest
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.timestamps import from_milliseconds
from mcp_context_persistence.queries import export as queries
from mcp_context_persistence.responses import transfer
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.conversations import build_messages
from mcp_context_persistence.services.cursors import INVALID, is_number, read_cursor, write_cursor

PAGE = 100  # items that are read at a time
DOCUMENTS = 4  # that are read at a time: each may be long
MESSAGES = 100  # of a conversation in one item
_IDENTITY = digest("export", "1")
_MESSAGE_KEY = re.compile(r"([0-9]{1,15} .*)?", re.DOTALL)


@dataclass(frozen=True)
class _Position:
    """The position after which the next item is, in the order of its stage."""

    stage: int = 0
    after_id: str = ""
    after_key: str = ""


_Found = Iterator[tuple[BaseModel, _Position]]


def export_items(engine: Engine, *, cursor: object, limit: object) -> transfer.ExportItemsResponse:
    """Return a page of the items of the namespace."""
    checked_limit = validation.check_integer(
        "limit", limit, minimum=1, maximum=limits.EXPORTED_ITEMS
    )
    items: list[dict[str, Any]] = []
    size = 0
    for item, position in _walk(engine, _read_position(cursor)):
        fields = item.model_dump(mode="json", exclude_none=True, warnings=False)
        items.append(fields)
        size += len(json.dumps(fields))
        if len(items) == checked_limit or size >= limits.EXPORTED_BYTES:
            next_cursor = write_cursor(
                _IDENTITY, position.stage, position.after_id, position.after_key
            )
            return transfer.ExportItemsResponse(items=items, next_cursor=next_cursor)
    return transfer.ExportItemsResponse(items=items)


def _read_position(cursor: object) -> _Position:
    if cursor is None:
        return _Position()
    stage, after_id, after_key = read_cursor(cursor, count=3, digest=_IDENTITY, owner="call")
    is_valid = is_number(stage) and isinstance(after_id, str) and isinstance(after_key, str)
    if not is_valid or not 0 <= stage < len(_STAGES):
        raise ValidationError(INVALID)
    if _STAGES[stage] is _walk_conversations and not _MESSAGE_KEY.fullmatch(after_key):
        raise ValidationError(INVALID)
    return _Position(stage, after_id, after_key)


def _walk(engine: Engine, start: _Position) -> _Found:
    """Yield each item with the position of the next one."""
    for stage in range(start.stage, len(_STAGES)):
        position = start if stage == start.stage else _Position(stage)
        yield from _STAGES[stage](engine, position)


def _walk_patterns(engine: Engine, position: _Position) -> _Found:
    patterns = engine.state.patterns() if not position.after_id else None
    if patterns is None or not patterns.types:
        return
    stored = json.loads(patterns.to_json())
    item = transfer.ExportedPatterns(patterns=stored["types"], confidence=stored["confidence"])
    yield item, _Position(position.stage, "patterns")


def _walk_pages(
    kind: queries.Kind,
    build: Callable[[Row], BaseModel],
    engine: Engine,
    position: _Position,
    *,
    page_size: int = PAGE,
) -> _Found:
    """Yield the items of a kind that has one row for each."""
    while True:
        rows = engine.graph.run(
            queries.read_page(kind, engine.namespace, after_id=position.after_id, limit=page_size)
        )
        for row in rows:
            position = _Position(position.stage, row["id"])
            yield build(row), position
        if len(rows) < page_size:
            return


def _build_entity(row: Row) -> BaseModel:
    stored = row["item"]
    return transfer.ExportedEntity.model_construct(
        id=stored["id"],
        name=stored["name"] or stored["id"],
        type=stored["type"] or "concept",
        description=stored["description"] or "",
        confidence=1.0 if stored["confidence"] is None else stored["confidence"],
        aliases=list(stored["aliases"] or ()),
        metadata=load_stored(stored["metadata"], "metadata of an entity"),
        origin=stored["origin"] or "user",
        created_at=from_milliseconds(stored["created_ms"]),
    )


def _walk_conversations(engine: Engine, position: _Position) -> _Found:
    """Yield conversations; a long one in several items."""
    while True:
        rows = engine.graph.run(
            queries.read_page(
                "conversations", engine.namespace, after_id=position.after_id, limit=PAGE
            )
        )
        for row in rows:
            for item, last in _walk_messages(engine, row, position):
                yield item, last
                position = last
        if len(rows) < PAGE:
            return


def _walk_messages(engine: Engine, row: Row, before: _Position) -> _Found:
    """Yield the items of a conversation; the last one leads to the next conversation.

    Args:
        engine: Gives the graph.
        row: The conversation.
        before: Its `after_id` is the id before this conversation. If a part of it was exported,
            `after_key` is the position of the last exported message, and the conversation.
    """
    number, _, conversation_id = before.after_key.partition(" ")
    is_begun = conversation_id == row["id"]
    after = int(number) if is_begun else -1
    read = partial(queries.read_messages, engine.namespace, row["id"])
    while messages := engine.graph.run(
        read(after_position=after, limit=MESSAGES, max_bytes=limits.EXPORTED_BYTES)
    ):
        after, is_begun = messages[-1]["position"], True
        has_more = engine.graph.run(read(after_position=after, limit=1, max_bytes=0))
        yield (
            _build_conversation(row, messages),
            _Position(before.stage, before.after_id, f"{after} {row['id']}")
            if has_more
            else _Position(before.stage, row["id"]),
        )
        if not has_more:
            return
    if not is_begun:
        yield _build_conversation(row, []), _Position(before.stage, row["id"])


def _build_conversation(row: Row, messages: Sequence[Row]) -> BaseModel:
    stored = row["item"]
    built = build_messages([message["item"] for message in messages])
    return transfer.ExportedConversation.model_construct(
        conversation_id=stored["id"],
        project_path=stored["project_path"],
        mode=stored["mode"] or "hybrid",
        metadata=load_stored(stored["metadata"], "metadata of a conversation"),
        created_at=from_milliseconds(stored["created_ms"]),
        messages=[message.as_given() for message in built],  # type: ignore[misc]  # is dumped as it is
        mentions=_build_mentions(row["mentions"]),
        knowledge={
            message["item"]["id"]: _build_knowledge(message["item"], message["mentions"])
            for message in messages
            if message["mentions"] or message["item"]["unasserted"]
        },
    )


def _build_mentions(mentions: Sequence[Mapping[str, Any]]) -> list[transfer.ExportedMention]:
    return [transfer.ExportedMention.model_construct(**mention) for mention in mentions]


def _build_knowledge(
    text: Mapping[str, Any], mentions: Sequence[Mapping[str, Any]]
) -> transfer.TextKnowledge:
    return transfer.TextKnowledge.model_construct(
        mentions=_build_mentions(mentions),
        unasserted=[
            transfer.ExportedRelation.model_construct(**json.loads(relation))
            for relation in text["unasserted"] or ()
        ],
    )


def _build_document(row: Row) -> BaseModel:
    stored, passages = row["item"], row["passages"]
    return transfer.ExportedDocument.model_construct(
        document_id=stored["id"],
        text=stored["content"],
        project_path=stored["project_path"],
        metadata=load_stored(stored["metadata"], "metadata of a document"),
        created_at=from_milliseconds(stored["created_ms"]),
        timestamp=from_milliseconds(passages[0]["timestamp_ms"]) if passages else None,
        passages=[_build_knowledge(passage, passage["mentions"]) for passage in passages],
    )


def _build_decision(row: Row) -> BaseModel:
    stored = row["item"]
    return transfer.ExportedDecision.model_construct(
        id=stored["id"],
        conversation_id=stored["conversation_id"],
        decision_type=stored["decision_type"],
        context=stored["context"],
        outcome=stored["outcome"],
        confidence=stored["stated_confidence"],
        status=stored["status"] or "accepted",
        created_at=from_milliseconds(stored["created_ms"]),
        timestamp=from_milliseconds(stored["timestamp_ms"]),
        entity_ids=row["entity_ids"],
        evidence=row["evidence"],
    )


def _build_instruction(row: Row) -> BaseModel:
    stored = row["item"]
    return transfer.ExportedInstruction.model_construct(
        id=stored["id"],
        text=stored["content"],
        instruction_kind=stored["instruction_kind"],
        scope=stored["scope"],
        subject=stored["subject"],
        attribute=stored["attribute"],
        rule=stored["rule"],
        message_id=stored["message_id"],
        status=stored["status"],
        created_at=from_milliseconds(stored["created_ms"]),
        timestamp=from_milliseconds(stored["timestamp_ms"]),
    )


def _walk_relationships(engine: Engine, position: _Position) -> _Found:
    while True:
        rows = engine.graph.run(
            queries.read_relationships(
                engine.namespace,
                after_id=position.after_id,
                after_key=position.after_key,
                limit=PAGE,
            )
        )
        for row in rows:
            position = _Position(position.stage, row["id"], row["key"])
            yield _build_relationship(row["item"]), position
        if len(rows) < PAGE:
            return


def _build_relationship(stored: Mapping[str, Any]) -> BaseModel:
    return transfer.ExportedRelationship.model_construct(
        id=build_relationship_id(stored["source"], stored["type"], stored["target"]),
        source_entity_id=stored["source"],
        target_entity_id=stored["target"],
        relationship_type=stored["name"] or stored["type"],
        stored_type=stored["type"],
        confidence=1.0 if stored["confidence"] is None else stored["confidence"],
        properties=load_stored(stored["properties"], "properties of a relationship"),
        origin=stored["origin"] or "user",
        evidence=stored["evidence"],
        extractor=stored["extractor"],
        sources=list(stored["sources"] or ()),
        has_more_sources=bool(stored["capped"]),
        created_at=from_milliseconds(stored["created_ms"]),
    )


# In the order in which they can be ingested: each kind names only items of the kinds before it.
_STAGES: tuple[Callable[[Engine, _Position], _Found], ...] = (
    _walk_patterns,
    partial(_walk_pages, "entities", _build_entity),
    _walk_conversations,
    partial(_walk_pages, "documents", _build_document, page_size=DOCUMENTS),
    partial(_walk_pages, "decisions", _build_decision),
    partial(_walk_pages, "instructions", _build_instruction),
    _walk_relationships,
)
