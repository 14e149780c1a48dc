"""Turn texts into entities and relationships of the graph.

The steps are the same for messages, documents, decisions and other texts: extract, find the stored
entities of the names, build the rows, add the vectors, store. Run them inside
`EmbeddingModels.retry_when_stale`, because a write is refused if the embedding model or the
redirects have changed since they were read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mcp_context_persistence.ingest.extraction.results import Extraction
from mcp_context_persistence.ingest.graph_rows import GraphRows, TypeLimits, build_graph_rows
from mcp_context_persistence.ingest.pipeline import KeyedText, embed_entities
from mcp_context_persistence.ingest.redirects import follow_redirects
from mcp_context_persistence.ingest.spellings import replace_ids, unify_spellings
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement
from mcp_context_persistence.kg.merging.redirects import Redirects
from mcp_context_persistence.kg.vector_spaces import WriteGuard
from mcp_context_persistence.kg.writes import entities
from mcp_context_persistence.kg.writes.spellings import NewName, find_stored
from mcp_context_persistence.runtime.embedding_models import ActiveModel
from mcp_context_persistence.runtime.engine import Engine

T = TypeVar("T")
NOTHING = Extraction(mentions=(), relations=())  # for a text whose entities are known


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """Entities and relationships of some texts.

    Attributes:
        extractions: For each text its extraction, without merged entities.
        rows: The rows of the entities, mentions and relationships.
        redirects: The redirects with which merged entities were replaced.
        new_names: The entities that are not stored yet.
    """

    extractions: list[Extraction]
    rows: GraphRows
    redirects: Redirects
    new_names: Sequence[NewName] = ()

    @property
    def is_truncated(self) -> bool:
        """Whether a text has more entities or relations than are read of one text."""
        return any(extraction.truncated for extraction in self.extractions)


@dataclass(frozen=True, kw_only=True)
class EmbeddedKnowledge(Knowledge):
    """Entities and relationships with the vectors of the entities.

    Attributes:
        guard: With it a write checks that the embedding model and the redirects are still valid.
    """

    guard: WriteGuard


def extract_texts(engine: Engine, texts: Sequence[str]) -> list[Extraction]:
    """Extract from texts with the rules and the user's patterns."""
    return list(engine.language_models.extractor.extract(texts, engine.state.patterns()))


def resolve_names(
    engine: Engine,
    extractions: Iterable[tuple[str, Extraction]],
    redirects: Redirects,
    *,
    reads_stored: bool = True,
) -> tuple[list[tuple[str, Extraction]], list[NewName]]:
    """Replace the ids of names that are stored in another spelling, and those of merged entities.

    Args:
        engine: Gives the graph.
        extractions: For each text its id and its extraction.
        redirects: The redirects of merged entities.
        reads_stored: Whether to look for stored spellings; else only those of the texts meet.

    Returns:
        The extractions, and the entities that are not stored yet.
    """
    unified, names = unify_spellings(extractions)
    targets: dict[str, str] = {}
    new_names: list[NewName] = []
    if reads_stored:
        unmerged = [name for name in names if name.id not in redirects.targets]
        targets, new_names = find_stored(engine.graph.run, engine.namespace, unmerged)
        merged = {name.id: redirects.folded.get(name.folded) for name in new_names}
        targets.update((key, merged_id) for key, merged_id in merged.items() if merged_id)
        new_names = [name for name in new_names if name.id not in targets]
    resolved = [
        (key, follow_redirects(replace_ids(extraction, targets), redirects.targets))
        for key, extraction in unified
    ]
    return resolved, new_names


def build_knowledge(
    engine: Engine,
    extractions: Iterable[tuple[str, Extraction]],
    redirects: Redirects,
    *,
    now: int,
    type_limits: TypeLimits | None = None,
    reads_stored: bool = True,
) -> Knowledge:
    """Give each name its entity, and build the rows.

    Args:
        engine: Gives the graph, the models and the settings.
        extractions: For each text its id, which is the evidence of its relationships, and its
            extraction.
        redirects: The redirects of merged entities.
        now: Milliseconds since 1970.
        type_limits: Which types may be stored; those of the namespace if it is left out.
        reads_stored: As in `resolve_names`.
    """
    resolved, new_names = resolve_names(engine, extractions, redirects, reads_stored=reads_stored)
    return Knowledge(
        extractions=[extraction for _, extraction in resolved],
        rows=build_graph_rows(
            engine.namespace, resolved, now=now, type_limits=type_limits or engine.types
        ),
        redirects=redirects,
        new_names=new_names,
    )


def embed_knowledge(knowledge: Knowledge, model: ActiveModel) -> EmbeddedKnowledge:
    """Add the vectors of the entities, and the guard of the write."""
    rows = knowledge.rows
    return EmbeddedKnowledge(
        extractions=knowledge.extractions,
        rows=embed_entities(rows, model.embedder),
        redirects=knowledge.redirects,
        new_names=knowledge.new_names,
        guard=knowledge.redirects.guard_write(
            model.vector_state,
            rows.ids,
            rows.redirected_ids,
            (name.to_parameters() for name in knowledge.new_names),
        ),
    )


def extract_knowledge(
    engine: Engine,
    texts: Sequence[KeyedText],
    model: ActiveModel,
    *,
    now: int,
    extract: bool = True,
) -> EmbeddedKnowledge:
    """Extract from texts, and build the rows with vectors.

    Args:
        engine: Gives the graph, the models and the settings.
        texts: For each text the id that is the evidence of its relationships, and the text.
        model: The active embedding model.
        now: Milliseconds since 1970.
        extract: Whether to extract; without it, nothing is found in any text.
    """
    redirects = engine.state.redirects()
    extractions = (
        extract_texts(engine, [text for _, text in texts]) if extract else [NOTHING] * len(texts)
    )
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
        guard=knowledge.guard,
        now=now,
        last=is_last,
    )
