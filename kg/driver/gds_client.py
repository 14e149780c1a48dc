"""The library's own Python client on our server, for questions that we do not ask."""

from typing import TYPE_CHECKING, Any

from mcp_context_persistence.kg.driver.graph import Graph

if TYPE_CHECKING:
    from graphdatascience import GraphDataScience


def client(graph: Graph, projection: str) -> "tuple[GraphDataScience, Any]":
    """A `GraphDataScience` on a graph's connections, and its object for one projection.

    Closing it closes nothing that is ours; it must not be used after the graph is closed.
    """
    from graphdatascience import GraphDataScience  # noqa: PLC0415 - it takes seconds to import, and few ask for it

    library = GraphDataScience(graph.driver, database=graph.database)
    library.set_show_progress(False)
    return library, library.graph.get(projection)
