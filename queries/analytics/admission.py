"""Admission of analyses by the memory that they need, over all clients of a server.

A projection holds its share of the server's heap from the moment it is made until it is dropped, and its name in the server's
catalog says how much. A client that wants one more takes a lock in the database, adds up what the catalog holds, and projects
only if its own need fits into what is left. So there is no state that could differ from what really occupies the memory, and
a client that dies holds nothing but its projection, which the next one drops.
"""

import logging
import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError, GraphError
from mcp_context_persistence.kg.local import sizes

log = logging.getLogger(__name__)

MIB = 1 << 20
NO_LIMIT = 2**62
# Of the server's heap for all analyses together; transactions have as much, and 248 MiB at least (`kg.local.sizes`). The rest
# is the server's own: 130 MiB with little data.
HEAP_SHARE = 0.35
OWN_BYTES, LEAST_BYTES = 150 * MIB, 24 * MIB
HEAP_SECONDS = (
    5.0  # for which the heap's size is remembered; a managed server may be given another one
)
# What a projection takes beyond what the library estimates, measured on graphs of 60 entities: a page for each of four
# chunks of relationships (256 KiB, and 2 MiB more for weights, which take three regions of G1), and the import's buffers.
FIXED_BYTES, WEIGHTED_BYTES = 6 * MIB, 20 * MIB
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.1
QUEUE_SECONDS = 1.0  # after which a place in the queue is confirmed; it is lost after ten
SWEEP_SECONDS = 2.0  # between two looks for what others left behind, while memory is waited for
DROP_SECONDS = 10.0  # that a clean-up may take of what is left of the call's deadline
LAST_SECONDS = 1.0  # that it may take where nothing is left
GRACE_SECONDS = 10  # for which a projection is left alone whose owner has no connection

Kind = Literal["call", "block"]


@dataclass(frozen=True, kw_only=True)
class Need:
    """The memory of an algorithm, by the size of the graph.

    Attributes:
        per_entity: Bytes.
        per_relationship: Bytes.
    """

    per_entity: int
    per_relationship: int = 0

    def plus(self, per_entity: int) -> "Need":
        """Return the memory with so many more bytes for each entity."""
        return Need(per_entity=self.per_entity + per_entity, per_relationship=self.per_relationship)


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """A projection that was admitted.

    Attributes:
        name: In the library's catalog.
        nodes: Projected entities, 0 where there is nothing to project.
        relationships: As they are stored.
        bytes: That are reserved for it and the algorithm.
    """

    name: str
    nodes: int
    relationships: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a graph is projected.

    Attributes:
        undirected: Whether relationships count in both directions.
        weighted: Whether they have a weight.
        costs: Whether their weight is -ln of the confidence instead of the confidence.
    """

    undirected: bool
    weighted: bool = False
    costs: bool = False


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
        self._turns = _Turns()
        self._share: tuple[float, int] | None = None

    @contextmanager
    def admit(
        self, namespace: str, need: Need, *, kind: Kind, options: Options
    ) -> Iterator[Admitted]:
        """Wait until there is memory for an analysis, and hold its projection for the time of the block.

        Args:
            namespace: What is projected.
            need: Memory of the algorithm.
            kind: `call` for an analysis that computes within its deadline, `block` for a projection that the user holds.
            options: Of the projection.

        Raises:
            GraphError: The heap is too small for it; or others used the memory for the whole deadline, then it is retryable.
        """
        batch: dict[str, Any] = {}
        is_projected = False
        try:
            with self._graph.call():
                size = self._measure(namespace, options)
                batch = self._batch(size, namespace, need, kind, options)
                if size["nodes"]:
                    self._wait_for_memory(batch)
                    is_projected = True
            yield Admitted(
                name=batch["name"],
                nodes=size["nodes"],
                relationships=size["relationships"],
                bytes=batch["bytes"],
            )
        except GraphError as error:
            is_lost = bool(batch) and self._drop(batch["name"]) is False
            if not is_lost or error.retryable or not is_projected:
                raise
            text = "the server was started again, or lost the projection; call again"
            raise GraphError(text, retryable=True) from error
        except BaseException:
            if batch:
                self._drop(batch["name"])
            raise
        else:
            if is_projected:
                self._drop(batch["name"])

    def _measure(self, namespace: str, options: Options) -> Row:
        """Return the size of the graph, and the library's estimate for its projection."""
        batch = {
            "namespace": namespace,
            "orientation": "UNDIRECTED" if options.undirected else "NATURAL",
            "properties": ["weight"] if options.weighted else [],
        }
        return self._run(Statement(name="analytics/size", parameters={"batch": batch}, read=as_is))[
            0
        ]

    def _batch(
        self, size: Row, namespace: str, need: Need, kind: Kind, options: Options
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
        share = self.share()
        if needed > share and size["nodes"]:
            raise too_large(needed, share)
        client = self._graph.client_id
        longest = math.ceil(self._graph.seconds_left + DROP_SECONDS)
        seconds = limits.ANALYTICS_SECONDS if kind == "block" else longest
        return {
            "namespace": namespace,
            "name": f"context-{client}-{kind}-{seconds}-{needed}-{uuid.uuid4().hex}",
            "client": client,
            "kind": kind,
            "bytes": needed,
            "share": share,
            "at_once": limits.ANALYTICS_AT_ONCE,
            "since": None,
            "undirected": options.undirected,
            "types": ["*"] if options.undirected else [],
            "weighted": options.weighted,
            "costs": options.costs,
        }

    def _wait_for_memory(self, batch: dict[str, Any]) -> None:
        """Project as soon as there is memory for it.

        The calls of this client take turns. What keeps out a client is noted in the database while
        it waits, so that later ones wait for it; not if it is the blocks of users, which may last.

        Raises:
            GraphError: Others used the memory for the whole deadline.
        """
        statement = Statement(
            name="analytics/project", parameters={"batch": batch}, read=as_is, writes=True
        )
        pause, queued, swept = FIRST_PAUSE_SECONDS, -math.inf, -math.inf
        with self._turns.take(self._graph):
            try:
                while not (row := self._run(statement)[0])["admitted"]:
                    if time.monotonic() - swept > SWEEP_SECONDS:
                        self._drop(batch["name"])  # sweeps what others left behind
                        swept = time.monotonic()
                    can_fit = row["blocked"] + batch["bytes"] <= batch["share"]
                    if can_fit and time.monotonic() - queued > QUEUE_SECONDS:
                        batch["since"] = self._queue(stays=True)
                        queued = time.monotonic()
                    if not wait(self._graph, threading.Event(), pause):
                        raise busy()
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            finally:
                if batch["since"] is not None:
                    self._leave()

    def _queue(self, *, stays: bool) -> int:
        """Take, keep or leave this client's place in the queue; return when it came."""
        batch = {"client": self._graph.client_id, "stays": stays}
        statement = Statement[Row](
            name="analytics/queue", parameters={"batch": batch}, read=as_is, writes=True
        )
        if stays:
            return int(self._run(statement)[0]["since"])
        return int(self._graph.run(statement, deadline=self._cleanup_seconds)[0]["since"])

    @property
    def _cleanup_seconds(self) -> float:
        """Seconds for a statement that tidies up; a call whose deadline is over must not go on for long."""
        return max(LAST_SECONDS, min(DROP_SECONDS, self._graph.seconds_left))

    def _leave(self) -> None:
        try:
            self._queue(stays=False)
        except DatabaseError as error:
            log.debug("a place in the queue is left to time: %s", error)

    def share(self) -> int:
        """Return the bytes that all analyses of the server may take together.

        A server that does not tell its heap has no limit but its own.
        """
        now = time.monotonic()
        if self._share is None or now - self._share[0] > HEAP_SECONDS:
            try:
                heap = self._graph.run(Statement(name="analytics/heap", read=as_is))[0]["bytes"]
                self._share = (now, share_of(heap))
            except DatabaseError as error:
                if error.retryable:
                    raise
                self._share = (now, NO_LIMIT)
        return self._share[1]

    def _drop(self, name: str) -> bool | None:
        """Drop a projection, and those that others left behind; return whether it was there, None where nobody told.

        A projection that cannot be dropped goes when its time is over: the answer of an analysis
        is not lost for it.
        """
        batch = {"name": name, "seconds": limits.ANALYTICS_SECONDS}
        seen = {"client": self._graph.client_id, "grace": GRACE_SECONDS}
        sweep = Statement[Row](
            name="analytics/sweep", parameters={"batch": {**batch, **seen}}, read=as_is, writes=True
        )
        drop = Statement[Row](
            name="analytics/drop", parameters={"batch": batch}, read=as_is, writes=True
        )
        for statement in (sweep, drop):  # the second one where connections are not to be seen
            try:
                rows = self._graph.run(statement, deadline=self._cleanup_seconds)
            except DatabaseError as error:
                log.debug("a projection could not be dropped: %s", error)
                if error.retryable:
                    break
            else:
                return any(row["name"] == name for row in rows)
        return None


class _Turns:
    """A fair lock: who came first is served first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def take(self, graph: Graph) -> Iterator[None]:
        """Hold the lock for the time of the block.

        Raises:
            GraphError: Others held it for the whole deadline.
        """
        turn = threading.Event()
        with self._lock:
            self._waiting.append(turn)
            self._waiting[0].set()
        try:
            if not turn.is_set() and (not wait(graph, turn) or not turn.is_set()):
                raise busy()
            yield
        finally:
            with self._lock:
                self._waiting.remove(turn)
                if self._waiting:
                    self._waiting[0].set()


def share_of(heap: int) -> int:
    """Return the bytes of a server's heap that all analyses together may take."""
    rest = heap - OWN_BYTES - sizes.statements(heap)
    return max(LEAST_BYTES, min(int(HEAP_SHARE * heap), rest))


def wait(graph: Graph, event: threading.Event, seconds: float = math.inf) -> bool:
    """Wait for an event within the deadline of this thread's call, which goes on meanwhile.

    Args:
        graph: Whose call it is.
        event: What to wait for.
        seconds: For which to wait at most.

    Returns:
        Whether time is left.
    """
    start = time.monotonic()
    event.wait(max(0.0, min(seconds, graph.seconds_left)))
    graph.spend(time.monotonic() - start)
    return graph.seconds_left > 0


def busy() -> GraphError:
    """Return the error of an analysis that others kept waiting."""
    return GraphError(
        "other analyses use the server's memory; call again, or give it a larger heap",
        retryable=True,
    )


def too_large(needed: int, share: int) -> GraphError:
    """Return the error of an analysis that needs more memory than all of them may take."""
    return GraphError(
        f"the server's heap is too small: {needed // MIB:,} MiB are needed, "
        f"{share // MIB:,} MiB may be taken; give it a larger heap"
    )
