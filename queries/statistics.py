"""How much is stored."""

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is


def stats(namespace: str) -> Statement[Row]:
    """Counts of a namespace's conversations, messages, entities, relationships and decisions, and the bytes of its messages' text."""
    return Statement(name="maintenance/stats", parameters={"namespace": namespace}, read=as_is)
