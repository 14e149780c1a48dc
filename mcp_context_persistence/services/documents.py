"""Save documents."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mcp_context_persistence.ingest.pipeline import KeyedText
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.text.terms import text_properties
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import documents
from mcp_context_persistence.models import SaveDocumentResponse
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.knowledge_writer import (
    Knowledge,
    extract_knowledge,
    store_knowledge_with,
)


def save_document(
    engine: Engine,
    document_id: object,
    text: object,
    *,
    metadata: object,
    project_path: object,
    extract: bool = True,
) -> SaveDocumentResponse:
    """Save a document: split it, embed it, extract from it, and write all in one transaction.

    A document that is stored with the same text, metadata and path is left as it is. Without
    `extract`, nothing is extracted from a new one.
    """
    now = now_ms()
    checked_id = validation.check_identifier("document_id", document_id)
    checked_text = validation.check_text("text", text, characters=limits.DOCUMENT_CHARACTERS)
    checked_path = (
        None if project_path is None else validation.check_identifier("project_path", project_path)
    )
    checked_metadata = validation.check_metadata("metadata", metadata)
    properties = documents.document_properties(
        checked_text, project_path=checked_path, metadata=checked_metadata
    )
    stored = engine.graph.run(documents.read_state(engine.namespace, checked_id))
    if stored and stored[0]["hash"] == properties["hash"]:
        return SaveDocumentResponse(document_id=checked_id, status="unchanged")

    row, knowledge = engine.embeddings.retry_when_stale(
        lambda: _write_document(
            engine,
            checked_id,
            checked_text,
            properties,
            checked_metadata,
            now=now,
            extract=extract,
        )
    )
    return SaveDocumentResponse(
        document_id=checked_id,
        status="saved",
        created=row["created"],
        passages=row["passages"],
        entities_found=len(knowledge.rows.entities),
        relationships_found=len(knowledge.rows.relations),
        truncated=knowledge.is_truncated,
    )


def _write_document(
    engine: Engine,
    document_id: str,
    text: str,
    properties: Mapping[str, Any],
    metadata: Mapping[str, Any] | None,
    *,
    now: int,
    extract: bool,
) -> tuple[Row, Knowledge]:
    """Analyze a document and write it with its entities in one transaction."""
    model = engine.embeddings.current()
    passages = model.embedder.passages(text)
    vectors = model.embedder.embed([passage.text for passage in passages])
    texts = [
        (documents.passage_id(document_id, position), passage.text)
        for position, passage in enumerate(passages)
    ]
    knowledge = extract_knowledge(engine, texts, model, now=now, extract=extract)
    build = partial(documents.passage_properties, engine.namespace, document_id, properties)
    passage_properties = partial(build, metadata=metadata, now=now)
    text_rows = _build_text_rows(texts, knowledge, engine.config.text_language)
    rows = [
        {
            "properties": passage_properties(
                position=position, start=passage.start, end=passage.end, text=text_rows[position]
            ),
            "vector": vectors[position],
            "mentions": knowledge.rows.mentions[position]["entities"],
        }
        for position, passage in enumerate(passages)
    ]
    statement = documents.save(
        engine.namespace,
        document_id,
        properties,
        rows,
        knowledge.rows.entities,
        knowledge.rows.relations,
        knowledge.guard,
        now=now,
    )
    row: Row = store_knowledge_with(
        engine, knowledge, lambda run: run(statement)[0], name="save_document", now=now
    )
    return row, knowledge


def _build_text_rows(
    texts: Sequence[KeyedText], knowledge: Knowledge, language: str | None
) -> list[dict[str, Any]]:
    """Return the properties of each passage that depend on its text only."""
    return [
        {**text_properties(text, language), **mentions["unasserted"]}
        for (_, text), mentions in zip(texts, knowledge.rows.mentions, strict=True)
    ]
