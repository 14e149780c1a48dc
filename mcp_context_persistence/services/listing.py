"""Read single items, and list items in pages."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.kg.identifiers import digest
from mcp_context_persistence.kg.models import Decision
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.timestamps import from_milliseconds
from mcp_context_persistence.queries import listing as queries
from mcp_context_persistence.queries.listing import ORDERS, Page
from mcp_context_persistence.queries.search.filters import Filters, read_filters, resolve_filters
from mcp_context_persistence.responses.listing import (
    GetDecisionResponse,
    GetDocumentResponse,
    GetEntityResponse,
    GetMessageResponse,
    ListConversationsResponse,
    ListDecisionsResponse,
    ListDocumentsResponse,
    ListedConversation,
    ListedDocument,
    ListedEntity,
    ListEntitiesResponse,
)
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.conversations import build_messages
from mcp_context_persistence.services.cursors import INVALID, cut_page, is_number, read_cursor

STATUSES = ("accepted", "proposed", "rejected")

Kind = Literal["conversations", "documents", "decisions", "entities"]
# Builds the statement of a page.
BuildStatement = Callable[[str, Filters, Page], Statement[Row]]

T = TypeVar("T")


def _select(rows: Sequence[Row], kind: str) -> Row:
    """Return the row of an item; raise `NotFoundError` if there is none."""
    if not rows:
        raise NotFoundError(f"{kind}_id: there is no such {kind}")
    return rows[0]


def get_message(engine: Engine, message_id: object) -> GetMessageResponse:
    """Read a message."""
    checked_id = validation.check_identifier("message_id", message_id)
    row = _select(engine.graph.run(queries.read_message(engine.namespace, checked_id)), "message")
    stored = row["message"]
    return GetMessageResponse.model_construct(
        message_id=checked_id,
        conversation_id=row["conversation_id"],
        message=build_messages([stored])[0],
        position=stored["position"],
        entity_ids=row["entity_ids"],
        created_at=from_milliseconds(stored["created_ms"]),
        updated_at=from_milliseconds(stored["updated_ms"]),
    )


def get_document(engine: Engine, document_id: object) -> GetDocumentResponse:
    """Read a document."""
    checked_id = validation.check_identifier("document_id", document_id)
    row = _select(engine.graph.run(queries.read_document(engine.namespace, checked_id)), "document")
    stored = row["document"]
    return GetDocumentResponse(
        document_id=checked_id,
        text=stored["content"],
        metadata=load_stored(stored["metadata"], "metadata of a document"),
        project_path=stored["project_path"],
        passages=row["passages"],
        entity_ids=row["entity_ids"],
        created_at=from_milliseconds(stored["created_ms"]),
        updated_at=from_milliseconds(stored["updated_ms"]),
    )


def get_decision(engine: Engine, decision_id: object) -> GetDecisionResponse:
    """Read a decision."""
    checked_id = validation.check_identifier("decision_id", decision_id)
    row = _select(engine.graph.run(queries.read_decision(engine.namespace, checked_id)), "decision")
    return GetDecisionResponse.model_construct(
        decision_id=checked_id,
        decision=_build_decision(row["decision"]),
        evidence=row["evidence"],
        entity_ids=row["entity_ids"],
    )


def get_entity(engine: Engine, entity_id: object) -> GetEntityResponse:
    """Read an entity, named by its id, exact name or alias."""
    reference = validation.check_identifier("entity_id", entity_id)
    resolved_id = engine.state.resolve_entities({"entity_id": reference})["entity_id"]
    rows = engine.graph.run(queries.read_entity(engine.namespace, resolved_id))
    if not rows:  # deleted meanwhile
        raise NotFoundError("entity_id: there is no entity with that id, name or alias")
    row = rows[0]
    return GetEntityResponse.model_construct(
        entity_id=resolved_id,
        entity=_build_entity(row["entity"], row["mentions"]),
        relationship_count=row["relationships"],
        merged_ids=row["merged_ids"],
    )


def list_conversations(
    engine: Engine, filters: object, *, order: object, limit: object, cursor: object
) -> ListConversationsResponse:
    """List conversations."""
    items, next_cursor = _list(
        engine,
        "conversations",
        queries.list_conversations,
        _build_conversation,
        (filters, order, limit, cursor),
    )
    return ListConversationsResponse(conversations=items, next_cursor=next_cursor)


def list_documents(
    engine: Engine, filters: object, *, order: object, limit: object, cursor: object
) -> ListDocumentsResponse:
    """List documents."""
    items, next_cursor = _list(
        engine,
        "documents",
        queries.list_documents,
        _build_document,
        (filters, order, limit, cursor),
    )
    return ListDocumentsResponse(documents=items, next_cursor=next_cursor)


def list_decisions(
    engine: Engine,
    filters: object,
    *,
    status: object,
    order: object,
    limit: object,
    cursor: object,
) -> ListDecisionsResponse:
    """List decisions."""
    statuses = validation.check_statuses(status, STATUSES)
    items, next_cursor = _list(
        engine,
        "decisions",
        partial(queries.list_decisions, statuses=statuses),
        lambda row: _build_decision(row["item"]),
        (filters, order, limit, cursor),
        statuses=statuses,
    )
    return ListDecisionsResponse.model_construct(decisions=items, next_cursor=next_cursor)


def list_entities(
    engine: Engine, filters: object, *, order: object, limit: object, cursor: object
) -> ListEntitiesResponse:
    """List entities."""
    items, next_cursor = _list(
        engine,
        "entities",
        queries.list_entities,
        lambda row: _build_entity(row["item"], row["mentions"]),
        (filters, order, limit, cursor),
    )
    return ListEntitiesResponse.model_construct(entities=items, next_cursor=next_cursor)


def _list(
    engine: Engine,
    kind: Kind,
    build_statement: BuildStatement,
    build_item: Callable[[Row], T],
    arguments: tuple[object, object, object, object],
    *,
    statuses: Sequence[str] | None = None,
) -> tuple[list[T], str | None]:
    """Return the items of a page, and the cursor of the next one.

    Args:
        engine: Gives the graph.
        kind: What is listed.
        build_statement: Builds the statement of a page.
        build_item: Builds an item of the response from a row.
        arguments: Filters, order, limit and cursor as the caller passes them.
        statuses: What else restricts the list.
    """
    filters, order, limit, cursor = arguments
    checked = _check_filters(kind, filters)
    checked_order = validation.check_choice("order", order, ORDERS)
    checked_limit = validation.check_integer("limit", limit, minimum=1, maximum=limits.LISTED_ITEMS)
    # With another filter or order it would be another list.
    identity = digest(kind, checked_order, repr(checked), repr(statuses))
    after_key, after_id = _read_position(cursor, identity)
    resolved, _ = resolve_filters(engine.graph.run, engine.namespace, checked)
    page = Page(
        order=checked_order, limit=checked_limit + 1, after_key=after_key, after_id=after_id
    )
    rows = engine.graph.run(build_statement(engine.namespace, resolved, page))
    page_rows, next_cursor = cut_page(rows, limit=checked_limit, digest=identity)
    return [build_item(row) for row in page_rows], next_cursor


def _check_filters(kind: Kind, filters: object) -> Filters:
    """Check filters, and refuse those that cannot apply to what is listed."""
    checked = read_filters(filters)
    inapplicable = {
        "content_types": bool(checked.content_types),
        "role": bool(checked.roles),
        "confidence_min": checked.confidence_min is not None
        and kind in {"conversations", "documents"},
        "conversation_id": bool(checked.conversation_ids) and kind in {"entities", "documents"},
        "project": bool(checked.projects) and kind == "entities",
        "tags": bool(checked.tags) and kind == "entities",
        "metadata": bool(checked.metadata) and kind == "entities",
    }
    for name, is_set in inapplicable.items():
        if is_set:
            raise ValidationError(f"filters.{name} does not apply to {kind}")
    return checked


def _read_position(cursor: object, identity: str) -> tuple[int | None, str | None]:
    """Return the key and the id of the last row of the previous page."""
    if cursor is None:
        return None, None
    key, item_id = read_cursor(
        cursor, count=2, digest=identity, owner="list, with another order or other filters"
    )
    if not is_number(key) or not isinstance(item_id, str):
        raise ValidationError(INVALID)
    return key, item_id


def _build_conversation(row: Row) -> ListedConversation:
    item = row["item"]
    return ListedConversation(
        conversation_id=item["id"],
        total_messages=row["messages"],
        project_path=item["project_path"],
        mode=item["mode"],
        metadata=load_stored(item["metadata"], "metadata of a conversation"),
        created_at=from_milliseconds(item["created_ms"]),
        updated_at=from_milliseconds(item["updated_ms"]),
    )


def _build_document(row: Row) -> ListedDocument:
    item = row["item"]
    return ListedDocument(
        document_id=item["id"],
        passages=row["passages"],
        project_path=item["project_path"],
        metadata=load_stored(item["metadata"], "metadata of a document"),
        created_at=from_milliseconds(item["created_ms"]),
        updated_at=from_milliseconds(item["updated_ms"]),
    )


def _build_decision(item: Row) -> Decision:
    return Decision.model_construct(
        id=item["id"],
        conversation_id=item["conversation_id"],
        decision_type=item["decision_type"],
        context=item["context"],
        outcome=item["outcome"],
        confidence=item["stated_confidence"],
        created_at=from_milliseconds(item["created_ms"]),
        status=item["status"] or "accepted",
    )


def _build_entity(item: Row, mention_count: int) -> ListedEntity:
    fields: dict[str, Any] = {
        "id": item["id"],
        "type": item["type"] or "concept",
        "name": item["name"] or item["id"],
        "description": item["description"] or "",
        "confidence": 1.0 if item["confidence"] is None else item["confidence"],
        "metadata": load_stored(item["metadata"], "metadata of an entity"),
        "conversation_id": None,
        "message_id": None,
        "created_at": from_milliseconds(item["created_ms"]),
        "aliases": list(item["aliases"] or ()),
    }
    return ListedEntity.model_construct(**fields, mention_count=mention_count)
