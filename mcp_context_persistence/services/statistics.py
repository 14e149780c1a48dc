"""Statistics of what a namespace holds."""

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.namespaces import count_contents
from mcp_context_persistence.models import (
    ConversationStats,
    GetConversationStatsResponse,
    StorageUsage,
)


def count_stored(graph: Graph, namespace: str) -> GetConversationStatsResponse:
    """Count the items of the namespace."""
    row = graph.run(count_contents(namespace))[0]
    return GetConversationStatsResponse(
        stats=ConversationStats(
            total_conversations=row["conversations"],
            total_messages=row["messages"],
            total_entities=row["entities"],
            total_relationships=row["relationships"],
            total_decisions=row["decisions"],
            total_documents=row["documents"],
            storage_usage=StorageUsage(
                conversations_size=row["bytes"],
                entities_count=row["entities"],
                relationships_count=row["relationships"],
                messages_count=row["messages"],
                decisions_count=row["decisions"],
            ),
        ),
    )
