"""The tool that says what is stored: `status`."""

from pydantic import BaseModel

from mcp_context_persistence.kg import limits
from mcp_context_persistence.mcp_server.tool import READS, Answer, Arguments, Call, ToolSpec


class StatusArguments(Arguments):
    """`status` takes no arguments."""


class StatusAnswer(BaseModel):
    """The data of `status`."""

    version: str
    namespace: str
    stored: dict[str, int]
    model: str
    model_state: str
    limits: dict[str, int]
    profile: str
    tools: list[str]


def report_status(call: Call, _arguments: StatusArguments) -> Answer:
    """Count what is stored, and describe the server."""
    from mcp_context_persistence import __version__  # noqa: PLC0415 - as the tools are listed

    stats = call.client.get_conversation_stats().stats
    models = call.client.get_embedding_status()
    answer = StatusAnswer(
        version=__version__,
        namespace=call.client.namespace,
        stored={
            name.removeprefix("total_"): count
            for name, count in stats.model_dump().items()
            if name.startswith("total_")
        },
        model=models.model,
        model_state="ready" if models.migrating_to is None else "vectors are being computed again",
        limits={
            "answer_characters": limits.MCP_ANSWER_CHARACTERS,
            "query_characters": limits.QUERY_CHARACTERS,
            "message_characters": limits.MESSAGE_CHARACTERS,
        },
        profile=call.server.profile,
        tools=list(call.server.tool_names),
    )
    counts = ", ".join(f"{count} {name}" for name, count in answer.stored.items())
    text = (
        f"Stored in the namespace {answer.namespace}: {counts}.\n"
        f"Model: {answer.model} ({answer.model_state}). Version {answer.version}, "
        f"profile {answer.profile}."
    )
    return Answer(text=text, data=answer.model_dump())


STATUS = ToolSpec(
    name="status",
    description=(
        "Use when the user asks what is stored, or when calls fail. Returns counts, the state of "
        "the models, and limits. It searches nothing; use recall. Example: {}"
    ),
    arguments=StatusArguments,
    answer=StatusAnswer,
    run=report_status,
    hints=READS,
)
