"""Documents."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.fields import Identifier, ItemId, Metadata
from mcp_context_persistence.rest.operations import (
    PREFIX,
    READ_HEADERS,
    WRITE_HEADERS,
    Body,
    CurrentSession,
    StrictRoute,
    operation,
)
from mcp_context_persistence.rest.pages import DeleteArguments, ListArguments

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["documents"])


class SaveDocument(Body):
    """A document."""

    text: Annotated[str, Field(min_length=1, max_length=limits.DOCUMENT_CHARACTERS)] = Field(
        ..., examples=["When the OrderValidator class fails, restart PostgreSQL first."]
    )
    metadata: Metadata | None = Field(None, examples=[{"project": "orders"}])
    project_path: Identifier | None = None


@router.get(
    "/documents",
    **operation("list_documents", scope="read", response=models.ListDocumentsResponse),
)
def list_documents(session: CurrentSession, query: Annotated[ListArguments, Query()]) -> Response:
    arguments = session.read_cursor(query.arguments(), "list_documents")
    return session.answer(
        lambda client: client.list_documents(**arguments), operation="list_documents"
    )


@router.put(
    "/documents/{document_id}",
    **operation(
        "save_document", scope="write", response=models.SaveDocumentResponse, headers=WRITE_HEADERS
    ),
)
def save_document(session: CurrentSession, document_id: ItemId, body: SaveDocument) -> Response:
    return session.answer(
        lambda client: client.save_document(document_id, **body.arguments()),
        stored=lambda client: client.get_document(document_id),
    )


@router.get(
    "/documents/{document_id}",
    **operation(
        "get_document", scope="read", response=models.GetDocumentResponse, headers=READ_HEADERS
    ),
)
def get_document(session: CurrentSession, document_id: ItemId) -> Response:
    return session.answer(lambda client: client.get_document(document_id), has_tag=True)


@router.delete(
    "/documents/{document_id}",
    **operation(
        "delete_document",
        scope="forget",
        response=models.DeleteDocumentResponse,
        headers=WRITE_HEADERS,
    ),
)
def delete_document(
    session: CurrentSession, document_id: ItemId, query: Annotated[DeleteArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: client.delete_document(document_id, dry_run=query.dry_run),
        stored=lambda client: client.get_document(document_id),
    )
