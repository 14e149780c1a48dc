"""Have a server plan statements before anybody waits for them.

Right after the server's start, planning a long statement takes seconds of processor time, and each
of several callers at once plans it for itself.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcp_context_persistence import cypher
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import ContextPersistenceError

log = logging.getLogger(__name__)

# Folders of the statements of most calls, and of rarer ones that callers expect to be quick too.
FREQUENT = ("search", "conversation", "namespace", "instruction", "read", "list")
RARE = ("entity", "document", "decision", "relationship", "delete", "traverse", "maintenance")


@dataclass(frozen=True, kw_only=True)
class _Explained(Statement[Row]):
    """A statement that is planned and not run; its plan serves the statement itself."""

    def text(self, dialect: cypher.Dialect = "25") -> str:
        return f"EXPLAIN {super().text(dialect)}"


def plan_statements(
    graph: Graph, folders: Sequence[str], *, is_stopped: Callable[[], bool] = lambda: False
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
        try:
            graph.run(_Explained(name=name, parameters=samples, read=as_is, locks=True))
        except ContextPersistenceError as error:  # whoever runs it is told
            log.debug("%s was not planned: %s", name, error)
