"""What each call of the client is called on the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command.

    Attributes:
        words: Its name.
        places: Arguments of the call that stand in places, in their order.
        options: Arguments of the call by option; of a list, each item has one.
        flags: Arguments by option that are set where the argument is True.
        unset: Arguments by option that are set where the argument is False.
        filters: Which filters it takes.
        text: Argument that it reads from standard input.
        lines: Arguments that it reads from standard input as objects of JSON; one is a list.
        shows: The field of the client's answer whose items it prints, one a line; empty where it
            prints the answer.
        repeats: Fields of the client's answer that each printed item has, too.
        values: Arguments that it has as words: (argument, value) and its words.
        defaults: Arguments whose defaults are others than the client's: said always.
        singles: Options that are there at most once.
        pages: Options whose numbers may be of any size, because it reads page after page.
        lacks: Arguments that it has no option for.
    """

    words: str
    places: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    unset: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    lines: tuple[str, ...] = ()
    shows: str = ""
    repeats: tuple[str, ...] = ()
    values: Mapping[tuple[str, Any], str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    singles: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def list_arguments(self) -> set[str]:
        """Return all arguments of the call that it says, or that it lacks."""
        named = {name for name, _ in self.values} | ({self.text} - {""})
        filters = {"filters"} if self.filters else set()
        says = {*self.places, *self.options, *self.flags, *self.unset, *self.lines}
        return says | named | filters | set(self.lacks)


_FILTERS = {"project": "--project", "tags": "--tag", "conversation_id": "--conversation"}
_LIST = {"order": "--order", "limit": "--limit"}
_DRY = {"dry_run": "--dry-run"}
COMMANDS: dict[str, Command] = {
    "append_messages": Command(
        words="append --file -",
        places=("conversation_id",),
        lines=("messages",),
        options={"project_path": "--project"},
        lacks=("mode", "metadata", "embeddings"),
    ),
    "batch_save_conversations": Command(
        words="save -",
        lines=("conversations",),
        flags={"replace": "--replace"},
        shows="*",
        lacks=("parallel", "max_workers", "progress"),
    ),
    "build_context": Command(
        words="context",
        places=("query",),
        options={
            "token_budget": "--tokens",
            "order": "--order",
            "exclude_conversation_id": "--exclude",
        },
        filters=_FILTERS,
        lacks=(
            *("recipe", "diversity", "instruction_share", "min_relevance", "count_tokens"),
            "exclude_ids",
        ),
    ),
    "create_relationship": Command(
        words="relate",
        places=("source_entity_id", "relationship_type", "target_entity_id"),
        options={"confidence": "--confidence"},
        lacks=("properties",),
    ),
    **{
        f"delete_{kind}": Command(words=f"delete {kind} --yes", places=(f"{kind}_id",), flags=_DRY)
        for kind in ("conversation", "decision", "document", "entity", "message")
    },
    "delete_namespace": Command(words="delete namespace --yes", places=("confirm",), flags=_DRY),
    "delete_relationship": Command(
        words="delete relationship --yes",
        places=("source_entity_id", "relationship_type", "target_entity_id"),
        flags=_DRY,
    ),
    "detect_communities": Command(
        words="communities",
        options={"algorithm": "--algorithm", "min_size": "--min-size"},
        flags={"weighted": "--weighted"},
        shows="*",
    ),
    "export_items": Command(words="export", shows="items", lacks=("cursor", "limit")),
    "extract_entities": Command(
        words="extract",
        places=("text",),
        options={
            "conversation_id": "--conversation",
            "message_id": "--message",
            "entity_types": "--type",
        },
        unset={"store": "--no-store"},
        lacks=("context",),
    ),
    "find_central_entities": Command(
        words="analytics",
        options={"metric": "--central", "top_k": "--top"},
        defaults={"metric": "pagerank"},
        shows="*",
        lacks=("directed", "weighted"),
    ),
    "find_duplicate_entities": Command(
        words="duplicates",
        places=("entity_id",),
        options={"entity_types": "--type", "min_score": "--min-score", "limit": "--limit"},
    ),
    "find_shortest_paths": Command(
        words="graph",
        places=("source_entity_id",),
        options={"target_entity_id": "--to"},
        shows="*",
        lacks=("k", "directed", "weighted"),
    ),
    "get_conversation_stats": Command(words="stats"),
    "get_document": Command(words="load", options={"document_id": "--document"}),
    "get_graph_analytics": Command(words="analytics"),
    "ingest_items": Command(words="ingest -", lines=("items",), shows="counts"),
    "list_conversations": Command(
        words="list conversations",
        options=_LIST,
        filters=_FILTERS,
        pages=("limit",),
        shows="conversations",
        lacks=("cursor",),
    ),
    "list_decisions": Command(
        words="list decisions",
        options={**_LIST, "status": "--status"},
        filters=_FILTERS | {"entity_types": "--type"},
        pages=("limit",),
        shows="decisions",
        lacks=("cursor",),
    ),
    "list_documents": Command(
        words="list documents",
        options=_LIST,
        filters=_FILTERS | {"entity_types": "--type"},
        pages=("limit",),
        shows="documents",
        lacks=("cursor",),
    ),
    "list_entities": Command(
        words="list entities",
        options=_LIST,
        filters={"entity_types": "--type"},
        pages=("limit",),
        shows="entities",
        lacks=("cursor",),
    ),
    "list_instructions": Command(
        words="instructions list",
        options={"status": "--status", "limit": "--limit"},
        singles=("status",),
        pages=("limit",),
        shows="instructions",
        lacks=("cursor",),
    ),
    "list_merges": Command(
        words="list merges",
        options={"limit": "--limit"},
        pages=("limit",),
        shows="merges",
        lacks=("cursor",),
    ),
    "load_conversation_history": Command(
        words="load",
        places=("conversation_id",),
        options={
            "limit": "--limit",
            "before": "--before",
            "after": "--after",
            "leaf_id": "--leaf",
        },
        flags={"all_branches": "--all-branches"},
        lacks=("cursor",),
    ),
    "merge_entities": Command(
        words="merge",
        places=("keep_id", "duplicate_ids"),
        options={"reason": "--reason", "merged_by": "--by"},
        lacks=("evidence",),
    ),
    "propose_decisions": Command(
        words="decisions propose", places=("conversation_id",), unset={"save": "--dry-run"}
    ),
    "query_knowledge_graph": Command(
        words="graph",
        places=("entity_id",),
        options={"depth": "--depth"},
        flags={"include_unasserted": "--unasserted"},
        values={("operation", "neighbors"): "", ("operation", "paths"): "--paths"},
        defaults={"depth": 2, "operation": "context"},
        shows="context.OPERATION",
    ),
    "retire_instruction": Command(words="instructions retire", places=("instruction_id",)),
    "review_decision": Command(
        words="decisions",
        places=("decision_id",),
        values={("accept", True): "accept", ("accept", False): "reject"},
        defaults={"accept": True},
    ),
    "save_conversation": Command(
        words="save -",
        lines=("conversation_id", "messages", "project_path", "mode", "metadata"),
        flags={"replace": "--replace"},
        lacks=("embeddings",),
    ),
    "save_decision": Command(
        words="decisions save",
        places=("conversation_id", "outcome"),
        options={"context": "--why", "decision_type": "--type", "confidence": "--confidence"},
        lacks=("project",),
    ),
    "save_document": Command(
        words="save -",
        options={"document_id": "--document", "project_path": "--project"},
        text="text",
        lacks=("metadata",),
    ),
    "save_instruction": Command(
        words="instructions save", places=("text",), options={"scope": "--scope", "kind": "--kind"}
    ),
    "search_hybrid": Command(
        words="search",
        places=("query",),
        options={
            "mode": "--mode",
            "limit": "--limit",
            "recipe": "--recipe",
            "exclude_conversation_id": "--exclude",
        },
        flags={"include_metadata": "--metadata", "explain": "--explain"},
        filters=_FILTERS | {"content_types": "--type", "role": "--role"},
        shows="results",
        repeats=("confidence",),
        lacks=("exclude_ids",),
    ),
    "undo_merge": Command(words="merge", options={"merge_id": "--undo"}),
}
# Calls that no command makes, and what people use instead.
NO_COMMAND = {
    "batch_extract_entities": "extract, once for each text",
    "clear_cache": "caches of a process end with the command",
    "configure_entity_patterns": "export and ingest have the patterns",
    "find_similar_entities": "analytics for people are central entities and communities",
    "generate_embeddings": "vectors are for programs",
    "get_decision": "list decisions",
    "get_embedding_status": "configuration of the store, for programs",
    "get_entity": "list entities, graph",
    "get_message": "load",
    "reextract": "maintenance, for programs",
    "search_similar_conversations": "search --type conversation",
    "update_knowledge_graph": "ingest, relate",
    "update_message": "save with the same ids",
}
