"""Extraction from many texts: they are read together, and what is found is stored together."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from mcp_context_persistence.ingest.extraction.results import Extraction
from mcp_context_persistence.ingest.extraction.user_patterns import Patterns
from mcp_context_persistence.ingest.graph_rows import graph_rows
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.clock import now_ms
from mcp_context_persistence.kg.driver.error_mapping import out_of_memory
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.kg.schema.type_limits import Snapshot
from mcp_context_persistence.models import ExtractEntitiesResponse
from mcp_context_persistence.runtime.engine import Engine, Progress
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
        line: BatchPipeline,
        fate: FailureStreak,
        answers: list[ExtractEntitiesResponse],
        wanted: set[str] | None,
        *,
        store: bool,
    ) -> None:
        self._engine, self._line, self._fate, self._answers, self._wanted, self._store = (
            engine,
            line,
            fate,
            answers,
            wanted,
            store,
        )
        self.size = 0
        self.characters = 0
        self._texts: dict[int, str] = {}
        self._found: dict[int, Extraction] = {}

    def add(self, place: int, given: object) -> None:
        """Take one in; one that is not valid has its answer already."""
        self.size += 1
        self.characters += len(given) if isinstance(given, str) else 0
        try:
            self._texts[place] = validation.text(
                "text", given, characters=limits.EXTRACTION_CHARACTERS
            )
        except ContextPersistenceError as error:
            self._answers[place] = _failed(error)

    def look(self) -> None:
        """There is nothing to look up."""

    def read(self) -> None:
        """Find entities and relations, and make the answers."""
        try:
            self._fate.check()
            patterns, types = self._engine.patterns(), self._engine.types.snapshot()
            names = self._engine.merged().names if self._store else {}
        except ContextPersistenceError as error:
            self._fate.note(error)
            self._fail(list(self._texts), error)
            return
        for part in self._line.slices(list(self._texts)):
            start = time.perf_counter()
            try:
                found = list(
                    self._engine.extractor.extract([self._texts[place] for place in part], patterns)
                )
            except ContextPersistenceError:
                self._one_by_one(part, patterns)
            else:
                self._found.update(zip(part, found, strict=True))
            each = (time.perf_counter() - start) / len(part)
            for place in part:
                if place in self._found:
                    self._answers[place] = self._answer(place, types, names, each)

    def _one_by_one(self, places: Sequence[int], patterns: Patterns | None) -> None:
        """Read again one by one what could not be read together."""
        for place in places:
            try:
                self._found[place] = next(
                    iter(self._engine.extractor.extract([self._texts[place]], patterns))
                )
            except ContextPersistenceError as error:
                self._answers[place] = _failed(error)

    def _answer(
        self, place: int, types: Snapshot, names: Mapping[str, str], seconds: float
    ) -> ExtractEntitiesResponse:
        found, now = followed(self._found[place], names), now_ms()
        rows = graph_rows(
            self._engine.namespace,
            [(text_source(self._texts[place]), found)],
            now=now,
            admission=types,
        )
        made = answer(self._engine, rows, found, self._wanted, now=now)
        return made.model_copy(update={"processing_time": seconds})

    def embed(self) -> None:
        """Texts themselves have no vectors here."""

    def name(self) -> None:
        """Embed the names of what was found; the embedder remembers them until they are stored."""
        if not self._store:
            return
        names = {mention.name for found in self._found.values() for mention in found.mentions}
        for part in self._line.slices(sorted(names, key=len)):
            try:
                self._fate.check()
                self._engine.embeddings.current().embedder.embed(part)
            except ContextPersistenceError:  # fails again, with its reason, when the text is stored
                return

    def writes(self) -> Iterator[Callable[[], None]]:
        """What was found, in portions."""
        places = (
            [place for place, found in self._found.items() if found.mentions] if self._store else []
        )
        for start in range(0, len(places), STORED_TOGETHER):
            yield partial(self._write, places[start : start + STORED_TOGETHER])

    def _write(self, places: list[int]) -> None:
        """Store what some texts say in one statement; in halves, down to one text, where the server's memory does not suffice."""
        self._line.goes_on()
        engine, now = self._engine, now_ms()
        try:
            self._fate.check()
            with engine.graph.call():
                sources = [
                    (text_source(self._texts[place]), self._found[place]) for place in places
                ]
                engine.embeddings.again(lambda: self._store_all(sources, now=now))
        except ContextPersistenceError as error:
            self._fate.note(error)
            if out_of_memory(error) and len(places) > 1:
                half = len(places) // 2
                self._write(places[:half])
                self._write(places[half:])
            else:
                self._fail(places, error)
        else:
            self._fate.note(None)
            for place in places:
                self._answers[place].stored = True

    def _store_all(self, sources: Sequence[tuple[str, Extraction]], *, now: int) -> None:
        engine, merged = self._engine, self._engine.merged()
        meant = [(source, followed(found, merged.names)) for source, found in sources]
        store_entities(
            engine,
            graph_rows(engine.namespace, meant, now=now, admission=engine.types),
            merged,
            now=now,
        )

    def end(self) -> None:
        """Nothing is left to do."""

    def refuse(self, error: ContextPersistenceError) -> None:
        """Give each text this error as its answer."""
        self._fail(list(self._texts), error)

    def _fail(self, places: list[int], error: ContextPersistenceError) -> None:
        for place in places:
            self._answers[place] = _failed(error)


def extract(
    engine: Engine,
    given: object,
    *,
    parallel: object,
    max_workers: object,
    entity_types: object,
    store: bool,
    progress: Progress | None,
) -> list[ExtractEntitiesResponse]:
    """Extract from texts, an answer for each in their order."""
    texts = listed("texts", given, limits.TEXTS_PER_BATCH)
    wanted = types_wanted(entity_types)
    line = BatchPipeline(workers=workers(engine, parallel, max_workers), gate=Gate(engine.memory))
    if texts and store:
        engine.embeddings.current()
    answers: list[ExtractEntitiesResponse] = [None] * len(texts)  # type: ignore[list-item]  # each place is filled

    def jobs() -> Iterator[_Texts]:
        fate = FailureStreak(engine.graph)
        job = _Texts(engine, line, fate, answers, wanted, store=store)
        for place, text in enumerate(texts):
            job.add(place, text)
            if engine.memory.is_full(engine.batches.chunk_size, job.size, job.characters):
                yield job
                job = _Texts(engine, line, fate, answers, wanted, store=store)
        if job.size:
            yield job

    with told(progress, "texts", len(texts)) as tell:
        line.run(jobs(), tell)
    return answers


def _failed(error: ContextPersistenceError) -> ExtractEntitiesResponse:
    return ExtractEntitiesResponse(
        success=False, error=str(error), entities=[], total_entities=0, processing_time=0.0
    )
