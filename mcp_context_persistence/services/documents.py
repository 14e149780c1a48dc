"""Save documents."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest.graph_rows import GraphRows, graph_rows
from mcp_context_persistence.ingest.pipeline import entity_vectors
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Run
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import documents, entities
from mcp_context_persistence.models import SaveDocumentResponse
from mcp_context_persistence.runtime.engine import Engine

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder


def save_document(
    engine: Engine, document_id: object, text: object, *, metadata: object, project_path: object
) -> SaveDocumentResponse:
    """Save a document: split it, embed it, extract from it, and write all in one transaction.

    A document that is stored with the same text, metadata and path is left as it is.
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

    def save_or_retry() -> SaveDocumentResponse:
        embedding = engine.embeddings.current()
        merged = engine.state.redirects()
        rows, passages, truncated = _analyze(
            engine,
            embedding.embedder,
            checked_id,
            checked_text,
            properties,
            checked_metadata,
            merged.targets,
            now=now,
        )
        vectors = merged.guard_vectors(embedding.vectors, rows.ids, rows.followed)
        store_entities = entities.store(
            engine.namespace,
            entities=rows.entities,
            relations=rows.relations,
            vectors=vectors,
            now=now,
            last=False,
        )
        write_document = documents.save(
            engine.namespace, checked_id, properties, passages, rows.relations, vectors, now=now
        )

        def work(run: Run) -> Mapping[str, Any]:
            run(store_entities)
            row: Mapping[str, Any] = run(write_document)[0]
            engine.types.register(run, rows.types)
            return row

        row = engine.types.transact(work, name="save_document")
        return SaveDocumentResponse(
            document_id=checked_id,
            status="saved",
            created=row["created"],
            passages=row["passages"],
            entities_found=len(rows.entities),
            relationships_found=len(rows.relations),
            truncated=truncated,
        )

    return engine.embeddings.retry_when_stale(save_or_retry)


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
    """Analyze a document.

    Returns:
        The rows of its entities and relationships, the rows of its passages, and whether a passage
        mentions more entities than are read of one text.
    """
    text_passages = embedder.passages(text)
    vectors = embedder.embed([passage.text for passage in text_passages])
    extractions = [
        followed(extraction, names)
        for extraction in engine.models.extractor.extract(
            [passage.text for passage in text_passages], engine.state.patterns()
        )
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
    return (
        entity_vectors(rows, embedder),
        passages,
        any(extraction.truncated for extraction in extractions),
    )
