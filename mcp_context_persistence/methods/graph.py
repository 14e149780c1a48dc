"""Methods that read and write entities and relationships."""

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
from mcp_context_persistence.services import entities as entity_service
from mcp_context_persistence.services import graph_updates, traversal
from mcp_context_persistence.services import relationships as relationship_service


class GraphCalls:
    """Fills the knowledge graph, from texts or directly, and reads it."""

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
        """Extract entities and relationships from a text, and store them.

        Args:
            text: At most 1,000,000 characters.
            conversation_id: The conversation to link the entities to, if it exists.
            message_id: The message to link the entities to, if it exists.
            entity_types: The types of entities to return; entities of all types are stored.
            context: A mapping that can be written as JSON. The metadata of the returned entities
                contain it.
            store: Whether to store the entities and relationships.

        Returns:
            Entities in the order of their first mention. The confidence of an entity is the
            measured precision of the rule that found it.

        Raises:
            NLPError: The text could not be analyzed, or the result could not be stored.
            ValidationError: An argument is not valid.
        """
        return entity_service.extract_entities(
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
        """Create a relationship between two entities, or update it if it exists.

        Args:
            source_entity_id: Id, exact name or alias of the entity at the start of the
                relationship.
            target_entity_id: Id, exact name or alias of the entity at its end.
            relationship_type: A letter, then letters, digits, spaces, `_` or `-`. It is stored in
                upper case: `depends on` becomes `DEPENDS_ON`.
            confidence: 0.0 to 1.0.
            properties: A mapping that can be written as JSON.

        Raises:
            NotFoundError: An entity does not exist; nothing is created.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return relationship_service.create_relationship(
            self._engine,
            source_entity_id,
            target_entity_id,
            relationship_type,
            confidence=confidence,
            properties=properties,
        )

    @public_call(GraphError)
    def query_knowledge_graph(
        self,
        entity_id: str,
        depth: int = 2,
        operation: str = "context",
        include_unasserted: bool = False,
    ) -> QueryKnowledgeGraphResponse:
        """Read the neighbors of an entity and the paths to them.

        Args:
            entity_id: Id, exact name or alias of the entity.
            depth: The maximum number of relationships to follow, 1 to 5, in both directions.
            operation: `neighbors`, `paths`, or `context` for both.
            include_unasserted: Whether to also return relations that texts do not state as a fact:
                relations that they deny, plan, wish, suppose, report and so on. The `modality` of
                such a relation is not `asserted`.

        Returns:
            At most 500 entities and 500 paths. The nearest come first, and among these the ones
            with the highest confidence. `truncated` says whether there are more.

        Raises:
            NotFoundError: The entity does not exist.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        request = traversal.read_request(
            entity_id, depth=depth, operation=operation, include_unasserted=include_unasserted
        )
        return self._engine.cache.get_or_compute(
            QueryKnowledgeGraphResponse,
            lambda: traversal.query_graph(self._engine, request),
            request=request,
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
            entities: At most 10,000 mappings with `id`, `name` or both, and optionally `type`,
                `description`, `confidence`, `aliases` and `metadata`. If there is no `id`, it is
                made from `name`.
            relationships: Mappings with `from_entity`, `to_entity`, `relationship_type` and
                optionally `confidence` and `properties`.
            merge_strategy: `upsert` replaces stored values with the given ones. `merge` keeps
                stored values and adds missing ones (in mappings, it adds missing keys). `skip` does
                not change existing entities and relationships.

        Raises:
            ValidationError: An argument is not valid.
            NotFoundError: An entity of a relationship does not exist; nothing is written.
            GraphError: The graph operation failed.
        """
        return graph_updates.update_graph(self._engine, entities, relationships, merge_strategy)
