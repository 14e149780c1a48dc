"""The engine of a client: the parts that every call uses, wired together."""

import logging
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.kg import limits, url, validation
from mcp_context_persistence.kg.namespaces import VersionReader, clear
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.kg.schema import migrations
from mcp_context_persistence.kg.schema.type_limits import TypeRegistry
from mcp_context_persistence.queries.analytics.analyzer import GraphAnalyzer
from mcp_context_persistence.runtime.call_scope import CallScope
from mcp_context_persistence.runtime.client_cache import ClientCache
from mcp_context_persistence.runtime.config import sources
from mcp_context_persistence.runtime.config.argument_defaults import UNSET
from mcp_context_persistence.runtime.config.settings import Config, load_config
from mcp_context_persistence.runtime.config.target import configured_target
from mcp_context_persistence.runtime.connection import Connection
from mcp_context_persistence.runtime.embedding_models import EmbeddingModels
from mcp_context_persistence.runtime.language_models import LanguageModels
from mcp_context_persistence.runtime.model_preload import ModelPreload
from mcp_context_persistence.runtime.namespace_state import NamespaceState
from mcp_context_persistence.runtime.process_memory import ClientMemory
from mcp_context_persistence.runtime.progress_lines import print_downloads
from mcp_context_persistence.runtime.telemetry import log_settings
from mcp_context_persistence.runtime.telemetry.call_telemetry import CallTelemetry

if TYPE_CHECKING:
    from mcp_context_persistence.runtime.telemetry.metrics import Metrics

log = logging.getLogger("mcp_context_persistence")

UNUSED = {
    "vector_db_url": "vector_db_url is not used: vectors live in Neo4j's own vector index",
    "vector_db_api_key": "vector_db_api_key is not used: vectors live in Neo4j's own vector index",
    "vector_collection_name": "vector_collection_name is not used: vectors live in Neo4j's own "
    "vector index",
    "echo": "echo is not used: the server's query log names the statements",
}


@cache
def _log_once(message: str, level: int = logging.INFO) -> None:
    log.log(level, message)


def _log_ignored_settings(config: Config) -> None:
    """Log, once per process, settings without effect and a configuration file that is ignored."""
    ignored_file = sources.describe_ignored_file(Config.model_fields)
    if ignored_file:
        is_suspicious, message = ignored_file
        _log_once(message, logging.WARNING if is_suspicious else logging.INFO)
    for name, message in UNUSED.items():
        if getattr(config, name):
            _log_once(message)


@dataclass(frozen=True, kw_only=True)
class Batches:
    """How batches are processed.

    Attributes:
        max_workers: Conversations that are written at the same time, at most; 1 means that nothing
            overlaps.
        chunk_size: Messages or texts that are analyzed together.
    """

    max_workers: int = limits.BATCH_WRITERS
    chunk_size: int = 100


class Engine:
    """An open graph and everything that works on it.

    Safe to share between threads. A forked child opens its own.

    Attributes:
        config: The settings in effect.
        namespace: The namespace as it is stored.
        connection: The connection to the database.
        graph: Runs the statements.
        memory: The memory of the process and its limit.
        metrics: Counts and times of the calls, None where they are off.
        call: Opens the scope of a public call.
        types: The entity and relationship types of the namespace.
        embeddings: The embedding models.
        language_models: The other language models.
        state: What is remembered of the namespace.
        cache: The response cache.
        analytics: The algorithms of Graph Data Science.
        batches: How batches are processed.
        blocks: The blocks of `graph_data_science` that are running.
    """

    def __init__(
        self,
        *,
        arguments: Mapping[str, object],
        auth: tuple[str, str] | None,
        database: str | None,
        namespace: str,
        spacy_model: object,
        config: Mapping[str, Any] | None,
        progress: ReportProgress | None,
        metrics: "Metrics | None" = None,
    ) -> None:
        """Start a managed server or connect to a remote one, and prepare the schema.

        `arguments` are the other arguments of the client that are settings, by name.

        Raises:
            ValidationError: An argument is not valid.
            DatabaseError: The database could not be reached or prepared.
        """
        spacy_setting = (
            None
            if spacy_model is UNSET
            else validation.check_identifier("spacy_model", spacy_model)
        )
        self.config = load_config(config, **arguments, spacy_model=spacy_setting)
        log_settings.configure(self.config)
        _log_ignored_settings(self.config)
        self.namespace = namespace
        progress = validation.check_progress(progress)
        self.metrics = metrics
        self.batches = Batches()
        self.blocks: set[ExitStack] = set()
        self._closed = False
        # Each part is closed in any case, so it is noted before it takes anything.
        self._parts = ExitStack()
        preload = ModelPreload(self.config, progress or print_downloads())
        try:
            self._parts.callback(preload.close)
            preload.start()
            self._connect(auth, database, preload.report)
            self.memory.open(self.connection.attachment, self.graph)
            database_state = migrations.ensure_schema(
                self.graph, vector_size=self.config.vector_size
            )
            self._wire(database_state.vector_size)
            preload.finish_opening()
        except BaseException:
            self._parts.close()
            raise

    def _connect(
        self, auth: tuple[str, str] | None, database: str | None, progress: ReportProgress | None
    ) -> None:
        target = configured_target(self.config)
        self.memory = ClientMemory(
            self.config.max_memory_usage, managed=isinstance(target, url.LocalTarget)
        )
        self._parts.callback(self.memory.close)
        self.connection = Connection(target, self.config, auth=auth, database=database)
        self._parts.callback(self.connection.close)
        self.connection.open(self.memory.server_settings, progress)
        if self.connection.is_throwaway:  # all throwaway clients of a process share one server
            self.namespace = f"{uuid.uuid4().hex}:{self.namespace}"
        self.graph = self.connection.graph

    def _wire(self, vector_size: int) -> None:
        """Make the parts that work on the open graph.

        Args:
            vector_size: Numbers per vector in the database's first vector index.
        """
        graph, namespace, config = self.graph, self.namespace, self.config
        graph.keep_schema(partial(migrations.repair_schema, graph, vector_size=vector_size))
        self.call = CallScope(graph, self.memory, CallTelemetry(namespace, self.metrics))
        self.types = TypeRegistry(graph, namespace)
        self.embeddings = EmbeddingModels(
            graph, namespace, config, first_index_dimension=vector_size
        )
        self.language_models = LanguageModels(config, self.types)
        self.state = NamespaceState(graph, namespace, self.embeddings)
        self.analytics = GraphAnalyzer(graph)
        self.cache = ClientCache(
            graph,
            VersionReader(graph, namespace, store=self.connection.watched_store),
            config,
            self.language_models,
            self.memory,
            identity=self.connection.identity,
            namespace=namespace,
        )
        if self.metrics is not None:
            self._parts.callback(self.metrics.close)
        if self.connection.is_throwaway:
            self._parts.callback(graph.run, clear(namespace))
        self._parts.callback(self._drop_projections)
        self._parts.callback(self.embeddings.close)
        self._parts.callback(self.cache.close)

    def close(self) -> None:
        """Leave the graph; calling it again does nothing.

        A throwaway graph is emptied. A managed server stops after its last user.
        """
        if self._closed:
            return
        self._closed = True
        if self.graph.is_forked:  # everything belongs to the parent
            return
        self._parts.close()

    def _drop_projections(self) -> None:
        """Drop the projections of calls and blocks that have not ended."""
        with ExitStack() as steps:  # each step runs, even if another one fails
            steps.callback(self.analytics.close)
            for block in list(self.blocks):
                steps.callback(block.close)
