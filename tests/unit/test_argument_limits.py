"""The limits of arguments, at the limit and one beyond it; nothing is sent to a server."""

from contextlib import nullcontext

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.kg import limits
from mcp_context_persistence.runtime.config.settings import load_config


class _Accepted(BaseException):
    """The arguments were checked, and the call would use the server."""


class _Engine:
    """An engine that ends the call when it is used."""

    config = load_config(None)
    namespace = "n"

    def call(self, *_, **__):
        return nullcontext()

    def __getattr__(self, name):
        raise _Accepted


def entities(count, **values):
    return [{"id": f"e{number}", "name": "Redis", **values} for number in range(count)]


def uses(count):
    return [
        {"from_entity": "a", "to_entity": f"e{number}", "relationship_type": "USES"}
        for number in range(count)
    ]


CALLS = {
    "IDENTIFIER_BYTES": lambda client, n: client.save_document("é" * (n // 2) + "x" * (n % 2), "T"),
    "MESSAGE_CHARACTERS": lambda client, n: client.save_conversation(
        "c", [{"role": "user", "content": "😀" * n}]
    ),
    "DOCUMENT_CHARACTERS": lambda client, n: client.save_document("d", "😀" * n),
    "TAGS": lambda client, n: client.update_knowledge_graph(entities(1, aliases=["a"] * n), []),
    "ENTITIES_PER_UPDATE": lambda client, n: client.update_knowledge_graph(entities(n), []),
    "RELATIONSHIPS_PER_UPDATE": lambda client, n: client.update_knowledge_graph([], uses(n)),
    "DESCRIPTION_CHARACTERS": lambda client, n: client.update_knowledge_graph(
        entities(1, description="d" * n), []
    ),
    "TRAVERSAL_DEPTH": lambda client, n: client.query_knowledge_graph("e", depth=n),
    "CENTRAL_ENTITIES": lambda client, n: client.find_central_entities(top_k=n),
    "SIMILAR_ENTITIES": lambda client, n: client.find_similar_entities(top_k=n),
    "SHORTEST_PATHS": lambda client, n: client.find_shortest_paths("a", "b", k=n),
    "TOKEN_BUDGET": lambda client, n: client.build_context("q", token_budget=n),
    "SEARCH_LIMIT": lambda client, n: client.search_hybrid("q", limit=n),
    "EXTRACTION_CHARACTERS": lambda client, n: client.extract_entities("t" * n),
    "DUPLICATE_PAIRS": lambda client, n: client.find_duplicate_entities(limit=n),
    "MERGED_AT_ONCE": lambda client, n: client.merge_entities(
        "a", [f"e{number}" for number in range(n)]
    ),
    "LISTED_MERGES": lambda client, n: client.list_merges(limit=n),
    "LISTED_ITEMS": lambda client, n: client.list_conversations(limit=n),
    "EXPORTED_ITEMS": lambda client, n: client.export_items(limit=n),
    "INGESTED_ITEMS": lambda client, n: client.ingest_items(
        [{"kind": "document", "document_id": "d", "text": "T"}] * n
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_argument_is_accepted_at_its_limit_and_refused_beyond_it(monkeypatch, name):
    client = ContextPersistenceClient.__new__(ContextPersistenceClient)
    monkeypatch.setattr(client, "_engine", _Engine(), raising=False)
    limit = getattr(limits, name)
    with pytest.raises(_Accepted):
        CALLS[name](client, limit)
    with pytest.raises(ValidationError):
        CALLS[name](client, limit + 1)
