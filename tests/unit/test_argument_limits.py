"""The limits of arguments, at the limit and one beyond it; nothing is sent to a server."""

from contextlib import nullcontext

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.kg import limits, models
from mcp_context_persistence.kg.writes import upsert
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


def messages(size):
    """Return messages whose texts, parts, metadata and tool calls have so many bytes together."""
    part, metadata = {"type": "image", "data": ""}, {"note": "é" * 20_000}
    call = {"type": "function", "id": ""}
    talk = [
        {"role": "user", "content": "😀" * 200_000},
        {"role": "user", "content": [part, {"type": "text", "text": "T"}], "metadata": metadata},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    checked = models.conversation("c", talk)
    rest = size - sum(message.size for message in checked.messages)
    part["data"], call["id"] = "x" * 3_000_000, "x" * 3_000_000
    rest -= 6_000_000
    lengths = [1_000_000] * (rest // 1_000_000) + [rest % 1_000_000]
    return talk + [{"role": "user", "content": "x" * length} for length in lengths if length]


def large_update(size):
    """Return entities and relationships that have so many bytes together."""
    note = {"note": "é" * 32_000}
    rows = entities(400, metadata=note, description="d" * 4_000, aliases=["é" * 256] * 10)
    links = [{**link, "properties": note} for link in uses(50)]
    rest = size - sum(upsert.parse_entity(row, path="x").size for row in rows)
    rest -= sum(upsert.parse_relationship(link, path="x").size for link in links)
    count, last = divmod(rest, 4_000)
    return [
        *rows,
        *({"id": f"d{number}", "description": "d" * 4_000} for number in range(count)),
        {"id": "last", "description": "d" * last},
    ], links


def uses(count):
    return [
        {"from_entity": "a", "to_entity": f"e{number}", "relationship_type": "USES"}
        for number in range(count)
    ]


CALLS = {
    "CALL_BYTES": lambda client, n: client.save_conversation("c", messages(n)),
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


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda client, n: client.append_messages("c", messages(n)), "with append_messages"),
        (lambda client, n: client.update_knowledge_graph(*large_update(n)), "in several updates"),
    ],
)
def test_the_bytes_of_a_call_are_counted_in_all_its_items(monkeypatch, call, advice):
    client = ContextPersistenceClient.__new__(ContextPersistenceClient)
    monkeypatch.setattr(client, "_engine", _Engine(), raising=False)
    with pytest.raises(_Accepted):
        call(client, limits.CALL_BYTES)
    with pytest.raises(ValidationError, match=f"more than 33,554,432 bytes.*{advice}"):
        call(client, limits.CALL_BYTES + 1)
