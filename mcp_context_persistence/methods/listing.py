"""Methods that read single items, list them, and update a message."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from mcp_context_persistence.kg.errors import DatabaseError, NLPError, VectorDBError
from mcp_context_persistence.models import (
    GetDecisionResponse,
    GetDocumentResponse,
    GetEntityResponse,
    GetMessageResponse,
    ListConversationsResponse,
    ListDecisionsResponse,
    ListDocumentsResponse,
    ListEntitiesResponse,
    SearchFilters,
    UpdateMessageResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import listing, message_updates


class ListingCalls:
    """Reads and lists conversations, messages, documents, decisions and entities."""

    _engine: Engine

    @public_call(DatabaseError)
    def get_message(self, message_id: str) -> GetMessageResponse:
        """Read a message by its id.

        Args:
            message_id: The id of the message.

        Raises:
            NotFoundError: The message does not exist.
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return listing.get_message(self._engine, message_id)

    @public_call(DatabaseError)
    def get_document(self, document_id: str) -> GetDocumentResponse:
        """Read a document by its id, with its whole text.

        Args:
            document_id: The id of the document.

        Raises:
            NotFoundError: The document does not exist.
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return listing.get_document(self._engine, document_id)

    @public_call(DatabaseError)
    def get_decision(self, decision_id: str) -> GetDecisionResponse:
        """Read a decision by its id, whatever its status.

        Args:
            decision_id: The id of the decision.

        Raises:
            NotFoundError: The decision does not exist.
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return listing.get_decision(self._engine, decision_id)

    @public_call(DatabaseError)
    def get_entity(self, entity_id: str) -> GetEntityResponse:
        """Read an entity, and count what refers to it.

        Args:
            entity_id: Id, exact name or alias of the entity, or the id of a merged entity.

        Raises:
            NotFoundError: The entity does not exist.
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return listing.get_entity(self._engine, entity_id)

    @public_call(DatabaseError)
    def list_conversations(
        self,
        filters: Mapping[str, Any] | SearchFilters | None = None,
        *,
        order: str = "newest",
        limit: int = 100,
        cursor: str | None = None,
    ) -> ListConversationsResponse:
        """List conversations without their messages, in pages.

        If a conversation exists from the first page to the last, no page repeats or skips it, even
        if other clients write at the same time. There is one exception: with the order `updated`, a
        conversation that is changed meanwhile moves to the beginning of the list, and the later
        pages may miss it.

        Args:
            filters: As in `search_hybrid`: `conversation_id`, `project`, `tags`, `metadata.KEY` and
                `date_range`, which is about the time of creation here.
            order: `newest` or `oldest` (by the time of creation), `updated` (the last change first)
                or `id`.
            limit: The maximum number of conversations, 1 to 1,000.
            cursor: `next_cursor` of the previous page, with the same filters and order.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return listing.list_conversations(
            self._engine, filters, order=order, limit=limit, cursor=cursor
        )

    @public_call(DatabaseError)
    def list_documents(
        self,
        filters: Mapping[str, Any] | SearchFilters | None = None,
        *,
        order: str = "newest",
        limit: int = 100,
        cursor: str | None = None,
    ) -> ListDocumentsResponse:
        """List documents without their texts, in pages as stable as those of `list_conversations`.

        Args:
            filters: As in `search_hybrid`: `project`, `tags`, `metadata.KEY`, `entity_types` and
                `date_range`, which is about the time of creation here.
            order: `newest`, `oldest`, `updated` or `id`.
            limit: The maximum number of documents, 1 to 1,000.
            cursor: `next_cursor` of the previous page, with the same filters and order.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return listing.list_documents(
            self._engine, filters, order=order, limit=limit, cursor=cursor
        )

    @public_call(DatabaseError)
    def list_decisions(
        self,
        filters: Mapping[str, Any] | SearchFilters | None = None,
        *,
        status: str | Sequence[str] | None = None,
        order: str = "newest",
        limit: int = 100,
        cursor: str | None = None,
    ) -> ListDecisionsResponse:
        """List decisions, in pages that are as stable as those of `list_conversations`.

        Args:
            filters: As in `search_hybrid`: `conversation_id`, `project`, `tags`, `metadata.KEY`,
                `date_range`, `entity_types` and `confidence_min`. A rejected decision has only its
                conversation, time and confidence, so all other filters exclude it.
            status: `accepted`, `proposed` or `rejected`, or a list of these. None means all.
            order: `newest`, `oldest`, `updated` or `id`.
            limit: The maximum number of decisions, 1 to 1,000.
            cursor: `next_cursor` of the previous page, with the same filters, status and order.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return listing.list_decisions(
            self._engine, filters, status=status, order=order, limit=limit, cursor=cursor
        )

    @public_call(DatabaseError)
    def list_entities(
        self,
        filters: Mapping[str, Any] | SearchFilters | None = None,
        *,
        order: str = "newest",
        limit: int = 100,
        cursor: str | None = None,
    ) -> ListEntitiesResponse:
        """List entities, in pages that are as stable as those of `list_conversations`.

        Args:
            filters: As in `search_hybrid`: `entity_types`, `confidence_min` and `date_range`, which
                is about the time of creation here.
            order: `newest`, `oldest`, `updated` or `id`.
            limit: The maximum number of entities, 1 to 1,000.
            cursor: `next_cursor` of the previous page, with the same filters and order.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return listing.list_entities(self._engine, filters, order=order, limit=limit, cursor=cursor)

    @public_call(DatabaseError, VectorDBError, NLPError)
    def update_message(
        self,
        message_id: str,
        content: str | None = None,
        *,
        role: str | None = None,
        name: str | None = None,
        timestamp: datetime | date | str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> UpdateMessageResponse:
        """Change a stored message. A new text is analyzed, and replaces what the old one supported.

        Arguments that are None do not change the message.

        Args:
            message_id: The id of the message.
            content: The new text.
            role: The new role.
            name: The new name of the speaker.
            timestamp: The new time.
            metadata: The new metadata, which replaces the stored metadata; `{}` removes it.

        Raises:
            NotFoundError: The message does not exist.
            ValidationError: An argument is not valid.
            DatabaseError: The database operation failed.
            VectorDBError: A vector could not be made.
            NLPError: The text could not be analyzed.
        """
        return message_updates.update_message(
            self._engine,
            message_id,
            {
                "content": content,
                "role": role,
                "name": name,
                "timestamp": timestamp,
                "metadata": metadata,
            },
        )
