"""From messages to rows: passages, vectors, entities, relations.

spaCy works on a thread of its own while the encoder computes: the encoder's matrix products release the interpreter's lock.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest.graph_rows import (
    GraphRows,
    TypeAdmission,
    graph_rows,
    with_vectors,
)
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg.schema.type_limits import Types
from mcp_context_persistence.kg.writes.conversations import Findings
from mcp_context_persistence.kg.writes.message_diff import MessageDiff

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.chunking import Passage
    from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
    from mcp_context_persistence.ingest.extraction.user_patterns import UserPatterns
    from mcp_context_persistence.ingest.models.embedder import Embedder


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What was found in a conversation's new messages.

    Attributes:
        findings: Rows for the statement that writes them.
        embedded: How many vectors were made.
        truncated: Whether a message named more than is looked at.
        followed: Ids of merged entities that something was named by.
        types: Relationship types and labels of what was found.
    """

    findings: Findings = field(default_factory=Findings)
    embedded: int = 0
    truncated: bool = False
    followed: frozenset[str] = frozenset()
    types: Types = field(default_factory=Types)


@dataclass(kw_only=True)
class ExtractionCache:
    """What was read and embedded already, by the hash of the text, so that a second attempt at the same save need not do it again.

    Attributes:
        extractions: What was found in each text.
        passages: By each model, each text's passages with their vectors, `(dimension,) float32`.
        patterns: The patterns of the caller's own types by which the texts are read.
    """

    extractions: dict[str, "Extraction"] = field(default_factory=dict)
    passages: dict[tuple[str, str], "list[tuple[Passage, Any]]"] = field(default_factory=dict)
    patterns: "UserPatterns | None" = None


def analyse(
    namespace: str,
    items: Sequence[MessageDiff],
    *,
    embedder: "Embedder | None",
    extractor: "Extractor | None",
    admission: TypeAdmission,
    vectors: Mapping[int, Any] | None,
    seen: ExtractionCache,
    merged: Mapping[str, str],
    now: int,
) -> Analysis:
    """Embed and extract what needs it.

    Args:
        namespace: Where the messages live.
        items: The messages, in the order in which they were given.
        embedder: Makes the vectors; None when none are needed.
        extractor: Finds entities and relations; None when none are wanted.
        admission: Which types may be stored.
        vectors: Vectors by place in `items`, given by the caller instead of being made.
        seen: What an earlier attempt did; it is added to.
        merged: For each id of a merged entity the one that it means now.
        now: Milliseconds since 1970.
    """
    to_read = [item for item in items if item.needs_graph] if extractor else []
    if extractor and any(
        item.properties["content_hash"] not in seen.extractions for item in to_read
    ):
        with ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="context-persistence-extract"
        ) as threads:
            reading = threads.submit(read, to_read, extractor, seen)
            whole, chunks, embedded = _vectors(items, embedder, vectors, seen)
            reading.result()
    else:
        whole, chunks, embedded = _vectors(items, embedder, vectors, seen)
    found = [
        followed(seen.extractions[item.properties["content_hash"]], merged) for item in to_read
    ]
    graph = graph_rows(
        namespace,
        zip((item.properties["id"] for item in to_read), found, strict=True),
        now=now,
        admission=admission,
    )
    if embedder and graph.entities:
        graph = entity_vectors(graph, embedder)
    facets = {item.properties["id"]: item.properties["facets"] for item in to_read}
    findings = Findings(
        vectors=whole,
        chunks=chunks,
        entities=graph.entities,
        mentions=[{**row, "facets": facets[row["message_id"]]} for row in graph.mentions],
        relations=graph.relations,
    )
    truncated = any(one.truncated for one in found)
    return Analysis(
        findings=findings,
        embedded=embedded,
        truncated=truncated,
        followed=graph.followed,
        types=graph.types,
    )


def read(items: Sequence[MessageDiff], extractor: "Extractor", seen: ExtractionCache) -> None:
    """Extract from the texts that were not seen yet, as far as entities must be looked for in them."""
    texts = {
        item.properties["content_hash"]: item.properties["content"]
        for item in items
        if item.needs_graph
    }
    new = [key for key in texts if key not in seen.extractions]
    seen.extractions.update(
        zip(new, extractor.extract([texts[key] for key in new], seen.patterns), strict=True)
    )


def embed(items: Sequence[MessageDiff], embedder: "Embedder", seen: ExtractionCache) -> None:
    """Embed the texts that were not seen yet, as far as they need vectors."""
    texts = {
        item.properties["content_hash"]: item.properties["content"]
        for item in items
        if item.needs_vector
    }
    model = embedder.name
    passages = {
        key: embedder.passages(text)
        for key, text in texts.items()
        if (model, key) not in seen.passages
    }
    array = iter(embedder.embed([passage.text for group in passages.values() for passage in group]))
    seen.passages.update(
        {
            (model, key): [(passage, next(array)) for passage in group]
            for key, group in passages.items()
        }
    )


def _vectors(
    items: Sequence[MessageDiff],
    embedder: "Embedder | None",
    given: Mapping[int, Any] | None,
    seen: ExtractionCache,
) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    """Vectors by message id, rows for the passages of long messages, and how many vectors were made."""
    wanted = [(place, item) for place, item in enumerate(items) if item.needs_vector]
    if given is not None:
        return {item.properties["id"]: given[place] for place, item in wanted}, [], 0
    if embedder is None or not wanted:
        return {}, [], 0
    embed(items, embedder, seen)
    whole: dict[str, Any] = {}
    chunks: list[dict[str, Any]] = []
    for _, item in wanted:
        group = seen.passages[embedder.name, item.properties["content_hash"]]
        if len(group) == 1:
            whole[item.properties["id"]] = group[0][1]
        else:
            chunks.extend(
                _chunk(item, place, passage, vector)
                for place, (passage, vector) in enumerate(group)
            )
    return whole, chunks, len(whole) + len(chunks)


def _chunk(item: MessageDiff, place: int, passage: "Passage", vector: Any) -> dict[str, Any]:
    message = item.properties
    return {
        "vector": vector,
        "properties": {
            "id": f"{message['id']}#{place}",
            "message_id": message["id"],
            "position": place,
            "start": passage.start,
            "end": passage.end,
            "content": passage.text,
            "kind": "message",
            "conversation_id": message["conversation_id"],
            "role": message["role"],
            "project": message["project"],
            "timestamp_ms": message["timestamp_ms"],
            "confidence": 1.0,
        },
    }


def entity_vectors(graph: GraphRows, embedder: "Embedder") -> GraphRows:
    """Each entity's vector is that of its name; equal names are embedded once."""
    names = graph.names
    array = embedder.embed(list(names.values()))
    return with_vectors(graph, dict(zip(names, array, strict=True)))
