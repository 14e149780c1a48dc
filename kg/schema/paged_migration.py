"""Migrations that go through all nodes of some labels, page by page."""

from collections.abc import Callable, Iterable

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.limits import SCHEMA_SECONDS

PAGE = 1_000


def rewrite_nodes(
    graph: Graph,
    labels: Iterable[str],
    deadline: Deadline,
    *,
    read: str,
    write: str,
    build_row: Callable[[str, Row], Row],
    unfinished: str,
) -> None:
    """Add what the nodes of an older version lack, page by page.

    What is written stays when this is interrupted; the next call goes on with the rest.

    Args:
        graph: The graph.
        labels: The labels of the nodes.
        deadline: When it ends.
        read: Name of the statement that reads a page, with the parameters `label` and `limit`.
        write: Name of the statement that writes `rows`.
        build_row: Returns what is written for a label and a row that was read.
        unfinished: What is not done at the deadline, for the error.

    Raises:
        DatabaseError: Some nodes are left at the deadline.
    """

    def seconds_left() -> float:
        if deadline.has_passed:
            raise DatabaseError(
                f"after {SCHEMA_SECONDS:.0f} s {unfinished} yet; open it again to go on",
                retryable=True,
            )
        return deadline.seconds_left

    def read_page(label: str) -> list[Row]:
        batch = {"label": label, "limit": PAGE}
        statement: Statement[Row] = Statement(name=read, parameters={"batch": batch}, read=as_is)
        with graph.call(seconds_left()):
            return graph.run(statement)

    for label in labels:
        while page := read_page(label):
            rows = [build_row(label, row) for row in page]
            statement: Statement[Row] = Statement(
                name=write, parameters={"rows": rows}, read=as_is, writes=True
            )
            graph.run(statement, deadline=seconds_left())
