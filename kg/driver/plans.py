"""Have a server plan statements before anybody waits for them, or after somebody waited in vain.

Right after the server's start, planning a long statement takes seconds of processor time, on a busy
machine more than the deadline of a call. Each of several callers at once plans it for itself.
"""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp_context_persistence import cypher
from mcp_context_persistence.kg import thread_start
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import ContextPersistenceError

if TYPE_CHECKING:
    from mcp_context_persistence.kg.driver.graph import Graph

log = logging.getLogger(__name__)

# Folders of the statements of most calls, and of rarer ones that callers expect to be quick too.
FREQUENT = ("search", "conversation", "namespace", "instruction", "read", "list")
RARE = ("entity", "document", "decision", "relationship", "delete", "traverse", "maintenance")
PLAN_SECONDS = 300.0  # the longest wait for one plan
LATE_SECONDS = 2.0  # a statement that fails later than this may have failed while it was planned


@dataclass(frozen=True, kw_only=True)
class _Explained(Statement[Row]):
    """A statement that is planned and not run; its plan serves the statement itself."""

    def text(self, dialect: cypher.Dialect = "25") -> str:
        return f"EXPLAIN {super().text(dialect)}"


def plan_statements(
    graph: "Graph", folders: Sequence[str], *, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """Have the server plan the statements of some folders; they change nothing.

    Args:
        graph: The database.
        folders: Folders below `cypher/`, in their order.
        is_stopped: Ends this early when it returns True.
    """
    names = [name for name in cypher.list_names() if name.partition("/")[0] in folders]
    for name in sorted(names, key=lambda name: folders.index(name.partition("/")[0])):
        if is_stopped():
            return
        samples = cypher.load(name, graph.server.dialect).samples
        plan(graph, Statement(name=name, parameters=samples, read=as_is))


def plan(graph: "Graph", statement: Statement[Any]) -> None:
    """Have the server plan a statement; it changes nothing. An error is for whoever runs it."""
    explained = _Explained(
        name=statement.name,
        parameters=statement.parameters,
        names=statement.names,
        read=as_is,
        locks=True,
    )
    try:
        graph.run(explained, deadline=PLAN_SECONDS)
    except ContextPersistenceError as error:
        log.debug("%s was not planned: %s", statement.name, error)


class LatePlans:
    """Plans the statements that failed late and have never succeeded.

    When a call ends at its deadline, the server drops the plan that it was making. A repeated call
    would find the same situation again and again.
    """

    def __init__(self, graph: "Graph") -> None:
        """Take the graph that runs the statements."""
        self._graph = weakref.ref(graph)
        self._finished: set[str] = set()  # names of statements that succeeded
        self._planned: set[str] = set()  # names of statements that are planned now

    @contextmanager
    def watch(self, statement: Statement[Any]) -> Iterator[None]:
        """Watch a statement that is run during the block."""
        start = time.monotonic()
        try:
            yield
        except Exception:
            if time.monotonic() - start > LATE_SECONDS:
                self._plan(statement)
            raise
        self._finished.add(statement.name)

    def _plan(self, statement: Statement[Any]) -> None:
        if statement.name in self._finished | self._planned:
            return
        self._planned.add(statement.name)
        thread = threading.Thread(
            target=self._run, args=(statement,), name="context-persistence-plan", daemon=True
        )
        try:
            thread_start.start(thread)
        except RuntimeError:  # the system lets this process have no more threads
            self._planned.discard(statement.name)

    def _run(self, statement: Statement[Any]) -> None:
        if (graph := self._graph()) is not None:
            plan(graph, statement)
        self._planned.discard(statement.name)
