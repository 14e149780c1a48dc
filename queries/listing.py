"""Build statements that read single items and list them in pages; nothing is run here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Statement, complete
from mcp_context_persistence.queries.search.filters import Filters

ORDERS = ("newest", "oldest", "updated", "id")
_SIGNS = {"newest": -1, "oldest": 1, "updated": -1, "id": 0}


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of a list.

    Attributes:
        order: The order of the list.
        limit: How many rows are read.
        after_key: The number by which the last row of the previous page is ordered.
        after_id: The id of that row; None for the first page.
    """

    order: str
    limit: int
    after_key: int | None = None
    after_id: str | None = None


def read_message(namespace: str, message_id: str) -> Statement[Row]:
    """Read a message; no row if it does not exist."""
    return Statement(
        name="read/message", parameters=_batch(namespace, message_id), read=complete("message")
    )


def read_document(namespace: str, document_id: str) -> Statement[Row]:
    """Read a document; no row if it does not exist."""
    return Statement(
        name="read/document", parameters=_batch(namespace, document_id), read=complete("document")
    )


def read_decision(namespace: str, decision_id: str) -> Statement[Row]:
    """Read a decision; no row if it does not exist."""
    return Statement(
        name="read/decision", parameters=_batch(namespace, decision_id), read=complete("decision")
    )


def read_entity(namespace: str, entity_id: str) -> Statement[Row]:
    """Read an entity; no row if it does not exist."""
    return Statement(
        name="read/entity", parameters=_batch(namespace, entity_id), read=complete("entity")
    )


def _batch(namespace: str, item_id: str) -> dict[str, Any]:
    return {"batch": {"namespace": namespace, "id": item_id}}


def list_conversations(namespace: str, filters: Filters, page: Page) -> Statement[Row]:
    """List a page of conversations; rows have `item`, `key` and `messages`."""
    batch = _list_batch(namespace, filters, page)
    return Statement(name="list/conversations", parameters={"batch": batch}, read=complete("item"))


def list_documents(namespace: str, filters: Filters, page: Page) -> Statement[Row]:
    """List a page of documents; rows have `item`, `key` and `passages`."""
    batch = _list_batch(namespace, filters, page)
    return Statement(name="list/documents", parameters={"batch": batch}, read=complete("item"))


def list_decisions(
    namespace: str, filters: Filters, page: Page, *, statuses: Sequence[str] | None
) -> Statement[Row]:
    """List a page of decisions; rows have `item` and `key`."""
    # A rejected decision has no filter tokens, so that its conversation is compared itself.
    batch = _list_batch(namespace, replace(filters, conversation_ids=()), page)
    batch["conversation_ids"] = list(filters.conversation_ids) or None
    batch["statuses"] = None if statuses is None else list(statuses)
    return Statement(name="list/decisions", parameters={"batch": batch}, read=complete("item"))


def list_entities(namespace: str, filters: Filters, page: Page) -> Statement[Row]:
    """List a page of entities; rows have `item`, `key` and `mentions`."""
    batch = _list_batch(namespace, filters, page)
    return Statement(name="list/entities", parameters={"batch": batch}, read=complete("item"))


def _list_batch(namespace: str, filters: Filters, page: Page) -> dict[str, Any]:
    """Return the parameters that all lists have in common."""
    return {
        "namespace": namespace,
        **filters.bounds,
        "sign": _SIGNS[page.order],
        "updated": page.order == "updated",
        "after_key": page.after_key,
        "after_id": page.after_id,
        "limit": page.limit,
    }
