"""From messages to rows: passages, vectors, entities, relations.

spaCy works on a thread of its own while the encoder computes: the encoder's matrix products release the interpreter's lock.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest.rows import GraphRows, graph_rows, with_vectors
from kg.conversations import Findings, Item

if TYPE_CHECKING:
    from ingest.chunk import Passage
    from ingest.embed import Embedder
    from ingest.extract import Extraction, Extractor


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What was found in a conversation's new messages.

    Attributes:
        findings: Rows for the statement that writes them.
        embedded: How many vectors were made.
        key: Which messages were analysed and what for, so that a second attempt at the same need not analyse them again.
    """

    findings: Findings = field(default_factory=Findings)
    embedded: int = 0
    key: tuple[tuple[str, str, bool, bool], ...] = ()


def analyse(
    namespace: str,
    items: Sequence[Item],
    *,
    embedder: "Embedder | None",
    extractor: "Extractor | None",
    known_types: Sequence[str],
    vectors: Mapping[int, Any] | None,
    before: Analysis,
    now: int,
) -> Analysis:
    """Embed and extract what needs it.

    Args:
        namespace: Where the messages live.
        items: The messages, in the order in which they were given.
        embedder: Makes the vectors; None when none are needed.
        extractor: Finds entities and relations; None when none are wanted.
        known_types: Relationship types that the database has.
        vectors: Vectors by place in `items`, given by the caller instead of being made.
        before: What an earlier attempt found.
        now: Milliseconds since 1970.
    """
    key = tuple((one.properties["id"], one.properties["hash"], one.needs_vector, one.needs_graph) for one in items)
    if before.key == key:
        return before
    to_read = [item for item in items if item.needs_graph] if extractor else []
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="context-persistence-extract") as threads:
        reading: Future[list[Extraction]] | None = None
        if extractor and to_read:
            reading = threads.submit(lambda: list(extractor.extract([item.properties["content"] for item in to_read])))
        whole, chunks, embedded = _vectors(namespace, items, embedder, vectors)
        found = reading.result() if reading else []
    graph = graph_rows(
        namespace,
        zip((item.properties["id"] for item in to_read), found, strict=True),
        now=now,
        known_types=known_types,
    )
    if embedder and graph.entities:
        graph = _entity_vectors(graph, embedder)
    facets = {item.properties["id"]: item.properties["facets"] for item in to_read}
    findings = Findings(
        vectors=whole,
        chunks=chunks,
        entities=graph.entities,
        mentions=[{**row, "facets": facets[row["message_id"]]} for row in graph.mentions],
        relations=graph.relations,
    )
    return Analysis(findings=findings, embedded=embedded, key=key)


def _vectors(
    namespace: str, items: Sequence[Item], embedder: "Embedder | None", given: Mapping[int, Any] | None
) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    """Vectors by message id, rows for the passages of long messages, and how many vectors were made."""
    wanted = [(place, item) for place, item in enumerate(items) if item.needs_vector]
    if given is not None:
        return {item.properties["id"]: given[place] for place, item in wanted}, [], 0
    if embedder is None or not wanted:
        return {}, [], 0
    passages = [embedder.passages(item.properties["content"]) for _, item in wanted]
    array = embedder.embed([passage.text for group in passages for passage in group])
    whole: dict[str, Any] = {}
    chunks: list[dict[str, Any]] = []
    at = 0
    for (_, item), group in zip(wanted, passages, strict=True):
        if len(group) == 1:
            whole[item.properties["id"]] = array[at]
        else:
            chunks.extend(_chunk(item, place, passage, array[at + place]) for place, passage in enumerate(group))
        at += len(group)
    return whole, chunks, len(array)


def _chunk(item: Item, place: int, passage: "Passage", vector: Any) -> dict[str, Any]:
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


def _entity_vectors(graph: GraphRows, embedder: "Embedder") -> GraphRows:
    """Each entity's vector is that of its name; equal names are embedded once."""
    names = graph.names
    array = embedder.embed(list(names.values()))
    return with_vectors(graph, dict(zip(names, array, strict=True)))
