"""The calls on entities and the relationships between them."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import GraphError, NLPError
from mcp_context_persistence.models import (
    CreateRelationshipResponse,
    ExtractEntitiesResponse,
    QueryKnowledgeGraphResponse,
    UpdateKnowledgeGraphResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import graph


class GraphCalls:
    """The knowledge graph: filled from text and by hand, and walked."""

    _engine: Engine

    @public_call(NLPError)
    def extract_entities(
        self,
        text: str,
        conversation_id: str | None = None,
        message_id: str | None = None,
        entity_types: list[str] | None = None,
        context: dict[str, Any] | None = None,
        *,
        store: bool = True,
    ) -> ExtractEntitiesResponse:
        """Find entities and relationships in a text and keep them.

        Args:
            text: At most 1,000,000 characters.
            conversation_id: The conversation that the entities are linked to, if it exists.
            message_id: The message that they are linked to, if it exists.
            entity_types: Types to answer with. All that is recognised is stored nevertheless.
            context: Anything that JSON can hold; it comes back in the entities' metadata.
            store: Whether to store what was found; False only looks.

        Returns:
            Entities in the order of their first mention. A confidence is the measured precision of the rule that found the entity.

        Raises:
            NLPError: The text could not be analysed, or what was found could not be stored.
            ValidationError: An argument is not valid.
        """
        return graph.extract(
            self._engine,
            text,
            conversation_id=conversation_id,
            message_id=message_id,
            entity_types=entity_types,
            context=context,
            store=validation.check_flag("store", store),
        )

    @public_call(GraphError)
    def create_relationship(
        self,
        source_entity_id: str,
        target_entity_id: str,
        relationship_type: str,
        confidence: float = 1.0,
        properties: dict[str, Any] | None = None,
    ) -> CreateRelationshipResponse:
        """Create a relationship between two entities, or update it where it exists.

        Args:
            source_entity_id: Id, exact name or alias of the entity it starts from.
            target_entity_id: Id, exact name or alias of the entity it points to.
            relationship_type: A letter, then letters, digits, spaces, `_` or `-`; `depends on` is stored as `DEPENDS_ON`.
            confidence: 0.0 to 1.0.
            properties: Anything that JSON can hold.

        Raises:
            NotFoundError: An entity does not exist; nothing is created.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return graph.relate(
            self._engine,
            source_entity_id,
            target_entity_id,
            relationship_type,
            confidence=confidence,
            properties=properties,
        )

    @public_call(GraphError)
    def query_knowledge_graph(
        self, entity_id: str, depth: int = 2, operation: str = "context"
    ) -> QueryKnowledgeGraphResponse:
        """Look around an entity.

        Args:
            entity_id: Id, exact name or alias.
            depth: Relationships to follow at most, 1 to 5, in both directions.
            operation: `neighbors`, `paths`, or `context` for both.

        Returns:
            Nearest and most confident first, at most 500 entities and 500 paths; `truncated` says when there were more.

        Raises:
            NotFoundError: The entity does not exist.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return self._engine.cache.get_or_compute(
            QueryKnowledgeGraphResponse,
            lambda: graph.query(self._engine, entity_id, depth=depth, operation=operation),
            entity_id=entity_id,
            depth=depth,
            operation=operation,
        )

    @public_call(GraphError)
    def update_knowledge_graph(
        self,
        entities: Sequence[Mapping[str, Any] | Any],
        relationships: Sequence[Mapping[str, Any] | Any],
        merge_strategy: str = "upsert",
    ) -> UpdateKnowledgeGraphResponse:
        """Write entities and relationships in one transaction.

        Args:
            entities: Mappings with `id` (or `name`, from which one is made) and perhaps `type`, `name`, `description`, `confidence`, `aliases`, `metadata`; 10,000 at most.
            relationships: Mappings with `from_entity`, `to_entity`, `relationship_type` and perhaps `confidence`, `properties`.
            merge_strategy: `upsert` puts what is given in the place of what is stored, `merge` keeps what is stored and adds what is
                missing (maps key by key), `skip` leaves existing ones alone.

        Raises:
            ValidationError: An argument is not valid.
            NotFoundError: A relationship's end does not exist; nothing is written.
            GraphError: The graph operation failed.
        """
        return graph.update(self._engine, entities, relationships, merge_strategy)
