"""What every call stands on: the graph, its namespace, the settings and the language models."""

import atexit
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.kg import identifiers, limits, local, validation
from mcp_context_persistence.kg.driver import url as address
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    NotFoundError,
    ValidationError,
)
from mcp_context_persistence.kg.maintenance import clear
from mcp_context_persistence.kg.merging.merge import Merged, merged
from mcp_context_persistence.kg.namespace_version import Versions
from mcp_context_persistence.kg.schema import migrations
from mcp_context_persistence.kg.schema.type_limits import TypeRegistry
from mcp_context_persistence.kg.writes import patterns
from mcp_context_persistence.kg.writes.entities import resolve
from mcp_context_persistence.queries.analytics.algorithms import Analytics
from mcp_context_persistence.runtime.cache import stores
from mcp_context_persistence.runtime.cache.response_cache import A, Answers, key_of
from mcp_context_persistence.runtime.config import settings
from mcp_context_persistence.runtime.embedding_models import Embeddings
from mcp_context_persistence.runtime.memory_limit import Memory
from mcp_context_persistence.runtime.telemetry import log_settings
from mcp_context_persistence.runtime.telemetry.call_telemetry import Watch
from mcp_context_persistence.runtime.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.extraction.extractor import Extractor
    from mcp_context_persistence.ingest.extraction.user_patterns import Patterns
    from mcp_context_persistence.ingest.models.cross_encoder import CrossEncoder

log = logging.getLogger("mcp_context_persistence")

Progress = Callable[[str, int, int], None]


@cache
def shared_extractor(
    model: str, gliner_model: str | None, gliner_labels: tuple[str, ...]
) -> "Extractor":
    """One extractor per process, models and types."""
    from mcp_context_persistence.ingest.extraction.extractor import Extractor  # noqa: PLC0415 - spaCy is not imported before it is needed
    from mcp_context_persistence.ingest.extraction.gliner import Recogniser  # noqa: PLC0415 - likewise

    return Extractor(
        model, recogniser=Recogniser(gliner_model, gliner_labels) if gliner_model else None
    )


@cache
def shared_cross_encoder(model: str) -> "CrossEncoder":
    """One cross-encoder per process and model."""
    from mcp_context_persistence.ingest.models.cross_encoder import CrossEncoder  # noqa: PLC0415 - likewise

    return CrossEncoder(model)


@cache
def _say_once(message: str) -> None:
    log.info(message)


UNUSED = {
    "vector_db_url": "vector_db_url is not used: vectors live in Neo4j's own vector index",
    "vector_db_api_key": "vector_db_api_key is not used: vectors live in Neo4j's own vector index",
    "vector_collection_name": "vector_collection_name is not used: vectors live in Neo4j's own vector index",
    "echo": "echo is not used: the server's query log names the statements",
}


def _mention_unused(config: settings.Config) -> None:
    """Say once per process what is accepted without effect, where somebody sets it."""
    for name, message in UNUSED.items():
        if getattr(config, name):
            _say_once(message)


def default_url() -> str:
    """The store that is meant when nothing names one."""
    return f"local:{local.default_store()}"


_throwaways: dict[int, local.Attachment] = {}
_throwaways_lock = threading.Lock()


def throwaway(
    progress: Progress | None, settings: local.ServerSettings | None = None
) -> local.Attachment:
    """This process's throw-away server, started when it is first asked for, stopped when the process ends.

    A forked child gets one of its own, and so does a process whose temporary folder was emptied.
    """
    with _throwaways_lock:
        found = _throwaways.get(os.getpid())
        if found is None or not found.store.exists():
            found = _throwaways[os.getpid()] = local.attach(
                None, settings=settings, progress=progress
            )
            atexit.register(found.close)
        return found


@dataclass(frozen=True, kw_only=True)
class Batches:
    """How batches are worked off.

    Attributes:
        max_workers: Conversations that are written at the same time, at most; 1 means that nothing overlaps.
        chunk_size: Messages or texts that are analysed together.
    """

    max_workers: int = limits.BATCH_WRITERS
    chunk_size: int = 100


class Engine:
    """An open graph. Safe to share between threads; a forked child opens its own."""

    graph: Graph
    _attachment: local.Attachment | None
    _throwaway: bool

    def __init__(
        self,
        *,
        database_url: str | None,
        auth: tuple[str, str] | None,
        database: str | None,
        namespace: str,
        spacy_model: str,
        config: Mapping[str, Any] | None,
        progress: Progress | None,
        vector_db_url: str | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """Open the graph: start or attach to a local server, or connect to the named one, and see to its schema.

        Raises:
            ValidationError: An argument is not valid.
            DatabaseError: The database could not be reached or prepared.
        """
        named = (
            None
            if spacy_model is settings.SPACY_MODEL
            else validation.identifier("spacy_model", spacy_model)
        )
        self.config = settings.config(
            config, database_url=database_url, vector_db_url=vector_db_url, spacy_model=named
        )
        log_settings.configure(self.config)
        _mention_unused(self.config)
        self.namespace = validation.identifier("namespace", namespace, size=limits.NAMESPACE_BYTES)
        if progress is not None and not callable(progress):
            raise ValidationError("progress must be a function")
        self.metrics = metrics
        uri, database = self._reach(auth, database, progress)
        self.analytics = Analytics(self.graph)
        self._watch = Watch(self.namespace, metrics)
        self.types = TypeRegistry(self.graph, self.namespace)
        self._are_labels_checked = False
        self._patterns: Patterns | None = None
        self._merged = Merged()
        self.batches = Batches()
        self._closed = False
        self._place = str(self._attachment.store) if self._attachment else f"{uri} {database or ''}"
        watched = (
            self._attachment.store if self._attachment and database in {None, "neo4j"} else None
        )
        self._versions = Versions(self.graph, self.namespace, store=watched)
        self.answers: Answers | None = None
        try:
            self.memory.open(self._attachment, self.graph)
            state = migrations.ensure(self.graph, vector_size=self.config.vector_size)
        except BaseException:
            self._release()
            raise
        self.embeddings = Embeddings(
            self.graph, self.namespace, self.config, database_size=state.vector_size
        )

    def _reach(
        self, auth: tuple[str, str] | None, database: str | None, progress: Progress | None
    ) -> tuple[str, str | None]:
        """Open the connections; returns where they lead to, and the database's name."""
        target = address.parse(self.config.database_url or default_url())
        self.memory = Memory(
            self.config.max_memory_usage, managed=isinstance(target, address.Store)
        )
        credentials: tuple[str, str] | None
        if isinstance(target, address.Store):
            self._throwaway = target.path is None
            started = self.memory.server_settings
            self._attachment = (
                throwaway(progress, started)
                if target.path is None
                else local.attach(target.path, settings=started, progress=progress)
            )
            uri, credentials = (
                self._attachment.bolt_url,
                (self._attachment.user, self._attachment.password),
            )
        else:
            self._throwaway, self._attachment = False, None
            uri, credentials = target.uri, auth or target.auth or self.config.auth
            database = database or target.database
        if self._throwaway:
            self.namespace = f"{uuid.uuid4().hex}:{self.namespace}"
        self.graph = Graph(
            uri,
            credentials,
            database=database,
            pool_size=self.config.connections,
            deadline=self.config.deadline,
            revive=self._revive if self._attachment else None,
            restart=self._restart if self._attachment else None,
            server_pid=self._server_pid,
            credentials=self._attachment.credentials if self._attachment else None,
        )
        return uri, database

    def _revive(self) -> str:
        """Have the managed server run again; returns its address, which may be another one."""
        assert self._attachment is not None  # noqa: S101 - only a managed server is revived
        self._attachment.renew()
        return self._attachment.bolt_url

    def _server_pid(self) -> int:
        """The process of the managed server, 0 where the server is somebody else's."""
        return self._attachment.server_pid if self._attachment else 0

    def _restart(self, server_pid: int) -> str:
        """Have the managed server started again, whose database has stopped; returns its address."""
        assert self._attachment is not None  # noqa: S101 - only a managed server is started again
        self._attachment.restart(server_pid)
        return self._attachment.bolt_url

    @property
    def address(self) -> local.Attachment | None:
        """The managed server that this graph lives on, None when the server is somebody else's."""
        return self._attachment

    @property
    def extractor(self) -> "Extractor":
        """The extractor of entities and relations; loaded at its first use.

        Raises:
            ValidationError: A type that a GLiNER model shall look for is one too many for the namespace.
        """
        labels = (self.config.gliner_labels or ()) if self.config.gliner_model else ()
        if labels and not self._are_labels_checked:
            self.types.check((), map(identifiers.label, labels))
            self._are_labels_checked = True
        return shared_extractor(self.config.spacy_model, self.config.gliner_model, labels)

    @property
    def cross_encoder(self) -> "CrossEncoder | None":
        """What reads the best messages of a search again; loaded at its first use, None where none is configured."""
        name = self.config.cross_encoder_model
        return shared_cross_encoder(name) if name else None

    def patterns(self, version: int | None = None) -> "Patterns | None":
        """The patterns of the namespace's own types of entities, None where there are none.

        Args:
            version: Of the patterns that the store has, if it is known; else the store is asked.
        """
        known = self._patterns
        if version is None or version != (known.version if known else 0):
            rows = self.graph.run(
                patterns.read(self.namespace, known=known.version if known else 0)
            )
            if not rows:
                known = None
            elif rows[0]["patterns"] is not None:
                from mcp_context_persistence.ingest.extraction.user_patterns import stored  # noqa: PLC0415 - RE2 is not imported before it is needed

                known = stored(rows[0]["version"], rows[0]["patterns"])
            self._patterns = known
        return known

    @contextmanager
    def call(
        self, name: str, *kinds: type[ContextPersistenceError], tidy: bool = True
    ) -> Iterator[None]:
        """One call of the interface: one deadline for all that it asks of the database, and only the errors that it documents.

        Args:
            name: Of the method.
            kinds: Classes of errors; any other is reported as the first of them. What is wrong with the arguments stays as it is.
            tidy: Whether memory may be freed after it, where a limit on memory is near.
        """
        with self._watch.call(name):
            try:
                with self.memory.call(tidy=tidy), self.graph.call():
                    yield
            except ContextPersistenceError as error:
                if isinstance(error, (ValidationError, NotFoundError, *kinds)):
                    raise
                raise kinds[0](
                    str(error), retryable=error.retryable, outcome=error.outcome
                ) from error

    def keep_answers(
        self,
        cache_type: object,
        cache_size: object,
        ttl: object,
        *,
        redis_url: object = None,
        directory: object = None,
    ) -> None:
        """Put a cache in the place of the one there is; see `configure_cache`."""
        cache_size = self.config.cache_size if cache_size is settings.CACHE_SIZE else cache_size
        ttl = round(self.config.cache_ttl) if ttl is settings.CACHE_TTL else ttl
        group = key_of(self._place, self.namespace) or b""
        store = stores.open_store(
            cache_type, cache_size, ttl, group=group, redis_url=redis_url, directory=directory
        )
        old, self.answers = self.answers, Answers(store, self._versions.current) if store else None
        self.memory.keep(self.answers)
        if old:
            old.close()

    def cached(self, kind: type[A], compute: Callable[[], A], call: str, **arguments: object) -> A:
        """The answer to a call, from the cache where one is configured and has it.

        Args:
            kind: Class of the answer.
            compute: Makes it.
            call: Name of the method.
            arguments: All that the answer depends on, beside the graph and the settings; which model made the vectors is the graph's.
        """
        answers = self.answers
        if answers is None:
            return compute()
        from mcp_context_persistence import __version__  # noqa: PLC0415 - the package imports this module

        left = [
            name for name, value in arguments.items() if settings.left_out(value)
        ]  # a setting may take their place
        key = key_of(
            __version__, self.config.model_dump(mode="json"), self._judging(), call, arguments, left
        )
        if key is None:
            return compute()
        with self.graph.in_order():
            return answers.given(kind, key, compute)

    def _judging(self) -> str | None:
        """What the cross-encoder is made of: another one may have come to lie under its name. None where it cannot be read."""
        try:
            return self.cross_encoder.name if self.cross_encoder else None
        except ContextPersistenceError:  # the search that needs it says why
            return None

    def merged(self) -> Merged:
        """Which ids mean other entities by now; asked again only after entities were merged."""
        merges = self.embeddings.current().vectors.merges
        known = self._merged
        if known.merges != merges:
            rows = self.graph.run(merged(self.namespace))
            known = self._merged = rows[0] if rows else Merged()
        return known

    def entity_ids(self, references: Mapping[str, str]) -> dict[str, str]:
        """Ids for words that may be ids, exact names or aliases.

        Args:
            references: For each argument's name the word.

        Raises:
            NotFoundError: There is no such entity; the text names the arguments.
        """
        rows = self.graph.run(resolve(self.namespace, list(references.values())))
        found = {row["reference"]: row["id"] for row in rows}
        missing = [name for name, word in references.items() if word not in found]
        if missing:
            raise NotFoundError(
                f"{' and '.join(missing)}: there is no entity with that id, name or alias"
            )
        return {name: found[word] for name, word in references.items()}

    def close(self) -> None:
        """Leave the graph: a throw-away one is emptied, a managed server stops after its last user. Calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        if self.answers:
            self.answers.close()
        if not self.graph.forked:  # the thread of a migration is the parent's
            self.embeddings.close()
        try:
            if self._throwaway and not self.graph.forked:
                self.graph.run(clear(self.namespace))
        finally:
            self._release()

    def _release(self) -> None:
        self.memory.close()
        if self.metrics is not None and not self.graph.forked:  # its thread is the parent's
            self.metrics.close()
        self.graph.close()
        if self._attachment is not None and not self._throwaway:
            self._attachment.close()
