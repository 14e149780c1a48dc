"""Which model makes the vectors of a namespace: the one in use, and another one on its way in."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mcp_context_persistence.kg import limits, validation, vector_spaces
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import DatabaseError, StaleStateError, ValidationError
from mcp_context_persistence.kg.schema import migrations
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.vector_spaces import Progress, VectorSpace, VectorState
from mcp_context_persistence.responses.embedding_models import EmbeddingStatus
from mcp_context_persistence.runtime.config.settings import Config
from mcp_context_persistence.runtime.embedding_migration import Migration, Tell
from mcp_context_persistence.runtime.language_models import shared_embedder

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder, Vector

T = TypeVar("T")

TRIES = 5  # of a call while others change the model
GOES_ON: dict[Progress, Progress] = {
    "clearing": "clearing",
    "dropped": "clearing",
}  # all else is filled
STOPS: dict[Progress, Progress] = {"clearing": "dropped", "filling": "stopped"}


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """A model with the place of its vectors: what a call works with from its beginning to its end."""

    embedder: "Embedder"
    vectors: VectorState


class Embeddings:
    """The models of one client. Safe to share between threads."""

    def __init__(self, graph: Graph, namespace: str, config: Config, *, database_size: int) -> None:
        """Look at nothing yet.

        Args:
            graph: The database.
            namespace: The namespace.
            config: Names the model that is used unless another one is configured.
            database_size: Numbers per vector in the database's first index of vectors.
        """
        self._graph, self._namespace, self._config, self._size = (
            graph,
            namespace,
            config,
            database_size,
        )
        self._own: list[Embedder] = []  # models that were configured, the newest first
        self._known: Encoding | None = None
        self._job: Migration | None = None
        self._lock = threading.Lock()

    @property
    def newest(self) -> "Embedder":
        """The model that was configured last."""
        return self._own[0] if self._own else self._default

    @property
    def _default(self) -> "Embedder":
        return shared_embedder(self._config.sentence_transformer_model, self._config.batch_size)

    def current(self) -> Encoding:
        """The model whose vectors are in use, and where they are; asked once, and again when a statement sees another one.

        Raises:
            ValidationError: This client does not have that model.
            VectorDBError: The model is missing or cannot be loaded.
            DatabaseError: The database could not be asked.
        """
        known = self._known
        if known is None:
            known = self._known = self._look()
        return known

    def again(self, work: Callable[[], T]) -> T:
        """Do something with the `current` model, and again from the start where another one came into use meanwhile."""
        last: StaleStateError | None = None
        for _ in range(TRIES):
            try:
                return work()
            except StaleStateError as error:
                self._known = None
                last = error
        raise DatabaseError(
            f"{TRIES} attempts met changes by others, at the last one: {last}", retryable=True
        ) from last

    def _state(self) -> VectorState | None:
        rows = self._graph.run(vector_spaces.read_state(self._namespace))
        return rows[0] if rows else None

    def _look(self) -> Encoding:
        state = self._state()
        if state is not None:
            if (
                state.active.property_name != vector_spaces.PROPERTY
            ):  # opening has seen to the index of that one
                migrations.ensure_vector_indexes(self._graph, state.active)
            return Encoding(embedder=self._named(state.active.model), vectors=state)
        embedder = self.newest
        if not self._own:
            self._check_default()
        place = vector_spaces.choose_first_property(embedder.dimension, self._size)
        space = VectorSpace(model=embedder.name, size=embedder.dimension, property_name=place)
        if place != vector_spaces.PROPERTY:
            migrations.ensure_vector_indexes(self._graph, space)
        return Encoding(embedder=embedder, vectors=VectorState(active=space))

    def _named(self, model: str) -> "Embedder":
        for embedder in self._own:
            if embedder.name == model:
                return embedder
        if self._default.name != model:
            raise ValidationError(
                "the stored vectors were made by another embedding model, and vectors of two models are never mixed; give "
                "configure_embedding_model that model, or this one to have all vectors made anew"
            )
        self._check_default()
        return self._default

    def _check_default(self) -> None:
        if self._default.dimension != self._config.vector_size:
            raise ValidationError(
                f"vector_size: the embedding model makes vectors of {self._default.dimension} numbers"
            )

    def use(self, embedder: "Embedder", tell: Tell | None) -> Migration | None:
        """Have a model's vectors used: at once where there are none yet, else when all are made; returns who makes them."""
        if self._job and self._job.is_me():
            raise ValidationError("progress must not configure another model")
        with self._lock:
            self._own = [embedder, *(one for one in self._own if one.name != embedder.name)]
            for _ in range(TRIES):
                self._known = None
                state = self._state()
                if self._job and (
                    state is None or self._job.model != embedder.name or not self._job.running
                ):
                    self._job.stop()
                    self._job = None
                if state is None or (
                    state.active.model == embedder.name and state.progress not in STOPS
                ):
                    return None
                if self._job and state.progress in STOPS:
                    return self._job
                begun = self._begun(state, embedder)
                if begun and state.active.model == embedder.name:
                    return None
                if begun and begun.inactive:
                    before = (
                        state.inactive.property_name
                        if state.inactive
                        and state.inactive.property_name != begun.inactive.property_name
                        else None
                    )
                    self._job = Migration(
                        self._graph,
                        self._namespace,
                        embedder,
                        begun,
                        leftover=before,
                        tell=tell,
                        done=self.forget,
                    )
                    return self._job
        raise DatabaseError(
            "another embedding model was configured again and again; call again", retryable=True
        )

    def _begun(self, state: VectorState, embedder: "Embedder") -> VectorState | None:
        """The state with the model beside the one in use, or with what was beside it stopped; None where somebody was faster."""
        other, progress = state.inactive, state.progress
        if state.active.model == embedder.name:
            assert other is not None and progress is not None
            progress = STOPS[progress]
        elif (
            other and progress and other.model == embedder.name and other.size == embedder.dimension
        ):
            progress = GOES_ON.get(progress, "filling")
        else:
            place = vector_spaces.choose_inactive_property(
                state.active, embedder.dimension, self._size
            )
            other, progress = (
                VectorSpace(model=embedder.name, size=embedder.dimension, property_name=place),
                "clearing",
            )
        migrations.ensure_vector_indexes(self._graph, other)
        rows = self._graph.run(
            vector_spaces.begin_migration(self._namespace, state, other, progress, now=now_ms())
        )
        return (
            VectorState(active=state.active, revision=rows[0], inactive=other, progress=progress)
            if rows
            else None
        )

    def forget(self) -> None:
        """Ask again which model is in use, and how often entities were merged."""
        self._known = None

    def status(self) -> EmbeddingStatus:
        """Which models there are, and how far a migration is."""
        state, job = self._state(), self._job
        if state is None:
            return EmbeddingStatus(model=self.newest.name, vector_size=self.newest.dimension)
        rows = self._graph.run(vector_spaces.count_vectors(self._namespace, state))
        migrates = state.progress in STOPS
        other = state.inactive.model if state.inactive else None
        return EmbeddingStatus(
            model=state.active.model,
            vector_size=state.active.size,
            vectors=rows[0]["active"],
            migrating_to=other if migrates else None,
            migrated=rows[0]["inactive"] if migrates and state.progress != "clearing" else 0,
            running=bool(job and job.running),
            failure=job.failure if job else None,
            previous_model=other if state.progress == "previous" else None,
        )

    def close(self) -> None:
        """Stop what is running; the same call of `configure_embedding_model` goes on with it."""
        job = self._job
        if job:
            job.stop()


def configure(
    embeddings: Embeddings,
    model: object,
    vector_size: object,
    batch_size: object,
    *,
    wait: bool,
    progress: Tell | None,
) -> EmbeddingStatus:
    """Use another model from now on."""
    from mcp_context_persistence.ingest.models.embedder import Embedder

    size = validation.check_integer(
        "batch_size", batch_size, minimum=1, maximum=limits.ENCODER_BATCH
    )
    if progress is not None and not callable(progress):
        raise ValidationError("progress must be a function")
    if isinstance(model, (str, os.PathLike)):
        embedder = shared_embedder(validation.check_identifier("model", os.fspath(model)), size)
    elif callable(getattr(model, "encode", None)):
        embedder = Embedder(model, batch_size=size)
    else:
        raise ValidationError(
            "model must be a name, the path of a folder, or an object with the method encode of SentenceTransformer"
        )
    made = embedder.dimension
    if not 1 <= made <= limits.VECTOR_SIZE:
        raise ValidationError(f"model: a vector has 1 to {limits.VECTOR_SIZE:,} numbers")
    if (
        vector_size is not None
        and validation.check_integer(
            "vector_size", vector_size, minimum=1, maximum=limits.VECTOR_SIZE
        )
        != made
    ):
        raise ValidationError(f"vector_size: the embedding model makes vectors of {made} numbers")
    job = embeddings.use(embedder, progress)
    if job and wait:
        job.wait()
    return embeddings.status()


def generate(embeddings: Embeddings, texts: object) -> "Vector":
    """Vectors of texts by the model that was configured last; of a text that it does not read whole, the mean of its passages."""
    if isinstance(texts, (str, bytes)) or not isinstance(texts, (list, tuple)):
        raise ValidationError("texts must be a list")
    if len(texts) > limits.TEXTS_PER_BATCH:
        raise ValidationError(f"texts has more than {limits.TEXTS_PER_BATCH:,} items")
    said: list[Any] = [
        validation.check_text(f"texts.{place}", one, characters=limits.MESSAGE_CHARACTERS)
        for place, one in enumerate(texts)
    ]
    return embeddings.newest.embed_whole(said)
