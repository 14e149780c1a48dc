"""The migration of a namespace to another embedding model, while it is searched and written to.

Vectors of the new model are computed for everything that has one of the old model, page by page, in
a property and an index of their own. What is written meanwhile gets vectors of the old model and
loses those of the new one, so that the next pass computes them. When few are left, the namespace is
locked, the rest is computed, and the two change places in the same transaction. The old vectors
stay, so that going back is quick.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from mcp_context_persistence.kg import thread_start, vector_spaces
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Run, Statement
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    DatabaseError,
    StaleStateError,
    VectorDBError,
)
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.progress import CallerError, ReportProgress, carry_errors
from mcp_context_persistence.kg.system_errors import NO_THREAD
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.vector_spaces import LABELS, VectorState
from mcp_context_persistence.kg.writes import entities

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder

log = logging.getLogger(__name__)

T = TypeVar("T")

PAGE = 128  # texts between two checks for a stop
LOCKED_TEXTS = 32  # embedded, at most, while nobody can write
LOCKED_SECONDS = 0.5  # for which nobody can write, at most
FAILURES = 5  # in a row, after which the migration gives up
CLEAR_PAGE = 2_000  # vectors that are removed at a time
WAIT_SECONDS = 0.2  # between two checks whether the migration goes on
STOP_SECONDS = 60.0  # to wait for the current page; the thread dies with the process


class _Stopped(Exception):  # noqa: N818 - not an error
    """The migration shall end before it is complete; the text is a reason that is a failure."""


class Migration:
    """Computes the vectors of another model on its own thread.

    What it has computed stays when it ends early; another one goes on with it.
    """

    def __init__(
        self,
        graph: Graph,
        namespace: str,
        embedder: "Embedder",
        state: VectorState,
        *,
        leftover: str | None,
        report: ReportProgress | None,
        on_switch: Callable[[], None],
    ) -> None:
        """Start the thread that computes the vectors.

        Args:
            graph: The database.
            namespace: Name of the namespace.
            embedder: The new model.
            state: What the namespace says of its vectors, with those of the new model in addition
                to those in use.
            leftover: A property with vectors that nobody needs any longer.
            report: Is called with ``"vectors"``, how many are computed, and how many there are.
            on_switch: Called when the new vectors are active.

        Raises:
            DatabaseError: No thread can be started; the same call may be able to later.
        """
        self._graph, self._namespace, self._embedder, self._state = (
            graph,
            namespace,
            embedder,
            state,
        )
        self._leftover, self._on_switch = leftover, on_switch
        self._report = carry_errors(report) if report else None
        self._computed, self._total, self._failures = 0, 0, 0
        self._locked_texts = LOCKED_TEXTS
        self._unanswered_since: float | None = None  # when the database was first asked in vain
        self._stop_requested = threading.Event()
        self.model = embedder.name
        self.failure: str | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, name="context-persistence-migration", daemon=True
        )
        renew_locks_in_children(self)
        atexit.register(self.stop)
        try:
            thread_start.start(self._thread)
        except RuntimeError as error:
            atexit.unregister(self.stop)
            raise DatabaseError(
                f"the migration cannot be started: {NO_THREAD}", retryable=True
            ) from error

    @property
    def is_running(self) -> bool:
        """Whether the migration goes on."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the end of the migration; an interruption stops it.

        It may take any time while it goes on. When the database has not answered for as long as the
        call may wait, the migration goes on without its caller.

        Raises:
            ContextPersistenceError: It failed, was stopped, or the database does not answer.
            CallerError: The caller's progress function raised an error.
        """
        seconds, has_answer = self._graph.seconds_left, True
        try:
            while self._thread.is_alive() and has_answer:
                self._thread.join(WAIT_SECONDS)
                since = self._unanswered_since
                has_answer = since is None or time.monotonic() - since <= seconds
        except BaseException:
            self._stop_requested.set()
            raise
        if self._error:
            raise self._error
        if self._thread.is_alive():
            raise DatabaseError(
                "the migration goes on, but the database does not answer; the same call waits for "
                "the migration again",
                retryable=True,
                outcome="unknown",
            )

    def stop(self) -> None:
        """Stop the migration after its current page."""
        self._stop_requested.set()
        atexit.unregister(self.stop)
        if not self.is_current_thread():
            self._thread.join(STOP_SECONDS)

    def is_current_thread(self) -> bool:
        """Return whether the caller runs in the migration: its callback or its model."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        try:
            self._migrate()
        except _Stopped as stop:
            self.failure = str(stop) or None
            self._error = DatabaseError(
                f"the migration was stopped{': ' if self.failure else ''}{stop}; the same call goes"
                " on with it",
                retryable=True,
            )
            log.info("the migration to another embedding model was stopped")
        except ContextPersistenceError as error:
            self._error, self.failure = error, str(error)
            log.warning("the migration to another embedding model ended: %s", error)
        except CallerError as carrier:
            self._error = carrier
            self._note_foreign_error(carrier.error, "progress")
        except Exception as error:  # what the caller's own model raises
            self._note_foreign_error(error, "the model")
            self._error = DatabaseError(self.failure)
            self._error.__cause__ = error
        except BaseException as error:  # raised where somebody waits
            self._error = error
            self._note_foreign_error(error, "the model or progress")
        else:
            log.info("the vectors of another embedding model are in use")
            self._on_switch()
        finally:
            atexit.unregister(self.stop)

    def _note_foreign_error(self, error: BaseException, source: str) -> None:
        self.failure = f"the migration ended by {type(error).__name__} in {source}"
        log.warning("the migration to another embedding model ended by %s", type(error).__name__)

    def _migrate(self) -> None:
        is_stale = False
        while True:
            try:
                if is_stale and self._refresh_state():
                    return
                is_stale = False
                if self._leftover:
                    self._clear(self._leftover)
                    self._leftover = None
                if self._run_pass():
                    return
            except StaleStateError:
                is_stale = True
            except (DatabaseError, VectorDBError) as error:
                self._failures += 1
                if not error.retryable or self._failures == FAILURES:
                    raise
                self._pause(2.0**self._failures)

    def _run_statement(self, statement: Statement[Any]) -> list[Any]:
        return self._ask(partial(self._graph.run, statement))

    def _ask(self, ask: Callable[[], T]) -> T:
        """Ask the database, and note since when it has not answered."""
        self._unanswered_since = self._unanswered_since or time.monotonic()
        answer = ask()
        self._unanswered_since = None
        return answer

    def _pause(self, seconds: float) -> None:
        if self._stop_requested.wait(seconds):
            raise _Stopped

    def _refresh_state(self) -> bool:
        """Read the state again; return whether another process has made the new model active."""
        rows = self._run_statement(vector_spaces.read_state(self._namespace))
        if rows and rows[0].active.model == self.model:
            return True
        if not rows or not rows[0].inactive or rows[0].inactive.model != self.model:
            raise _Stopped("another embedding model was configured meanwhile")
        if rows[0].progress not in {"clearing", "filling"}:
            raise _Stopped
        self._state = rows[0]
        return False

    def _run_pass(self) -> bool:
        """Compute the missing vectors; return whether the new vectors are active now."""
        if self._state.progress == "clearing":
            self._prepare()
        counts = self._run_statement(vector_spaces.count_vectors(self._namespace, self._state))[0]
        self._computed, self._total = counts["inactive"], counts["active"]
        self._report_progress()
        for label in LABELS:
            after = ""
            while rows := self._find_missing(self._run_statement, label, after=after, limit=PAGE):
                self._pause(0)
                self._computed += self._fill(self._run_statement, rows)
                self._failures = 0
                self._report_progress()
                after = rows[-1]["id"]
        return self._switch()

    def _clear(self, property_name: str) -> None:
        """Remove the vectors of a property page by page, unless somebody changes its purpose."""
        while True:
            self._pause(0)
            counts = self._run_statement(
                vector_spaces.clear_vectors(
                    self._namespace, self._state, property_name, limit=CLEAR_PAGE, now=now_ms()
                )
            )
            if not counts:
                raise StaleStateError
            if not counts[0]:
                return

    def _prepare(self) -> None:
        state = self._state
        if state.inactive is None:
            raise AssertionError("a migration has inactive vectors")
        self._clear(state.inactive.property_name)
        revisions = self._run_statement(
            vector_spaces.begin_migration(
                self._namespace, state, state.inactive, "filling", now=now_ms()
            )
        )
        if not revisions:
            raise StaleStateError
        self._state = VectorState(
            active=state.active, revision=revisions[0], inactive=state.inactive, progress="filling"
        )

    def _find_missing(
        self, run: Run, label: str, *, after: str = "", limit: int
    ) -> Sequence[Mapping[str, Any]]:
        return run(
            vector_spaces.find_missing_vectors(
                self._namespace, self._state, label, after=after, limit=limit
            )
        )

    def _fill(self, run: Run, rows: Sequence[Mapping[str, Any]]) -> int:
        """Compute the vectors of nodes; return how many still had the same text at the write."""
        start = time.perf_counter()
        vectors = self._embedder.embed_whole([_text_to_embed(row) for row in rows])
        seconds_per_text = (time.perf_counter() - start) / len(rows)
        affordable = int(LOCKED_SECONDS / max(seconds_per_text, 1e-6))
        self._locked_texts = max(1, min(LOCKED_TEXTS, affordable))
        vector_rows = [
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
            run(
                vector_spaces.fill_vectors(self._namespace, self._state, vector_rows, now=now_ms())
            )[0]
        )

    def _switch(self) -> bool:
        """Compute the last vectors while nobody can write, and make all active.

        Returns:
            False where too many were left.
        """

        def work(run: Run) -> bool:
            if not run(vector_spaces.lock_writes(self._namespace, self._state, now=now_ms())):
                raise StaleStateError
            rows = [
                row
                for label in LABELS
                for row in self._find_missing(run, label, limit=self._locked_texts + 1)
            ]
            if len(rows) > self._locked_texts or (rows and self._fill(run, rows) < len(rows)):
                return False
            if not run(vector_spaces.switch_vectors(self._namespace, self._state)):
                raise StaleStateError
            return True

        switched = self._ask(partial(self._graph.transact, work, name="configure_embedding_model"))
        if switched:
            self._computed = self._total
            self._report_progress()
        return switched

    def _report_progress(self) -> None:
        if self._report:
            self._report("vectors", min(self._computed, self._total), self._total)


def _text_to_embed(row: Mapping[str, Any]) -> str:
    """Return the text for a node's vector.

    For an entity that is its name, with its description where a user wrote one.
    """
    if row["label"] != "Entity":
        return str(row["content"])
    if row["origin"] == "extracted":
        return str(row["name"])
    return entities.embedding_text(row["name"], row["description"])
