"""Saving documents."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest.graph_rows import GraphRows, graph_rows
from mcp_context_persistence.ingest.pipeline import entity_vectors
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.graph import Run
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import documents, entities
from mcp_context_persistence.models import SaveDocumentResponse
from mcp_context_persistence.runtime.engine import Engine

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder


def save_document(
    engine: Engine, document_id: object, text: object, *, metadata: object, project_path: object
) -> SaveDocumentResponse:
    """Read what is stored; when it is something else, split, embed, extract, and write all of it in one transaction."""
    now = now_ms()
    checked_id = validation.check_identifier("document_id", document_id)
    checked_text = validation.check_text("text", text, characters=limits.DOCUMENT_CHARACTERS)
    checked_path = (
        None if project_path is None else validation.check_identifier("project_path", project_path)
    )
    checked_metadata = validation.check_metadata("metadata", metadata)
    properties = documents.document_properties(checked_text, project_path=checked_path, metadata=checked_metadata)
    stored = engine.graph.run(documents.state(engine.namespace, checked_id))
    if stored and stored[0]["hash"] == properties["hash"]:
        return SaveDocumentResponse(
            document_id=checked_id, status="unchanged"
        )

    def save_or_retry() -> SaveDocumentResponse:
        encoding = engine.embeddings.current()
        merged = engine.state.redirects()
        rows, passages, truncated = _analyze(
            engine, encoding.embedder, checked_id, checked_text, properties, checked_metadata, merged.names, now=now
        )
        space = merged.writing(encoding.vectors, rows.ids, rows.followed)
        found = entities.store(
            engine.namespace,
            entities=rows.entities,
            relations=rows.relations,
            vectors=space,
            now=now,
            last=False,
        )
        document = documents.save(
            engine.namespace, checked_id, properties, passages, rows.relations, space, now=now
        )

        def work(run: Run) -> Mapping[str, Any]:
            run(found)
            written: Mapping[str, Any] = run(document)[0]
            engine.types.register(run, rows.types)
            return written

        written = engine.types.transact(work, name="save_document")
        return SaveDocumentResponse(
            document_id=checked_id,
            status="saved",
            created=written["created"],
            passages=written["passages"],
            entities_found=len(rows.entities),
            relationships_found=len(rows.relations),
            truncated=truncated,
        )

    return engine.embeddings.again(save_or_retry)


def _analyze(
    engine: Engine,
    embedder: "Embedder",
    document_id: str,
    text: str,
    properties: Mapping[str, Any],
    metadata: Mapping[str, Any] | None,
    names: Mapping[str, str],
    *,
    now: int,
) -> tuple[GraphRows, list[dict[str, Any]], bool]:
    """What the text talks about, its passages as rows, and whether a passage mentions more than was looked at."""
    text_passages = embedder.passages(text)
    vectors = embedder.embed([passage.text for passage in text_passages])
    extractions = [
        followed(extraction, names)
        for extraction in engine.models.extractor.extract([passage.text for passage in text_passages], engine.state.patterns())
    ]
    ids = [documents.passage_id(document_id, position) for position in range(len(text_passages))]
    rows = graph_rows(
        engine.namespace, zip(ids, extractions, strict=True), now=now, admission=engine.types
    )
    passages = [
        {
            "properties": documents.passage_properties(
                engine.namespace,
                document_id,
                properties,
                position=position,
                start=passage.start,
                end=passage.end,
                content=passage.text,
                metadata=metadata,
                now=now,
            ),
            "vector": vectors[position],
            "mentions": rows.mentions[position]["entities"],
        }
        for position, passage in enumerate(text_passages)
    ]
    return entity_vectors(rows, embedder), passages, any(extraction.truncated for extraction in extractions)
