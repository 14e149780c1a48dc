"""Decisions, and the proposals that the texts of conversations make."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.fields import Identifier, ItemId, Share
from mcp_context_persistence.rest.operations import (
    PREFIX,
    READ_HEADERS,
    WRITE_HEADERS,
    Body,
    CurrentSession,
    StrictRoute,
    operation,
)
from mcp_context_persistence.rest.pages import DecisionListArguments, DeleteArguments

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["decisions"])

DecisionText = Annotated[str, Field(min_length=1, max_length=limits.DECISION_CHARACTERS)]


class SaveDecision(Body):
    """A decision."""

    conversation_id: Identifier = Field(..., examples=["pipeline-design"])
    decision_type: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        ..., examples=["technology"]
    )
    context: DecisionText = Field(..., examples=["We compared pydantic with hand-written checks"])
    outcome: DecisionText = Field(..., examples=["Use pydantic for suspicious rows only"])
    confidence: Share | None = Field(None, examples=[0.8])
    project: Identifier | None = None


class ProposeDecisions(Body):
    """What to do with proposals."""

    save: bool = Field(True, description="Whether the proposals are stored")


class ReviewDecision(Body):
    """The verdict on a proposal."""

    accept: bool = Field(True, description="Accept it, or reject it")


@router.get(
    "/decisions",
    **operation("list_decisions", scope="read", response=models.ListDecisionsResponse),
)
def list_decisions(
    session: CurrentSession, query: Annotated[DecisionListArguments, Query()]
) -> Response:
    arguments = session.read_cursor(query.arguments(), "list_decisions")
    return session.answer(
        lambda client: client.list_decisions(**arguments), operation="list_decisions"
    )


@router.post(
    "/decisions", **operation("save_decision", scope="write", response=models.SaveDecisionResponse)
)
def save_decision(session: CurrentSession, body: SaveDecision) -> Response:
    return session.answer(lambda client: client.save_decision(**body.arguments()))


@router.get(
    "/decisions/{decision_id}",
    **operation(
        "get_decision", scope="read", response=models.GetDecisionResponse, headers=READ_HEADERS
    ),
)
def get_decision(session: CurrentSession, decision_id: ItemId) -> Response:
    return session.answer(lambda client: client.get_decision(decision_id), has_tag=True)


@router.delete(
    "/decisions/{decision_id}",
    **operation(
        "delete_decision",
        scope="forget",
        response=models.DeleteDecisionResponse,
        headers=WRITE_HEADERS,
    ),
)
def delete_decision(
    session: CurrentSession, decision_id: ItemId, query: Annotated[DeleteArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: client.delete_decision(decision_id, dry_run=query.dry_run),
        stored=lambda client: client.get_decision(decision_id),
    )


@router.post(
    "/decisions/{decision_id}/review",
    **operation(
        "review_decision",
        scope="write",
        response=models.ReviewDecisionResponse,
        headers=WRITE_HEADERS,
    ),
)
def review_decision(session: CurrentSession, decision_id: ItemId, body: ReviewDecision) -> Response:
    return session.answer(
        lambda client: client.review_decision(decision_id, **body.arguments()),
        stored=lambda client: client.get_decision(decision_id),
    )


@router.post(
    "/conversations/{conversation_id}/proposals",
    **operation("propose_decisions", scope="write", response=models.ProposeDecisionsResponse),
)
def propose_decisions(
    session: CurrentSession, conversation_id: ItemId, body: ProposeDecisions
) -> Response:
    return session.answer(
        lambda client: client.propose_decisions(conversation_id, **body.arguments())
    )
