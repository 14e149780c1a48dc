"""The client that people use."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kg.errors import DatabaseError, GraphError, NLPError, SearchError, VectorDBError
from mcp_context_persistence import conversations, knowledge, searching
from mcp_context_persistence.core import Core
from mcp_context_persistence.models import (
    Conversation,
    ConversationStats,
    CreateRelationshipResponse,
    ExtractEntitiesResponse,
    GetConversationStatsResponse,
    HybridSearchParams,
    LoadConversationHistoryResponse,
    QueryKnowledgeGraphResponse,
    SaveConversationResponse,
    SaveDecisionResponse,
    SearchFilters,
    SearchHybridResponse,
    SearchSimilarConversationsResponse,
    StorageUsage,
    UpdateKnowledgeGraphResponse,
)
from queries.stats import stats

log = logging.getLogger(__name__)

Filters = Mapping[str, Any] | SearchFilters
_vectors_mentioned = False


class ContextPersistenceClient:
    """Memory for an AI assistant, kept as one property graph in Neo4j.

    A client may be shared between threads. It is a context manager: leaving it closes it.

    Every call ends within its deadline (30 s unless configured), raises nothing but subclasses of `ContextPersistenceError`, and may be
    repeated: writing the same again leaves the same graph.
    """

    def __init__(
        self,
        database_url: str | None = None,
        vector_db_url: str | None = None,
        spacy_model: str = "en_core_web_sm",
        config: dict[str, Any] | None = None,
        *,
        namespace: str = "default",
        auth: tuple[str, str] | None = None,
        database: str | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        """Open a graph.

        Args:
            database_url: `local:PATH` or `sqlite:///PATH` for a store in that directory, which a Neo4j of its own serves;
                `:memory:` or `sqlite:///:memory:` for a throw-away graph; `bolt://` or `neo4j://` (`+s`, `+ssc`) for a server.
                None means the environment's CONTEXT_DB_URL, else the user's own store in the platform's data folder.
            vector_db_url: Accepted for compatibility. Vectors live in Neo4j's own vector index.
            spacy_model: Name of the installed spaCy model.
            config: Settings by name, see `mcp_context_persistence.config.Config`.
            namespace: A part of the graph that sees nothing of the others, at most 128 bytes.
            auth: User and password for a server; they may stand in the URL or in CONTEXT_DB_USER and CONTEXT_DB_PASSWORD too.
            database: Name of the server's database, its default one when None.
            progress: Called with what is being done, how much of it is done, and how much there is, while a local server is provided.

        Raises:
            ValidationError: An argument is not valid.
            DatabaseError: The database could not be reached or prepared.
        """
        _mention_vectors(vector_db_url)
        self._core = Core(
            database_url=database_url,
            auth=auth,
            database=database,
            namespace=namespace,
            spacy_model=spacy_model,
            config=config,
            progress=progress,
        )
        self.namespace = namespace

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(namespace={self.namespace!r})"

    def close(self) -> None:
        """Leave the graph. The last one to leave a local store stops its server. Calling it again does nothing."""
        self._core.close()

    def save_conversation(
        self,
        conversation_id: str | Conversation,
        messages: Sequence[Mapping[str, Any] | Any] | None = None,
        project_path: str | None = None,
        mode: str | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        embeddings: NDArray[np.float32] | None = None,
        replace: bool = False,
    ) -> SaveConversationResponse:
        """Save a conversation with its messages, their vectors, and what they talk about.

        Saving again updates: a message is known by its id, or else by its place; changed text is analysed again, unchanged text costs
        nothing, stored messages that are not given stay. Messages with ids that are new go to the end.

        Args:
            conversation_id: Its identifier (at most 512 bytes), or a `Conversation` object with everything in it.
            messages: Messages in order, as mappings with `role`, `content` and perhaps `timestamp`, `metadata`, `id`, `name`.
            project_path: A path that names the project; it is stored as text and never opened.
            mode: `conversation` keeps text and vectors, `knowledge` text and graph, `hybrid` all of it. A `Conversation` object
                carries its own; keywords without a mode mean the configured default, `hybrid`.
            metadata: Anything that JSON can hold. `project` and `tags` can be searched by, and so can other plain values.
            embeddings: Vectors instead of computed ones, `(number of messages, dimension) float32`, made by the store's own model.
            replace: Whether stored messages that are not given are removed.

        Raises:
            ValidationError: Something in the arguments is not valid (a `ValueError` too).
            DatabaseError: The database operation failed.
            VectorDBError: A vector could not be made or is not valid.
            NLPError: The text could not be analysed.
        """
        made = conversations.given(
            conversation_id, messages, project_path, mode, metadata, most=self._core.config.max_conversation_length
        )
        with self._core.call(DatabaseError, VectorDBError, NLPError):
            return conversations.save(self._core, made, embeddings=embeddings, replace=bool(replace))

    def load_conversation_history(self, conversation_id: str, limit: int | None = None) -> LoadConversationHistoryResponse:
        """Load the last messages of a conversation, oldest first.

        Args:
            conversation_id: The conversation.
            limit: Messages at most, 1 to 10,000; None means 10,000.

        Raises:
            NotFoundError: The conversation does not exist.
            ValidationError: An argument is not valid.
            DatabaseError: The database operation failed.
        """
        with self._core.call(DatabaseError):
            return conversations.load(self._core, conversation_id, limit)

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
        with self._core.call(NLPError):
            return knowledge.extract(
                self._core,
                text,
                conversation_id=conversation_id,
                message_id=message_id,
                entity_types=entity_types,
                context=context,
                store=bool(store),
            )

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
        with self._core.call(GraphError):
            return knowledge.relate(
                self._core, source_entity_id, target_entity_id, relationship_type, confidence=confidence, properties=properties
            )

    def query_knowledge_graph(self, entity_id: str, depth: int = 2, operation: str = "context") -> QueryKnowledgeGraphResponse:
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
        with self._core.call(GraphError):
            return knowledge.query(self._core, entity_id, depth=depth, operation=operation)

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
        with self._core.call(GraphError):
            return knowledge.update(self._core, entities, relationships, merge_strategy)

    def search_similar_conversations(
        self,
        query: str,
        limit: int = 5,
        min_score: float = 0.7,
        filters: Filters | None = None,
        *,
        include_metadata: bool = False,
    ) -> SearchSimilarConversationsResponse:
        """Find conversations that have something like the query in them.

        Args:
            query: At most 10,000 characters.
            limit: Conversations at most, 1 to 100.
            min_score: Least raw cosine of the best passage, 0.0 to 1.0.
            filters: See `SearchFilters`.
            include_metadata: Whether messages and conversations carry their metadata.

        Returns:
            Best first, each with its best-matching messages. `best_score` tells how near the nearest was when nothing reached the floor.

        Raises:
            SearchError: The search failed.
            ValidationError: An argument is not valid.
        """
        with self._core.call(SearchError):
            return searching.similar(
                self._core, query, limit=limit, min_score=min_score, filters=filters, include_metadata=bool(include_metadata)
            )

    def search_hybrid(
        self,
        query: str | HybridSearchParams,
        mode: str = "hybrid",
        filters: Filters | None = None,
        limit: int = 10,
        include_metadata: bool = False,
    ) -> SearchHybridResponse:
        """Search messages, entities, decisions and conversations by meaning, words and graph.

        Args:
            query: At most 10,000 characters, or a `HybridSearchParams` object with everything in it.
            mode: `hybrid` joins meaning, words and neighbourhood; `semantic`, `keyword` and `graph` use one of them.
            filters: See `SearchFilters`.
            limit: Results at most, 1 to 100.
            include_metadata: Whether results carry their own metadata.

        Returns:
            Best first. `similarity_score` is the raw cosine in `semantic`, and between 0 and 1 in the other modes.

        Raises:
            SearchError: The search failed.
            ValidationError: An argument is not valid.
        """
        with self._core.call(SearchError):
            return searching.hybrid(self._core, query, mode=mode, filters=filters, limit=limit, include_metadata=include_metadata)

    def save_decision(
        self,
        conversation_id: str,
        decision_type: str,
        context: str,
        outcome: str,
        confidence: float | None = None,
    ) -> SaveDecisionResponse:
        """Save a decision and link it to its conversation and to the entities that it is about.

        Args:
            conversation_id: Its conversation; one that does not exist is created, empty, and the response says so.
            decision_type: Such as `architecture`.
            context: What led to it, at most 20,000 characters.
            outcome: What was decided, at most 20,000 characters.
            confidence: 0.0 to 1.0.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        with self._core.call(DatabaseError):
            return knowledge.decide(self._core, conversation_id, decision_type, context, outcome, confidence)

    def get_conversation_stats(self) -> GetConversationStatsResponse:
        """Count what the namespace holds.

        Raises:
            DatabaseError: The database operation failed.
        """
        start = time.perf_counter()
        with self._core.call(DatabaseError):
            row = self._core.graph.run(stats(self._core.namespace))[0]
        return GetConversationStatsResponse(
            stats=ConversationStats(
                total_conversations=row["conversations"],
                total_messages=row["messages"],
                total_entities=row["entities"],
                total_relationships=row["relationships"],
                total_decisions=row["decisions"],
                storage_usage=StorageUsage(
                    conversations_size=row["bytes"],
                    entities_count=row["entities"],
                    relationships_count=row["relationships"],
                    messages_count=row["messages"],
                    decisions_count=row["decisions"],
                ),
            ),
            processing_time=time.perf_counter() - start,
        )


def _mention_vectors(vector_db_url: str | None) -> None:
    """Say once where the vectors live, when somebody names another place for them."""
    global _vectors_mentioned  # noqa: PLW0603 - once per process, whatever the number of clients
    if vector_db_url is not None and not _vectors_mentioned:
        _vectors_mentioned = True
        log.info("vector_db_url is not used: vectors live in Neo4j's own vector index")
