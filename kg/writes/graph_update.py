"""Write entities and relationships of a caller in one transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.kg.identifiers import build_label
from mcp_context_persistence.kg.namespaces import touch
from mcp_context_persistence.kg.schema.type_limits import Types, collect_types
from mcp_context_persistence.kg.vector_spaces import WriteGuard
from mcp_context_persistence.kg.writes.entities import (
    claim_entities,
    entity_text,
    read_relationships,
    save_entities,
    save_relationships,
)
from mcp_context_persistence.kg.writes.references import MISSING, resolve_references
from mcp_context_persistence.kg.writes.upsert import (
    EntityRow,
    RelationshipRow,
    Strategy,
    combine_entity,
    combine_relationship,
    parse_stored_entity,
)


def combine_with_stored(
    entities: Sequence[EntityRow], stored: Sequence[Row], strategy: Strategy
) -> list[tuple[EntityRow, Mapping[str, Any] | None, bool]]:
    """Combine entities of a caller with the stored ones.

    Args:
        entities: The entities of the request.
        stored: Rows of `read_entities` or `claim_entities`.
        strategy: How to combine the two.

    Returns:
        For each entity that must be written the combined row, the stored properties or None, and
        whether it needs a new vector; sorted by id.
    """
    stored_rows = {row["id"]: row for row in stored if not row["fresh"]}
    combined = []
    for entity in sorted(entities, key=lambda entity: entity.id):
        stored_row = stored_rows.get(entity.id)
        properties = stored_row and stored_row["properties"]
        row = combine_entity(entity, properties, strategy)
        if row is None:
            continue
        has_current_vector = (
            stored_row is not None
            and stored_row["has_vector"]
            and entity_text(row)
            == entity_text(parse_stored_entity(row.id, stored_row["properties"]))
        )
        combined.append((row, properties, not has_current_vector))
    return combined


def update_graph(
    run: Run,
    namespace: str,
    entities: Sequence[EntityRow],
    relationships: Sequence[RelationshipRow],
    embed: Callable[[Sequence[str]], Sequence[Any]],
    guard: WriteGuard | None,
    *,
    strategy: Strategy,
    register: Callable[[Run, Types], None],
    now: int,
) -> dict[str, int]:
    """Combine entities and relationships of a caller with the stored ones, in a transaction.

    Args:
        run: Runs a statement in the transaction.
        namespace: Name of the namespace.
        entities: The entities of the request.
        relationships: The relationships of the request.
        embed: Returns a vector for each text.
        guard: What the write takes for granted; None if there are no entities.
        strategy: How to combine them with the stored ones.
        register: Adds the stored types to those of the namespace, within its limits.
        now: Milliseconds since 1970.

    Returns:
        Counts by the field names of `UpdateKnowledgeGraphResponse`.

    Raises:
        NotFoundError: An end of a relationship is neither stored nor among `entities`; nothing is
            written.
    """
    upserts = _upsert_entities(run, namespace, entities, embed, guard, strategy=strategy, now=now)
    ends_resolved, ids = _resolve_ends(run, namespace, relationships)
    changed, stored_keys = _upsert_relationships(
        run, namespace, ends_resolved, ids, strategy=strategy, now=now
    )
    if upserts:
        run(touch(namespace, guard))
    register(
        run,
        collect_types(
            (row.type for row in changed),
            (build_label(row.type or "concept") for row, _, _ in upserts),
        ),
    )
    other_entities = len(entities) - len(upserts)
    other_relationships = len(ends_resolved) - len(changed)
    is_skip = strategy == "skip"
    return {
        "updated_entities": len(upserts),
        "created_entities": sum(stored is None for _, stored, _ in upserts),
        "unchanged_entities": 0 if is_skip else other_entities,
        "skipped_entities": other_entities if is_skip else 0,
        "updated_relationships": len(changed),
        "created_relationships": sum(row.key not in stored_keys for row in changed),
        "unchanged_relationships": 0 if is_skip else other_relationships,
        "skipped_relationships": other_relationships if is_skip else 0,
    }


def _upsert_entities(
    run: Run,
    namespace: str,
    entities: Sequence[EntityRow],
    embed: Callable[[Sequence[str]], Sequence[Any]],
    guard: WriteGuard | None,
    *,
    strategy: Strategy,
    now: int,
) -> list[tuple[EntityRow, Mapping[str, Any] | None, Any]]:
    """Write entities, and return what was written as `save_entities` takes it."""
    if not guard:
        return []
    ids = [entity.id for entity in entities]
    stored = run(claim_entities(namespace, ids, guard.vector_state, now=now))
    combined = combine_with_stored(entities, stored, strategy)
    texts = [entity_text(row) for row, _, needs_vector in combined if needs_vector]
    new_vectors = iter(embed(texts) if texts else ())
    upserts = [
        (row, properties, next(new_vectors) if needs_vector else None)
        for row, properties, needs_vector in combined
    ]
    if upserts:
        run(save_entities(namespace, upserts, guard, now=now))
    return upserts


def _upsert_relationships(
    run: Run,
    namespace: str,
    relationships: Sequence[RelationshipRow],
    ids: Mapping[str, str],
    *,
    strategy: Strategy,
    now: int,
) -> tuple[list[RelationshipRow], Collection[tuple[str, str, str]]]:
    """Write relationships; return the written rows and the keys of the stored ones."""
    if not relationships:
        return [], ()
    stored = {
        (row["source"], row["type"], row["target"]): row["properties"]
        for row in run(read_relationships(namespace, relationships))
    }
    combined = (combine_relationship(row, stored.get(row.key), strategy) for row in relationships)
    changed = [row for row in combined if row is not None]
    if changed:
        run(save_relationships(namespace, changed, ids, now=now))
    return changed, stored.keys()


def _resolve_ends(
    run: Run, namespace: str, relationships: Sequence[RelationshipRow]
) -> tuple[list[RelationshipRow], Mapping[str, str]]:
    """Replace the references at the ends of relationships by entity ids.

    Returns:
        One row for each source, type and target, the last one of the request; and the ids by
        reference.

    Raises:
        NotFoundError: A reference names no entity.
    """
    if not relationships:
        return [], {}
    ids = resolve_references(
        run, namespace, (end for row in relationships for end in (row.source, row.target))
    )
    for index, row in enumerate(relationships):
        for field, reference in (("from_entity", row.source), ("to_entity", row.target)):
            if reference not in ids:
                raise NotFoundError(f"relationships.{index}.{field}: {MISSING}")
    resolved = [
        replace(row, source=ids[row.source], target=ids[row.target]) for row in relationships
    ]
    return list({row.key: row for row in resolved}.values()), ids
