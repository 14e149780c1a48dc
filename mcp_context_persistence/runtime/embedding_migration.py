"""The way of a namespace from one embedding model to another, while it is searched and written to.

Vectors of the new model are made for everything that has one of the old model, page by page, in a
property and an index of their own. What is written meanwhile gets vectors of the old model and
loses those of the new one, so that the next pass makes them. When few are left, the namespace is
locked, the rest is made, and the two change places in the same transaction. The old vectors stay:
the way back is short.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.kg import vector_spaces
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Run
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    DatabaseError,
    StaleStateError,
    VectorDBError,
)
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.vector_spaces import LABELS, VectorState
from mcp_context_persistence.kg.writes import entities

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder

log = logging.getLogger(__name__)

Tell = Callable[[str, int, int], None]

PAGE = 128  # texts between two looks at whether to go on
LAST = 32  # texts, at most, that are embedded while nobody can write
LOCKED_SECONDS = 0.5  # that this should take at most
FAILURES = 5  # in a row, after which the migration gives up
CLEARED = 2_000  # vectors that are removed at a time
STOP_SECONDS = 60.0  # to wait for the page that is at work; the thread dies with the process


class _Stopped(Exception):
    """Somebody wants it to end."""


class Migration:
    """Makes the vectors of another model on a thread of its own. What it has made stays made when it ends before its time."""

    def __init__(
        self,
        graph: Graph,
        namespace: str,
        embedder: "Embedder",
        state: VectorState,
        *,
        leftover: str | None,
        tell: Tell | None,
        done: Callable[[], None],
    ) -> None:
        """Start.

        Args:
            graph: The database.
            namespace: The namespace.
            embedder: The new model.
            state: What the namespace says of its vectors, with those of the new model beside those
                in use.
            leftover: A property with vectors that nobody needs any more.
            tell: Is told ``"vectors"``, how many are made, and how many there are to be.
            done: Called when the new ones are in use.
        """
        self._graph, self._namespace, self._embedder, self._state = (
            graph,
            namespace,
            embedder,
            state,
        )
        self._leftover, self._tell, self._done = leftover, tell, done
        self._made, self._total, self._last, self._failures = 0, 0, LAST, 0
        self._ends = threading.Event()
        self.model = embedder.name
        self.failure: str | None = None
        self._error: ContextPersistenceError | None = None
        self._thread = threading.Thread(
            target=self._work, name="context-persistence-migration", daemon=True
        )
        atexit.register(self.stop)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait for its end; an interruption ends it.

        Raises:
            ContextPersistenceError: It failed, or was stopped.
        """
        try:
            while self._thread.is_alive():
                self._thread.join(0.2)
        except BaseException:
            self._ends.set()
            raise
        if self._error:
            raise self._error

    def stop(self) -> None:
        """End it after the page that it is at."""
        self._ends.set()
        atexit.unregister(self.stop)
        if not self.is_me():
            self._thread.join(STOP_SECONDS)

    def is_me(self) -> bool:
        """Whether the caller is the migration itself, by way of `tell` or the model."""
        return threading.current_thread() is self._thread

    def _work(self) -> None:
        try:
            self._migrate()
        except _Stopped:
            self._error = DatabaseError(
                "the migration was stopped; the same call goes on with it", retryable=True
            )
            log.info("the migration to another embedding model was stopped")
        except ContextPersistenceError as error:
            self._error, self.failure = error, str(error)
            log.warning("the migration to another embedding model ended: %s", error)
        except Exception as error:  # what the caller's own model or callback raises
            self.failure = (
                f"the migration ended by {type(error).__name__} in the model or in progress"
            )
            self._error = DatabaseError(self.failure)
            self._error.__cause__ = error
            log.warning(
                "the migration to another embedding model ended by %s", type(error).__name__
            )
        else:
            log.info("the vectors of another embedding model are in use")
            self._done()
        finally:
            atexit.unregister(self.stop)

    def _migrate(self) -> None:
        moved = False
        while True:
            try:
                if moved and self._read():
                    return
                moved = False
                if self._leftover:
                    self._clear(self._leftover)
                    self._leftover = None
                if self._pass():
                    return
            except StaleStateError:
                moved = True
            except (DatabaseError, VectorDBError) as error:
                self._failures += 1
                if not error.retryable or self._failures == FAILURES:
                    raise
                self._pause(2.0**self._failures)

    def _pause(self, seconds: float) -> None:
        if self._ends.wait(seconds):
            raise _Stopped

    def _read(self) -> bool:
        """Read the state again; returns whether the new model is in use already, made so by another process."""
        rows = self._graph.run(vector_spaces.read_state(self._namespace))
        if rows and rows[0].active.model == self.model:
            return True
        if not rows or not rows[0].inactive or rows[0].inactive.model != self.model:
            raise DatabaseError("another embedding model was configured meanwhile")
        if rows[0].progress not in {"clearing", "filling"}:
            raise _Stopped
        self._state = rows[0]
        return False

    def _pass(self) -> bool:
        """Make what is missing; returns whether the new vectors are in use now."""
        if self._state.progress == "clearing":
            self._prepare()
        counted = self._graph.run(vector_spaces.count_vectors(self._namespace, self._state))[0]
        self._made, self._total = counted["inactive"], counted["active"]
        self._say()
        for label in LABELS:
            after = ""
            while rows := self._missing(self._graph.run, label, after=after, limit=PAGE):
                self._pause(0)
                self._made += self._fill(self._graph.run, rows)
                self._failures = 0
                self._say()
                after = rows[-1]["id"]
        return self._switch()

    def _clear(self, vectors: str) -> None:
        """Remove what a property holds, some at a time, as long as nobody else has changed what it is for."""
        while True:
            self._pause(0)
            cleared = self._graph.run(
                vector_spaces.clear_vectors(
                    self._namespace, self._state, vectors, limit=CLEARED, now=now_ms()
                )
            )
            if not cleared:
                raise StaleStateError
            if not cleared[0]:
                return

    def _prepare(self) -> None:
        state = self._state
        assert state.inactive is not None
        self._clear(state.inactive.property_name)
        begun = self._graph.run(
            vector_spaces.begin_migration(
                self._namespace, state, state.inactive, "filling", now=now_ms()
            )
        )
        if not begun:
            raise StaleStateError
        self._state = VectorState(
            active=state.active, revision=begun[0], inactive=state.inactive, progress="filling"
        )

    def _missing(
        self, run: Run, label: str, *, after: str = "", limit: int
    ) -> Sequence[Mapping[str, Any]]:
        return run(
            vector_spaces.find_missing_vectors(
                self._namespace, self._state, label, after=after, limit=limit
            )
        )

    def _fill(self, run: Run, rows: Sequence[Mapping[str, Any]]) -> int:
        """Make the vectors of some nodes; returns how many still had the same text when they were written."""
        start = time.perf_counter()
        vectors = self._embedder.embed_whole([_text(row) for row in rows])
        each = (time.perf_counter() - start) / len(rows)
        self._last = max(1, min(LAST, int(LOCKED_SECONDS / max(each, 1e-6))))
        filled = [
            {
                "label": row["label"],
                "id": row["id"],
                "content": row["content"],
                "description": row["description"] or "",
                "vector": vector,
            }
            for row, vector in zip(rows, vectors, strict=True)
        ]
        return int(
            run(vector_spaces.fill_vectors(self._namespace, self._state, filled, now=now_ms()))[0]
        )

    def _switch(self) -> bool:
        """Make the last ones while nobody can write, and use all; False where too many are left."""

        def work(run: Run) -> bool:
            if not run(vector_spaces.lock_writes(self._namespace, self._state, now=now_ms())):
                raise StaleStateError
            rows = [
                row for label in LABELS for row in self._missing(run, label, limit=self._last + 1)
            ]
            if len(rows) > self._last or (rows and self._fill(run, rows) < len(rows)):
                return False
            if not run(vector_spaces.switch_vectors(self._namespace, self._state)):
                raise StaleStateError
            return True

        switched = self._graph.transact(work, name="configure_embedding_model")
        if switched:
            self._made = self._total
            self._say()
        return switched

    def _say(self) -> None:
        if self._tell:
            self._tell("vectors", min(self._made, self._total), self._total)


def _text(row: Mapping[str, Any]) -> str:
    """What the vector of a node is made of: an entity's name, with its description where somebody wrote it; else the text itself."""
    if row["label"] != "Entity":
        return str(row["content"])
    if row["origin"] == "extracted":
        return str(row["name"])
    return entities.embedding_text(row["name"], row["description"])
