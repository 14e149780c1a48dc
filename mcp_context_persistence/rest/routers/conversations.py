"""Conversations and their messages."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.fields import (
    READ_INTEGER,
    Cursor,
    Flag,
    Identifier,
    ItemId,
    MessageBody,
    Metadata,
    Mode,
)
from mcp_context_persistence.rest.idempotency import append_once, make_lock_path, read_key
from mcp_context_persistence.rest.operations import (
    PREFIX,
    READ_HEADERS,
    WRITE_HEADERS,
    Body,
    CurrentSession,
    QueryArguments,
    StrictRoute,
    operation,
)
from mcp_context_persistence.rest.pages import DeleteArguments, ListArguments

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["conversations"])

MESSAGES = [
    {"id": "m-1", "role": "user", "content": "Which tool should validate our order data?"},
    {
        "id": "m-2",
        "role": "assistant",
        "content": "The OrderValidator class uses pydantic, and pandas for the bulk checks.",
    },
]


class AppendMessages(Body):
    """Messages for the end of a conversation."""

    messages: Annotated[
        list[MessageBody], Field(min_length=1, max_length=limits.MESSAGES_PER_CONVERSATION)
    ] = Field(..., examples=[[{"id": "m-3", "role": "user", "content": "The parser is done."}]])
    project_path: Identifier | None = None
    mode: Mode | None = None
    metadata: Metadata | None = None


class SaveConversation(Body):
    """A whole conversation."""

    messages: Annotated[
        list[MessageBody], Field(min_length=1, max_length=limits.MESSAGES_PER_CONVERSATION)
    ] = Field(..., examples=[MESSAGES])
    project_path: Identifier | None = None
    mode: Mode | None = None
    metadata: Metadata | None = Field(None, examples=[{"project": "orders"}])
    replace: bool = Field(False, description="Remove stored messages that are not in the list")


class HistoryArguments(QueryArguments):
    """A page of a conversation."""

    limit: Annotated[int, Field(ge=1, le=limits.APPENDED_MESSAGES), READ_INTEGER] | None = None
    before: Annotated[str, Field(max_length=64)] | None = None
    after: Annotated[str, Field(max_length=64)] | None = None
    cursor: Cursor | None = None
    leaf_id: Identifier | None = None
    all_branches: Flag = False


class UpdateMessage(Body):
    """What changes of a message."""

    content: str | None = Field(None, examples=["The parser is done, and tested."])
    role: str | None = None
    name: Identifier | None = None
    timestamp: str | None = None
    metadata: Metadata | None = None


@router.get(
    "/conversations",
    **operation("list_conversations", scope="read", response=models.ListConversationsResponse),
)
def list_conversations(
    session: CurrentSession, query: Annotated[ListArguments, Query()]
) -> Response:
    arguments = session.read_cursor(query.arguments(), "list_conversations")
    return session.answer(
        lambda client: client.list_conversations(**arguments), operation="list_conversations"
    )


@router.put(
    "/conversations/{conversation_id}",
    **operation(
        "save_conversation",
        scope="write",
        response=models.SaveConversationResponse,
        headers=WRITE_HEADERS,
    ),
)
def save_conversation(
    session: CurrentSession, conversation_id: ItemId, body: SaveConversation
) -> Response:
    return session.answer(
        lambda client: client.save_conversation(conversation_id, **body.arguments()),
        stored=lambda client: client.load_conversation_history(conversation_id, limit=1),
    )


@router.get(
    "/conversations/{conversation_id}",
    **operation(
        "load_conversation_history",
        scope="read",
        response=models.LoadConversationHistoryResponse,
        headers=READ_HEADERS,
    ),
)
def load_conversation_history(
    session: CurrentSession, conversation_id: ItemId, query: Annotated[HistoryArguments, Query()]
) -> Response:
    arguments: dict[str, Any] = session.read_cursor(query.arguments(), "load_conversation_history")
    return session.answer(
        lambda client: client.load_conversation_history(conversation_id, **arguments),
        has_tag=True,
        operation="load_conversation_history",
    )


@router.delete(
    "/conversations/{conversation_id}",
    **operation(
        "delete_conversation",
        scope="forget",
        response=models.DeleteConversationResponse,
        headers=WRITE_HEADERS,
    ),
)
def delete_conversation(
    session: CurrentSession, conversation_id: ItemId, query: Annotated[DeleteArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: client.delete_conversation(conversation_id, dry_run=query.dry_run),
        stored=lambda client: client.load_conversation_history(conversation_id, limit=1),
    )


@router.post(
    "/conversations/{conversation_id}/messages",
    **operation(
        "append_messages",
        scope="write",
        response=models.AppendMessagesResponse,
        headers=(*WRITE_HEADERS, "Idempotency-Key"),
    ),
)
def append_messages(
    session: CurrentSession, conversation_id: ItemId, body: AppendMessages
) -> Response:
    key = read_key(session.request.headers)

    def call(client: ContextPersistenceClient) -> models.AppendMessagesResponse:
        if key is not None:
            with session.service.items.hold(session.caller.namespace, make_lock_path(key)):
                return append_once(client, conversation_id, body.arguments(), key)
        return client.append_messages(conversation_id, **body.arguments())

    return session.answer(
        call,
        stored=lambda client: client.load_conversation_history(conversation_id, limit=1),
    )


@router.get(
    "/messages/{message_id}",
    **operation(
        "get_message", scope="read", response=models.GetMessageResponse, headers=READ_HEADERS
    ),
)
def get_message(session: CurrentSession, message_id: ItemId) -> Response:
    return session.answer(lambda client: client.get_message(message_id), has_tag=True)


@router.patch(
    "/messages/{message_id}",
    **operation(
        "update_message",
        scope="write",
        response=models.UpdateMessageResponse,
        headers=WRITE_HEADERS,
    ),
)
def update_message(session: CurrentSession, message_id: ItemId, body: UpdateMessage) -> Response:
    return session.answer(
        lambda client: client.update_message(message_id, **body.arguments()),
        stored=lambda client: client.get_message(message_id),
    )


@router.delete(
    "/messages/{message_id}",
    **operation(
        "delete_message",
        scope="forget",
        response=models.DeleteMessageResponse,
        headers=WRITE_HEADERS,
    ),
)
def delete_message(
    session: CurrentSession, message_id: ItemId, query: Annotated[DeleteArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: client.delete_message(message_id, dry_run=query.dry_run),
        stored=lambda client: client.get_message(message_id),
    )
