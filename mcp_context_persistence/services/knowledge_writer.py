"""Turn texts into entities and relationships of the graph.

The steps are the same for messages, documents, decisions and other texts: extract, replace merged
entities, build the rows, add the vectors, store. Run them inside
`EmbeddingModels.retry_when_stale`, because a write is refused if the embedding model or the
redirects have changed since they were read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mcp_context_persistence.ingest.extraction.results import Extraction
from mcp_context_persistence.ingest.graph_rows import GraphRows, TypeAdmission, build_graph_rows
from mcp_context_persistence.ingest.pipeline import KeyedText, embed_entities
from mcp_context_persistence.ingest.redirects import follow_redirects
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement
from mcp_context_persistence.kg.merging.redirects import Redirects
from mcp_context_persistence.kg.vector_spaces import VectorState
from mcp_context_persistence.kg.writes import entities
from mcp_context_persistence.runtime.embedding_models import ActiveModel
from mcp_context_persistence.runtime.engine import Engine

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """Entities and relationships of some texts.

    Attributes:
        extractions: For each text its extraction, without merged entities.
        rows: The rows of the entities, mentions and relationships.
        redirects: The redirects with which merged entities were replaced.
    """

    extractions: list[Extraction]
    rows: GraphRows
    redirects: Redirects

    @property
    def is_truncated(self) -> bool:
        """Whether a text mentions more entities than are read of one text."""
        return any(extraction.truncated for extraction in self.extractions)


@dataclass(frozen=True, kw_only=True)
class EmbeddedKnowledge(Knowledge):
    """Entities and relationships with the vectors of the entities.

    Attributes:
        vector_state: The vector state with which a write checks that the embedding model and the
            redirects are still valid.
    """

    vector_state: VectorState


def extract_texts(engine: Engine, texts: Sequence[str]) -> list[Extraction]:
    """Extract from texts with the rules and the user's patterns."""
    return list(engine.language_models.extractor.extract(texts, engine.state.patterns()))


def build_knowledge(
    engine: Engine,
    extractions: Iterable[tuple[str, Extraction]],
    redirects: Redirects,
    *,
    now: int,
    admission: TypeAdmission | None = None,
) -> Knowledge:
    """Replace merged entities, and build the rows.

    Args:
        engine: Gives the graph, the models and the settings.
        extractions: For each text its id, which is the evidence of its relationships, and its
            extraction.
        redirects: The redirects of merged entities.
        now: Milliseconds since 1970.
        admission: Which types may be stored; those of the namespace if it is left out.
    """
    redirected = [
        (source_id, follow_redirects(extraction, redirects.targets))
        for source_id, extraction in extractions
    ]
    return Knowledge(
        extractions=[extraction for _, extraction in redirected],
        rows=build_graph_rows(
            engine.namespace, redirected, now=now, admission=admission or engine.types
        ),
        redirects=redirects,
    )


def embed_knowledge(knowledge: Knowledge, model: ActiveModel) -> EmbeddedKnowledge:
    """Add the vectors of the entities, and the vector state for the write."""
    rows = knowledge.rows
    return EmbeddedKnowledge(
        extractions=knowledge.extractions,
        rows=embed_entities(rows, model.embedder),
        redirects=knowledge.redirects,
        vector_state=knowledge.redirects.guard_vectors(
            model.vector_state, rows.ids, rows.redirected_ids
        ),
    )


def extract_knowledge(
    engine: Engine, texts: Sequence[KeyedText], model: ActiveModel, *, now: int
) -> EmbeddedKnowledge:
    """Extract from texts, and build the rows with vectors.

    Args:
        engine: Gives the graph, the models and the settings.
        texts: For each text the id that is the evidence of its relationships, and the text.
        model: The active embedding model.
        now: Milliseconds since 1970.
    """
    redirects = engine.state.redirects()
    extractions = extract_texts(engine, [text for _, text in texts])
    keyed = zip((key for key, _ in texts), extractions, strict=True)
    return embed_knowledge(build_knowledge(engine, keyed, redirects, now=now), model)


def store_knowledge(engine: Engine, knowledge: EmbeddedKnowledge, *, now: int) -> None:
    """Store entities and relationships in one statement."""
    statement = _build_statement(engine, knowledge, now=now, is_last=True)
    engine.types.run(statement, knowledge.rows.types)


def store_knowledge_with(
    engine: Engine,
    knowledge: EmbeddedKnowledge,
    write: Callable[[Run], T],
    *,
    name: str,
    now: int,
    writes_vectors: bool = True,
    lock: Statement[Row] | None = None,
) -> T:
    """Store entities and relationships, and what mentions them, in one transaction.

    Args:
        engine: Gives the graph, the models and the settings.
        knowledge: The entities and relationships.
        write: Runs the statements that write what mentions the entities.
        name: The name of the transaction.
        now: Milliseconds since 1970.
        writes_vectors: Whether `write` writes vectors.
        lock: A statement that runs first.

    Returns:
        What `write` returns.
    """
    statement = _build_statement(engine, knowledge, now=now, is_last=not writes_vectors)

    def work(run: Run) -> T:
        if lock is not None:
            run(lock)
        run(statement)
        result = write(run)
        engine.types.register(run, knowledge.rows.types)
        return result

    return engine.types.transact(work, name=name)


def _build_statement(
    engine: Engine, knowledge: EmbeddedKnowledge, *, now: int, is_last: bool
) -> Statement[Row]:
    return entities.store(
        engine.namespace,
        entities=knowledge.rows.entities,
        relations=knowledge.rows.relations,
        vector_state=knowledge.vector_state,
        now=now,
        last=is_last,
    )
