"""Build statements that save and retire instructions; nothing is run here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is, complete
from mcp_context_persistence.kg.filter_tokens import build_token, build_tokens
from mcp_context_persistence.kg.identifiers import (
    build_instruction_id,
    build_saved_instruction_id,
    digest,
)
from mcp_context_persistence.kg.text.terms import text_properties
from mcp_context_persistence.kg.vector_spaces import WriteGuard

_ADDRESS_CHARACTERS = 200  # a longer address is its digest
_FIRST_MS = 2**62  # is added to times, so that none is negative
_INHERITED = ("conversation_id", "project", "own_facets", "own_project", "timestamp_ms")


@dataclass(frozen=True, kw_only=True)
class StatedInstruction:
    """An instruction, a preference or a fact about the user, in their own words.

    Attributes:
        text: The words.
        kind: `instruction`, `preference` or `fact`.
        topic: What must come up for it to apply; empty if it applies always.
        subject: Whom it is about.
        attribute: What it says of the subject.
        rule: The name of the rule that found it.
        start: Its first character in the message; None without a message.
        end: One past its last character.
    """

    text: str
    kind: str
    topic: str
    subject: str
    attribute: str
    rule: str
    start: int | None = None
    end: int | None = None


def build_row(
    namespace: str, message: Mapping[str, Any], instruction: StatedInstruction, vector: Any
) -> dict[str, Any]:
    """Return the row of an instruction in a message, for `conversation/save`.

    Args:
        namespace: Name of the namespace.
        message: The properties of the message. The instruction has its filter tokens.
        instruction: The instruction.
        vector: `(dim,) float32`.
    """
    own_tokens = {
        build_token("kind", "message"): build_token("kind", "instruction"),
        build_token("role", message["role"]): None,
    }
    tokens = [own_tokens.get(token, token) for token in message["facets"]]
    return {
        "id": build_instruction_id(message["id"], instruction.text),
        "message_id": message["id"],
        "vector": vector,
        "properties": {
            **_build_properties(instruction),
            **{name: message[name] for name in _INHERITED},
            "message_id": message["id"],
            "order_key": _build_order_key(
                message["timestamp_ms"], message["position"], instruction.start or 0
            ),
        },
        "searched": {
            **text_properties(instruction.text),
            "kind": "instruction",
            "facets": [token for token in tokens if token],
        },
    }


def save(
    namespace: str,
    instruction: StatedInstruction,
    *,
    scope: str,
    vector: Any,
    guard: WriteGuard,
    stated_ms: int | None = None,
) -> tuple[str, Statement[Row]]:
    """Return the id of an instruction without a message, and the statement that writes it.

    Args:
        namespace: Name of the namespace.
        instruction: The instruction.
        scope: Its scope.
        vector: `(dim,) float32`.
        guard: What the write takes for granted.
        stated_ms: When it was stated; None for the present time of the server.
    """
    instruction_id = build_saved_instruction_id(instruction.kind, scope, instruction.text)
    batch = {
        "namespace": namespace,
        "id": instruction_id,
        "stated_ms": stated_ms,
        "vector": vector,
        "expected_state": guard.parameters(),
        "properties": {
            **_build_properties(instruction),
            **text_properties(instruction.text),
            "kind": "instruction",
            "facets": build_tokens(namespace, kind="instruction"),
            "conversation_id": "",
            "project": "",
            "order_key": _build_order_key(0, 0, 0),
        },
    }
    return instruction_id, Statement(
        name="instruction/save", parameters={"batch": batch}, read=as_is, writes=True
    )


def retire(namespace: str, instruction_id: str, *, now: int) -> Statement[Row]:
    """Retire an instruction; no row if it does not exist."""
    batch = {"namespace": namespace, "id": instruction_id, "now": now}
    return Statement(
        name="instruction/retire", parameters={"batch": batch}, read=as_is, writes=True
    )


def list_page(
    namespace: str,
    *,
    statuses: Sequence[str] | None,
    limit: int,
    ids: Sequence[str] | None = None,
    after: tuple[str, str] | None = None,
) -> Statement[Row]:
    """List a page of instructions, latest first; rows have `item` and `key`."""
    batch = {
        "namespace": namespace,
        "statuses": None if statuses is None else list(statuses),
        "ids": None if ids is None else list(ids),
        "after_key": after[0] if after else None,
        "after_id": after[1] if after else None,
        "limit": limit,
    }
    return Statement(name="instruction/list", parameters={"batch": batch}, read=complete("item"))


def _build_properties(instruction: StatedInstruction) -> dict[str, Any]:
    address = f"{instruction.subject}: {instruction.attribute}"
    return {
        "content": instruction.text,
        "instruction_kind": instruction.kind,
        "scope": instruction.topic or "always",
        "subject": instruction.subject,
        "attribute": instruction.attribute,
        "address": address if len(address) <= _ADDRESS_CHARACTERS else digest(address),
        "rule": instruction.rule,
        "start": instruction.start,
        "end": instruction.end,
        "role": "",
        "confidence": 1.0,
    }


def _build_order_key(timestamp_ms: int, position: float, start: int) -> str:
    """Return a text whose order is that in which instructions were stated."""
    return f"{timestamp_ms + _FIRST_MS:020d}:{float(position):020.6f}:{start:08d}"
