"""Build statements that delete what was stored; nothing is run here."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.vector_spaces import VectorState


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The ids of texts that are deleted together.

    Attributes:
        messages: Ids of messages.
        passages: Ids of passages of documents.
        decisions: Ids of decisions.
        conversations: Ids of conversations whose messages are deleted too, or were before.
        text_prefix: Begins the ids of texts that were extracted for the conversation and not
            stored; None where there are none.
    """

    messages: Sequence[str] = ()
    passages: Sequence[str] = ()
    decisions: Sequence[str] = ()
    conversations: Sequence[str] = ()
    text_prefix: str | None = None


def delete_texts(namespace: str, texts: Texts, *, preview: bool, now: int) -> Statement[Row]:
    """Delete texts and what only they support; the end of its transaction."""
    batch = {"namespace": namespace, "now": now, "preview": preview, **asdict(texts)}
    return Statement(name="delete/texts", parameters={"batch": batch}, read=as_is, writes=True)


def unlink_message(namespace: str, message_id: str, *, now: int) -> Statement[Row]:
    """Take a message out of the order of its conversation, which is locked."""
    batch = {"namespace": namespace, "id": message_id, "now": now}
    return Statement(
        name="delete/unlink_message", parameters={"batch": batch}, read=as_is, writes=True
    )


def read_evidence(namespace: str, message_ids: Sequence[str]) -> Statement[Row]:
    """Lock and read the decisions that messages are evidence of."""
    batch = {"namespace": namespace, "ids": list(message_ids)}
    return Statement(name="delete/evidence", parameters={"batch": batch}, read=as_is, writes=True)


def save_decision_texts(
    namespace: str, rows: Sequence[Row], vector_state: VectorState, *, now: int
) -> Statement[Row]:
    """Replace the text of decisions; `touch` with the same vector state must follow."""
    batch = {
        "namespace": namespace,
        "now": now,
        "rows": list(rows),
        "expected_state": vector_state.guard_parameters(),
    }
    return Statement(
        name="delete/decision_texts", parameters={"batch": batch}, read=as_is, writes=True
    )


def save_snapshots(namespace: str, snapshots: Mapping[str, str]) -> Statement[Row]:
    """Replace the snapshots of merges."""
    rows = [{"id": merge_id, "snapshot": text} for merge_id, text in sorted(snapshots.items())]
    batch: dict[str, Any] = {"namespace": namespace, "rows": rows}
    return Statement(name="delete/snapshots", parameters={"batch": batch}, read=as_is, writes=True)
