"""Extraction from many texts: they are read together, and what is found is stored together."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from mcp_context_persistence.ingest.extraction.results import Extraction
from mcp_context_persistence.ingest.extraction.user_patterns import Patterns
from mcp_context_persistence.ingest.graph_rows import graph_rows
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.error_mapping import out_of_memory
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.kg.schema.type_limits import Snapshot
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.models import ExtractEntitiesResponse
from mcp_context_persistence.runtime.connection import Progress
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.runtime.memory_limit import Gate
from mcp_context_persistence.services.batch_pipeline import BatchPipeline, told
from mcp_context_persistence.services.batches import FailureStreak, listed, workers
from mcp_context_persistence.services.graph import answer, store_entities, text_source, types_wanted

STORED_TOGETHER = 100  # texts, at most: a statement of that size takes a tenth of a second


class _Texts:
    """Texts that are read together."""

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
        self._engine, self._pipeline, self._failures, self._responses, self._entity_types, self._should_store = (
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
        """Take one in; one that is not valid has its answer already."""
        self.size += 1
        self.characters += len(text) if isinstance(text, str) else 0
        try:
            self._texts[index] = validation.check_text(
                "text", text, characters=limits.EXTRACTION_CHARACTERS
            )
        except ContextPersistenceError as error:
            self._responses[index] = _failed_response(error)

    def read_stored(self) -> None:
        """There is nothing to look up."""

    def extract(self) -> None:
        """Find entities and relations, and make the answers."""
        try:
            self._failures.check()
            patterns, types = self._engine.state.patterns(), self._engine.types.snapshot()
            names = self._engine.state.redirects().names if self._should_store else {}
        except ContextPersistenceError as error:
            self._failures.note(error)
            self._fail(list(self._texts), error)
            return
        for indexes in self._pipeline.slices(list(self._texts)):
            start = time.perf_counter()
            try:
                extractions = list(
                    self._engine.models.extractor.extract([self._texts[index] for index in indexes], patterns)
                )
            except ContextPersistenceError:
                self._extract_singly(indexes, patterns)
            else:
                self._extractions.update(zip(indexes, extractions, strict=True))
            seconds_each = (time.perf_counter() - start) / len(indexes)
            for index in indexes:
                if index in self._extractions:
                    self._responses[index] = self._build_response(index, types, names, seconds_each)

    def _extract_singly(self, indexes: Sequence[int], patterns: Patterns | None) -> None:
        """Read again one by one what could not be read together."""
        for index in indexes:
            try:
                self._extractions[index] = next(
                    iter(self._engine.models.extractor.extract([self._texts[index]], patterns))
                )
            except ContextPersistenceError as error:
                self._responses[index] = _failed_response(error)

    def _build_response(
        self, index: int, types: Snapshot, names: Mapping[str, str], seconds: float
    ) -> ExtractEntitiesResponse:
        extraction, now = followed(self._extractions[index], names), now_ms()
        rows = graph_rows(
            self._engine.namespace,
            [(text_source(self._texts[index]), extraction)],
            now=now,
            admission=types,
        )
        response = answer(self._engine, rows, extraction, self._entity_types, now=now)
        return response.model_copy(update={"processing_time": seconds})

    def embed_texts(self) -> None:
        """Texts themselves have no vectors here."""

    def embed_names(self) -> None:
        """Embed the names of what was found; the embedder remembers them until they are stored."""
        if not self._should_store:
            return
        names = {mention.embed_names for extraction in self._extractions.values() for mention in extraction.mentions}
        for name_slice in self._pipeline.slices(sorted(names, key=len)):
            try:
                self._failures.check()
                self._engine.embeddings.current().embedder.embed_texts(name_slice)
            except ContextPersistenceError:  # fails again, with its reason, when the text is stored
                return

    def write_tasks(self) -> Iterator[Callable[[], None]]:
        """What was found, in portions."""
        indexes = (
            [index for index, extraction in self._extractions.items() if extraction.mentions] if self._should_store else []
        )
        for start in range(0, len(indexes), STORED_TOGETHER):
            yield partial(self._write, indexes[start : start + STORED_TOGETHER])

    def _write(self, indexes: list[int]) -> None:
        """Store what some texts say in one statement; in halves, down to one text, where the server's memory does not suffice."""
        self._pipeline.goes_on()
        engine, now = self._engine, now_ms()
        try:
            self._failures.check()
            with engine.graph.call():
                sources = [
                    (text_source(self._texts[index]), self._extractions[index]) for index in indexes
                ]
                engine.embeddings.again(lambda: self._store_all(sources, now=now))
        except ContextPersistenceError as error:
            self._failures.note(error)
            if out_of_memory(error) and len(indexes) > 1:
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
        engine, merged = self._engine, self._engine.state.redirects()
        redirected = [(source, followed(extraction, merged.names)) for source, extraction in sources]
        store_entities(
            engine,
            graph_rows(engine.namespace, redirected, now=now, admission=engine.types),
            merged,
            now=now,
        )

    def finish(self) -> None:
        """Nothing is left to do."""

    def refuse(self, error: ContextPersistenceError) -> None:
        """Give each text this error as its answer."""
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
    progress: Progress | None,
) -> list[ExtractEntitiesResponse]:
    """Extract from texts, an answer for each in their order."""
    texts = listed("texts", texts_given, limits.TEXTS_PER_BATCH)
    types = types_wanted(entity_types)
    pipeline = BatchPipeline(workers=workers(engine, parallel, max_workers), gate=Gate(engine.memory))
    if texts and store:
        engine.embeddings.current()
    responses: list[ExtractEntitiesResponse] = [None] * len(texts)  # type: ignore[list-item]  # each place is filled

    def build_groups() -> Iterator[_Texts]:
        failures = FailureStreak(engine.graph)
        group = _Texts(engine, pipeline, failures, responses, types, store=store)
        for index, text in enumerate(texts):
            group.add(index, text)
            if engine.memory.is_full(engine.batches.chunk_size, group.size, group.characters):
                yield group
                group = _Texts(engine, pipeline, failures, responses, types, store=store)
        if group.size:
            yield group

    with told(progress, "texts", len(texts)) as report:
        pipeline.run(build_groups(), report)
    return responses


def _failed_response(error: ContextPersistenceError) -> ExtractEntitiesResponse:
    return ExtractEntitiesResponse(
        success=False, error=str(error), entities=[], total_entities=0, processing_time=0.0
    )
