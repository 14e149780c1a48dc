"""Save conversations."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mcp_context_persistence.ingest.pipeline import AnalysisCache
from mcp_context_persistence.kg import models as checked
from mcp_context_persistence.kg import timestamps, validation
from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.models import MODES, Conversation, Message
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.writes import conversations as statements
from mcp_context_persistence.kg.writes.conversation_diff import (
    ConversationDiff,
    StoredConversation,
    check_message_count,
    diff_conversation,
)
from mcp_context_persistence.kg.writes.deletion import read_evidence
from mcp_context_persistence.models import SaveConversationResponse
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.decision_texts import shorten_decisions
from mcp_context_persistence.services.message_analysis import MessageAnalysis, analyze_messages
from mcp_context_persistence.services.optimistic_writes import (
    LockNeededError,
    Write,
    is_locked,
    write_conversation,
    write_locked,
)


def build_conversation(
    conversation_id: object,
    messages: object,
    project_path: object,
    mode: object,
    metadata: object,
    *,
    max_messages: int,
) -> Conversation:
    """Return the checked conversation of a call: an object, or keywords, never both."""
    with validation.reading("conversation_id"):
        # An object that was made without a check may lack fields.
        fields = dict(conversation_id) if isinstance(conversation_id, Conversation) else None
    if fields is not None:
        if any(value is not None for value in (messages, project_path, mode, metadata)):
            raise ValidationError("give a Conversation object or separate arguments, not both")
        conversation = checked.conversation(
            fields.get("conversation_id"),
            fields.get("messages"),
            project_path=fields.get("project_path"),
            mode=fields.get("mode"),
            metadata=fields.get("metadata"),
            created_at=fields.get("created_at"),
        )
    else:
        conversation = checked.conversation(
            validation.check_identifier("conversation_id", conversation_id),
            messages,
            project_path=project_path,
            mode=mode,
            metadata=metadata,
        )
    check_message_count(len(conversation.messages), max_messages)
    return conversation


@dataclass(frozen=True, kw_only=True)
class PreparedSave:
    """The work that was done before a save: the stored state, extractions and vectors.

    The stored state is None where it may be another one by the time of the save.
    """

    stored: StoredConversation | None
    cache: AnalysisCache


def save_conversation(
    engine: Engine,
    conversation: Conversation,
    *,
    embeddings: object,
    replace: bool,
    prepared: PreparedSave | None = None,
) -> SaveConversationResponse:
    """Save a conversation: read what is stored, analyze what is new, write the difference.

    This takes two statements, whatever the length of the conversation. Where other writers change
    the conversation between the two again and again, it is locked from the first to the second.
    """
    start = time.perf_counter()
    mode = validation.check_choice("mode", conversation.mode or engine.config.default_mode, MODES)
    if embeddings is not None and mode == "knowledge":
        raise ValidationError(
            "embeddings: the mode knowledge keeps no vectors of messages; "
            "use hybrid or conversation"
        )
    save = ConversationSave(
        engine, conversation, mode=mode, embeddings=embeddings, replace=replace, prepared=prepared
    )
    difference, analysis = engine.embeddings.retry_when_stale(save.run)
    return _build_response(difference, analysis, seconds=time.perf_counter() - start)


class ConversationSave:
    """One save of a conversation, with the values that its attempts share."""

    def __init__(
        self,
        engine: Engine,
        conversation: Conversation,
        *,
        mode: str,
        embeddings: object = None,
        replace: bool = False,
        prepared: PreparedSave | None = None,
    ) -> None:
        """Prepare a save; `run` makes it. See `save_conversation` for the arguments."""
        self._engine = engine
        self._conversation = conversation
        self._mode = mode
        self._embeddings = embeddings
        self._replace = replace
        self._cache = prepared.cache if prepared else AnalysisCache()
        self._prepared_state = prepared.stored if prepared else None

    def run(self) -> tuple[ConversationDiff, MessageAnalysis]:
        """Write the difference, and return what was written."""
        return write_conversation(
            self._engine,
            self._conversation.conversation_id,
            self._try,
            method="save_conversation",
        )

    def try_locked(self, run: Run) -> tuple[ConversationDiff, MessageAnalysis] | None:
        """Save inside a transaction that locks the conversation first; return what was written."""
        return write_locked(self._engine, self._conversation.conversation_id, self._try, run)

    def _try(self, run: Run, write: Write) -> tuple[ConversationDiff, MessageAnalysis] | None:
        """Return what was written, None where another writer came between the two statements."""
        engine = self._engine
        vectors, vector_hashes = check_own_vectors(engine, self._conversation, self._embeddings)
        state, self._prepared_state = self._prepared_state, None
        if state is None:
            state = run(statements.read_state(engine.namespace, self._conversation))[0]
        self._cache.patterns = engine.state.patterns(state.patterns)
        difference = diff_conversation(
            engine.namespace,
            self._conversation,
            state,
            mode=self._mode,
            now=state.now,
            replace=self._replace,
            max_messages=engine.config.max_conversation_length,
            vector_hashes=vector_hashes,
            language=engine.config.text_language,
        )
        analysis = analyze_messages(engine, difference.items, vectors, self._cache, now=state.now)
        if difference.is_unchanged:
            return difference, analysis
        quoting: list[Row] = []
        if state.has_decisions and difference.lost_text_ids:
            if not is_locked(engine, run):
                raise LockNeededError
            quoting = _find_quoting(engine, run, difference)
        statement = statements.save(
            engine.namespace, difference, analysis.findings, analysis.guard, now=state.now
        )
        if not write(statement, analysis.types):
            return None
        shorten_decisions(engine, run, quoting, now=state.now)
        return difference, analysis


def _find_quoting(engine: Engine, run: Run, difference: ConversationDiff) -> list[Row]:
    """Return the decisions whose context is in no message any more after the save."""
    evidence = run(read_evidence(engine.namespace, difference.lost_text_ids))
    new_texts = [
        item.properties["content"] for item in difference.items if item.stored and item.has_new_text
    ]
    return [
        decision
        for decision in evidence
        if decision["is_context_lost"]
        and not any(decision["context"] in text for text in new_texts)
    ]


def check_own_vectors(
    engine: Engine, conversation: Conversation, embeddings: object
) -> tuple[dict[int, Any] | None, list[str] | None]:
    """Return the caller's own vectors by position, and a hash of each."""
    if embeddings is None:
        return None, None
    dimension = engine.embeddings.current().vector_state.active.size
    array = validation.check_vectors(
        "embeddings", embeddings, count=len(conversation.messages), dimension=dimension
    )
    return dict(enumerate(array)), [
        blake2b(vector.tobytes(), digest_size=16).hexdigest() for vector in array
    ]


def _build_response(
    difference: ConversationDiff, analysis: MessageAnalysis, *, seconds: float
) -> SaveConversationResponse:
    count, created, updated = (
        len(difference.items),
        difference.created_count,
        difference.updated_count,
    )
    return SaveConversationResponse(
        conversation_id=difference.conversation_id,
        message_count=count,
        status="unchanged" if difference.is_unchanged else "saved",
        embeddings_generated=analysis.embedded_count,
        processing_time=seconds,
        created=created,
        updated=updated,
        kept=count - created - updated,
        removed=len(difference.removed_ids),
        entities_found=len(analysis.findings.entities),
        relationships_found=len(analysis.findings.relations),
        truncated=analysis.is_truncated,
    )


def build_messages(stored_messages: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Build messages from stored rows. They were checked when they were saved, so not again."""
    return [
        Message.model_construct(
            id=row["id"],
            name=row.get("name"),
            parent_id=row.get("parent_id"),
            content=row["content"],
            timestamp=timestamps.from_milliseconds(row["timestamp_ms"]),
            metadata=load_stored(row.get("metadata"), "metadata of a message"),
            **{"role": row["role"], **(load_stored(row.get("data"), "data of a message") or {})},
        )
        for row in stored_messages
        if row["id"] is not None
    ]
