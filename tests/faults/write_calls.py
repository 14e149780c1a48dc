"""Each writing call of the client: its preparation, the call, and its possible repeated answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcp_context_persistence.exceptions import (
    ContextPersistenceError,
    NotFoundError,
    ValidationError,
)

SAID = [
    {"role": "user", "content": "Which database shall we take for the DataProcessor class?"},
    {"role": "assistant", "content": "We decided to use Neo4j for the orders graph. See #1234."},
    {"role": "user", "content": "Let's use pandas for the reports of Acme Corp."},
]
CHANGED = [*SAID[:2], {"role": "user", "content": "Let's use numpy for the reports of Acme Corp."}]
BRANCH = {**CHANGED[2], "id": "branch", "parent_id": "talk:0"}
ENTITIES = [
    {"id": "neo4j", "name": "Neo4j", "type": "technology", "aliases": ["Neo4j Inc"]},
    {"id": "neo4j_db", "name": "Neo4j database", "type": "technology"},
    {"id": "orders", "name": "Orders", "type": "concept", "description": "What customers want"},
]
RELATIONSHIPS = [
    {
        "from_entity": "orders",
        "to_entity": "neo4j",
        "relationship_type": "stored in",
        "confidence": 0.9,
    },
    {"from_entity": "orders", "to_entity": "neo4j_db", "relationship_type": "depends on"},
]
TEXT = "Acme Corp uses pandas and Neo4j. The OrderService class depends on numpy."


class Lengths:
    """A small model: a vector says how often each of a few letters comes."""

    def encode(self, texts: list[str]) -> Any:
        return np.array(
            [[1.0 + text.lower().count(letter) for letter in "aeionrst"] for text in texts],
            np.float32,
        )


def _nothing(_client: Any) -> None:
    return None


def _talk(client: Any) -> None:
    client.save_conversation("talk", SAID)


def _branches(client: Any) -> None:
    _talk(client)
    client.append_messages("talk", [BRANCH, {"id": "end", "role": "user", "content": "Fine."}])


def _graph(client: Any) -> None:
    client.update_knowledge_graph(ENTITIES, RELATIONSHIPS)


def _proposed(client: Any) -> str:
    _talk(client)
    return str(client.propose_decisions("talk").proposals[0].decision.id)


def _merged(client: Any) -> str:
    _talk(client)
    _graph(client)
    return str(client.merge_entities("neo4j", "neo4j_db", reason="the same").merge_id)


def _with_patterns(client: Any) -> None:
    _talk(client)
    client.save_document("paper", f"{TEXT} Ticket #77 says so.")
    client.configure_entity_patterns({"ticket": [r"#\d{1,6}\b"]})


@dataclass(frozen=True)
class WriteCall:
    """One call.

    Attributes:
        method: The client's method.
        call: Makes it, with the client and what `prepare` returned.
        prepare: Brings the graph to where the call starts.
        case: Tells apart several calls of one method.
        is_atomic: Whether it writes all or nothing; else it writes several things, each as a whole.
        refuses_again: Errors that say that the call was made before.
    """

    method: str
    call: Callable[[Any, Any], Any]
    prepare: Callable[[Any], Any] = _nothing
    case: str = ""
    is_atomic: bool = True
    refuses_again: tuple[type[ContextPersistenceError], ...] = ()
    parts: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """The method, and the case of it."""
        return f"{self.method}-{self.case}" if self.case else self.method


WRITE_CALLS = [
    WriteCall(
        "save_conversation",
        lambda client, _: client.save_conversation("talk", SAID, metadata={"project": "shop"}),
    ),
    WriteCall(
        "save_conversation",
        lambda client, _: client.save_conversation("talk", CHANGED[1:], replace=True),
        _talk,
        case="again",
    ),
    WriteCall(
        "append_messages",
        lambda client, _: client.append_messages(
            "new talk", [{**message, "id": f"own-{n}"} for n, message in enumerate(SAID)]
        ),
        case="new",
    ),
    WriteCall(
        "append_messages",
        lambda client, _: client.append_messages("talk", [{**CHANGED[2], "id": "own"}]),
        _talk,
    ),
    WriteCall(
        "append_messages",
        lambda client, _: client.append_messages("talk", [BRANCH]),
        _talk,
        case="branch",
    ),
    WriteCall(
        "save_decision",
        lambda client, _: client.save_decision(
            "talk", "architecture", "We need a graph.", "Use Neo4j."
        ),
    ),
    WriteCall(
        "propose_decisions",
        lambda client, _: client.propose_decisions("talk"),
        _talk,
        is_atomic=False,
    ),
    WriteCall(
        "review_decision", lambda client, one: client.review_decision(one), _proposed, case="accept"
    ),
    WriteCall(
        "review_decision",
        lambda client, one: client.review_decision(one, accept=False),
        _proposed,
        case="reject",
    ),
    WriteCall(
        "save_instruction",
        lambda client, _: client.save_instruction("Always show the SQL.", scope="queries"),
    ),
    WriteCall(
        "retire_instruction",
        lambda client, one: client.retire_instruction(one),
        lambda client: client.save_instruction("Always show the SQL.").instruction_id,
    ),
    WriteCall(
        "save_document",
        lambda client, _: client.save_document("paper", TEXT, metadata={"project": "shop"}),
    ),
    WriteCall("extract_entities", lambda client, _: client.extract_entities(TEXT)),
    WriteCall(
        "extract_entities",
        lambda client, _: client.extract_entities(TEXT, "talk"),
        _talk,
        case="linked",
    ),
    WriteCall(
        "create_relationship",
        lambda client, _: client.create_relationship(
            "Orders", "Neo4j", "written to", properties={"since": 2020}
        ),
        _graph,
    ),
    WriteCall(
        "update_knowledge_graph",
        lambda client, _: client.update_knowledge_graph(ENTITIES, RELATIONSHIPS),
    ),
    WriteCall(
        "update_knowledge_graph",
        lambda client, _: client.update_knowledge_graph(
            [{"id": "neo4j", "description": "A database", "metadata": {"kind": "graph"}}],
            [{"from_entity": "neo4j", "to_entity": "orders", "relationship_type": "holds"}],
            merge_strategy="merge",
        ),
        _graph,
        case="merge",
    ),
    WriteCall(
        "merge_entities",
        lambda client, _: client.merge_entities(
            "neo4j", ["neo4j_db"], reason="the same", merged_by="me"
        ),
        lambda client: (_talk(client), _graph(client)),
        refuses_again=(NotFoundError, ValidationError),
    ),
    WriteCall(
        "undo_merge",
        lambda client, one: client.undo_merge(one),
        _merged,
        refuses_again=(ValidationError,),
    ),
    WriteCall(
        "configure_embedding_model",
        lambda client, _: client.configure_embedding_model(Lengths(), wait=True),
        _talk,
        is_atomic=False,
    ),
    WriteCall(
        "configure_entity_patterns",
        lambda client, _: client.configure_entity_patterns({"ticket": [r"#\d{1,6}\b"]}),
    ),
    WriteCall(
        "reextract", lambda client, _: client.reextract(apply=True), _with_patterns, is_atomic=False
    ),
    WriteCall(
        "batch_save_conversations",
        lambda client, _: client.batch_save_conversations(
            [
                {"conversation_id": "first", "messages": SAID},
                {
                    "conversation_id": "second",
                    "messages": [{"role": "user", "content": "PyTorch runs on Kubernetes."}],
                },
                {
                    "conversation_id": "third",
                    "messages": [{"role": "user", "content": "Nothing to see here."}],
                },
            ],
            progress=lambda *_: None,
        ),
        is_atomic=False,
        parts=("first", "second", "third"),
    ),
    WriteCall(
        "batch_extract_entities",
        lambda client, _: client.batch_extract_entities(
            [TEXT, "PyTorch runs on Kubernetes.", ""], progress=lambda *_: None
        ),
        is_atomic=False,
    ),
]

ITEMS = [
    {"kind": "entity", "id": "neo4j", "name": "Neo4j", "type": "technology"},
    {
        "kind": "conversation",
        "conversation_id": "talk",
        "messages": [{**SAID[1], "id": "talk-1"}],
        "knowledge": {"talk-1": {"mentions": [{"entity_id": "neo4j", "count": 1}]}},
    },
    {
        "kind": "decision",
        "id": "decision:1",
        "conversation_id": "talk",
        "decision_type": "architecture",
        "context": "We need a graph.",
        "outcome": "Use Neo4j.",
        "status": "proposed",
        "entity_ids": ["neo4j"],
        "evidence": ["talk-1"],
    },
    {
        "kind": "relationship",
        "source_entity_id": "neo4j",
        "target_entity_id": "neo4j",
        "relationship_type": "uses",
        "stored_type": "USES",
        "sources": ["talk-1"],
    },
]

WRITE_CALLS += [
    WriteCall("ingest_items", lambda client, _: client.ingest_items(ITEMS), is_atomic=False),
    WriteCall(
        "update_message",
        lambda client, _: client.update_message("talk:2", CHANGED[2]["content"]),
        _talk,
    ),
    WriteCall("delete_message", lambda client, _: client.delete_message("talk:1"), _talk),
    WriteCall(
        "delete_message",
        lambda client, _: client.delete_message("branch"),
        _branches,
        case="branch",
    ),
    WriteCall("delete_conversation", lambda client, _: client.delete_conversation("talk"), _talk),
    WriteCall(
        "delete_document",
        lambda client, _: client.delete_document("paper"),
        lambda client: (_talk(client), client.save_document("paper", TEXT)),
    ),
    WriteCall("delete_decision", lambda client, one: client.delete_decision(one), _proposed),
    WriteCall("delete_entity", lambda client, _: client.delete_entity("neo4j"), _merged),
    WriteCall(
        "delete_relationship",
        lambda client, _: client.delete_relationship("orders", "neo4j", "stored in"),
        _graph,
    ),
    WriteCall(
        "delete_namespace",
        lambda client, _: client.delete_namespace(client.namespace),
        _merged,
        is_atomic=False,
    ),
]

# Every other public name of the client: it reads, or changes only the client itself.
OTHERS = {
    "build_context", "cleanup_memory", "clear_cache", "close", "configuration", "configure_cache",
    "configure_memory_management", "configure_parallel_processing", "detect_communities",
    "export_items",
    "find_central_entities", "find_duplicate_entities", "find_shortest_paths",
    "find_similar_entities", "generate_embeddings", "get_conversation_stats",
    "get_decision", "get_document", "get_embedding_status", "get_entity", "get_graph_analytics",
    "get_memory_stats", "get_message", "get_metrics", "graph_data_science", "list_conversations",
    "list_decisions", "list_documents", "list_entities", "list_instructions", "list_merges",
    "load_conversation_history", "metrics_port", "query_knowledge_graph", "search_hybrid",
    "search_similar_conversations",
}  # fmt: skip
