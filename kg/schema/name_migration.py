"""The folded names of entities that older versions of the schema stored without them."""

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.kg.identifiers import fold_name
from mcp_context_persistence.kg.schema.paged_migration import rewrite_nodes

LABELS = ("Entity", "MergedEntity")


def fill_folded_names(graph: Graph, deadline: Deadline) -> None:
    """Write the folded names of all entities that have none, and their filter tokens.

    What is written stays when this is interrupted; the next call goes on with the rest.

    Raises:
        DatabaseError: Some are left at the deadline.
    """
    rewrite_nodes(
        graph,
        LABELS,
        deadline,
        read="schema/read_names",
        write="schema/write_names",
        build_row=_fold_row,
        unfinished="some entities of this store cannot be found under all spellings of their names",
    )


def _fold_row(_label: str, row: Row) -> Row:
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
