"""Methods that export everything of a namespace, and ingest it again."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg.errors import DatabaseError, NLPError, VectorDBError
from mcp_context_persistence.responses.transfer import ExportItemsResponse, IngestItemsResponse
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import export, ingestion


class TransferCalls:
    """Exports and ingests the items of a namespace."""

    _engine: Engine

    @public_call(DatabaseError)
    def export_items(self, *, cursor: str | None = None, limit: int = 100) -> ExportItemsResponse:
        """Export everything in the namespace, in pages.

        The items are mappings that can be written as JSON: entity patterns, entities,
        conversations with all branches, documents, decisions, instructions and relationships.
        `ingest_items` makes the same graph of them. Vectors are not exported, and neither is the
        history of merges: merged entities stay merged.

        If something is written between two pages, it may be missing, or not fit the other items.

        Args:
            cursor: `next_cursor` of the previous page.
            limit: The maximum number of items, 1 to 1,000. A page of 4 MB ends earlier. A long
                conversation is several items.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return export.export_items(self._engine, cursor=cursor, limit=limit)

    @public_call(DatabaseError, VectorDBError, NLPError)
    def ingest_items(self, items: Sequence[Mapping[str, Any]]) -> IngestItemsResponse:
        """Write items of `export_items`, in their order.

        All items are checked before the first one is written. The texts get new vectors. If a
        message is stored already, it stays; an entity, a relationship or a decision gets the
        properties of its item. If the call fails after some of the items, repeat it: what is
        written already does not change.

        Args:
            items: At most 1,000 items. What an item names must be stored, or come before it.

        Raises:
            NotFoundError: An item names an entity or a message that is not stored.
            ValidationError: An argument is not valid.
            DatabaseError: The database operation failed.
            VectorDBError: A vector could not be made.
            NLPError: The text could not be analyzed.
        """
        return ingestion.ingest_items(self._engine, items)
