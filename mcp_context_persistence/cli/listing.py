"""`list`: list what is stored, page after page."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import click
from pydantic import BaseModel

from mcp_context_persistence.cli.exit_codes import InputError
from mcp_context_persistence.cli.help_pages import command
from mcp_context_persistence.cli.inputs import build_filters, filter_options
from mcp_context_persistence.cli.output import Columns, print_rows
from mcp_context_persistence.cli.session import Session, uses_store

CONVERSATIONS: Columns = {
    "id": lambda item: item.conversation_id,
    "messages": lambda item: item.total_messages,
    "updated": lambda item: item.updated_at,
    "project": lambda item: item.project_path,
}
DOCUMENTS: Columns = {
    "id": lambda item: item.document_id,
    "passages": lambda item: item.passages,
    "updated": lambda item: item.updated_at,
    "project": lambda item: item.project_path,
}
DECISIONS: Columns = {
    "id": lambda item: item.id,
    "status": lambda item: item.status,
    "type": lambda item: item.decision_type,
    "outcome": lambda item: item.outcome,
}
ENTITIES: Columns = {
    "id": lambda item: item.id,
    "type": lambda item: item.type,
    "name": lambda item: item.name,
    "mentions": lambda item: item.mention_count,
}
MERGES: Columns = {
    "id": lambda item: item.merge_id,
    "kept": lambda item: item.kept.name,
    "merged": lambda item: [member.name for member in item.merged],
    "undone": lambda item: item.undone_at,
}
COLUMNS = {
    "conversations": CONVERSATIONS,
    "documents": DOCUMENTS,
    "decisions": DECISIONS,
    "entities": ENTITIES,
    "merges": MERGES,
}


def list_pages(
    list_page: Callable[..., Any], name: str, limit: int, *, page_size: int = 1_000
) -> Iterator[BaseModel]:
    """Yield the items of a list, one page in memory at a time.

    Args:
        list_page: Returns the page of a cursor.
        name: The field of the response with the items.
        limit: The number of items to yield.
        page_size: The most items in a page.
    """
    cursor: str | None = None
    while limit > 0:
        page = list_page(limit=min(limit, page_size), cursor=cursor)
        items = getattr(page, name)
        yield from items
        limit, cursor = limit - len(items), page.next_cursor
        if cursor is None:
            return


@command(name="list")
@uses_store
@click.argument("kind", type=click.Choice(list(COLUMNS)), default="conversations")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="The maximum number.",
)
@click.option(
    "--order",
    type=click.Choice(["newest", "oldest", "updated", "id"]),
    help="The order; newest without it.",
)
@click.option("--type", "types", multiple=True, help="Only entities of this type; may be repeated.")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(["accepted", "proposed", "rejected"]),
    help="Only decisions with this status.",
)
@filter_options
def list_command(
    session: Session,
    kind: str,
    limit: int,
    order: str | None,
    status: tuple[str, ...],
    **options: Any,
) -> None:
    """List conversations, documents, decisions, entities or merges.

    Examples:
      context-persistence list --limit 20 --order updated
      context-persistence list entities --type library --json
    """
    filters = build_filters(options, entity_types=options["types"])
    if kind == "merges" and (filters or order):
        raise InputError(
            "the list of merges has no filters and no order; it begins with the newest"
        )
    if status and kind != "decisions":
        raise InputError("--status applies to decisions only")
    arguments: dict[str, Any] = {"filters": filters, "order": order or "newest"}
    if kind == "decisions":
        arguments["status"] = list(status) or None
    with session.open_client() as client:
        if kind == "merges":
            items = list_pages(client.list_merges, kind, limit, page_size=100)
        else:
            calls: dict[str, Callable[..., Any]] = {
                "conversations": client.list_conversations,
                "documents": client.list_documents,
                "decisions": client.list_decisions,
                "entities": client.list_entities,
            }
            items = list_pages(partial(calls[kind], **arguments), kind, limit)
        print_rows(session, items, COLUMNS[kind])
