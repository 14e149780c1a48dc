"""Documents: texts that belong to no conversation, kept in passages."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.filter_tokens import facets, project_of, shared_facets
from mcp_context_persistence.kg.identifiers import digest
from mcp_context_persistence.kg.vector_spaces import Vectors


def state(namespace: str, document_id: str) -> Statement[Row]:
    """What the store holds of a document."""
    return Statement(
        name="document/state",
        parameters={"batch": {"namespace": namespace, "id": document_id}},
        read=as_is,
    )


def document_properties(
    text: str, *, project_path: str | None, metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Properties of a document's own node; by `hash` a change is seen."""
    written = validation.dump_metadata("metadata", metadata)
    return {
        "kind": "document",
        "content": text,
        "bytes": len(text.encode()),
        "project_path": project_path,
        "project": project_of(project_path, metadata),
        "metadata": written,
        "hash": digest(text, project_path or "", written or ""),
    }


def passage_id(document_id: str, position: int) -> str:
    """The id of a passage."""
    return f"document:{digest(document_id)}#{position}"


def passage_properties(
    namespace: str,
    document_id: str,
    document: Mapping[str, Any],
    *,
    position: int,
    start: int,
    end: int,
    content: str,
    metadata: Mapping[str, Any] | None,
    now: int,
) -> dict[str, Any]:
    """Properties of one passage, which is found like a message."""
    return {
        "id": passage_id(document_id, position),
        "document_id": document_id,
        "position": position,
        "start": start,
        "end": end,
        "content": content,
        "kind": "document",
        "conversation_id": "",
        "role": "",
        "project": document["project"],
        "metadata": document["metadata"],
        "timestamp_ms": now,
        "confidence": 1.0,
        "facets": [
            *facets(
                namespace, kind="document", document_id=document_id, project=document["project"]
            ),
            *shared_facets(metadata),
        ],
    }


def save(
    namespace: str,
    document_id: str,
    properties: Mapping[str, Any],
    passages: Sequence[Mapping[str, Any]],
    relations: Sequence[Mapping[str, Any]],
    vectors: Vectors,
    *,
    now: int,
) -> Statement[Row]:
    """Write a document with its passages in the place of what was stored of it.

    Args:
        namespace: Where it is.
        document_id: Its id.
        properties: Of the document.
        passages: With their vectors and mentions.
        relations: The relationships that the passages support, as they are stored before in the same transaction.
        vectors: Of the namespace, as the caller knows it.
        now: Milliseconds since 1970.
    """
    batch = {
        "namespace": namespace,
        "now": now,
        "id": document_id,
        "properties": dict(properties),
        "passages": list(passages),
        "supported": {row["properties"]["id"]: list(row["sources"]) for row in relations},
        "space": vectors.writing(),
    }
    return Statement(name="document/save", parameters={"batch": batch}, read=as_is, writes=True)
