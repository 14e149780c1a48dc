"""Many conversations in one request: lines of JSON in, and an answer for each line out."""

import json
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError
from mcp_context_persistence.kg.models import Conversation, conversation
from mcp_context_persistence.models import SaveConversationResponse
from mcp_context_persistence.rest.operations import (
    LINES_TYPE,
    PREFIX,
    PROBLEM_RESPONSES,
    SCOPE_KEY,
    CurrentSession,
    LinesRoute,
    Session,
)
from mcp_context_persistence.rest.problems import (
    ProblemError,
    describe_unknown_field,
    from_client_error,
)
from mcp_context_persistence.rest.strict_json import load_json

CHUNK_LINES = 50  # that are saved together, and answered together
KEYS = ("conversation_id", "messages", "project_path", "mode", "metadata", "created_at")

router = APIRouter(prefix=PREFIX, route_class=LinesRoute, tags=["conversations"])


class LineAnswer(BaseModel):
    """The answer to a line; it has a result or a problem."""

    line: int = Field(..., description="Number of the line, from 1; empty lines have none")
    result: SaveConversationResponse | None = None
    problem: dict[str, Any] | None = Field(None, description="As every error is answered")


@router.post(
    "/ingest",
    operation_id="batch_save_conversations",
    summary="Save many conversations.",
    description="Each line has `conversation_id`, `messages`, and if you like `project_path`, "
    "`mode`, `metadata` and `created_at`. The lines are saved one after the other; a line that is "
    "not valid, or that cannot be saved, does not stop the others. The answer has a line for each "
    "of them, in the same order.",
    response_model=None,
    responses={
        200: {
            "description": "A line for each line of the request",
            "content": {
                LINES_TYPE: {"schema": {"$ref": "#/components/schemas/LineAnswer"}},
            },
        },
        **PROBLEM_RESPONSES,
    },
    openapi_extra={
        SCOPE_KEY: "write",
        "requestBody": {
            "required": True,
            "content": {
                LINES_TYPE: {
                    "schema": {"type": "string"},
                    "example": '{"conversation_id": "standup", "messages": '
                    '[{"id": "s-1", "role": "user", "content": "The parser is done."}]}\n',
                }
            },
        },
    },
)
def batch_save_conversations(session: CurrentSession) -> Response:
    lines = _split(session.request.state.lines)
    answers = session.service.threads.iterate(_answer_all(session, lines))
    return StreamingResponse(answers, media_type=LINES_TYPE)


def _split(data: bytes) -> list[bytes]:
    lines = [line for line in data.split(b"\n") if line.strip()]
    if not lines:
        raise ProblemError("invalid", "the body has no line")
    if len(lines) > limits.INGESTED_LINES:
        raise ProblemError("too-large", f"the body has more than {limits.INGESTED_LINES:,} lines")
    return lines


def _answer_all(session: Session, lines: list[bytes]) -> Iterator[bytes]:
    for start in range(0, len(lines), CHUNK_LINES):
        yield from _answer_chunk(session, start, lines[start : start + CHUNK_LINES])


def _answer_chunk(session: Session, start: int, lines: list[bytes]) -> Iterator[bytes]:
    answers: dict[int, dict[str, Any]] = {}
    rows: list[tuple[int, Conversation]] = []
    for number, line in enumerate(lines, start=start + 1):
        try:
            rows.append((number, _read_line(line)))
        except ProblemError as problem:
            answers[number] = {"line": number, "problem": problem.as_dict()}
    for number, answer in _save(session, rows):
        answers[number] = {"line": number, **answer}
    for number in sorted(answers):
        yield json.dumps(answers[number], ensure_ascii=False).encode() + b"\n"


def _read_line(line: bytes) -> Conversation:
    row = load_json(line, name="the line")
    if not isinstance(row, dict):
        raise ProblemError("invalid", "the line must be a JSON object")
    if not row.keys() <= set(KEYS):
        raise ProblemError("invalid", f"the line {describe_unknown_field(KEYS)}")
    try:
        return conversation(row.pop("conversation_id", None), row.pop("messages", None), **row)
    except ContextPersistenceError as error:
        raise from_client_error(error) from error


def _save(
    session: Session, rows: list[tuple[int, Conversation]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and answer of each conversation."""
    if not rows:
        return
    try:
        with session.service.clients.use(session.caller.namespace) as client:
            results = client.batch_save_conversations(
                [row for _, row in rows], progress=_report_nothing
            )
    except ContextPersistenceError as error:
        problem = from_client_error(error).as_dict()
        yield from ((number, {"problem": problem}) for number, _ in rows)
        return
    for (number, _), result in zip(rows, results, strict=True):
        if result.success:
            yield number, {"result": result.model_dump(mode="json")}
        else:
            failure = result.failure or DatabaseError(result.error or "", outcome="unknown")
            yield number, {"problem": from_client_error(failure).as_dict()}


def _report_nothing(_stage: str, _done: int, _total: int) -> None:
    """Take the place of the progress bar."""
