"""The folded names of entities that older versions of the schema stored without them."""

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.kg.identifiers import fold_name
from mcp_context_persistence.kg.limits import SCHEMA_SECONDS

LABELS = ("Entity", "MergedEntity")
PAGE = 1_000


def fill_folded_names(graph: Graph, deadline: Deadline) -> None:
    """Write the folded names of all entities that have none, and their filter tokens.

    What is written stays when this is interrupted; the next call goes on with the rest.

    Raises:
        DatabaseError: Some are left at the deadline.
    """
    for label in LABELS:
        while rows := _read_page(graph, label, deadline):
            statement: Statement[Row] = Statement(
                name="schema/write_names", parameters={"rows": rows}, read=as_is, writes=True
            )
            graph.run(statement, deadline=_seconds_left(deadline))


def _read_page(graph: Graph, label: str, deadline: Deadline) -> list[Row]:
    batch = {"label": label, "limit": PAGE}
    statement: Statement[Row] = Statement(
        name="schema/read_names", parameters={"batch": batch}, read=as_is
    )
    with graph.call(_seconds_left(deadline)):
        return [_fold_row(row) for row in graph.run(statement)]


def _fold_row(row: Row) -> Row:
    aliases, facets = list(row["aliases"] or ()), list(row["facets"] or ())
    spellings = map(fold_name, (row["id"], row["name"], *aliases))
    tokens = [build_token("spelling", spelling) for spelling in spellings]
    return {
        "key": row["key"],
        "name": row["name"],
        "aliases": aliases,
        "old_facets": row["facets"],
        "folded": fold_name(row["name"]),
        "facets": list(dict.fromkeys([*facets, *tokens])),
    }


def _seconds_left(deadline: Deadline) -> float:
    if deadline.has_passed:
        raise DatabaseError(
            f"after {SCHEMA_SECONDS:.0f} s some entities of this store cannot be found under all "
            "spellings of their names yet; open it again to go on",
            retryable=True,
        )
    return deadline.seconds_left
