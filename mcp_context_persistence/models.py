"""Every model that calls take or return."""

from mcp_context_persistence.kg.models import Conversation, Decision, Entity, Message, Relationship
from mcp_context_persistence.responses.analytics import (
    CentralEntity,
    Communities,
    Community,
    GraphAnalytics,
    SimilarEntity,
)
from mcp_context_persistence.responses.appends import AppendMessagesResponse
from mcp_context_persistence.responses.context import BuildContextResponse, Citation
from mcp_context_persistence.responses.conversations import (
    LoadConversationHistoryResponse,
    SaveConversationResponse,
)
from mcp_context_persistence.responses.decisions import (
    ProposedDecision,
    ProposeDecisionsResponse,
    ReviewDecisionResponse,
    SaveDecisionResponse,
)
from mcp_context_persistence.responses.documents import SaveDocumentResponse
from mcp_context_persistence.responses.duplicates import (
    DuplicateEvidence,
    DuplicateGroup,
    DuplicatePair,
    FindDuplicateEntitiesResponse,
    ListMergesResponse,
    MergeEntitiesResponse,
    MergeMember,
    MergeRecord,
    UndoMergeResponse,
)
from mcp_context_persistence.responses.embedding_models import EmbeddingStatus
from mcp_context_persistence.responses.graph import (
    CreateRelationshipResponse,
    ExtractEntitiesResponse,
    GraphContext,
    GraphNeighbor,
    GraphPath,
    GraphStep,
    QueryKnowledgeGraphResponse,
    UpdateKnowledgeGraphResponse,
)
from mcp_context_persistence.responses.memory_usage import (
    CleanupMemoryResponse,
    MemoryParts,
    MemoryStats,
)
from mcp_context_persistence.responses.metrics import CacheMetrics, CallMetrics, GetMetricsResponse
from mcp_context_persistence.responses.patterns import (
    ConfigureEntityPatternsResponse,
    EntityChange,
    ReextractResponse,
)
from mcp_context_persistence.responses.search import (
    DateRange,
    HybridSearchParams,
    SearchFilters,
    SearchHybridResponse,
    SearchResult,
    SearchSimilarConversationsResponse,
    SimilarConversation,
)
from mcp_context_persistence.responses.statistics import (
    ConversationStats,
    GetConversationStatsResponse,
    StorageUsage,
)

__all__ = [
    "AppendMessagesResponse",
    "BuildContextResponse",
    "CacheMetrics",
    "CallMetrics",
    "CentralEntity",
    "Citation",
    "CleanupMemoryResponse",
    "Communities",
    "Community",
    "ConfigureEntityPatternsResponse",
    "Conversation",
    "ConversationStats",
    "CreateRelationshipResponse",
    "DateRange",
    "Decision",
    "DuplicateEvidence",
    "DuplicateGroup",
    "DuplicatePair",
    "EmbeddingStatus",
    "Entity",
    "EntityChange",
    "ExtractEntitiesResponse",
    "FindDuplicateEntitiesResponse",
    "GetConversationStatsResponse",
    "GetMetricsResponse",
    "GraphAnalytics",
    "GraphContext",
    "GraphNeighbor",
    "GraphPath",
    "GraphStep",
    "HybridSearchParams",
    "ListMergesResponse",
    "LoadConversationHistoryResponse",
    "MemoryParts",
    "MemoryStats",
    "MergeEntitiesResponse",
    "MergeMember",
    "MergeRecord",
    "Message",
    "ProposeDecisionsResponse",
    "ProposedDecision",
    "QueryKnowledgeGraphResponse",
    "ReextractResponse",
    "Relationship",
    "ReviewDecisionResponse",
    "SaveConversationResponse",
    "SaveDecisionResponse",
    "SaveDocumentResponse",
    "SearchFilters",
    "SearchHybridResponse",
    "SearchResult",
    "SearchSimilarConversationsResponse",
    "SimilarConversation",
    "SimilarEntity",
    "StorageUsage",
    "UndoMergeResponse",
    "UpdateKnowledgeGraphResponse",
]
