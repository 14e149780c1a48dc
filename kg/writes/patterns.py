"""Build statements that read and save a namespace's entity patterns; nothing is run here.

The patterns are one node with a version.
"""

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is


def read(namespace: str, *, known_version: int) -> Statement[Row]:
    """Read the patterns, or their version alone if it is `known_version`.

    Returns no row if the namespace never had patterns.
    """
    return Statement(
        name="pattern/read",
        parameters={"namespace": namespace, "known_version": known_version},
        read=as_is,
        locks=True,
    )


def save(namespace: str, patterns: str, *, now: int) -> Statement[Row]:
    """Replace the namespace's patterns by these, in JSON."""
    batch = {"namespace": namespace, "now": now, "patterns": patterns}
    return Statement(name="pattern/save", parameters={"batch": batch}, read=as_is, writes=True)
