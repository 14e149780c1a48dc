"""Searches, prompt contexts and embeddings."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import LimitError
from mcp_context_persistence.methods.search import TOKEN_BUDGET
from mcp_context_persistence.queries.prompt_context.builder import DIVERSITY, MIN_RELEVANCE
from mcp_context_persistence.queries.prompt_context.instructions import SHARE
from mcp_context_persistence.queries.search import recipes
from mcp_context_persistence.rest.fields import Exclusions, Filters, Share
from mcp_context_persistence.rest.lists import Embeddings
from mcp_context_persistence.rest.operations import (
    PREFIX,
    Body,
    CurrentSession,
    StrictRoute,
    operation,
)

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["search"])

QueryText = Annotated[str, Field(min_length=1, max_length=limits.QUERY_CHARACTERS)]
Limit = Annotated[int, Field(ge=1, le=limits.SEARCH_LIMIT)]
Recipe = str | dict[str, Any]
QUESTION = "how do we check orders?"


class SearchHybrid(Body):
    """A search."""

    query: QueryText = Field(..., examples=[QUESTION])
    mode: Literal["hybrid", "semantic", "keyword", "graph"] = "hybrid"
    filters: Filters = Field(default_factory=dict, examples=[{"project": "orders"}])
    limit: Limit = 10
    include_metadata: bool = False
    recipe: Recipe = recipes.DEFAULT
    explain: bool = False
    exclude_conversation_id: Exclusions | None = None
    exclude_ids: Exclusions | None = None


class SearchConversations(Body):
    """A search for conversations."""

    query: QueryText = Field(..., examples=[QUESTION])
    limit: Limit = 5
    min_score: Share = 0.7
    filters: Filters = Field(default_factory=dict)
    include_metadata: bool = False
    exclude_conversation_id: Exclusions | None = None
    exclude_ids: Exclusions | None = None


class BuildContext(Body):
    """A topic, and how long its text may be."""

    query: QueryText = Field(..., examples=[QUESTION])
    token_budget: Annotated[int, Field(ge=1, le=limits.TOKEN_BUDGET)] = Field(
        TOKEN_BUDGET, examples=[1500]
    )
    filters: Filters = Field(default_factory=dict)
    recipe: Recipe = recipes.DEFAULT
    diversity: Share = DIVERSITY
    instruction_share: Share = SHARE
    min_relevance: Share = MIN_RELEVANCE
    order: Literal["conversation", "time"] = "conversation"
    exclude_conversation_id: Exclusions | None = None
    exclude_ids: Exclusions | None = None


class GenerateEmbeddings(Body):
    """Texts."""

    texts: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=limits.EMBEDDED_CHARACTERS)]],
        Field(max_length=limits.ENCODER_BATCH),
    ] = Field(..., examples=[["a text"]])


@router.post(
    "/search", **operation("search_hybrid", scope="read", response=models.SearchHybridResponse)
)
def search_hybrid(session: CurrentSession, body: SearchHybrid) -> Response:
    return session.answer(lambda client: client.search_hybrid(**body.arguments()))


@router.post(
    "/search/conversations",
    **operation(
        "search_similar_conversations",
        scope="read",
        response=models.SearchSimilarConversationsResponse,
    ),
)
def search_similar_conversations(session: CurrentSession, body: SearchConversations) -> Response:
    return session.answer(lambda client: client.search_similar_conversations(**body.arguments()))


@router.post(
    "/context", **operation("build_context", scope="read", response=models.BuildContextResponse)
)
def build_context(session: CurrentSession, body: BuildContext) -> Response:
    return session.answer(lambda client: client.build_context(**body.arguments()))


@router.post("/embeddings", **operation("generate_embeddings", scope="read", response=Embeddings))
def generate_embeddings(session: CurrentSession, body: GenerateEmbeddings) -> Response:
    if sum(map(len, body.texts)) > limits.EMBEDDED_CHARACTERS:  # no deadline ends the model's work
        raise LimitError(
            f"texts has more than {limits.EMBEDDED_CHARACTERS:,} characters: send several requests"
        )
    return session.answer(
        lambda client: Embeddings(embeddings=client.generate_embeddings(body.texts).tolist())
    )


@router.get(
    "/embeddings/status",
    **operation("get_embedding_status", scope="read", response=models.EmbeddingStatus),
)
def get_embedding_status(session: CurrentSession) -> Response:
    return session.answer(lambda client: client.get_embedding_status())
