"""Delete one message of a conversation."""

from functools import partial

from mcp_context_persistence.kg import timestamps, validation
from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.identifiers import digest
from mcp_context_persistence.kg.models import Message
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import deletion as statements
from mcp_context_persistence.kg.writes.deletion import Texts
from mcp_context_persistence.responses.deletion import DeleteMessageResponse
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import decisions
from mcp_context_persistence.services.decision_texts import shorten_decisions
from mcp_context_persistence.services.deletion import Removal, delete_texts, run_deletion


class _MessageDeletion:
    """The deletion of one message, with the values that its attempts share."""

    def __init__(self, engine: Engine, message_id: str, *, dry_run: bool) -> None:
        self._engine, self._message_id, self._dry_run = engine, message_id, dry_run
        self._now = now_ms()
        self.conversation_id: str | None = None
        self.lost_proposals: list[Row] = []

    def run(self) -> Removal:
        return self._engine.embeddings.retry_when_stale(
            lambda: run_deletion(
                self._engine, self._work, name="delete_message", dry_run=self._dry_run
            )
        )

    def _work(self, run: Run) -> Removal:
        namespace = self._engine.namespace
        rows = run(statements.unlink_message(namespace, self._message_id, now=self._now))
        if not rows:
            return Removal()
        self.conversation_id = rows[0]["conversation_id"]
        evidence = run(statements.read_evidence(namespace, [self._message_id]))
        removed = [row for row in evidence if _is_removed(row)]
        shortened = [row for row in evidence if not _is_removed(row) and row["is_context_lost"]]
        removal = delete_texts(
            self._engine,
            run,
            Texts(messages=[self._message_id], decisions=[row["id"] for row in removed]),
            preview=self._dry_run,
        )
        # The others are proposed again, from the messages that remain.
        self.lost_proposals = [row for row in removed if row["evidence"]]
        removal.deleted["decisions"] -= len(self.lost_proposals)
        removal.changed["decisions"] = len(shortened) + len(self.lost_proposals)
        removal.existed = True
        removal.deleted["entities"] += shorten_decisions(
            self._engine, run, shortened, now=self._now
        )
        return removal


def _is_removed(row: Row) -> bool:
    """Return whether a decision is deleted with its message.

    A proposal goes if its text was the message's. If other messages have its sentence, it is
    proposed again from these. A rejected decision goes if no message has its sentence any more. An
    accepted one stays.
    """
    if row["status"] == "accepted":
        return False
    if row["status"] == "proposed":
        return row["is_context_lost"] or not row["evidence"]
    return not row["evidence"]


def delete_message(engine: Engine, message_id: object, *, dry_run: object) -> DeleteMessageResponse:
    """Delete a message, or count what would be deleted with it."""
    checked_id = validation.check_identifier("message_id", message_id)
    is_preview = validation.check_flag("dry_run", dry_run)
    deletion = _MessageDeletion(engine, checked_id, dry_run=is_preview)
    removal = deletion.run()
    if not is_preview:
        for row in deletion.lost_proposals:
            _propose_again(engine, row)
    return DeleteMessageResponse(
        message_id=checked_id,
        conversation_id=deletion.conversation_id,
        dry_run=is_preview,
        **removal.fields(),
    )


def _propose_again(engine: Engine, row: Row) -> None:
    """Propose a decision from the messages that still have its sentence."""
    messages = [
        Message.model_construct(
            id=message["id"],
            role=message["role"],
            content=message["content"],
            timestamp=timestamps.from_milliseconds(message["timestamp_ms"]),
        )
        for message in row["evidence"]
    ]
    hashes = {str(message.id): digest(message.content) for message in messages}
    for proposal in decisions.find_proposals(row["conversation_id"], messages, {}):
        if proposal.decision.id == row["id"]:
            engine.embeddings.retry_when_stale(
                partial(
                    decisions.write_proposal, engine, proposal, text_hashes=hashes, now=now_ms()
                )
            )
