"""The namespace of the key as a whole."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.rest.fields import Identifier
from mcp_context_persistence.rest.lists import Empty
from mcp_context_persistence.rest.operations import PREFIX, CurrentSession, StrictRoute, operation
from mcp_context_persistence.rest.pages import DeleteArguments

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["namespace"])


class DeleteNamespaceArguments(DeleteArguments):
    """The name of the namespace once more."""

    confirm: Identifier


@router.delete(
    "/namespace",
    **operation("delete_namespace", scope="admin", response=models.DeleteNamespaceResponse),
)
def delete_namespace(
    session: CurrentSession, query: Annotated[DeleteNamespaceArguments, Query()]
) -> Response:
    return session.answer(lambda client: client.delete_namespace(**query.arguments()))


@router.post("/cache:clear", **operation("clear_cache", scope="admin", response=Empty))
def clear_cache(session: CurrentSession) -> Response:
    def call(client: ContextPersistenceClient) -> Empty:
        client.clear_cache()
        return Empty()

    return session.answer(call)
