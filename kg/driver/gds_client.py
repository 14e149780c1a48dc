"""The Python client of Graph Data Science on the library's connections, for algorithms of users."""

from typing import TYPE_CHECKING, Any

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import GraphError
from mcp_context_persistence.kg.extras import install_command
from mcp_context_persistence.kg.package_import import import_package

if TYPE_CHECKING:
    from graphdatascience import GraphDataScience


def check_gds_package() -> None:
    """Raise an error with the install command where the package `graphdatascience` is missing.

    Raises:
        GraphError: It is missing.
    """
    try:
        import_package("graphdatascience")
    except ImportError as error:
        raise GraphError(
            "graph_data_science needs the package graphdatascience. Install it with: "
            f"{install_command('gds')}"
        ) from error


def open_gds_client(graph: Graph, projection: str) -> "tuple[GraphDataScience, Any]":
    """Return a `GraphDataScience` on a graph's connections, and its object for one projection.

    Closing it does not close the connections. It must not be used after the graph was closed.
    """
    from graphdatascience import GraphDataScience  # noqa: PLC0415 - it takes seconds to import

    library = GraphDataScience(graph.driver, database=graph.database)
    library.set_show_progress(False)
    return library, library.graph.get(projection)
