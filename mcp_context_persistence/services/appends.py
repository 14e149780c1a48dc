"""Append messages to conversations."""

import time
from secrets import token_hex

from mcp_context_persistence.ingest.pipeline import AnalysisCache
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Run
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.models import MODES, Conversation
from mcp_context_persistence.kg.writes import conversations as statements
from mcp_context_persistence.kg.writes.appends import (
    AppendDiff,
    AppendRequest,
    AppendState,
    diff_append,
    read_append_state,
)
from mcp_context_persistence.responses.appends import AppendMessagesResponse
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.conversations import check_own_vectors
from mcp_context_persistence.services.message_analysis import MessageAnalysis, analyze_messages
from mcp_context_persistence.services.optimistic_writes import Write, write_conversation


def append_messages(
    engine: Engine,
    conversation: Conversation,
    *,
    mode: object,
    embeddings: object,
    cache: AnalysisCache | None = None,
) -> AppendMessagesResponse:
    """Add messages to the end of a conversation: read its end, analyze what is new, write it.

    This takes two statements, and the server reads the same number of rows, whatever the length of
    the conversation. What the `cache` has of the texts is not analyzed again.
    """
    start = time.perf_counter()
    append = _Append(engine, conversation, mode=mode, embeddings=embeddings, cache=cache)
    difference, analysis = engine.embeddings.retry_when_stale(append.run)
    return _build_response(
        difference, analysis, is_new=append.is_new, seconds=time.perf_counter() - start
    )


class _Append:
    """One append, with the values that its attempts share.

    An attempt may have written although its reply was lost. The next one recognizes the messages
    of this append by their key.
    """

    def __init__(
        self,
        engine: Engine,
        conversation: Conversation,
        *,
        mode: object,
        embeddings: object,
        cache: AnalysisCache | None,
    ) -> None:
        self._engine = engine
        self._conversation = conversation
        self._mode = None if mode is None else validation.check_choice("mode", mode, MODES)
        self._embeddings = embeddings
        self._cache = cache or AnalysisCache()
        self._key = token_hex(8)
        self._tried_ids: tuple[str, ...] = ()
        self.is_new = False

    def run(self) -> tuple[AppendDiff, MessageAnalysis]:
        """Write the new messages, and return what was written."""
        return write_conversation(
            self._engine,
            self._conversation.conversation_id,
            self._try,
            method="append_messages",
        )

    def _try(self, run: Run, write: Write) -> tuple[AppendDiff, MessageAnalysis] | None:
        """Return what was written, None where another writer came between the two statements."""
        engine = self._engine
        vectors, vector_hashes = check_own_vectors(engine, self._conversation, self._embeddings)
        request = AppendRequest(
            conversation=self._conversation,
            key=self._key,
            tried_ids=self._tried_ids,
            vector_hashes=vector_hashes,
        )
        state = run(read_append_state(engine.namespace, request))[0]
        self._cache.patterns = engine.state.patterns(state.patterns)
        difference = diff_append(
            engine.namespace,
            request,
            state,
            mode=self._choose_mode(state),
            now=state.now,
            max_messages=_choose_limit(engine),
            language=engine.config.text_language,
        )
        self._tried_ids = difference.ids
        if len(difference.created_indexes) == len(difference.new_indexes):
            self.is_new = not state.conversation  # else an earlier attempt has written
        changes = difference.conversation
        new_vectors = (
            None if vectors is None else dict(enumerate(vectors[i] for i in difference.new_indexes))
        )
        analysis = analyze_messages(engine, changes.items, new_vectors, self._cache, now=state.now)
        if changes.is_unchanged:
            return difference, analysis
        statement = statements.save(
            engine.namespace, changes, analysis.findings, analysis.guard, now=state.now
        )
        return (difference, analysis) if write(statement, analysis.types) else None

    def _choose_mode(self, state: AppendState) -> str:
        """Return the mode of the call, else that of the stored conversation, else the default."""
        mode = self._mode or state.conversation.get("mode") or self._engine.config.default_mode
        if self._embeddings is not None and mode == "knowledge":
            raise ValidationError(
                "embeddings: the mode knowledge keeps no vectors of messages; "
                "use hybrid or conversation"
            )
        return mode


def _choose_limit(engine: Engine) -> int:
    """Return how long a conversation may grow: the setting, if it is lower than its maximum."""
    limit = engine.config.max_conversation_length
    return limit if limit < limits.MESSAGES_PER_CONVERSATION else limits.APPENDED_MESSAGES


def _build_response(
    difference: AppendDiff, analysis: MessageAnalysis, *, is_new: bool, seconds: float
) -> AppendMessagesResponse:
    created = set(difference.created_indexes)
    created_ids = [key for index, key in enumerate(difference.ids) if index in created]
    unchanged_ids = [key for index, key in enumerate(difference.ids) if index not in created]
    return AppendMessagesResponse(
        conversation_id=difference.conversation.conversation_id,
        status="appended" if created_ids else "unchanged",
        message_count=len(difference.ids),
        created=len(created_ids),
        unchanged=len(unchanged_ids),
        created_ids=created_ids,
        unchanged_ids=unchanged_ids,
        differing_ids=list(difference.differing_ids),
        first_position=difference.first_position,
        total_messages=difference.total,
        conversation_created=is_new,
        embeddings_generated=analysis.embedded_count,
        entities_found=len(analysis.findings.entities),
        relationships_found=len(analysis.findings.relations),
        truncated=analysis.is_truncated,
        processing_time=seconds,
    )
