"""The addresses of the client's calls, for callers of the service. Standard library only.

A test compares them with the routes of the service and with the signatures of the client.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """Where a call is answered.

    Attributes:
        method: Method of HTTP.
        path: Address, with the names of arguments in it.
        response: Name of the model of the response.
        positional: Names of the arguments that may be given by position, in their order.
        items: Field of the response that has the list which the client returns; empty where it
            returns the response.
    """

    method: str
    path: str
    response: str
    positional: tuple[str, ...] = ()
    items: str = ""


_SAVE = ("conversation_id", "messages", "project_path", "mode", "metadata")
ROUTES: dict[str, Route] = {
    "save_conversation": Route(
        "PUT", "/conversations/{conversation_id}", "SaveConversationResponse", _SAVE
    ),
    "append_messages": Route(
        "POST", "/conversations/{conversation_id}/messages", "AppendMessagesResponse", _SAVE
    ),
    "load_conversation_history": Route(
        "GET",
        "/conversations/{conversation_id}",
        "LoadConversationHistoryResponse",
        ("conversation_id", "limit"),
    ),
    "list_conversations": Route("GET", "/conversations", "ListConversationsResponse", ("filters",)),
    "delete_conversation": Route(
        "DELETE",
        "/conversations/{conversation_id}",
        "DeleteConversationResponse",
        ("conversation_id",),
    ),
    "get_conversation_stats": Route("GET", "/stats", "GetConversationStatsResponse"),
    "get_message": Route("GET", "/messages/{message_id}", "GetMessageResponse", ("message_id",)),
    "update_message": Route(
        "PATCH", "/messages/{message_id}", "UpdateMessageResponse", ("message_id", "content")
    ),
    "delete_message": Route(
        "DELETE", "/messages/{message_id}", "DeleteMessageResponse", ("message_id",)
    ),
    "save_document": Route(
        "PUT",
        "/documents/{document_id}",
        "SaveDocumentResponse",
        ("document_id", "text", "metadata", "project_path"),
    ),
    "get_document": Route(
        "GET", "/documents/{document_id}", "GetDocumentResponse", ("document_id",)
    ),
    "delete_document": Route(
        "DELETE", "/documents/{document_id}", "DeleteDocumentResponse", ("document_id",)
    ),
    "save_decision": Route(
        "POST",
        "/decisions",
        "SaveDecisionResponse",
        ("conversation_id", "decision_type", "context", "outcome", "confidence"),
    ),
    "list_decisions": Route("GET", "/decisions", "ListDecisionsResponse", ("filters",)),
    "get_decision": Route(
        "GET", "/decisions/{decision_id}", "GetDecisionResponse", ("decision_id",)
    ),
    "delete_decision": Route(
        "DELETE", "/decisions/{decision_id}", "DeleteDecisionResponse", ("decision_id",)
    ),
    "review_decision": Route(
        "POST",
        "/decisions/{decision_id}/review",
        "ReviewDecisionResponse",
        ("decision_id", "accept"),
    ),
    "propose_decisions": Route(
        "POST",
        "/conversations/{conversation_id}/proposals",
        "ProposeDecisionsResponse",
        ("conversation_id",),
    ),
    "save_instruction": Route("POST", "/instructions", "SaveInstructionResponse", ("text",)),
    "list_instructions": Route("GET", "/instructions", "ListInstructionsResponse"),
    "retire_instruction": Route(
        "POST",
        "/instructions/{instruction_id}/retire",
        "RetireInstructionResponse",
        ("instruction_id",),
    ),
    "list_entities": Route("GET", "/entities", "ListEntitiesResponse", ("filters",)),
    "get_entity": Route("GET", "/entities/{entity_id}", "GetEntityResponse", ("entity_id",)),
    "delete_entity": Route(
        "DELETE", "/entities/{entity_id}", "DeleteEntityResponse", ("entity_id",)
    ),
    "query_knowledge_graph": Route(
        "GET",
        "/entities/{entity_id}/neighbors",
        "QueryKnowledgeGraphResponse",
        ("entity_id", "depth", "operation", "include_unasserted"),
    ),
    "find_shortest_paths": Route(
        "GET",
        "/entities/{source_entity_id}/paths",
        "GraphPath",
        ("source_entity_id", "target_entity_id", "k"),
        "paths",
    ),
    "find_similar_entities": Route(
        "GET",
        "/entities/{entity_id}/similar",
        "SimilarEntity",
        ("entity_id", "top_k"),
        "pairs",
    ),
    "create_relationship": Route(
        "POST",
        "/relationships",
        "CreateRelationshipResponse",
        ("source_entity_id", "target_entity_id", "relationship_type", "confidence", "properties"),
    ),
    "delete_relationship": Route(
        "DELETE",
        "/relationships",
        "DeleteRelationshipResponse",
        ("source_entity_id", "target_entity_id", "relationship_type"),
    ),
    "update_knowledge_graph": Route(
        "POST",
        "/graph:update",
        "UpdateKnowledgeGraphResponse",
        ("entities", "relationships", "merge_strategy"),
    ),
    "search_hybrid": Route(
        "POST",
        "/search",
        "SearchHybridResponse",
        ("query", "mode", "filters", "limit", "include_metadata"),
    ),
    "search_similar_conversations": Route(
        "POST",
        "/search/conversations",
        "SearchSimilarConversationsResponse",
        ("query", "limit", "min_score", "filters"),
    ),
    "build_context": Route("POST", "/context", "BuildContextResponse", ("query", "token_budget")),
    "get_embedding_status": Route("GET", "/embeddings/status", "EmbeddingStatus"),
    "get_graph_analytics": Route("GET", "/analytics", "GraphAnalytics"),
    "find_central_entities": Route(
        "GET", "/central-entities", "CentralEntity", ("metric", "top_k"), "entities"
    ),
    "detect_communities": Route("GET", "/communities", "Community", ("algorithm",), "communities"),
    "find_duplicate_entities": Route(
        "GET", "/duplicates", "FindDuplicateEntitiesResponse", ("entity_id", "entity_types")
    ),
    "list_merges": Route("GET", "/merges", "ListMergesResponse"),
    "merge_entities": Route(
        "POST", "/merges", "MergeEntitiesResponse", ("keep_id", "duplicate_ids")
    ),
    "undo_merge": Route("POST", "/merges/{merge_id}/undo", "UndoMergeResponse", ("merge_id",)),
    "extract_entities": Route(
        "POST",
        "/extract",
        "ExtractEntitiesResponse",
        ("text", "conversation_id", "message_id", "entity_types", "context"),
    ),
    "delete_namespace": Route("DELETE", "/namespace", "DeleteNamespaceResponse", ("confirm",)),
    "configure_entity_patterns": Route(
        "PUT", "/entity-patterns", "ConfigureEntityPatternsResponse", ("patterns",)
    ),
    "reextract": Route("POST", "/reextract", "ReextractResponse", ("conversation_id",)),
}
