"""Save many conversations: analyze their texts together, and write each one as a whole."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest import pipeline as ingest_pipeline
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.error_mapping import is_out_of_memory
from mcp_context_persistence.kg.errors import ContextPersistenceError, ValidationError
from mcp_context_persistence.kg.models import MODES, Conversation
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.kg.system_errors import translated_system_errors
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import conversations as conversation_statements
from mcp_context_persistence.kg.writes.conversation_diff import (
    ConversationDiff,
    StoredConversation,
    diff_conversation,
)
from mcp_context_persistence.kg.writes.message_diff import MessageDiff
from mcp_context_persistence.models import SaveConversationResponse
from mcp_context_persistence.runtime.batch_throttle import BatchThrottle
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import conversations
from mcp_context_persistence.services.batch_pipeline import BatchPipeline, report_progress
from mcp_context_persistence.services.batch_settings import count_workers
from mcp_context_persistence.services.failure_streak import FailureStreak

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder

FIELDS = ("conversation_id", "messages", "project_path", "mode", "metadata", "created_at")


@dataclass
class _Item:
    index: int
    conversation: Conversation
    is_repeated: bool  # a group before may still write the same conversation
    stored: StoredConversation | None = None
    difference: ConversationDiff | None = None


class _ConversationGroup:
    """Conversations that are analyzed together."""

    def __init__(
        self,
        engine: Engine,
        pipeline: BatchPipeline,
        failures: FailureStreak,
        responses: list[SaveConversationResponse],
        *,
        replace: bool,
    ) -> None:
        self._engine = engine
        self._pipeline = pipeline
        self._failures = failures
        self._responses = responses
        self._replace = replace
        self.size = 0
        self._message_count = 0
        self._characters = 0
        self._items: list[_Item] = []
        self._retries: list[_Item] = []
        self._cache = ingest_pipeline.AnalysisCache()

    def add(self, index: int, item: object, *, is_repeated: bool) -> None:
        """Add a conversation; one that is not valid gets its response at once."""
        self.size += 1
        start = time.perf_counter()
        try:
            conversation = _build_conversation(
                item, max_messages=self._engine.config.max_conversation_length
            )
        except ContextPersistenceError as error:
            self._responses[index] = _failed_response(_conversation_id(item), error, start)
            return
        self._items.append(_Item(index, conversation, is_repeated))
        self._message_count += len(conversation.messages)
        self._characters += sum(len(message.content) for message in conversation.messages)

    def is_full(self) -> bool:
        """Whether no more conversations should be analyzed together with these."""
        return self._engine.memory.is_group_full(
            self._engine.batches.chunk_size,
            max(self._message_count, self.size),
            self._characters,
        )

    def has(self, item: object) -> bool:
        """Whether the same conversation is in this group already."""
        conversation_id = _conversation_id(item)
        return any(
            group_item.conversation.conversation_id == conversation_id for group_item in self._items
        )

    def read_stored(self) -> None:
        """Read what is stored.

        A failure here and in the next steps is not reported: it occurs again, with its reason, when
        the conversation is saved.
        """
        for item in self._items:
            self._pipeline.check_running()
            self._try(lambda item=item: self._compare(item))  # type: ignore[misc]  # bound at once

    def _compare(self, item: _Item) -> None:
        engine = self._engine
        statement = conversation_statements.read_state(engine.namespace, item.conversation)
        item.stored = engine.graph.run(statement)[0]
        self._cache.patterns = engine.state.patterns(item.stored.patterns)
        item.difference = diff_conversation(
            engine.namespace,
            item.conversation,
            item.stored,
            mode=validation.check_choice(
                "mode", item.conversation.mode or engine.config.default_mode, MODES
            ),
            now=now_ms(),
            replace=self._replace,
            max_messages=engine.config.max_conversation_length,
            language=engine.config.text_language,
        )

    def _messages(self) -> list[MessageDiff]:
        return [
            message for item in self._items if item.difference for message in item.difference.items
        ]

    def extract(self) -> None:
        """Find entities and relations in the messages that need it."""
        texts = [
            message.properties["content"] for message in self._messages() if message.needs_graph
        ]
        for batch in self._pipeline.slices(texts):
            self._try(
                lambda batch=batch: ingest_pipeline.extract_texts(  # type: ignore[misc]
                    batch, self._engine.language_models.extractor, self._cache
                )
            )

    def embed_texts(self) -> None:
        """Embed the messages that need it, texts of one length together."""
        texts = [
            message.properties["content"] for message in self._messages() if message.needs_vector
        ]
        for batch in self._pipeline.slices(sorted(texts, key=len)):
            self._try(
                lambda batch=batch: ingest_pipeline.embed_texts(  # type: ignore[misc]
                    batch, self._embedder(), self._cache
                )
            )

    def embed_names(self) -> None:
        """Embed the names of the entities; the embedder remembers them until they are written."""
        names = {
            mention.name
            for extraction in self._cache.extractions.values()
            for mention in extraction.mentions
        }
        for batch in self._pipeline.slices(sorted(names, key=len)):
            self._try(lambda batch=batch: self._embedder().embed(batch))  # type: ignore[misc]

    def _embedder(self) -> "Embedder":
        return self._engine.embeddings.current().embedder

    def _try(self, task: Callable[[], object]) -> None:
        try:
            self._failures.check()
            with translated_system_errors():
                task()
        except ContextPersistenceError as error:
            self._failures.note(error)

    def write_tasks(self) -> Iterator[Callable[[], None]]:
        """Yield one task per conversation."""
        for item in self._items:
            yield lambda item=item: self._save(item)  # type: ignore[misc]  # bound at once

    def _save(self, item: _Item, *, is_retry: bool = False) -> None:
        start = time.perf_counter()
        prepared = (
            conversations.PreparedSave(
                stored=None if item.is_repeated else item.stored, cache=self._cache
            )
            if item.stored and not is_retry
            else None
        )
        try:
            self._failures.check()
            # A separate deadline also where the thread of the call itself does this.
            with self._engine.graph.call(is_separate=True), translated_system_errors():
                response = conversations.save_conversation(
                    self._engine,
                    item.conversation,
                    embeddings=None,
                    replace=self._replace,
                    prepared=prepared,
                )
        except ContextPersistenceError as error:
            self._failures.note(error)
            if is_out_of_memory(error) and not is_retry:
                self._retries.append(item)
            response = _failed_response(item.conversation.conversation_id, error, start)
        else:
            self._failures.note(None)
        self._responses[item.index] = response

    def finish(self) -> None:
        """Save again, one by one, the conversations for which the server had too little memory."""
        for item in self._retries:
            self._pipeline.check_running()
            self._save(item, is_retry=True)

    def refuse(self, error: ContextPersistenceError) -> None:
        """Give each conversation this error as its response."""
        for item in self._items:
            self._responses[item.index] = _failed_response(
                item.conversation.conversation_id, error, time.perf_counter()
            )


def save_batch(
    engine: Engine,
    conversation_list: object,
    *,
    parallel: object,
    max_workers: object,
    replace: bool,
    progress: ReportProgress | None,
) -> list[SaveConversationResponse]:
    """Save conversations; return a response for each, in their order."""
    items = validation.check_list(
        "conversations", conversation_list, limit=limits.CONVERSATIONS_PER_BATCH
    )
    pipeline = BatchPipeline(
        workers=count_workers(engine, parallel, max_workers),
        memory_check=BatchThrottle(engine.memory),
    )
    if items:
        engine.embeddings.current()
    responses: list[SaveConversationResponse] = [None] * len(items)  # type: ignore[list-item]  # each is filled
    with report_progress(progress, "conversations", len(items)) as report:
        groups = _build_groups(engine, pipeline, items, responses, replace=replace)
        pipeline.run(groups, report)
    return responses


def _build_groups(
    engine: Engine,
    pipeline: BatchPipeline,
    items: Iterable[object],
    responses: list[SaveConversationResponse],
    *,
    replace: bool,
) -> Iterator[_ConversationGroup]:
    """Yield groups of about `chunk_size` messages; no group has a conversation twice."""
    failures = FailureStreak(engine.graph)
    earlier_ids: set[str] = set()
    group = _ConversationGroup(engine, pipeline, failures, responses, replace=replace)
    for index, item in enumerate(items):
        if group.has(item):
            yield group
            group = _ConversationGroup(engine, pipeline, failures, responses, replace=replace)
        conversation_id = _conversation_id(item)
        group.add(index, item, is_repeated=conversation_id in earlier_ids)
        earlier_ids.add(conversation_id)
        if group.is_full():
            yield group
            group = _ConversationGroup(engine, pipeline, failures, responses, replace=replace)
    if group.size:
        yield group


def _build_conversation(item: object, *, max_messages: int) -> Conversation:
    with validation.reading("conversations"):
        if not isinstance(item, Conversation):
            item = Conversation.model_construct(**_read_fields(item))
    return conversations.build_conversation(item, None, None, None, None, max_messages=max_messages)


def _read_fields(item: object) -> dict[str, Any]:
    if hasattr(item, "model_dump"):  # a model of the caller's own with the same fields
        item = {key: value for key, value in item.model_dump().items() if key in FIELDS}
    if not isinstance(item, Mapping):
        raise ValidationError("conversations: each item must be a Conversation or a mapping")
    values = validation.check_mapping("conversations", item)
    for key in values:
        if key not in FIELDS:
            raise ValidationError(
                f"conversations has {validation.describe_unknown_key(key, FIELDS)}"
            )
    return {key: values.get(key) for key in FIELDS}


def _conversation_id(item: object) -> str:
    """Return the id of an item, '' where it has none that is valid."""
    try:
        with validation.reading("conversations"):
            value = (
                item.get("conversation_id")
                if isinstance(item, Mapping)
                else getattr(item, "conversation_id", None)
            )
        return validation.check_identifier("conversation_id", value)
    except ContextPersistenceError:
        return ""


def _failed_response(
    conversation_id: str, error: ContextPersistenceError, start: float
) -> SaveConversationResponse:
    return SaveConversationResponse(
        success=False,
        error=str(error),
        conversation_id=conversation_id,
        message_count=0,
        status="failed",
        embeddings_generated=0,
        processing_time=time.perf_counter() - start,
    ).with_failure(error)
