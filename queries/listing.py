"""Build statements that read single items and list them in pages; nothing is run here."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.queries.search.filters import Filters

Kind = Literal["conversations", "decisions", "entities"]
Order = Literal["newest", "oldest", "updated", "id"]
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


def read_item(
    kind: Literal["message", "document", "decision", "entity"], namespace: str, item_id: str
) -> Statement[Row]:
    """Read one item; no row if it does not exist."""
    return Statement(
        name=f"read/{kind}",
        parameters={"batch": {"namespace": namespace, "id": item_id}},
        read=as_is,
    )


def list_items(
    kind: Kind, namespace: str, filters: Filters, page: Page, *, statuses: list[str] | None = None
) -> Statement[Row]:
    """List a page of items; rows have `item` and `key`."""
    groups, conversation_ids = filters.groups, None
    if kind == "decisions":  # a rejected one has no filter tokens
        conversation_ids = list(filters.conversation_ids) or None
        groups = replace(filters, conversation_ids=()).groups
    batch: dict[str, Any] = {
        "namespace": namespace,
        **filters.bounds,
        "groups": groups,
        "conversation_ids": conversation_ids,
        "statuses": statuses,
        "sign": _SIGNS[page.order],
        "updated": page.order == "updated",
        "after_key": page.after_key,
        "after_id": page.after_id,
        "limit": page.limit,
    }
    return Statement(name=f"list/{kind}", parameters={"batch": batch}, read=as_is)
