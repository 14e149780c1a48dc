"""Write entities and relationships that a caller gives."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.kg import identifiers, limits, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.merging.redirects import Redirects
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import entities as knowledge
from mcp_context_persistence.kg.writes import graph_update, upsert
from mcp_context_persistence.kg.writes.spellings import NewName, find_stored
from mcp_context_persistence.models import (
    UpdateKnowledgeGraphResponse,
)
from mcp_context_persistence.runtime.engine import Engine

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.models.embedder import Embedder


def update_graph(
    engine: Engine, entities: object, relationships: object, merge_strategy: object
) -> UpdateKnowledgeGraphResponse:
    """Write entities and relationships in one transaction."""
    now = now_ms()
    strategy: upsert.Strategy = validation.check_choice(
        "merge_strategy", merge_strategy, upsert.STRATEGIES
    )  # type: ignore[assignment]
    entity_rows = [
        upsert.parse_entity(item, path=f"entities.{index}")
        for index, item in enumerate(
            _check_rows("entities", entities, limit=limits.ENTITIES_PER_UPDATE)
        )
    ]
    relationship_rows = [
        upsert.parse_relationship(item, path=f"relationships.{index}")
        for index, item in enumerate(
            _check_rows("relationships", relationships, limit=limits.RELATIONSHIPS_PER_UPDATE)
        )
    ]
    validation.check_call_bytes(
        "entities and relationships",
        [*(row.size for row in entity_rows), *(row.size for row in relationship_rows)],
        advice="send them in several updates",
    )
    _refuse_repeated_ids(entity_rows)
    _refuse_contradictions(relationship_rows)
    counts = engine.embeddings.retry_when_stale(
        lambda: _write_update(engine, entity_rows, relationship_rows, strategy, now=now)
    )
    return UpdateKnowledgeGraphResponse(**counts)


def _write_update(
    engine: Engine,
    entity_rows: Sequence[upsert.EntityRow],
    relationship_rows: Sequence[upsert.RelationshipRow],
    strategy: upsert.Strategy,
    *,
    now: int,
) -> dict[str, int]:
    """Write the rows. Vectors that are foreseeably needed are made before the transaction."""
    engine.types.check(
        (row.type for row in relationship_rows),
        (identifiers.build_label(entity.type or "concept") for entity in entity_rows),
    )
    embedding = engine.embeddings.current() if entity_rows else None
    merged = engine.state.redirects() if entity_rows else Redirects()
    entity_rows, new_names = _find_spellings(engine, entity_rows, merged)
    given_ids = [row.id for row in entity_rows]
    entity_rows = upsert.redirect_entities(entity_rows, merged.targets)
    embed = _embed_once(embedding.embedder if embedding else None)
    if embedding:
        stored_rows = engine.graph.run(
            knowledge.read_entities(
                engine.namespace, [row.id for row in entity_rows], embedding.vector_state
            )
        )
        embed(
            [
                knowledge.entity_text(row)
                for row, _, stale in graph_update.combine_with_stored(
                    entity_rows, stored_rows, strategy
                )
                if stale
            ]
        )
    guard = (
        merged.guard_write(
            embedding.vector_state,
            (row.id for row in entity_rows),
            given_ids,
            (name.to_parameters() for name in new_names),
        )
        if embedding
        else None
    )
    options: dict[str, Any] = {"strategy": strategy, "register": engine.types.register, "now": now}
    return engine.types.transact(
        lambda run: graph_update.update_graph(
            run, engine.namespace, entity_rows, relationship_rows, embed, guard, **options
        ),
        name="update_knowledge_graph",
    )


def _find_spellings(
    engine: Engine, rows: Sequence[upsert.EntityRow], redirects: Redirects
) -> tuple[Sequence[upsert.EntityRow], list[NewName]]:
    """Use the entities that are stored under another spelling of a row's name.

    Returns:
        The rows, and the names that are not stored yet.
    """
    names, targets = upsert.list_names(rows)
    unmerged = [name for name in names if name.id not in redirects.targets]
    stored, new_names = find_stored(engine.graph.run, engine.namespace, unmerged)
    merged = {name.id: redirects.folded.get(name.folded) for name in new_names}
    stored.update((key, merged_id) for key, merged_id in merged.items() if merged_id)
    final = {row_id: stored.get(first_id, first_id) for row_id, first_id in targets.items()}
    new_names = [name for name in new_names if name.id not in stored]
    return upsert.respell_entities(rows, {**stored, **final}), new_names


def _embed_once(embedder: "Embedder | None") -> Callable[[Sequence[str]], list[Any]]:
    """Return a function that embeds each text once, and remembers its vector."""
    vectors_by_text: dict[str, Any] = {}

    def embed(texts: Sequence[str]) -> list[Any]:
        assert embedder is not None  # noqa: S101 - without entities nothing is embedded
        missing = [text for text in texts if text not in vectors_by_text]
        vectors_by_text.update(zip(missing, embedder.embed(missing), strict=True))
        return [vectors_by_text[text] for text in texts]

    return embed


def _check_rows(field: str, value: object, *, limit: int) -> Sequence[object]:
    return (
        [] if value is None else validation.check_list(field, value, limit=limit, items="mappings")
    )


def _refuse_repeated_ids(rows: Sequence[upsert.EntityRow]) -> None:
    indexes: dict[str, int] = {}
    for index, row in enumerate(rows):
        if (first := indexes.setdefault(row.id, index)) != index:
            raise ValidationError(f"entities.{index}.id: the same id as in entities.{first}")


def _refuse_contradictions(rows: Sequence[upsert.RelationshipRow]) -> None:
    indexes: dict[tuple[str, str, str], int] = {}
    for index, row in enumerate(rows):
        if rows[first := indexes.setdefault(row.key, index)] != row:
            raise ValidationError(
                f"relationships.{index}: the same relationship as relationships.{first}, "
                "with different values; give it once"
            )
