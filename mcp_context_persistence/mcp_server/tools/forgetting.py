"""The tool that deletes: `forget`."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.mcp_server import bounds
from mcp_context_persistence.mcp_server.citations import KINDS, read_citation
from mcp_context_persistence.mcp_server.tool import (
    DELETES,
    Answer,
    Arguments,
    Call,
    ToolSpec,
    optional,
)

if TYPE_CHECKING:
    from mcp_context_persistence.client import ContextPersistenceClient

CONFIRM_SECONDS = 600
TITLE_CHARACTERS = 120
TIME_BYTES = 5
SIGNATURE_BYTES = 16


class ForgetArguments(Arguments):
    """Arguments of `forget`."""

    id: str = Field(description="As in other answers")
    confirm: str = optional("From the first call")


class ForgetAnswer(BaseModel):
    """The data of `forget`."""

    id: str
    kind: str
    existed: bool
    deleted: bool
    title: str | None
    counts: dict[str, int]
    confirm: str | None
    truncated: bool = False


def forget(call: Call, arguments: ForgetArguments) -> Answer:
    """Preview a deletion, or do it if its token is given."""
    citation = read_citation(arguments.id)
    if citation is None:
        prefixes = ", ".join(f"{prefix}:" for prefix in KINDS)
        raise ValidationError(f"id: must be an id from an answer; it begins with {prefixes}")
    kind, item_id = citation
    existed, counts, title = _preview(call.client, kind, item_id)
    confirm, deleted = None, False
    if existed and arguments.confirm is None:
        confirm = _sign(call, (kind, item_id, counts), int(time.time()) + CONFIRM_SECONDS)
    elif existed:
        _check_confirm(call, (kind, item_id, counts), str(arguments.confirm))
        existed, counts = _delete(call.client, kind, item_id, dry_run=False)
        deleted = existed
    data = ForgetAnswer(
        id=arguments.id,
        kind=kind,
        existed=existed,
        deleted=deleted,
        title=title,
        counts=counts,
        confirm=confirm,
    ).model_dump()
    return Answer(text=_format(data), data=data)


def _preview(
    client: "ContextPersistenceClient", kind: str, item_id: str
) -> tuple[bool, dict[str, int], str | None]:
    """Return whether an item exists, what would be deleted with it, and its title."""
    if kind == "instruction":
        instruction = _find_instruction(client, item_id)
        text = None if instruction is None else instruction.text
        return instruction is not None, {"instructions": int(instruction is not None)}, text
    existed, counts = _delete(client, kind, item_id, dry_run=True)
    title = _read_title(client, kind, item_id) if existed else None
    return existed, counts, title and bounds.shorten(" ".join(title.split()), TITLE_CHARACTERS)


def _find_instruction(client: "ContextPersistenceClient", instruction_id: str) -> Any:
    """Return an active or superseded instruction; None if there is none or it was retired."""
    cursor = None
    while True:
        page = client.list_instructions(status=["active", "superseded"], limit=1000, cursor=cursor)
        for instruction in page.instructions:
            if instruction.id == instruction_id:
                return instruction
        if (cursor := page.next_cursor) is None:
            return None


def _delete(
    client: "ContextPersistenceClient", kind: str, item_id: str, *, dry_run: bool
) -> tuple[bool, dict[str, int]]:
    """Delete an item, or count what would be deleted."""
    if kind == "instruction":
        changed = client.retire_instruction(item_id).changed
        return changed, {"instructions": int(changed)}
    calls: dict[str, Callable[..., Any]] = {
        "message": client.delete_message,
        "decision": client.delete_decision,
        "document": client.delete_document,
        "entity": client.delete_entity,
        "conversation": client.delete_conversation,
    }
    response = calls[kind](item_id, dry_run=dry_run)
    counts = response.deleted.model_dump()
    return response.existed, {name: count for name, count in counts.items() if count}


def _read_title(client: "ContextPersistenceClient", kind: str, item_id: str) -> str | None:
    """Return what a person recognizes an item by."""
    try:
        if kind == "message":
            return client.get_message(item_id).message.content
        if kind == "decision":
            return client.get_decision(item_id).decision.outcome
        if kind == "entity":
            return client.get_entity(item_id).entity.name
        if kind == "document":
            document = client.get_document(item_id)
            return str((document.metadata or {}).get("title") or document.text)
        page = client.list_conversations({"conversation_id": item_id}, limit=1).conversations
        return str((page[0].metadata or {}).get("title") or item_id) if page else None
    except NotFoundError:
        return None


def _sign(call: Call, preview: tuple[str, str, dict[str, int]], expires: int) -> str:
    """Return a token for a preview that is valid until a time."""
    subject = json.dumps([call.client.namespace, *preview, expires], sort_keys=True)
    signature = hmac.digest(call.server.secret, subject.encode(), hashlib.sha256)[:SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(expires.to_bytes(TIME_BYTES, "big") + signature).decode()


def _check_confirm(call: Call, preview: tuple[str, str, dict[str, int]], confirm: str) -> None:
    try:
        expires = int.from_bytes(base64.urlsafe_b64decode(confirm)[:TIME_BYTES], "big")
    except ValueError:
        expires = 0
    is_valid = hmac.compare_digest(
        _sign(call, preview, expires).encode(), confirm.encode("utf-8", "replace")
    )
    if not is_valid or expires < time.time():
        raise ValidationError(
            "confirm: is not valid, or is too old, or what would be deleted has changed; call "
            "without it to get another one"
        )


def _format(data: dict[str, Any]) -> str:
    if not data["existed"]:
        return "There is nothing with this id; nothing was deleted."
    counts = ", ".join(f"{name} {count}" for name, count in data["counts"].items())
    title = f" ({data['title']})" if data["title"] else ""
    verb = "retired" if data["kind"] == "instruction" else "deleted"
    if data["deleted"]:
        return f"The {data['kind']}{title} was {verb}: {counts}."
    return (
        f"The {data['kind']}{title} would be {verb}: {counts}. Ask the user; then call forget "
        f"again within 10 minutes with confirm {data['confirm']}"
    )


FORGET = ToolSpec(
    name="forget",
    description=(
        "Use only when the user asks to delete something. The first call, with an id from another "
        "answer, deletes nothing: it returns what would go and a token. Show that to the user; if "
        'they agree, call again with confirm. Example: {"id": "m:standup-1"}'
    ),
    arguments=ForgetArguments,
    answer=ForgetAnswer,
    run=forget,
    hints=DELETES,
    fields={
        f"{name}_id": "id"
        for name in ("message", "decision", "document", "entity", "conversation", "instruction")
    },
)
