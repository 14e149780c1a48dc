"""The embedding models of a namespace: the active one, and another one that replaces it."""

import itertools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mcp_context_persistence.kg import limits, validation, vector_spaces
from mcp_context_persistence.kg.deadline import Backoff, Deadline
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import DatabaseError, StaleStateError, ValidationError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.kg.schema import migrations
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.vector_spaces import MigrationPhase, VectorSpace, VectorState
from mcp_context_persistence.responses.embedding_models import EmbeddingStatus
from mcp_context_persistence.runtime.config.settings import Config
from mcp_context_persistence.runtime.embedding_migration import Migration
from mcp_context_persistence.runtime.language_models import shared_embedder

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder, Vector

T = TypeVar("T")

TRIES = 5  # of a call while others change the model, at least
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.01, 0.5  # before the next one
RESUMED: dict[MigrationPhase, MigrationPhase] = {
    "clearing": "clearing",
    "dropped": "clearing",
}  # everything else is filled
STOPPED_PHASE_BY_RUNNING: dict[MigrationPhase, MigrationPhase] = {
    "clearing": "dropped",
    "filling": "stopped",
}


def is_migrating(phase: MigrationPhase | None) -> bool:
    """Return whether inactive vectors are being cleared or computed, and nobody stopped that."""
    return phase in STOPPED_PHASE_BY_RUNNING


@dataclass(frozen=True, kw_only=True)
class ActiveModel:
    """The model that a call works with from its beginning to its end, and where its vectors are."""

    embedder: "Embedder"
    vector_state: VectorState


class EmbeddingModels:
    """The embedding models of one client. Safe to share between threads."""

    def __init__(
        self, graph: Graph, namespace: str, config: Config, *, first_index_dimension: int
    ) -> None:
        """Create it; the first use reads which model is active.

        Args:
            graph: The database.
            namespace: Name of the namespace.
            config: Names the model that is used unless another one is configured by a call.
            first_index_dimension: Numbers per vector in the database's first index of vectors.
        """
        self._graph, self._namespace, self._config, self._size = (
            graph,
            namespace,
            config,
            first_index_dimension,
        )
        self._configured: list[Embedder] = []  # by a call, the newest first
        self._active: ActiveModel | None = None
        self._migration: Migration | None = None
        self._lock = threading.Lock()
        renew_locks_in_children(self)

    @property
    def newest(self) -> "Embedder":
        """The model that was configured last."""
        return self._configured[0] if self._configured else self._default

    @property
    def _default(self) -> "Embedder":
        return shared_embedder(self._config.sentence_transformer_model, self._config.batch_size)

    def current(self) -> ActiveModel:
        """Return the active model; it is read again when a statement has seen another one.

        Raises:
            ValidationError: This client does not have that model.
            VectorDBError: The model is missing or cannot be loaded.
            DatabaseError: The database could not be asked.
        """
        active = self._active
        if active is None:
            active = self._active = self._read_active()
        return active

    def retry_when_stale(self, work: Callable[[], T]) -> T:
        """Run work; run it again where the model, the merges or the types have changed.

        The attempts go on until the deadline of the call, with growing pauses between them. There
        are five at least, because work may take long without waiting for the database.

        Raises:
            DatabaseError: They changed during each attempt; retryable.
        """
        deadline = Deadline.after(self._graph.seconds_left)
        pause = Backoff(first=FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS, has_jitter=True)
        for attempt in itertools.count(1):
            try:
                return work()
            except StaleStateError as error:
                self._active = None
                if attempt >= TRIES and deadline.has_passed:
                    raise DatabaseError(
                        f"other clients changed the data during {attempt} attempts; call again; "
                        f"the last attempt: {error}",
                        retryable=True,
                    ) from error
            self._graph.spend(pause.seconds)
            pause.sleep(deadline)
        raise AssertionError("the attempts have no end")

    def _read_state(self) -> VectorState | None:
        rows = self._graph.run(vector_spaces.read_state(self._namespace))
        return rows[0] if rows else None

    def _read_active(self) -> ActiveModel:
        state = self._read_state()
        if state is not None:
            if state.active.property_name != vector_spaces.PROPERTY:  # whose index exists
                migrations.ensure_vector_indexes(self._graph, state.active)
            return ActiveModel(embedder=self._find_embedder(state.active.model), vector_state=state)
        embedder = self.newest
        if not self._configured:
            self._check_default()
        property_name = vector_spaces.choose_first_property(embedder.dimension, self._size)
        space = VectorSpace(
            model=embedder.name, size=embedder.dimension, property_name=property_name
        )
        if property_name != vector_spaces.PROPERTY:
            migrations.ensure_vector_indexes(self._graph, space)
        return ActiveModel(embedder=embedder, vector_state=VectorState(active=space))

    def _find_embedder(self, model: str) -> "Embedder":
        for embedder in self._configured:
            if embedder.name == model:
                return embedder
        if self._default.name != model:
            raise ValidationError(
                "the stored vectors were made by another embedding model, and vectors of two "
                "models are never mixed; give configure_embedding_model that model, or this one "
                "to have all vectors computed again"
            )
        self._check_default()
        return self._default

    def _check_default(self) -> None:
        if self._default.dimension != self._config.vector_size:
            raise ValidationError(
                "vector_size: the embedding model makes vectors of "
                f"{self._default.dimension} numbers"
            )

    def use(self, embedder: "Embedder", progress: ReportProgress | None) -> Migration | None:
        """Use a model: at once where there are no vectors yet, else when all are computed.

        Returns:
            The migration that computes them, None where there is none.
        """
        if self._migration and self._migration.is_current_thread():
            raise ValidationError("progress must not configure another model")
        with self._lock:
            self._configured = [
                embedder,
                *(previous for previous in self._configured if previous.name != embedder.name),
            ]
            for _ in range(TRIES):
                self._active = None
                state = self._read_state()
                if self._migration and (
                    state is None
                    or self._migration.model != embedder.name
                    or not self._migration.is_running
                ):
                    self._migration.stop()
                    self._migration = None
                if state is None or (
                    state.active.model == embedder.name and not is_migrating(state.progress)
                ):
                    return None
                if self._migration and is_migrating(state.progress):
                    return self._migration
                begun = self._begin(state, embedder)
                if begun and state.active.model == embedder.name:
                    return None
                if begun and begun.inactive:
                    leftover = (
                        state.inactive.property_name
                        if state.inactive
                        and state.inactive.property_name != begun.inactive.property_name
                        else None
                    )
                    self._migration = Migration(
                        self._graph,
                        self._namespace,
                        embedder,
                        begun,
                        leftover=leftover,
                        report=progress,
                        on_switch=self.forget,
                    )
                    return self._migration
        raise DatabaseError(
            "another embedding model was configured again and again; call again", retryable=True
        )

    def _begin(self, state: VectorState, embedder: "Embedder") -> VectorState | None:
        """Begin a migration to the model, or stop the one that leads away from it.

        Returns:
            The new state, None where somebody else has changed it meanwhile.
        """
        inactive, progress = state.inactive, state.progress
        if state.active.model == embedder.name:
            if inactive is None or progress is None:
                raise AssertionError("the state has nothing to stop")
            progress = STOPPED_PHASE_BY_RUNNING[progress]
        elif (
            inactive
            and progress
            and inactive.model == embedder.name
            and inactive.size == embedder.dimension
        ):
            progress = RESUMED.get(progress, "filling")
        else:
            property_name = vector_spaces.choose_inactive_property(
                state.active, embedder.dimension, self._size
            )
            inactive = VectorSpace(
                model=embedder.name, size=embedder.dimension, property_name=property_name
            )
            progress = "clearing"
        migrations.ensure_vector_indexes(self._graph, inactive)
        rows = self._graph.run(
            vector_spaces.begin_migration(self._namespace, state, inactive, progress, now=now_ms())
        )
        return (
            VectorState(active=state.active, revision=rows[0], inactive=inactive, progress=progress)
            if rows
            else None
        )

    def forget(self) -> None:
        """Read the active model, and how often entities were merged, at the next use again."""
        self._active = None

    def status(self) -> EmbeddingStatus:
        """Return which models there are, and how far a migration is."""
        state, migration = self._read_state(), self._migration
        if state is None:
            return EmbeddingStatus(model=self.newest.name, vector_size=self.newest.dimension)
        rows = self._graph.run(vector_spaces.count_vectors(self._namespace, state))
        is_running = is_migrating(state.progress)
        inactive = state.inactive.model if state.inactive else None
        return EmbeddingStatus(
            model=state.active.model,
            vector_size=state.active.size,
            vectors=rows[0]["active"],
            migrating_to=inactive if is_running else None,
            migrated=rows[0]["inactive"] if is_running and state.progress != "clearing" else 0,
            running=bool(migration and migration.is_running),
            failure=migration.failure if migration else None,
            previous_model=inactive if state.progress == "previous" else None,
        )

    def close(self) -> None:
        """Stop a running migration; the same `configure_embedding_model` call goes on with it."""
        migration = self._migration
        if migration:
            migration.stop()


def configure(
    embeddings: EmbeddingModels,
    model: object,
    vector_size: object,
    batch_size: object,
    *,
    wait: bool,
    progress: ReportProgress | None,
) -> EmbeddingStatus:
    """Use another model from now on; see `configure_embedding_model`."""
    from mcp_context_persistence.ingest.models.embedder import Embedder  # noqa: PLC0415 - slow to import

    size = validation.check_integer(
        "batch_size", batch_size, minimum=1, maximum=limits.ENCODER_BATCH
    )
    progress = validation.check_progress(progress)
    with validation.reading("model"):
        if isinstance(model, (str, os.PathLike)):
            embedder = shared_embedder(validation.check_identifier("model", os.fspath(model)), size)
        elif callable(getattr(model, "encode", None)):
            embedder = Embedder(model, batch_size=size)
        else:
            raise ValidationError(
                "model must be a name, the path of a folder, or an object with the method encode "
                "of SentenceTransformer"
            )
    dimension = embedder.dimension
    if not 1 <= dimension <= limits.VECTOR_SIZE:
        raise ValidationError(
            f"model: its vectors must have 1 to {limits.VECTOR_SIZE:,} numbers, not {dimension:,}"
        )
    if (
        vector_size is not None
        and validation.check_integer(
            "vector_size", vector_size, minimum=1, maximum=limits.VECTOR_SIZE
        )
        != dimension
    ):
        raise ValidationError(
            f"vector_size: the embedding model makes vectors of {dimension} numbers"
        )
    migration = embeddings.use(embedder, progress)
    if migration and wait:
        migration.wait()
    return embeddings.status()


def generate(embeddings: EmbeddingModels, texts: object) -> "Vector":
    """Return vectors of texts by the model that was configured last; see `generate_embeddings`."""
    checked = [
        validation.check_text(f"texts.{position}", text, characters=limits.MESSAGE_CHARACTERS)
        for position, text in enumerate(
            validation.check_list("texts", texts, limit=limits.TEXTS_PER_BATCH)
        )
    ]
    return embeddings.newest.embed_whole(checked)
