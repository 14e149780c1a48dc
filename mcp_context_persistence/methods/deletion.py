"""Methods that delete what was stored."""

from mcp_context_persistence.kg.errors import DatabaseError, GraphError, VectorDBError
from mcp_context_persistence.models import (
    DeleteConversationResponse,
    DeleteDecisionResponse,
    DeleteDocumentResponse,
    DeleteEntityResponse,
    DeleteMessageResponse,
    DeleteNamespaceResponse,
    DeleteRelationshipResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import (
    conversation_deletion,
    knowledge_deletion,
    message_deletion,
)


class DeletionCalls:
    """Deletes messages, conversations, documents, decisions, entities and relationships."""

    _engine: Engine
    namespace: str

    @public_call(DatabaseError, VectorDBError)
    def delete_message(self, message_id: str, *, dry_run: bool = False) -> DeleteMessageResponse:
        """Delete a message, and everything that only this message supports.

        Its vectors, passages and mentions are deleted. Relationships, entities and proposed
        decisions are deleted if no other text supports them. Accepted decisions stay; if their
        context was this message, only their outcome is kept. Later messages of the conversation
        move up by one position.

        Args:
            message_id: The id of the message.
            dry_run: Whether to only count what would be deleted.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
            VectorDBError: A vector could not be made.
        """
        return message_deletion.delete_message(self._engine, message_id, dry_run=dry_run)

    @public_call(DatabaseError)
    def delete_conversation(
        self, conversation_id: str, *, dry_run: bool = False
    ) -> DeleteConversationResponse:
        """Delete a conversation with its messages and decisions, and what only these support.

        A conversation with more than 5,000 messages or 16 MiB of text is deleted in several
        transactions. From the first to the last of them, no call loads or lists the conversation,
        but searches may still find messages that are left. If the call is interrupted, repeat it.
        It continues where it stopped.

        Args:
            conversation_id: The id of the conversation.
            dry_run: Whether to only count what would be deleted.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return conversation_deletion.delete_conversation(
            self._engine, conversation_id, dry_run=dry_run
        )

    @public_call(DatabaseError)
    def delete_document(self, document_id: str, *, dry_run: bool = False) -> DeleteDocumentResponse:
        """Delete a document with its passages, and what only these support.

        Args:
            document_id: The id of the document.
            dry_run: Whether to only count what would be deleted.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return knowledge_deletion.delete_document(self._engine, document_id, dry_run=dry_run)

    @public_call(DatabaseError)
    def delete_decision(self, decision_id: str, *, dry_run: bool = False) -> DeleteDecisionResponse:
        """Delete a decision, whatever its status, and what only it supports.

        A deleted proposal may be proposed again. To prevent that, reject it with `review_decision`.

        Args:
            decision_id: The id of the decision.
            dry_run: Whether to only count what would be deleted.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return knowledge_deletion.delete_decision(self._engine, decision_id, dry_run=dry_run)

    @public_call(GraphError)
    def delete_entity(self, entity_id: str, *, dry_run: bool = False) -> DeleteEntityResponse:
        """Delete an entity, its mentions and relationships, and the entities merged into it.

        The texts that mention it stay. If such a text is analyzed again, because it is changed or
        by `reextract`, the entity is created again.

        Args:
            entity_id: The id of the entity. Names and aliases are not accepted here, so that a
                repeated call cannot delete another entity of the same name.
            dry_run: Whether to only count what would be deleted.

        Raises:
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid, or the entity was merged into another one.
        """
        return knowledge_deletion.delete_entity(self._engine, entity_id, dry_run=dry_run)

    @public_call(GraphError)
    def delete_relationship(
        self,
        source_entity_id: str,
        target_entity_id: str,
        relationship_type: str,
        *,
        dry_run: bool = False,
    ) -> DeleteRelationshipResponse:
        """Delete the relationship of a type between two entities.

        The texts that state it stay. If such a text is analyzed again, because it is changed or by
        `reextract`, the relationship is created again.

        Args:
            source_entity_id: Id, exact name or alias of the entity at the start of the
                relationship.
            target_entity_id: Id, exact name or alias of the entity at its end.
            relationship_type: The type, as in `create_relationship`.
            dry_run: Whether to only count what would be deleted.

        Raises:
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return knowledge_deletion.delete_relationship(
            self._engine, source_entity_id, target_entity_id, relationship_type, dry_run=dry_run
        )

    @public_call(DatabaseError)
    def delete_namespace(self, confirm: str, *, dry_run: bool = False) -> DeleteNamespaceResponse:
        """Delete everything in the namespace of this client, also its entity patterns.

        What other clients write during the call is also deleted. If the call is interrupted, only a
        part of the data is deleted. Then repeat the call. The namespace keeps its embedding model.

        Args:
            confirm: The name of the namespace, `client.namespace`, to confirm the deletion.
            dry_run: Whether to only count what would be deleted.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return knowledge_deletion.delete_namespace(
            self._engine, self.namespace, confirm, dry_run=dry_run
        )
