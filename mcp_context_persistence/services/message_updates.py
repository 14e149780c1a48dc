"""Update one stored message."""

from collections.abc import Mapping
from typing import Any

from mcp_context_persistence.kg import models as checked_models
from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.kg.models import Conversation
from mcp_context_persistence.kg.writes import conversations as conversation_statements
from mcp_context_persistence.queries.listing import read_message
from mcp_context_persistence.responses.listing import UpdateMessageResponse
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.conversations import ConversationSave, build_messages

_MESSAGE = "messages.0: "
_FIELD = "messages.0."
_MISSING = "message_id: there is no such message"


def update_message(
    engine: Engine, message_id: object, changes: Mapping[str, object]
) -> UpdateMessageResponse:
    """Change some fields of a message; a new text is analyzed."""
    checked_id = validation.check_identifier("message_id", message_id)
    checked = _check_changes({key: value for key, value in changes.items() if value is not None})

    def attempt() -> UpdateMessageResponse:
        engine.state.redirects()  # read here, so that the transaction does not hold their lock
        return engine.types.transact(
            lambda run: _update(engine, run, checked_id, checked), name="update_message"
        )

    return engine.embeddings.retry_when_stale(attempt)


def _check_changes(changes: Mapping[str, object]) -> dict[str, Any]:
    """Return the checked values of the fields that change."""
    checked: dict[str, Any] = {}
    for name, value in changes.items():
        fields = {"role": "user", "content": "text", name: value}
        try:
            message = checked_models.conversation("update", [fields]).messages[0]
        except ValidationError as error:
            text = str(error).replace(_FIELD, "").replace(_MESSAGE, f"{name}: ")
            raise ValidationError(text) from error.__cause__
        checked[name] = getattr(message, name)
        if name == "content":
            checked["parts"] = message.parts  # they have the text, too
    return checked


def _update(
    engine: Engine, run: Run, message_id: str, changes: Mapping[str, Any]
) -> UpdateMessageResponse:
    """Write the changed message inside a transaction that locks its conversation."""
    row = _read_locked(engine, run, message_id)
    message = build_messages([row["message"]])[0].model_copy(update=dict(changes))
    # Without a new time, the stored one stays, as that of a message without a time.
    saved = message.model_copy(update={"timestamp": changes.get("timestamp")})
    save = ConversationSave(
        engine,
        Conversation.model_construct(
            conversation_id=row["conversation_id"],
            messages=[saved],
            project_path=None,
            mode=row["mode"],
            metadata=None,
            created_at=None,
        ),
        mode=row["mode"] or engine.config.default_mode,
    )
    result = save.try_locked(run)
    if result is None:
        raise NotFoundError(_MISSING)
    difference, analysis = result
    return UpdateMessageResponse.model_construct(
        message_id=message_id,
        conversation_id=row["conversation_id"],
        message=message,
        changed=not difference.is_unchanged,
        embeddings_generated=analysis.embedded_count,
        entities_found=len(analysis.findings.entities),
        relationships_found=len(analysis.findings.relations),
    )


def _read_locked(engine: Engine, run: Run, message_id: str) -> Row:
    """Read a message when nobody else can change its conversation."""
    statement = read_message(engine.namespace, message_id)
    rows = run(statement)
    if rows:
        run(conversation_statements.lock(engine.namespace, rows[0]["conversation_id"]))
        rows = run(statement)
    if not rows:
        raise NotFoundError(_MISSING)
    row: Row = rows[0]
    return row
