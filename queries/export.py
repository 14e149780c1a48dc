"""Build statements that read everything of a namespace, page by page; nothing is run here."""

from dataclasses import replace
from typing import Literal

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is

Kind = Literal["entities", "conversations", "documents", "decisions", "instructions"]
_PAGES: dict[Kind, Statement[Row]] = {
    "entities": Statement(name="export/entities", read=as_is),
    "conversations": Statement(name="export/conversations", read=as_is),
    "documents": Statement(name="export/documents", read=as_is),
    "decisions": Statement(name="export/decisions", read=as_is),
    "instructions": Statement(name="export/instructions", read=as_is),
}


def read_page(kind: Kind, namespace: str, *, after_id: str, limit: int) -> Statement[Row]:
    """Read items in the order of their ids.

    Args:
        kind: What is read.
        namespace: Name of the namespace.
        after_id: The id of the last item of the previous page.
        limit: The most items.
    """
    batch = {"namespace": namespace, "after_id": after_id, "limit": limit}
    return replace(_PAGES[kind], parameters={"batch": batch})


def read_messages(
    namespace: str, conversation_id: str, *, after_position: int, limit: int, max_bytes: int
) -> Statement[Row]:
    """Read messages of a conversation in the order of their positions."""
    batch = {
        "namespace": namespace,
        "conversation_id": conversation_id,
        "after_position": after_position,
        "limit": limit,
        "max_bytes": max_bytes,
    }
    return Statement(name="export/messages", parameters={"batch": batch}, read=as_is)


def read_relationships(
    namespace: str, *, after_id: str, after_key: str, limit: int
) -> Statement[Row]:
    """Read relationships in the order of their source, their type and their target."""
    batch = {
        "namespace": namespace,
        "after_id": after_id,
        "after_key": after_key,
        "limit": limit,
    }
    return Statement(name="export/relationships", parameters={"batch": batch}, read=as_is)
