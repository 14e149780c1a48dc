"""Admission of analyses by the memory that they need, over all clients of a server.

A projection reserves a share of the server's heap from its creation until it is dropped, and its
name in the server's catalog contains the reserved bytes. A client that wants another projection
takes a lock in the database, adds up the reservations in the catalog, and projects only if its own
need fits into the rest. So the reservations cannot differ from the projections that occupy the
memory, and a client that dies leaves nothing but its projection, which the next client drops.
"""

import contextlib
import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError, GraphError
from mcp_context_persistence.queries.analytics.heap_share import (
    MIB,
    build_heap_error,
    compute_memory_limit,
)
from mcp_context_persistence.queries.analytics.turns import (
    FairLock,
    build_busy_error,
    wait_for_event,
)

log = logging.getLogger(__name__)

NO_LIMIT = 2**62
# For this time the heap's size is remembered; a managed server may be restarted with another one.
HEAP_SECONDS = 5.0
# What a projection takes beyond the library's estimate, measured on graphs of 60 entities: a page
# for each of four chunks of relationships (256 KiB; 2 MiB more with weights, which take three
# regions of G1), and the buffers of the import.
FIXED_BYTES, WEIGHTED_BYTES = 6 * MIB, 20 * MIB
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.1
QUEUE_SECONDS = 1.0  # between two updates of a queue entry, which expires after ten
SWEEP_SECONDS = 2.0  # between two searches for projections of dead clients, while waiting
DROP_SECONDS = 10.0  # of the rest of the call's deadline, for cleaning up
MIN_DROP_SECONDS = 1.0  # for cleaning up when the deadline is over
CLOSE_SECONDS = 2.0  # that closing waits for the projection of another thread
GRACE_SECONDS = 10  # before a projection is dropped because its client has no connection

Kind = Literal["call", "block"]


class LostProjectionError(GraphError):
    """The projection was lost or too small; the same analysis works with another one."""


@dataclass(frozen=True, kw_only=True)
class MemoryNeed:
    """The memory that an algorithm needs, by the size of the graph.

    Attributes:
        per_entity: Bytes.
        per_relationship: Bytes.
    """

    per_entity: int
    per_relationship: int = 0

    def add_per_entity(self, count: int) -> "MemoryNeed":
        """Return the need with more bytes for each entity."""
        return MemoryNeed(
            per_entity=self.per_entity + count, per_relationship=self.per_relationship
        )


@dataclass(frozen=True, kw_only=True)
class AdmittedProjection:
    """A projection that was admitted.

    Attributes:
        name: Name in the catalog of Graph Data Science.
        nodes: Projected entities. With 0 nothing was projected, and `name` does not exist.
        relationships: As they are stored.
        bytes: Reserved for it and the algorithm.
    """

    name: str
    nodes: int
    relationships: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class ProjectionOptions:
    """How a graph is projected.

    Attributes:
        undirected: Whether relationships count in both directions.
        weighted: Whether they have a weight.
        costs: Whether their weight is -ln of the confidence instead of the confidence.
        loops: Whether each entity also has a relationship with itself.
    """

    undirected: bool
    weighted: bool = False
    costs: bool = False
    loops: bool = False


class Admission:
    """Admits the analyses of one client. Safe to share between threads."""

    def __init__(self, graph: Graph, run: Callable[[Statement[Row]], list[Row]]) -> None:
        """Admit analyses on a graph.

        Args:
            graph: The database.
            run: Runs a statement and translates its errors.
        """
        self._graph = graph
        self._run = run
        self._lock = FairLock()
        # Projections of calls and blocks that have ended, which the server may still finish: their
        # names, and until when on this process's monotonic clock.
        self._left_names: dict[str, float] = {}
        self._open_names: set[str] = set()  # of those that have not ended
        self._is_closed = False
        self._memory_limit: tuple[float, int] | None = None

    @contextlib.contextmanager
    def admit(
        self, namespace: str, need: MemoryNeed, *, kind: Kind, options: ProjectionOptions
    ) -> Iterator[AdmittedProjection]:
        """Wait for memory for an analysis, and keep its projection for the time of the block.

        Args:
            namespace: The namespace that is projected.
            need: Memory of the algorithm.
            kind: `call` for an analysis that computes within its deadline, `block` for a projection
                that the user keeps.
            options: Options of the projection.

        Raises:
            GraphError: The heap is too small for it; or others used the memory until the deadline,
                then the error is retryable.
        """
        batch: dict[str, Any] = {}
        is_projected = False
        try:
            with self._graph.call():
                size = self._measure_graph(namespace, options)
                batch = self._build_batch(size, namespace, need, kind, options)
                if size["nodes"]:
                    self._open_names.add(batch["name"])
                    self._wait_for_memory(batch)
                    is_projected = True
            yield AdmittedProjection(
                name=batch["name"],
                nodes=size["nodes"],
                relationships=size["relationships"],
                bytes=batch["bytes"],
            )
        except GraphError as error:
            is_lost = bool(batch) and self._drop_own(batch) is False
            if not is_lost or error.retryable or not is_projected:
                raise
            text = "the server was restarted, or lost the projection; call again"
            raise LostProjectionError(text, retryable=True) from error
        except BaseException:
            if batch:
                self._drop_own(batch)
            raise
        else:
            if is_projected:
                self._drop_own(batch)

    def close(self) -> None:
        """Drop the projections that have not ended: nobody can do so when the graph is closed."""
        self._is_closed = True
        if self._open_names:
            with (
                contextlib.suppress(GraphError),
                self._graph.call(CLOSE_SECONDS),
                self._lock.acquire(self._graph),
            ):
                pass  # the server has finished the projection of another thread
        names = [*self._open_names.copy(), *self._list_left_names()]
        self._left_names = dict.fromkeys(names, math.inf)
        if names:
            self._drop(names[0])

    def _measure_graph(self, namespace: str, options: ProjectionOptions) -> Row:
        """Return the size of the graph, and the library's estimate for its projection."""
        batch = {
            "namespace": namespace,
            "orientation": "UNDIRECTED" if options.undirected else "NATURAL",
            "properties": ["weight"] if options.weighted else [],
        }
        statement = Statement(name="analytics/size", parameters={"batch": batch}, read=as_is)
        return self._run(statement)[0]

    def _build_batch(
        self,
        size: Row,
        namespace: str,
        need: MemoryNeed,
        kind: Kind,
        options: ProjectionOptions,
    ) -> dict[str, Any]:
        """Return the parameters of the projection.

        Raises:
            GraphError: The heap is too small for it.
        """
        needed = (
            (WEIGHTED_BYTES if options.weighted else FIXED_BYTES)
            + size["bytes"]
            + size["nodes"] * need.per_entity
            + size["relationships"] * need.per_relationship
        )
        memory_limit = self.read_memory_limit()
        if needed > memory_limit and size["nodes"]:
            raise build_heap_error(needed, memory_limit)
        client = self._graph.client_id
        call_seconds = math.ceil(self._graph.seconds_left + DROP_SECONDS)
        seconds = limits.ANALYTICS_SECONDS if kind == "block" else call_seconds
        return {
            "namespace": namespace,
            "name": f"context-{client}-{kind}-{seconds}-{needed}-{uuid.uuid4().hex}",
            "client": client,
            "kind": kind,
            "seconds": seconds,
            "bytes": needed,
            "limit": memory_limit,
            "max_calls": limits.ANALYTICS_AT_ONCE,
            "queued_ms": None,
            "undirected": options.undirected,
            "types": ["*"] if options.undirected else [],
            "weighted": options.weighted,
            "costs": options.costs,
            "loops": options.loops,
        }

    def _wait_for_memory(self, batch: dict[str, Any]) -> None:
        """Project as soon as there is memory for it.

        The calls of this client take turns. While a call waits, the client is in a queue in the
        database, so that clients that come later wait behind it. It is not in the queue if only
        the blocks of users keep it out, because these may last long.

        Raises:
            GraphError: Others used the memory until the deadline.
        """
        statement = Statement(
            name="analytics/project", parameters={"batch": batch}, read=as_is, writes=True
        )
        with self._lock.acquire(self._graph):
            row = self._project(statement)
            if row["admitted"]:
                return
            try:
                self._project_when_admitted(statement, batch, row)
            except GraphError as error:
                if self._graph.seconds_left > 0:
                    raise
                raise build_busy_error() from error  # that is what the time was spent on
            finally:
                if batch["queued_ms"] is not None:
                    self._leave_queue()

    def _project_when_admitted(
        self, statement: Statement[Row], batch: dict[str, Any], row: Row
    ) -> None:
        """Repeat the statement until there is memory; `row` says that there was none."""
        pause, queued, swept = FIRST_PAUSE_SECONDS, -math.inf, -math.inf
        while not row["admitted"]:
            if time.monotonic() - swept > SWEEP_SECONDS:
                self._drop(batch["name"])  # also drops the projections of dead clients
                swept = time.monotonic()
            can_fit = row["block_bytes"] + batch["bytes"] <= batch["limit"]
            if can_fit and time.monotonic() - queued > QUEUE_SECONDS:
                batch["queued_ms"] = self._enter_queue()
                queued = time.monotonic()
            wait_for_event(self._graph, threading.Event(), pause)
            if self._graph.seconds_left <= 0:
                raise build_busy_error()
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            row = self._project(statement)

    def _project(self, statement: Statement[Row]) -> Row:
        """Project if there is memory for it, unless the client is being closed."""
        if self._is_closed:
            raise GraphError("the client is closed; open another one")
        return self._run(statement)[0]

    def _enter_queue(self) -> int:
        """Add or update this client's queue entry; return when it was added, in milliseconds."""
        return int(self._run(self._build_queue_statement(is_waiting=True))[0]["queued_ms"])

    def _leave_queue(self) -> None:
        """Remove this client's queue entry; when that fails, the entry expires."""
        try:
            self._graph.run(
                self._build_queue_statement(is_waiting=False), deadline=self._cleanup_seconds
            )
        except DatabaseError as error:
            log.debug("a queue entry was not removed and will expire: %s", error)

    def _build_queue_statement(self, *, is_waiting: bool) -> Statement[Row]:
        """Return the statement that updates or removes this client's queue entry."""
        batch = {"client": self._graph.client_id, "is_waiting": is_waiting}
        return Statement(
            name="analytics/queue", parameters={"batch": batch}, read=as_is, writes=True
        )

    @property
    def _cleanup_seconds(self) -> float:
        """Seconds for cleaning up; few of them when the deadline of the call is over."""
        return max(MIN_DROP_SECONDS, min(DROP_SECONDS, self._graph.seconds_left))

    def read_memory_limit(self) -> int:
        """Return the bytes that all analyses of the server may take together.

        There is no limit for a server that does not return the size of its heap.
        """
        now = time.monotonic()
        if self._memory_limit is None or now - self._memory_limit[0] > HEAP_SECONDS:
            try:
                heap = self._graph.run(Statement(name="analytics/heap", read=as_is))[0]["bytes"]
                self._memory_limit = (now, compute_memory_limit(heap))
            except DatabaseError as error:
                if error.retryable:
                    raise
                self._memory_limit = (now, NO_LIMIT)
        return self._memory_limit[1]

    def _drop_own(self, batch: dict[str, Any]) -> bool | None:
        """Drop the projection of a call or block that has ended.

        If the server has not projected it, or does not answer, it may do so later: then the next
        calls of this client drop it.
        """
        name = batch["name"]
        self._left_names[name] = time.monotonic() + batch["seconds"]
        self._open_names.discard(name)
        is_dropped = self._drop(name)
        if is_dropped:
            self._left_names.pop(name, None)
        return is_dropped

    def _list_left_names(self) -> list[str]:
        """Return the names of the projections that the server may still finish."""
        now = time.monotonic()
        for name, until in self._left_names.copy().items():
            if now > until:
                self._left_names.pop(name, None)
        return list(self._left_names.copy())

    def _drop(self, name: str) -> bool | None:
        """Drop a projection, and those that dead clients and interrupted calls left.

        An error is only logged: the result of the analysis must not be lost, and the projection
        will be dropped when its time is over.

        Returns:
            Whether the projection existed; None where that is unknown.
        """
        batch = {"name": name, "max_seconds": limits.ANALYTICS_SECONDS}
        sweep = Statement[Row](
            name="analytics/sweep",
            parameters={
                "batch": {
                    **batch,
                    "client": self._graph.client_id,
                    "grace_seconds": GRACE_SECONDS,
                    "left_names": self._list_left_names(),
                }
            },
            read=as_is,
            writes=True,
        )
        drop = Statement[Row](
            name="analytics/drop", parameters={"batch": batch}, read=as_is, writes=True
        )
        for statement in (sweep, drop):  # the second one if connections may not be listed
            try:
                rows = self._graph.run(statement, deadline=self._cleanup_seconds)
            except DatabaseError as error:
                log.debug("a projection could not be dropped: %s", error)
                if error.retryable:
                    break
            else:
                return any(row["name"] == name for row in rows)
        return None
