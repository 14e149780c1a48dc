"""Build statements that save documents; nothing is run here.

Documents are texts that belong to no conversation, stored in passages.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.filter_tokens import build_own_tokens, build_tokens, read_project
from mcp_context_persistence.kg.identifiers import digest
from mcp_context_persistence.kg.vector_spaces import WriteGuard


def read_state(namespace: str, document_id: str) -> Statement[Row]:
    """Read the hash and the creation time of a stored document."""
    return Statement(
        name="document/state",
        parameters={"batch": {"namespace": namespace, "id": document_id}},
        read=as_is,
        locks=True,
    )


def document_properties(
    text: str, *, project_path: str | None, metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the properties of a document's node. Its `hash` changes with any of them."""
    metadata_json = validation.dump_metadata("metadata", metadata)
    return {
        "kind": "document",
        "content": text,
        "bytes": len(text.encode()),
        "project_path": project_path,
        "project": read_project(project_path, metadata),
        "metadata": metadata_json,
        "hash": digest(text, project_path or "", metadata_json or ""),
    }


def passage_id(document_id: str, position: int) -> str:
    """Return the id of a document's passage."""
    return f"document:{digest(document_id)}#{position}"


def passage_properties(
    namespace: str,
    document_id: str,
    document: Mapping[str, Any],
    *,
    position: int,
    start: int,
    end: int,
    text: Mapping[str, Any],
    metadata: Mapping[str, Any] | None,
    now: int,
) -> dict[str, Any]:
    """Return the properties of a passage's node, which searches find like a message."""
    return {
        "id": passage_id(document_id, position),
        "document_id": document_id,
        "position": position,
        "start": start,
        "end": end,
        **text,
        "kind": "document",
        "conversation_id": "",
        "role": "",
        "project": document["project"],
        "metadata": document["metadata"],
        "timestamp_ms": now,
        "confidence": 1.0,
        "facets": [
            *build_tokens(
                namespace, kind="document", document_id=document_id, project=document["project"]
            ),
            *build_own_tokens(metadata),
        ],
    }


def save(
    namespace: str,
    document_id: str,
    properties: Mapping[str, Any],
    passages: Sequence[Mapping[str, Any]],
    entities: Sequence[Mapping[str, Any]],
    relations: Sequence[Mapping[str, Any]],
    guard: WriteGuard,
    *,
    now: int,
) -> Statement[Row]:
    """Write a document with its passages, and delete its old passages.

    Args:
        namespace: Name of the namespace.
        document_id: Id of the document.
        properties: Properties of the document's node.
        passages: Rows with `properties`, `vector` and `mentions`.
        entities: Rows of the entities that they mention. `entities.store` must have stored them in
            the same transaction.
        relations: Rows of the relationships that they support, stored likewise.
        guard: What the write takes for granted.
        now: Milliseconds since 1970.
    """
    batch = {
        "namespace": namespace,
        "now": now,
        "id": document_id,
        "properties": dict(properties),
        "passages": list(passages),
        "descriptions": {row["id"]: row["properties"]["description"] for row in entities},
        "evidence": {row["properties"]["id"]: row["properties"]["evidence"] for row in relations},
        "supported": {row["properties"]["id"]: list(row["sources"]) for row in relations},
        "expected_state": guard.parameters(),
    }
    return Statement(name="document/save", parameters={"batch": batch}, read=as_is, writes=True)
