"""Arguments whose own methods raise, and calls that take them in every place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcp_context_persistence.models import HybridSearchParams

SECRET = "word-of-the-user"


class OddError(Exception):
    """Raised by the methods of an odd argument."""


def _raise(*_: object, **__: object) -> Any:
    raise OddError(SECRET)


def derive(base: type, *names: str) -> Any:
    """Return a subclass whose methods raise: those of the names, else all but its construction."""
    kept = {"__new__", "__init__", "__class__", "__getattribute__", "__init_subclass__"}
    methods = names or [name for name in dir(base) if name not in kept and name != "__doc__"]
    return type(f"Odd{base.__name__.title()}", (base,), dict.fromkeys(methods, _raise))


class OddMapping(Mapping[str, Any]):
    """A mapping that cannot be read."""

    __getitem__ = __iter__ = __len__ = __contains__ = _raise


class OddSequence(Sequence[Any]):
    """A sequence that ends with an error."""

    def __init__(self, *items: object) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items) + 1

    def __getitem__(self, index: Any) -> Any:
        return self._items[index] if index < len(self._items) else _raise()


class OddModel:
    """An object of another library, as pydantic makes them."""

    model_dump = _raise


class OddLook:
    """An object that does not even say what it is."""

    __class__ = property(_raise)


def _generate() -> Iterator[Any]:
    yield from ()
    _raise()


def make_odd(value: object) -> dict[str, Any]:
    """Make odd arguments to pass instead of a value, by their names."""
    text = value if isinstance(value, str) else "x"
    items = value if isinstance(value, list) else [value]
    fields = value if isinstance(value, dict) else {"x": 1}
    return {
        "str": derive(str)(text),
        "str without attributes": derive(str, "__getattribute__")(text),
        "int": derive(int)(value if isinstance(value, int) else 1),
        "float": derive(float)(0.5),
        "list": derive(list)(items),
        "tuple": derive(tuple)(items),
        "dict": derive(dict)(fields),
        "dict without attributes": derive(dict, "__getattribute__")(fields),
        "mapping": OddMapping(),
        "sequence": OddSequence(*items),
        "model": OddModel(),
        "search parameters": derive(HybridSearchParams, "__iter__").model_construct(query="x"),
        "look": OddLook(),
        "attributes": derive(object, "__getattribute__", "__eq__", "__hash__", "__bool__")(),
        "path": type("OddPath", (), {"__fspath__": _raise})(),
        "generator": _generate(),
    }


MESSAGE = {
    "role": "user",
    "content": "The parser uses pandas.",
    "timestamp": "2026-01-02T03:04:05Z",
    "metadata": {"key": ["a", {"b": 1}]},
    "id": "odd-1",
    "name": "Ada",
}
FILTERS = {
    "conversation_id": ["talk"],
    "date_range": {"start": "2026-01-01", "end": "2026-12-31"},
    "entity_types": ["library"],
    "content_types": ["message"],
    "confidence_min": 0.5,
    "project": "p",
    "tags": ["t"],
    "role": "user",
    "metadata.key": ["a"],
    "metadata.year": {"gte": 1.5, "not": ["b"]},
}
PAGE = {"order": "newest", "limit": 3, "cursor": None}
LIST_FILTERS = {
    key: value
    for key, value in FILTERS.items()
    if key not in {"entity_types", "content_types", "confidence_min", "role"}
}
RECIPE = {"base": "fast", "weights": {"time": 0.5}, "recency": 1.5, "vector_candidates": 20}
# A value for each parameter of each call, with everything that it may contain.
CALLS: dict[str, dict[str, Any]] = {
    "append_messages": {
        "conversation_id": "odd",
        "messages": [MESSAGE],
        "project_path": "/p",
        "mode": "conversation",
        "metadata": {"project": "p", "tags": ["t"]},
        "embeddings": [[0.5] * 384],
    },
    "batch_extract_entities": {
        "texts": ["We use pandas."],
        "parallel": False,
        "max_workers": 1,
        "entity_types": ["library"],
        "store": False,
        "progress": None,
    },
    "batch_save_conversations": {
        "conversations": [
            {
                "conversation_id": "odd-batch",
                "messages": [{"role": "user", "content": "We use pandas.", "id": "odd-2"}],
                "project_path": "/p",
                "mode": "conversation",
                "metadata": {"key": "a"},
                "created_at": "2026-01-02T03:04:05Z",
            }
        ],
        "parallel": False,
        "max_workers": 1,
        "replace": False,
        "progress": None,
    },
    "build_context": {
        "query": "pandas",
        "token_budget": 100,
        "filters": FILTERS,
        "recipe": RECIPE,
        "diversity": 0.5,
        "instruction_share": 0.2,
        "min_relevance": 0.1,
        "order": "conversation",
        "count_tokens": None,
        "exclude_conversation_id": ["talk"],
        "exclude_ids": ["odd-9"],
    },
    "cleanup_memory": {},
    "clear_cache": {},
    "configuration": {},
    "configure_cache": {
        "cache_type": "none",
        "cache_size": 10,
        "ttl": 60,
        "redis_url": None,
        "directory": None,
    },
    "configure_embedding_model": {
        "model": "no-such-model",
        "vector_size": 384,
        "batch_size": 8,
        "wait": False,
        "progress": None,
    },
    "configure_entity_patterns": {"patterns": {"ticket": ["OPS-[0-9]+"]}, "confidence": 0.9},
    "configure_memory_management": {
        "max_memory_usage": "64GB",
        "cleanup_threshold": 0.8,
        "auto_cleanup": True,
        "restart_server": False,
    },
    "configure_parallel_processing": {"max_workers": 2, "chunk_size": 50},
    "create_relationship": {
        "source_entity_id": "odd-a",
        "target_entity_id": "odd-b",
        "relationship_type": "uses",
        "confidence": 0.5,
        "properties": {"key": ["a"]},
    },
    "delete_conversation": {"conversation_id": "odd-none", "dry_run": True},
    "delete_decision": {"decision_id": "odd-none", "dry_run": True},
    "delete_document": {"document_id": "odd-none", "dry_run": True},
    "delete_entity": {"entity_id": "odd-none", "dry_run": True},
    "delete_message": {"message_id": "odd-none", "dry_run": True},
    "delete_namespace": {"confirm": "odd-none", "dry_run": True},
    "delete_relationship": {
        "source_entity_id": "odd-a",
        "target_entity_id": "odd-none",
        "relationship_type": "uses",
        "dry_run": True,
    },
    "detect_communities": {"algorithm": "wcc", "min_size": 2, "weighted": False},
    "export_items": {"cursor": None, "limit": 3},
    "extract_entities": {
        "text": "We use pandas.",
        "conversation_id": "odd",
        "message_id": "odd-1",
        "entity_types": ["library"],
        "context": {"key": ["a"]},
        "store": False,
    },
    "find_central_entities": {
        "metric": "degree",
        "top_k": 3,
        "directed": False,
        "weighted": False,
    },
    "find_duplicate_entities": {
        "entity_id": "odd-a",
        "entity_types": ["library"],
        "min_score": 0.5,
        "limit": 3,
    },
    "find_shortest_paths": {
        "source_entity_id": "odd-a",
        "target_entity_id": "odd-b",
        "k": 2,
        "directed": False,
        "weighted": True,
    },
    "find_similar_entities": {"entity_id": "odd-a", "top_k": 3, "min_similarity": 0.1},
    "generate_embeddings": {"texts": ["text"]},
    "get_conversation_stats": {},
    "get_decision": {"decision_id": "odd-none"},
    "get_document": {"document_id": "odd-none"},
    "get_embedding_status": {},
    "get_entity": {"entity_id": "odd-a"},
    "get_graph_analytics": {},
    "get_memory_stats": {},
    "get_message": {"message_id": "odd-1"},
    "get_metrics": {},
    "graph_data_science": {"directed": False, "costs": False},
    "ingest_items": {
        "items": [
            {
                "kind": "entity",
                "id": "odd-a",
                "name": "Odd A",
                "type": "library",
                "confidence": 0.5,
                "aliases": ["odd alias"],
                "metadata": {"key": "a"},
                "origin": "user",
                "created_at": "2026-01-02T03:04:05Z",
            }
        ]
    },
    "list_conversations": {"filters": LIST_FILTERS, **PAGE},
    "list_decisions": {
        "filters": {**LIST_FILTERS, "entity_types": ["library"], "confidence_min": 0.5},
        "status": ["accepted"],
        **PAGE,
    },
    "list_documents": {
        "filters": {
            **{name: value for name, value in LIST_FILTERS.items() if name != "conversation_id"},
            "entity_types": ["library"],
        },
        **PAGE,
    },
    "list_entities": {
        "filters": {"entity_types": ["library"], "confidence_min": 0.5},
        **PAGE,
    },
    "list_instructions": {"status": ["active"], "limit": 3, "cursor": None},
    "list_merges": {"limit": 3, "cursor": None},
    "load_conversation_history": {
        "conversation_id": "odd",
        "limit": 3,
        "before": "2030-01-01",
        "after": "2000-01-01",
        "cursor": None,
        "leaf_id": None,
        "all_branches": False,
    },
    "merge_entities": {
        "keep_id": "odd-a",
        "duplicate_ids": ["odd-none"],
        "reason": "same",
        "merged_by": "me",
        "evidence": [{"key": "a"}],
    },
    "propose_decisions": {"conversation_id": "odd", "save": False},
    "query_knowledge_graph": {
        "entity_id": "odd-a",
        "depth": 1,
        "operation": "context",
        "include_unasserted": False,
    },
    "reextract": {"conversation_id": "odd", "apply": False},
    "retire_instruction": {"instruction_id": "odd-none"},
    "review_decision": {"decision_id": "odd-none", "accept": True},
    "save_conversation": {
        "conversation_id": "odd",
        "messages": [MESSAGE],
        "project_path": "/p",
        "mode": "conversation",
        "metadata": {"project": "p", "tags": ["t"]},
        "embeddings": [[0.5] * 384],
        "replace": False,
    },
    "save_decision": {
        "conversation_id": "odd",
        "decision_type": "plan",
        "context": "Two ways.",
        "outcome": "One way.",
        "confidence": 0.5,
        "project": "p",
    },
    "save_instruction": {"text": "Answer in verse.", "scope": "poems", "kind": "instruction"},
    "save_document": {
        "document_id": "odd",
        "text": "We use pandas.",
        "metadata": {"project": "p", "tags": ["t"]},
        "project_path": "/p",
    },
    "search_hybrid": {
        "query": "pandas",
        "mode": "hybrid",
        "filters": FILTERS,
        "limit": 3,
        "include_metadata": False,
        "recipe": RECIPE,
        "explain": False,
        "exclude_conversation_id": ["talk"],
        "exclude_ids": ["odd-9"],
    },
    "search_similar_conversations": {
        "query": "pandas",
        "limit": 3,
        "min_score": 0.5,
        "filters": FILTERS,
        "include_metadata": False,
        "exclude_conversation_id": ["talk"],
        "exclude_ids": ["odd-9"],
    },
    "undo_merge": {"merge_id": "odd-none"},
    "update_knowledge_graph": {
        "entities": [
            {
                "id": "odd-a",
                "name": "Odd A",
                "type": "library",
                "description": "d",
                "confidence": 0.5,
                "aliases": ["odd alias"],
                "metadata": {"key": "a"},
            }
        ],
        "relationships": [
            {
                "from_entity": "odd-a",
                "to_entity": "odd-a",
                "relationship_type": "uses",
                "confidence": 0.5,
                "properties": {"key": "a"},
            }
        ],
        "merge_strategy": "upsert",
    },
    "update_message": {
        "message_id": "odd-1",
        "content": "The parser uses pandas.",
        "role": "user",
        "name": "Ada",
        "timestamp": "2026-01-02T03:04:05Z",
        "metadata": {"key": ["a", {"b": 1}]},
    },
}


def replace_each(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the value with one part of it replaced by each odd argument, and what was replaced."""
    for name, odd in make_odd(value).items():
        yield name, odd
    if isinstance(value, dict):
        for key, item in value.items():
            for name, odd in replace_each(item):
                yield f"{key}: {name}", {**value, key: odd}
        odd_key = derive(str, "__str__", "__format__", "__len__", "startswith", "encode")("key")
        yield "key", {**value, odd_key: "x"}
    elif isinstance(value, list) and not isinstance(value[0], list):
        for name, odd in replace_each(value[0]):
            yield f"0: {name}", [odd]
