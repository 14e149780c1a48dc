"""The Python client of Graph Data Science on the library's connections, for algorithms of users."""

from typing import TYPE_CHECKING, Any

import neo4j

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import ContextPersistenceError, GraphError
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


class OpenDriver(neo4j.Driver):
    """The driver that a graph has now.

    The package would ask a closed driver once a second for ten minutes. A graph replaces its driver
    after it has lost a connection. It has none when it is closed, or in a forked child: then it
    raises its own error, which ends the call.
    """

    def __init__(self, graph: Graph) -> None:
        """Use the connections of a graph. The graph closes them."""
        self._graph = graph
        self._closed = True  # for the destructor

    @property
    def encrypted(self) -> bool:
        """Whether the connections are encrypted."""
        return self._graph.driver.encrypted

    def session(self, **config: Any) -> neo4j.Session:
        """Open a session; see `neo4j.Driver`."""
        return self._graph.driver.session(**config)

    def execute_query(self, *args: Any, **kwargs: Any) -> Any:
        """Run a statement; see `neo4j.Driver`."""
        return self._graph.driver.execute_query(*args, **kwargs)

    def verify_connectivity(self, **config: Any) -> None:
        """Raise an error where the server does not answer; see `neo4j.Driver`."""
        self._graph.driver.verify_connectivity(**config)

    def verify_authentication(self, *args: Any, **config: Any) -> bool:
        """Return whether the server accepts the credentials; see `neo4j.Driver`."""
        return self._graph.driver.verify_authentication(*args, **config)

    def close(self) -> None:
        """Do nothing: the connections are those of the graph."""


def open_gds_client(graph: Graph, projection: str) -> "tuple[GraphDataScience, Any]":
    """Return a `GraphDataScience` on a graph's connections, and its object for one projection.

    Closing it does not close the connections.

    Raises:
        GraphError: The server has lost the projection, or cannot be reached.
        DatabaseError: The graph is closed.
    """
    from graphdatascience import GraphDataScience  # noqa: PLC0415 - it takes seconds to import

    try:
        library = GraphDataScience(OpenDriver(graph), database=graph.database)
        library.set_show_progress(False)
        return library, library.graph.get(projection)
    except ContextPersistenceError:
        raise
    except Exception as error:  # the package and the driver raise any class
        raise GraphError(
            "the projected graph could not be opened: the server lost it, or cannot be reached; "
            "call again",
            retryable=True,
        ) from error
