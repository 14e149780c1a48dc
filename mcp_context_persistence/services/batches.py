"""Saving many conversations: their texts are analysed together, and each is written as a whole."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest import pipeline
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.error_mapping import out_of_memory
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    DatabaseError,
    ValidationError,
)
from mcp_context_persistence.kg.maintenance import components
from mcp_context_persistence.kg.models import MODES, Conversation
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import conversations as rows
from mcp_context_persistence.kg.writes.conversation_diff import (
    ConversationDiff,
    StoredConversation,
    diff_conversation,
)
from mcp_context_persistence.kg.writes.message_diff import MessageDiff
from mcp_context_persistence.models import SaveConversationResponse
from mcp_context_persistence.runtime.connection import Progress
from mcp_context_persistence.runtime.engine import Batches, Engine
from mcp_context_persistence.runtime.memory_limit import Gate
from mcp_context_persistence.services import conversations
from mcp_context_persistence.services.batch_pipeline import BatchPipeline, told

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder

FIELDS = ("conversation_id", "messages", "project_path", "mode", "metadata", "created_at")
GIVE_UP_AFTER = 3  # failures in a row of the database itself; the rest is then not tried


def configure(max_workers: object, chunk_size: object) -> Batches:
    """Checked settings of batches."""
    return Batches(
        max_workers=validation.check_integer(
            "max_workers", max_workers, minimum=1, maximum=limits.BATCH_WORKERS
        ),
        chunk_size=validation.check_integer(
            "chunk_size", chunk_size, minimum=1, maximum=limits.CHUNK_SIZE
        ),
    )


def workers(engine: Engine, parallel: object, max_workers: object) -> int:
    """How many items a call may write at the same time."""
    if parallel is not None and not isinstance(parallel, bool):
        raise ValidationError("parallel must be a boolean")
    count = engine.batches.max_workers
    if max_workers is not None:
        count = validation.check_integer(
            "max_workers", max_workers, minimum=1, maximum=limits.BATCH_WORKERS
        )
    is_parallel = engine.config.enable_parallel_processing if parallel is None else parallel
    return count if is_parallel else 1


def listed(field: str, value: object, limit: int) -> Sequence[object]:
    """A list of that many items at most."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise ValidationError(f"{field} must be a list")
    if len(value) > limit:
        raise ValidationError(f"{field} has more than {limit:,} items")
    return value


class FailureStreak:
    """Whether the database still answers; shared by the jobs of one batch.

    However many items there are: where the server is dead, the batch ends two deadlines later. That is one for the items which are under
    way, and one in which the server is asked whether it lives at all; nothing else is begun meanwhile. Where it lives, but fails for
    items in a row, `GIVE_UP_AFTER` of them have their deadlines.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._failures = 0
        self._lock = threading.Lock()

    def note(self, error: ContextPersistenceError | None) -> None:
        """Note how an item ended."""
        is_database_failure = isinstance(error, DatabaseError) and error.retryable and not out_of_memory(error)
        with self._lock:
            self._failures = self._failures + 1 if is_database_failure else 0
            if 0 < self._failures < GIVE_UP_AFTER and not self._lives():
                self._failures = GIVE_UP_AFTER

    def check(self) -> None:
        """Refuse to try another item where the database is dead, or has failed again and again."""
        with self._lock:
            has_given_up = self._failures >= GIVE_UP_AFTER
        if has_given_up:
            raise DatabaseError(
                "not tried: the database failed for the items before; run the batch again",
                retryable=True,
            )

    def _lives(self) -> bool:
        try:
            self._graph.run(components())
        except ContextPersistenceError:
            return False
        return True


@dataclass
class _Item:
    place: int
    conversation: Conversation
    state: StoredConversation | None = None
    difference: ConversationDiff | None = None


class _Group:
    """Conversations that are analysed together."""

    def __init__(
        self,
        engine: Engine,
        pipeline: BatchPipeline,
        failures: FailureStreak,
        responses: list[SaveConversationResponse],
        *,
        replace: bool,
    ) -> None:
        self._engine, self._line, self._fate, self._answers, self._replace = (
            engine,
            pipeline,
            failures,
            responses,
            replace,
        )
        self.size = 0
        self.messages = 0
        self._characters = 0
        self.items: list[_Item] = []
        self._again: list[_Item] = []
        self._seen = pipeline.ExtractionCache()

    def add(self, index: int, item: object) -> None:
        """Take one in; one that is not valid has its answer already."""
        self.size += 1
        start = time.perf_counter()
        try:
            conversation = _conversation(item, most=self._engine.config.max_conversation_length)
        except ContextPersistenceError as error:
            self._answers[index] = _failed(_id(item), error, start)
            return
        self.items.append(_Item(index, conversation))
        self.messages += len(conversation.messages)
        self._characters += sum(len(message.content) for message in conversation.messages)

    def is_full(self) -> bool:
        """Whether no more should be analysed together with what is in it."""
        return self._engine.memory.is_full(
            self._engine.batches.chunk_size, max(self.messages, self.size), self._characters
        )

    def has(self, item: object) -> bool:
        """Whether the same conversation is in this group already."""
        conversation_id = _id(item)
        return any(stored_item.conversation.conversation_id == conversation_id for stored_item in self.items)

    def look(self) -> None:
        """Read what is stored. Whatever fails here and in the next steps fails again, with its reason, when the item is saved."""
        for item in self.items:
            self._line.goes_on()
            self._quietly(lambda item=item: self._look(item))  # type: ignore[misc]  # bound at once

    def _look(self, item: _Item) -> None:
        engine = self._engine
        item.state = engine.graph.run(rows.read_state(engine.namespace, item.conversation))[0]
        self._seen.patterns = engine.state.patterns(item.state.patterns)
        item.difference = diff_conversation(
            engine.namespace,
            item.conversation,
            item.state,
            mode=validation.check_choice(
                "mode", item.conversation.mode or engine.config.default_mode, MODES
            ),
            now=now_ms(),
            replace=self._replace,
            max_messages=engine.config.max_conversation_length,
        )

    def _messages(self) -> list[MessageDiff]:
        return [change for item in self.items if item.difference for change in item.difference.items]

    def read(self) -> None:
        """Find entities and relations in what needs it."""
        changes = [change for change in self._messages() if change.needs_graph]
        for slice_ in self._line.slices(changes):
            self._quietly(lambda slice_=slice_: pipeline.read(slice_, self._engine.models.extractor, self._seen))  # type: ignore[misc]

    def embed(self) -> None:
        """Embed what needs it, texts of one length together."""
        wanted = [one for one in self._messages() if one.needs_vector]
        wanted.sort(key=lambda one: len(one.properties["content"]))
        for part in self._line.slices(wanted):
            self._quietly(lambda part=part: pipeline.embed(part, self._embedder(), self._seen))  # type: ignore[misc]

    def name(self) -> None:
        """Embed the names of what was found; the embedder remembers them until they are written."""
        names = {
            mention.name for found in self._seen.extractions.values() for mention in found.mentions
        }
        for part in self._line.slices(sorted(names, key=len)):
            self._quietly(lambda part=part: self._embedder().embed(part))  # type: ignore[misc]

    def _embedder(self) -> "Embedder":
        return self._engine.embeddings.current().embedder

    def _quietly(self, work: Callable[[], object]) -> None:
        try:
            self._fate.check()
            work()
        except ContextPersistenceError as error:
            self._fate.note(error)

    def writes(self) -> Iterator[Callable[[], None]]:
        """One piece of work per conversation."""
        for item in self.items:
            yield lambda item=item: self._save(item)  # type: ignore[misc]  # bound at once

    def _save(self, item: _Item, *, is_retry: bool = False) -> None:
        start = time.perf_counter()
        prepared = (
            conversations.PreparedSave(state=item.state, seen=self._seen)
            if item.state and not is_retry
            else None
        )
        try:
            self._fate.check()
            with self._engine.graph.call():
                response = conversations.save(
                    self._engine,
                    item.conversation,
                    embeddings=None,
                    replace=self._replace,
                    ahead=prepared,
                )
        except ContextPersistenceError as error:
            self._fate.note(error)
            if out_of_memory(error) and not is_retry:
                self._again.append(item)
            response = _failed(item.conversation.conversation_id, error, start)
        else:
            self._fate.note(None)
        self._answers[item.place] = response

    def end(self) -> None:
        """Save what the server's memory did not suffice for once more, one after the other."""
        for item in self._again:
            self._line.goes_on()
            self._save(item, again=True)

    def refuse(self, error: ContextPersistenceError) -> None:
        """Give each item this error as its answer."""
        for item in self.items:
            self._answers[item.place] = _failed(
                item.conversation.conversation_id, error, time.perf_counter()
            )


def save(
    engine: Engine,
    conversations_given: object,
    *,
    parallel: object,
    max_workers: object,
    replace: bool,
    progress: Progress | None,
) -> list[SaveConversationResponse]:
    """Save conversations, an answer for each in their order."""
    conversation_list = listed("conversations", conversations_given, limits.CONVERSATIONS_PER_BATCH)
    pipeline = BatchPipeline(workers=workers(engine, parallel, max_workers), gate=Gate(engine.memory))
    if conversation_list:
        engine.embeddings.current()
    responses: list[SaveConversationResponse] = [None] * len(conversation_list)  # type: ignore[list-item]  # each place is filled
    with told(progress, "conversations", len(conversation_list)) as report:
        pipeline.run(_groups(engine, pipeline, conversation_list, responses, replace=replace), report)
    return responses


def _groups(
    engine: Engine,
    pipeline: BatchPipeline,
    items: Iterable[object],
    responses: list[SaveConversationResponse],
    *,
    replace: bool,
) -> Iterator[_Group]:
    """The conversations in groups of about `chunk_size` messages; no group has a conversation twice."""
    failures = FailureStreak(engine.graph)
    group = _Group(engine, pipeline, failures, responses, replace=replace)
    for index, item in enumerate(items):
        if group.has(item):
            yield group
            group = _Group(engine, pipeline, failures, responses, replace=replace)
        group.add(index, item)
        if group.is_full():
            yield group
            group = _Group(engine, pipeline, failures, responses, replace=replace)
    if group.size:
        yield group


def _conversation(item: object, *, max_messages: int) -> Conversation:
    if isinstance(item, Conversation):
        return conversations.given(item, None, None, None, None, most=max_messages)
    if hasattr(item, "model_dump"):  # a model of the caller's own with the same fields
        item = {key: value for key, value in item.model_dump().items() if key in FIELDS}
    if not isinstance(item, Mapping):
        raise ValidationError("conversations: each must be a Conversation or a mapping")
    if any(key not in FIELDS for key in item):
        raise ValidationError(f"conversations: an unknown key; known are: {', '.join(FIELDS)}")
    fields: dict[str, Any] = {key: item.get(key) for key in FIELDS}
    conversation = Conversation.model_construct(**fields)
    return conversations.given(conversation, None, None, None, None, most=max_messages)


def _id(item: object) -> str:
    """The id that an item names, '' where it names none that is valid."""
    conversation_id = (
        item.get("conversation_id")
        if isinstance(item, Mapping)
        else getattr(item, "conversation_id", None)
    )
    try:
        return validation.check_identifier("conversation_id", conversation_id)
    except ValidationError:
        return ""


def _failed(
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
    )
