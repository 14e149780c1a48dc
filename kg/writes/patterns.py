"""The patterns of a namespace's own types of entities: one node, versioned."""

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is


def read(namespace: str, *, known: int) -> Statement[Row]:
    """The patterns, unless `known` is their version; no row where there were never any."""
    return Statement(
        name="pattern/read", parameters={"namespace": namespace, "known": known}, read=as_is
    )


def save(namespace: str, patterns: str, *, now: int) -> Statement[Row]:
    """Put patterns, written as JSON, in the place of those that there are."""
    batch = {"namespace": namespace, "now": now, "patterns": patterns}
    return Statement(name="pattern/save", parameters={"batch": batch}, read=as_is, writes=True)
