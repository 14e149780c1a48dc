"""Extract from many texts: read them together, and store what is found together."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from mcp_context_persistence.ingest.extraction.results import Extraction
from mcp_context_persistence.ingest.extraction.user_patterns import UserPatterns
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.error_mapping import is_out_of_memory
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.kg.merging.redirects import Redirects
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.kg.schema.type_limits import TypeSnapshot
from mcp_context_persistence.kg.system_errors import translated_system_errors
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.models import ExtractEntitiesResponse
from mcp_context_persistence.runtime.batch_throttle import BatchThrottle
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.batch_pipeline import BatchPipeline, report_progress
from mcp_context_persistence.services.batch_settings import count_workers
from mcp_context_persistence.services.entities import (
    build_response,
    check_types,
    store_entities,
    text_source,
)
from mcp_context_persistence.services.failure_streak import FailureStreak
from mcp_context_persistence.services.knowledge_writer import build_knowledge

TEXTS_PER_STATEMENT = 100  # a statement of that size takes a tenth of a second


class _TextGroup:
    """Texts that are analyzed together."""

    def __init__(
        self,
        engine: Engine,
        pipeline: BatchPipeline,
        failures: FailureStreak,
        responses: list[ExtractEntitiesResponse],
        entity_types: set[str] | None,
        *,
        should_store: bool,
    ) -> None:
        (
            self._engine,
            self._pipeline,
            self._failures,
            self._responses,
            self._entity_types,
            self._should_store,
        ) = (
            engine,
            pipeline,
            failures,
            responses,
            entity_types,
            should_store,
        )
        self.size = 0
        self.characters = 0
        self._texts: dict[int, str] = {}
        self._extractions: dict[int, Extraction] = {}

    def add(self, index: int, text: object) -> None:
        """Add a text; one that is not valid gets its response at once."""
        self.size += 1
        try:
            checked_text = validation.check_text(
                "text", text, characters=limits.EXTRACTION_CHARACTERS
            )
        except ContextPersistenceError as error:
            self._responses[index] = _failed_response(error)
        else:
            self._texts[index] = checked_text
            self.characters += len(checked_text)

    def read_stored(self) -> None:
        """Do nothing: these texts are not stored."""

    def extract(self) -> None:
        """Find entities and relations, and build the responses."""
        try:
            self._failures.check()
            with translated_system_errors():
                patterns, types = self._engine.state.patterns(), self._engine.types.snapshot()
                redirects = self._engine.state.redirects() if self._should_store else Redirects()
        except ContextPersistenceError as error:
            self._failures.note(error)
            self._fail(list(self._texts), error)
            return
        for indexes in self._pipeline.slices(list(self._texts)):
            start = time.perf_counter()
            try:
                extractions = list(
                    self._engine.language_models.extractor.extract(
                        [self._texts[index] for index in indexes], patterns
                    )
                )
            except ContextPersistenceError:
                self._extract_singly(indexes, patterns)
            else:
                self._extractions.update(zip(indexes, extractions, strict=True))
            seconds_each = (time.perf_counter() - start) / len(indexes)
            for index in indexes:
                if index in self._extractions:
                    self._responses[index] = self._build_response(
                        index, types, redirects, seconds_each
                    )

    def _extract_singly(self, indexes: Sequence[int], patterns: UserPatterns | None) -> None:
        """Extract from texts one by one, after extracting from them together has failed."""
        for index in indexes:
            try:
                self._extractions[index] = next(
                    iter(
                        self._engine.language_models.extractor.extract(
                            [self._texts[index]], patterns
                        )
                    )
                )
            except ContextPersistenceError as error:
                self._responses[index] = _failed_response(error)

    def _build_response(
        self, index: int, types: TypeSnapshot, redirects: Redirects, seconds: float
    ) -> ExtractEntitiesResponse:
        now = now_ms()
        knowledge = build_knowledge(
            self._engine,
            [(text_source(self._texts[index]), self._extractions[index])],
            redirects,
            now=now,
            type_limits=types,
            reads_stored=False,
        )
        response = build_response(
            self._engine, knowledge.rows, knowledge.extractions[0], self._entity_types, now=now
        )
        return response.model_copy(update={"processing_time": seconds})

    def embed_texts(self) -> None:
        """Do nothing: these texts have no vectors."""

    def embed_names(self) -> None:
        """Embed the names of the entities; the embedder remembers them until they are stored."""
        if not self._should_store:
            return
        names = {
            mention.name
            for extraction in self._extractions.values()
            for mention in extraction.mentions
        }
        for name_slice in self._pipeline.slices(sorted(names, key=len)):
            try:
                self._failures.check()
                with translated_system_errors():
                    self._engine.embeddings.current().embedder.embed(name_slice)
            except ContextPersistenceError:  # raised again when the text is stored
                return

    def write_tasks(self) -> Iterator[Callable[[], None]]:
        """Yield tasks that store the entities and relationships, each of a part of the texts."""
        indexes = (
            [index for index, extraction in self._extractions.items() if extraction.mentions]
            if self._should_store
            else []
        )
        for start in range(0, len(indexes), TEXTS_PER_STATEMENT):
            yield partial(self._write, indexes[start : start + TEXTS_PER_STATEMENT])

    def _write(self, indexes: list[int]) -> None:
        """Store what was found in some texts in one statement.

        Where the server has not enough memory, store it in halves, down to one text.
        """
        self._pipeline.check_running()
        engine, now = self._engine, now_ms()
        try:
            self._failures.check()
            with engine.graph.call(is_separate=True), translated_system_errors():
                sources = [
                    (text_source(self._texts[index]), self._extractions[index]) for index in indexes
                ]
                engine.embeddings.retry_when_stale(lambda: self._store_all(sources, now=now))
        except ContextPersistenceError as error:
            self._failures.note(error)
            if is_out_of_memory(error) and len(indexes) > 1:
                middle = len(indexes) // 2
                self._write(indexes[:middle])
                self._write(indexes[middle:])
            else:
                self._fail(indexes, error)
        else:
            self._failures.note(None)
            for index in indexes:
                self._responses[index].stored = True

    def _store_all(self, sources: Sequence[tuple[str, Extraction]], *, now: int) -> None:
        redirects = self._engine.state.redirects()
        knowledge = build_knowledge(self._engine, sources, redirects, now=now)
        store_entities(self._engine, knowledge, now=now)

    def finish(self) -> None:
        """Do nothing: all is stored."""

    def refuse(self, error: ContextPersistenceError) -> None:
        """Give each text this error as its response."""
        self._fail(list(self._texts), error)

    def _fail(self, indexes: list[int], error: ContextPersistenceError) -> None:
        for index in indexes:
            self._responses[index] = _failed_response(error)


def extract_batch(
    engine: Engine,
    texts_given: object,
    *,
    parallel: object,
    max_workers: object,
    entity_types: object,
    store: bool,
    progress: ReportProgress | None,
) -> list[ExtractEntitiesResponse]:
    """Extract from texts; return a response for each, in their order."""
    texts = validation.check_list("texts", texts_given, limit=limits.TEXTS_PER_BATCH)
    types = check_types(entity_types)
    pipeline = BatchPipeline(
        workers=count_workers(engine, parallel, max_workers),
        memory_check=BatchThrottle(engine.memory),
    )
    if texts and store:
        engine.embeddings.current()
    responses: list[ExtractEntitiesResponse] = [None] * len(texts)  # type: ignore[list-item]  # each is filled

    def build_groups() -> Iterator[_TextGroup]:
        failures = FailureStreak(engine.graph)
        group = _TextGroup(engine, pipeline, failures, responses, types, should_store=store)
        for index, text in enumerate(texts):
            group.add(index, text)
            if engine.memory.is_group_full(engine.batches.chunk_size, group.size, group.characters):
                yield group
                group = _TextGroup(engine, pipeline, failures, responses, types, should_store=store)
        if group.size:
            yield group

    with report_progress(progress, "texts", len(texts)) as report:
        pipeline.run(build_groups(), report)
    return responses


def _failed_response(error: ContextPersistenceError) -> ExtractEntitiesResponse:
    return ExtractEntitiesResponse(
        success=False, error=str(error), entities=[], total_entities=0, processing_time=0.0
    )
