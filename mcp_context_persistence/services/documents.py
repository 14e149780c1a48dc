"""Saving documents."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest.graph_rows import GraphRows, graph_rows
from mcp_context_persistence.ingest.pipeline import entity_vectors
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.clock import now_ms
from mcp_context_persistence.kg.driver.graph import Run
from mcp_context_persistence.kg.writes import documents, entities
from mcp_context_persistence.models import SaveDocumentResponse
from mcp_context_persistence.runtime.engine import Engine

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder


def save(
    engine: Engine, document_id: object, text: object, *, metadata: object, project_path: object
) -> SaveDocumentResponse:
    """Read what is stored; when it is something else, split, embed, extract, and write all of it in one transaction."""
    start, now = time.perf_counter(), now_ms()
    known = validation.identifier("document_id", document_id)
    said = validation.text("text", text, characters=limits.DOCUMENT_CHARACTERS)
    path = None if project_path is None else validation.identifier("project_path", project_path)
    own = validation.plain_metadata("metadata", metadata)
    properties = documents.document_properties(said, project_path=path, metadata=own)
    stored = engine.graph.run(documents.state(engine.namespace, known))
    if stored and stored[0]["hash"] == properties["hash"]:
        return SaveDocumentResponse(
            document_id=known, status="unchanged", processing_time=time.perf_counter() - start
        )

    def whole() -> SaveDocumentResponse:
        encoding = engine.embeddings.current()
        merged = engine.merged()
        rows, passages, truncated = _analysed(
            engine, encoding.embedder, known, said, properties, own, merged.names, now=now
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
            engine.namespace, known, properties, passages, rows.relations, space, now=now
        )

        def work(run: Run) -> Mapping[str, Any]:
            run(found)
            written: Mapping[str, Any] = run(document)[0]
            engine.types.register(run, rows.types)
            return written

        written = engine.types.transact(work, name="save_document")
        return SaveDocumentResponse(
            document_id=known,
            status="saved",
            created=written["created"],
            passages=written["passages"],
            entities_found=len(rows.entities),
            relationships_found=len(rows.relations),
            truncated=truncated,
            processing_time=time.perf_counter() - start,
        )

    return engine.embeddings.again(whole)


def _analysed(
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
    pieces = embedder.passages(text)
    vectors = embedder.embed([piece.text for piece in pieces])
    found = [
        followed(one, names)
        for one in engine.extractor.extract([piece.text for piece in pieces], engine.patterns())
    ]
    ids = [documents.passage_id(document_id, place) for place in range(len(pieces))]
    rows = graph_rows(
        engine.namespace, zip(ids, found, strict=True), now=now, admission=engine.types
    )
    passages = [
        {
            "properties": documents.passage_properties(
                engine.namespace,
                document_id,
                properties,
                position=place,
                start=piece.start,
                end=piece.end,
                content=piece.text,
                metadata=metadata,
                now=now,
            ),
            "vector": vectors[place],
            "mentions": rows.mentions[place]["entities"],
        }
        for place, piece in enumerate(pieces)
    ]
    return entity_vectors(rows, embedder), passages, any(one.truncated for one in found)
