"""Analyze the new and changed messages of a conversation, and build the rows for its save."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest.extraction.results import add_author
from mcp_context_persistence.ingest.pipeline import AnalysisCache, KeyedText, analyze_texts
from mcp_context_persistence.kg.schema.type_limits import Types
from mcp_context_persistence.kg.vector_spaces import WriteGuard
from mcp_context_persistence.kg.writes.conversations import Findings
from mcp_context_persistence.kg.writes.message_diff import MessageDiff
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import instructions
from mcp_context_persistence.services.knowledge_writer import build_knowledge, embed_knowledge

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.chunking import Passage
    from mcp_context_persistence.ingest.extraction.extractor import Extraction


@dataclass(frozen=True, kw_only=True)
class MessageAnalysis:
    """The vectors, entities and relationships of a conversation's new and changed messages.

    Attributes:
        findings: Rows for the statement that writes them.
        guard: What that statement takes for granted; None where nothing was analyzed.
        types: Relationship types and labels of the rows.
        embedded_count: How many vectors were computed.
        is_truncated: Whether a message has more entities or relations than are read of one text.
    """

    findings: Findings = field(default_factory=Findings)
    guard: WriteGuard | None = None
    types: Types = field(default_factory=Types)
    embedded_count: int = 0
    is_truncated: bool = False


def analyze_messages(
    engine: Engine,
    messages: Sequence[MessageDiff],
    given_vectors: Mapping[int, Any] | None,
    cache: AnalysisCache,
    *,
    now: int,
) -> MessageAnalysis:
    """Extract from the messages that need it, and embed those that need it.

    Args:
        engine: Gives the graph, the models and the settings.
        messages: All messages of the save.
        given_vectors: The caller's own vectors by index in `messages`; None where vectors are
            computed.
        cache: The results of an earlier attempt; new results are added to it.
        now: Milliseconds since 1970.
    """
    to_embed = [message for message in messages if message.needs_vector]
    to_extract = [message for message in messages if message.needs_graph]
    stated = instructions.find_stated(messages, engine.language_models, cache)
    if not to_embed and not to_extract and not stated:
        return MessageAnalysis()
    model = engine.embeddings.current()  # entities have vectors in every mode
    redirects = engine.state.redirects()
    analysis = analyze_texts(
        to_extract=_key_texts(to_extract),
        to_embed=_key_texts(to_embed) if given_vectors is None else [],
        extractor=engine.language_models.extractor if to_extract else None,
        embedder=model.embedder,
        cache=cache,
    )
    extractions = _add_authors(to_extract, analysis.extractions)
    knowledge = embed_knowledge(build_knowledge(engine, extractions, redirects, now=now), model)
    tokens = {message.properties["id"]: message.properties["facets"] for message in to_extract}
    vectors_by_id, chunks = _build_vector_rows(to_embed, analysis.passages)
    if given_vectors is not None:
        vectors_by_id = {
            message.properties["id"]: given_vectors[index]
            for index, message in enumerate(messages)
            if message.needs_vector
        }
    return MessageAnalysis(
        findings=Findings(
            vectors_by_id=vectors_by_id,
            chunks=chunks,
            entities=knowledge.rows.entities,
            mentions=[{**row, "facets": tokens[row["text_id"]]} for row in knowledge.rows.mentions],
            relations=knowledge.rows.relations,
            instructions=instructions.build_rows(engine.namespace, stated, model),
        ),
        guard=knowledge.guard,
        types=knowledge.rows.types,
        embedded_count=sum(map(len, analysis.passages.values())),
        is_truncated=knowledge.is_truncated,
    )


def _add_authors(
    messages: Sequence[MessageDiff], extractions: "Sequence[tuple[str, Extraction]]"
) -> "list[tuple[str, Extraction]]":
    """Return the extractions with what users say about themselves in their own messages."""
    users = {
        message.properties["id"]: message.properties["name"]
        for message in messages
        if message.properties["role"] == "user"
    }
    return [
        (key, add_author(extraction, users[key]) if key in users else extraction)
        for key, extraction in extractions
    ]


def _key_texts(messages: Sequence[MessageDiff]) -> list[KeyedText]:
    return [(message.properties["id"], message.properties["content"]) for message in messages]


def _build_vector_rows(
    messages: Sequence[MessageDiff], passages_by_id: "Mapping[str, list[tuple[Passage, Any]]]"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the vectors of messages by id, and rows for the passages of long messages."""
    vectors_by_id: dict[str, Any] = {}
    chunks: list[dict[str, Any]] = []
    for message in messages:
        passages = passages_by_id.get(message.properties["id"], ())
        if len(passages) == 1:
            vectors_by_id[message.properties["id"]] = passages[0][1]
        else:
            chunks.extend(
                _build_chunk_row(message.properties, position, passage, vector)
                for position, (passage, vector) in enumerate(passages)
            )
    return vectors_by_id, chunks


def _build_chunk_row(
    message: Mapping[str, Any], position: int, passage: "Passage", vector: Any
) -> dict[str, Any]:
    return {
        "vector": vector,
        "properties": {
            "id": f"{message['id']}#{position}",
            "message_id": message["id"],
            "position": position,
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
