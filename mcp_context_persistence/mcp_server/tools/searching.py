"""Tools that search: `recall` and `context`."""

from collections.abc import Collection
from typing import Any, Literal

from pydantic import BaseModel, Field

from mcp_context_persistence.kg import limits
from mcp_context_persistence.mcp_server import bounds
from mcp_context_persistence.mcp_server.citations import cite
from mcp_context_persistence.mcp_server.tool import (
    READS,
    REMINDER,
    Answer,
    Arguments,
    Call,
    ToolSpec,
    optional,
)

RESULT_CHARACTERS = 600
CONTEXT_TOKENS = 20_000
TIME = "Date or time, ISO 8601"
KINDS = ("message", "decision", "document", "entity", "instruction")
# Filters of the client, and the arguments that make them.
FIELDS = {
    r"filters\.date_range\.start": "since",
    r"filters\.date_range\.end": "until",
    r"filters\.date_range": "since",
    r"filters\.project": "project",
}


class RecallArguments(Arguments):
    """Arguments of `recall`."""

    query: str
    limit: int = Field(8, ge=1, le=50)
    project: str = optional()
    since: str = optional(TIME)
    until: str = optional(TIME)
    kinds: list[Literal["message", "decision", "document", "entity", "instruction"]] = optional(
        min_length=1
    )
    mode: Literal["hybrid", "semantic", "keyword", "graph"] = "hybrid"


class RecallResult(BaseModel):
    """One result of `recall`."""

    id: str
    kind: str
    text: str
    score: float
    time: str | None
    conversation_id: str | None
    project: str | None
    why: str


class RecallAnswer(BaseModel):
    """The data of `recall`."""

    results: list[RecallResult]
    best_score: float | None
    confidence: float | None
    truncated: bool
    notes: list[str]


class ContextArguments(Arguments):
    """Arguments of `context`."""

    topic: str
    token_budget: int = Field(1500, ge=100, le=CONTEXT_TOKENS)
    project: str = optional()
    since: str = optional(TIME)
    until: str = optional(TIME)


class ContextAnswer(BaseModel):
    """The data of `context`."""

    text: str
    tokens: int
    citations: list[str]
    truncated: bool
    notes: list[str]


def recall(call: Call, arguments: RecallArguments) -> Answer:
    """Search what is stored."""
    response = call.client.search_hybrid(
        arguments.query,
        arguments.mode,
        _read_filters(arguments, kinds=arguments.kinds or KINDS),
        arguments.limit,
        include_metadata=True,
    )
    results = [_describe_result(result) for result in response.results]
    answer = RecallAnswer(
        results=results,
        best_score=response.best_score,
        confidence=response.confidence,
        truncated=False,
        notes=list(response.notes),
    )
    data = answer.model_dump(mode="json")
    bounds.fit(data)
    lines = [_format_result(result) for result in data["results"]]
    return Answer(text="\n".join([REMINDER, *lines, *_format_notes(data)]), data=data)


def build_context(call: Call, arguments: ContextArguments) -> Answer:
    """Build a text with citations about a topic, short enough for an answer."""
    budget = arguments.token_budget
    notes: list[str] = []
    while True:
        response = call.client.build_context(
            arguments.topic, budget, filters=_read_filters(arguments)
        )
        data = ContextAnswer(
            text=response.text,
            tokens=response.tokens,
            citations=[citation.key for citation in response.citations],
            truncated=bool(notes),
            notes=[*notes, *response.notes],
        ).model_dump(mode="json")
        size = len(bounds.dump(data))
        if size <= limits.MCP_ANSWER_CHARACTERS or budget <= 100:
            break
        budget = max(100, int(response.tokens * 0.9 * limits.MCP_ANSWER_CHARACTERS / size))
        notes = [f"an answer has room for about {budget} tokens; ask for less at a time"]
    bounds.fit(data)
    return Answer(text="\n".join([REMINDER, data["text"], *_format_notes(data)]), data=data)


def _read_filters(arguments: Any, kinds: Collection[str] | None = None) -> dict[str, Any]:
    """Return the filters of a search for the arguments that were given."""
    filters: dict[str, Any] = {}
    if arguments.project is not None:
        filters["project"] = arguments.project
    if dates := {
        key: value
        for key, value in (("start", arguments.since), ("end", arguments.until))
        if value is not None
    }:
        filters["date_range"] = dates
    if kinds is not None:
        filters["content_types"] = list(kinds)
    return filters


def _describe_result(result: Any) -> RecallResult:
    return RecallResult(
        id=cite(result.type, result.id),
        kind=result.type,
        text=bounds.shorten(result.content, RESULT_CHARACTERS),
        score=round(result.similarity_score, 4),
        time=result.timestamp.isoformat() if result.timestamp else None,
        conversation_id=result.conversation_id,
        project=result.project,
        why=_explain(result.explanation),
    )


def _explain(explanation: dict[str, Any]) -> str:
    """Say in a few words which retrievers found a result, and through which entities."""
    reasons = [
        f"{words} rank {explanation[name]['rank']}"
        for name, words in (("vector", "meaning"), ("keyword", "words"), ("graph", "graph"))
        if isinstance(explanation.get(name), dict) and "rank" in explanation[name]
    ]
    for name in ("entities", "graph"):
        through = explanation.get(name, {}).get("through") if name in explanation else None
        if through:
            names = through if isinstance(through, list) else [through]
            reasons.append("entity " + ", ".join(str(entity) for entity in names[:3]))
            break
    return "; ".join(reasons) or "near other results"


def _format_result(result: dict[str, Any]) -> str:
    details = [result["kind"], (result["time"] or "")[:16], result["project"] or ""]
    text = " ".join(result["text"].split())
    return f"[{result['id']}] {' · '.join(filter(None, details))}: {text}"


def _format_notes(data: dict[str, Any]) -> list[str]:
    lines = [f"Note: {note}" for note in data["notes"]]
    if "results" in data and not data["results"] and not lines:
        lines.append("Nothing was found.")
    if data["truncated"]:
        lines.append("Note: the answer was cut; ask for less at a time.")
    return lines


RECALL = ToolSpec(
    name="recall",
    description=(
        "Use when the user refers to something earlier, or before answering about past talks, "
        "decisions, people or preferences. Returns single items with ids; for a text to read, "
        'use context. Example: {"query": "why did we choose Postgres?", "project": "shop"}'
    ),
    arguments=RecallArguments,
    answer=RecallAnswer,
    run=recall,
    hints=READS,
    fields=FIELDS,
)
CONTEXT = ToolSpec(
    name="context",
    description=(
        "Use when starting or resuming work on a topic. Returns one text with citations: first "
        "the user's instructions and preferences that apply, then what is stored about the topic. "
        'For single facts, use recall. Example: {"topic": "billing service"}'
    ),
    arguments=ContextArguments,
    answer=ContextAnswer,
    run=build_context,
    hints=READS,
    fields={"query": "topic", **FIELDS},
)
