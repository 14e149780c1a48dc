"""Care of the graph."""

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is


def clear(namespace: str) -> Statement[Row]:
    """Delete all that a namespace holds, in batches; what was stored with the model that made the vectors stays noted."""
    return Statement(
        name="maintenance/clear", parameters={"namespace": namespace}, read=as_is, writes=True
    )


def components() -> Statement[Row]:
    """Which server this is; any that lives can say so."""
    return Statement(name="maintenance/components", read=as_is)


def count_contents(namespace: str) -> Statement[Row]:
    """Count the nodes and relationships of a namespace, and the bytes of its messages' texts."""
    return Statement(name="maintenance/stats", parameters={"namespace": namespace}, read=as_is)
