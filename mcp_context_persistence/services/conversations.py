"""Saving and loading conversations."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mcp_context_persistence.ingest.pipeline import Analysis, ExtractionCache, analyse
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg import models as checked
from mcp_context_persistence.kg.clock import now_ms
from mcp_context_persistence.kg.driver.graph import Run
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.errors import DatabaseError, NotFoundError, ValidationError
from mcp_context_persistence.kg.models import MODES, Conversation, Message
from mcp_context_persistence.kg.schema.type_limits import Types
from mcp_context_persistence.kg.vector_spaces import Vectors
from mcp_context_persistence.kg.writes import conversations as rows
from mcp_context_persistence.kg.writes.conversation_diff import Plan, State, plan
from mcp_context_persistence.models import LoadConversationHistoryResponse, SaveConversationResponse
from mcp_context_persistence.runtime.engine import Engine

HOPEFUL_TRIES = 3  # without a lock


def given(
    conversation_id: object,
    messages: object,
    project_path: object,
    mode: object,
    metadata: object,
    *,
    most: int,
) -> Conversation:
    """The conversation that a call means: an object, or keywords, never both."""
    if isinstance(conversation_id, Conversation):
        if any(value is not None for value in (messages, project_path, mode, metadata)):
            raise ValidationError("give a Conversation object or keywords, not both")
        whole = dict(conversation_id)  # one that was made without a check may lack fields
        made = checked.conversation(
            whole.get("conversation_id"),
            whole.get("messages"),
            project_path=whole.get("project_path"),
            mode=whole.get("mode"),
            metadata=whole.get("metadata"),
            created_at=whole.get("created_at"),
        )
    else:
        made = checked.conversation(
            validation.identifier("conversation_id", conversation_id),
            messages,
            project_path=project_path,
            mode=mode,
            metadata=metadata,
        )
    if len(made.messages) > most:
        raise ValidationError(
            f"a conversation has at most {most:,} messages (max_conversation_length)"
        )
    return made


@dataclass(frozen=True, kw_only=True)
class PreparedSave:
    """What was done for a save before it: the state that was read, and what was read and embedded of its texts."""

    state: State
    seen: ExtractionCache


def save(
    engine: Engine,
    conversation: Conversation,
    *,
    embeddings: object,
    replace: bool,
    ahead: PreparedSave | None = None,
) -> SaveConversationResponse:
    """Save a conversation: read what is stored, analyse what is new, write the difference. Two statements, whatever its length.

    Where other writers of the same conversation come between the two again and again, it is locked from the first to the second.
    """
    start, now = time.perf_counter(), now_ms()
    mode = validation.choice("mode", conversation.mode or engine.config.default_mode, MODES)
    if embeddings is not None and mode == "knowledge":
        raise ValidationError(
            "embeddings: the mode knowledge keeps no vectors of messages; use hybrid or conversation"
        )
    most, seen = engine.config.max_conversation_length, ahead.seen if ahead else ExtractionCache()
    known = [ahead.state] if ahead else []

    def attempt(
        run: Run, write: Callable[[Statement[Row], Types], list[Row]]
    ) -> SaveConversationResponse | None:
        vectors, hashes = _given_vectors(engine, conversation, embeddings)
        stored = known.pop() if known else run(rows.state(engine.namespace, conversation))[0]
        seen.patterns = engine.patterns(stored.patterns)
        difference = plan(
            engine.namespace,
            conversation,
            stored,
            mode=mode,
            now=now,
            replace=replace,
            most=most,
            vectors=hashes,
        )
        analysis, space = _analysed(engine, difference, vectors, seen, now=now)
        if difference.unchanged or write(
            rows.save(engine.namespace, difference, analysis.findings, space, now=now),
            analysis.types,
        ):
            return _response(difference, analysis, seconds=time.perf_counter() - start)
        return None

    def alone(run: Run) -> SaveConversationResponse | None:
        def write(statement: Statement[Row], used: Types) -> list[Row]:
            written: list[Row] = run(statement)
            engine.types.register(run, used)
            return written

        run(rows.lock(engine.namespace, conversation.conversation_id))
        return attempt(run, write)

    def whole() -> SaveConversationResponse:
        for _ in range(HOPEFUL_TRIES):
            if answer := attempt(engine.graph.run, engine.types.run):
                return answer
        if answer := engine.types.transact(alone, name="save_conversation"):
            return answer
        raise DatabaseError(
            "the conversation was removed while it was saved; save it again", retryable=True
        )

    return engine.embeddings.again(whole)


def _given_vectors(
    engine: Engine, conversation: Conversation, embeddings: object
) -> tuple[dict[int, Any] | None, list[str] | None]:
    """The caller's own vectors by place, and a hash of each."""
    if embeddings is None:
        return None, None
    size = engine.embeddings.current().vectors.space.size
    array = validation.vectors(
        "embeddings", embeddings, count=len(conversation.messages), dimension=size
    )
    return dict(enumerate(array)), [
        blake2b(vector.tobytes(), digest_size=16).hexdigest() for vector in array
    ]


def _analysed(
    engine: Engine,
    difference: Plan,
    vectors: dict[int, Any] | None,
    seen: ExtractionCache,
    *,
    now: int,
) -> tuple[Analysis, Vectors | None]:
    """Vectors and findings for the messages that need them, and where the vectors go."""
    embeds = any(item.needs_vector for item in difference.items)
    extracts = any(item.needs_graph for item in difference.items)
    if not embeds and not extracts:
        return Analysis(), None
    found = engine.embeddings.current()  # entities have vectors in every mode
    merged = engine.merged()
    analysis = analyse(
        engine.namespace,
        difference.items,
        embedder=found.embedder if extracts or vectors is None else None,
        extractor=engine.extractor if extracts else None,
        admission=engine.types,
        vectors=vectors,
        seen=seen,
        merged=merged.names,
        now=now,
    )
    return analysis, merged.writing(
        found.vectors, (row["id"] for row in analysis.findings.entities), analysis.followed
    )


def _response(difference: Plan, analysis: Analysis, *, seconds: float) -> SaveConversationResponse:
    count, created, updated = len(difference.items), difference.created, difference.updated
    return SaveConversationResponse(
        conversation_id=difference.conversation_id,
        message_count=count,
        status="unchanged" if difference.unchanged else "saved",
        embeddings_generated=analysis.embedded,
        processing_time=seconds,
        created=created,
        updated=updated,
        kept=count - created - updated,
        removed=len(difference.removed),
        entities_found=len(analysis.findings.entities),
        relationships_found=len(analysis.findings.relations),
        truncated=analysis.truncated,
    )


def load(engine: Engine, conversation_id: object, limit: object) -> LoadConversationHistoryResponse:
    """The last messages of a conversation, oldest first."""
    start = time.perf_counter()
    wanted = validation.identifier("conversation_id", conversation_id)
    most = limits.MESSAGES_PER_CONVERSATION
    count = most if limit is None else validation.whole("limit", limit, least=1, most=most)
    found = engine.graph.run(rows.load(engine.namespace, wanted, limit=count))
    if not found:
        raise NotFoundError("conversation_id: there is no such conversation")
    whole, listed = found[0]["conversation"], messages(found[0]["messages"])
    return LoadConversationHistoryResponse(
        conversation_id=wanted,
        messages=listed,
        message_count=len(listed),
        total_messages=found[0]["total"],
        project_path=whole["project_path"],
        metadata=json.loads(whole["metadata"] or "null"),
        created_at=validation.moment(whole["created_ms"]),
        updated_at=validation.moment(whole["updated_ms"]),
        processing_time=time.perf_counter() - start,
    )


def messages(stored: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Messages as they were saved. They were checked then, so they are not checked again."""
    return [
        Message.model_construct(
            id=one["id"],
            role=one["role"],
            name=one.get("name"),
            content=one["content"],
            timestamp=validation.moment(one["timestamp_ms"]),
            metadata=json.loads(one.get("metadata") or "null"),
        )
        for one in stored
        if one["id"] is not None
    ]
