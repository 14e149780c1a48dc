"""The client of the library."""

import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self

from mcp_context_persistence.exceptions import DatabaseError, ValidationError
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.progress import (
    CallerError,
    carry_errors,
    original_errors,
    raise_original,
)
from mcp_context_persistence.kg.system_errors import translated_system_errors
from mcp_context_persistence.methods.analytics import AnalyticsCalls
from mcp_context_persistence.methods.appends import AppendCalls
from mcp_context_persistence.methods.batches import BatchCalls
from mcp_context_persistence.methods.cache import CacheCalls
from mcp_context_persistence.methods.conversations import ConversationCalls
from mcp_context_persistence.methods.decisions import DecisionCalls
from mcp_context_persistence.methods.deletion import DeletionCalls
from mcp_context_persistence.methods.documents import DocumentCalls
from mcp_context_persistence.methods.duplicates import DuplicateCalls
from mcp_context_persistence.methods.embeddings import EmbeddingCalls
from mcp_context_persistence.methods.graph import GraphCalls
from mcp_context_persistence.methods.instructions import InstructionCalls
from mcp_context_persistence.methods.listing import ListingCalls
from mcp_context_persistence.methods.memory_usage import MemoryCalls
from mcp_context_persistence.methods.monitoring import MonitoringCalls
from mcp_context_persistence.methods.patterns import PatternCalls
from mcp_context_persistence.methods.search import SearchCalls
from mcp_context_persistence.methods.transfer import TransferCalls
from mcp_context_persistence.runtime.config.argument_defaults import unset_defaults
from mcp_context_persistence.runtime.engine import Engine


@validation.reads_argument
def _check_auth(field: str, value: object) -> tuple[str, str]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(item, str) for item in pair):
        raise ValidationError(f"{field} must be a pair of strings, user and password")
    return str.__str__(pair[0]), str.__str__(pair[1])


class ContextPersistenceClient(
    ConversationCalls,
    AppendCalls,
    DecisionCalls,
    InstructionCalls,
    DocumentCalls,
    GraphCalls,
    SearchCalls,
    AnalyticsCalls,
    DuplicateCalls,
    BatchCalls,
    EmbeddingCalls,
    CacheCalls,
    MemoryCalls,
    MonitoringCalls,
    PatternCalls,
    DeletionCalls,
    ListingCalls,
    TransferCalls,
):
    """Memory for an AI assistant, stored as one property graph in Neo4j.

    Several threads can use one client. A client is a context manager: the end of the `with` block
    closes it.

    Every call ends within its deadline (30 s unless configured) and raises only subclasses of
    `ContextPersistenceError`, or the error of your own progress function as it is. Every call may
    be repeated: if you write the same again, the graph does not change. Only messages without an id
    that you append are added again.
    """

    @unset_defaults("spacy_model")
    def __init__(  # noqa: PLR0913 - the documented ones, and keywords
        self,
        database_url: str | None = None,
        vector_db_url: str | None = None,
        spacy_model: str = "en_core_web_sm",
        config: dict[str, Any] | None = None,
        *,
        namespace: str = "default",
        auth: tuple[str, str] | None = None,
        database: str | None = None,
        credentials_file: str | os.PathLike[str] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        enable_metrics: bool = False,
        metrics_port: int | None = None,
    ) -> None:
        """Open a graph.

        Args:
            database_url: `local:PATH` or `sqlite:///PATH` for a store in that folder, with a
                managed server; `:memory:` or `sqlite:///:memory:` for a throwaway store; `bolt://`
                or `neo4j://` (`+s`, `+ssc`) for your own server. None means the configured URL
                (CONTEXT_STORE, CONTEXT_DB_URL or NEO4J_URI). If there is none, it means the user's
                own store in the data folder of the platform.
            vector_db_url: Accepted for compatibility, without effect. Vectors are stored in Neo4j.
            spacy_model: The name of an installed spaCy model. If you leave it out, the configured
                one (SPACY_MODEL) is used.
            config: Settings by name, see `mcp_context_persistence.runtime.config.settings.Config`.
                They have priority over environment variables, `.env`, the file `config.yaml` and
                the defaults, in this order.
            namespace: An isolated part of the database, at most 128 bytes.
            auth: The user and the password of your own server. You can also give them in the URL,
                in CONTEXT_DB_USER and CONTEXT_DB_PASSWORD, or in NEO4J_USERNAME and NEO4J_PASSWORD.
            database: The name of the database on the server. None means the configured one
                (CONTEXT_DB_NAME or NEO4J_DATABASE), or the default database of the server.
            credentials_file: A file with NEO4J_URI, NEO4J_USERNAME and NEO4J_PASSWORD, such as the
                one that Aura offers for download. It must not contradict the other settings.
            progress: A function that is called while a managed server is downloaded and started. It
                gets the name of the stage, the amount that is done, and the total amount. If it
                raises an error, the client is not opened, and this error is raised. The embedding
                model is downloaded in another thread: if the function raises an error there, the
                download ends, and the first call that needs the model does it again.
            enable_metrics: Whether calls are counted and timed for `get_metrics()`.
            metrics_port: The port on the loopback address where Prometheus can read the metrics. 0
                means any free port (see `client.metrics_port`). None means no port.

        Raises:
            ValidationError: An argument is not valid.
            DatabaseError: The database could not be reached or prepared.
        """
        if not validation.check_flag("enable_metrics", enable_metrics) and metrics_port is not None:
            raise ValidationError("metrics_port needs enable_metrics=True")
        self.namespace = validation.check_identifier(
            "namespace", namespace, size=limits.NAMESPACE_BYTES
        )
        metrics = None
        try:
            with translated_system_errors(DatabaseError):
                if enable_metrics:
                    from mcp_context_persistence.runtime.telemetry.metrics import Metrics  # noqa: PLC0415 - imports Prometheus

                    metrics = Metrics(metrics_port)
                self._engine = Engine(
                    arguments={
                        "database_url": database_url,
                        "vector_db_url": vector_db_url,
                        "credentials_file": credentials_file,
                    },
                    auth=None if auth is None else _check_auth("auth", auth),
                    database=None
                    if database is None
                    else validation.check_identifier("database", database),
                    namespace=self.namespace,
                    spacy_model=spacy_model,
                    config=config,
                    progress=carry_errors(progress) if callable(progress) else progress,
                    metrics=metrics,
                )
        except BaseException as error:
            if metrics is not None:
                metrics.close()
            if isinstance(error, CallerError):
                raise_original(error)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(namespace={self.namespace!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse a copy, which would share connections and locks with this client."""
        raise TypeError("a client cannot be copied or pickled; open another one where you need it")

    def close(self) -> None:
        """Close the client; calling it again does nothing.

        When no client uses a managed server any more, the server stops.

        Raises:
            DatabaseError: The database or the system failed; everything is released all the same.
        """
        with original_errors(), translated_system_errors(DatabaseError):
            self._engine.close()
