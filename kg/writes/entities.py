"""Entities and relationships: the statements that find, read and write them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.graph import Run
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.kg.filter_tokens import facet, facets
from mcp_context_persistence.kg.identifiers import label, relationship_id, spaced
from mcp_context_persistence.kg.namespace_version import touch
from mcp_context_persistence.kg.schema.type_limits import Types, types
from mcp_context_persistence.kg.vector_spaces import NOWHERE, Vectors
from mcp_context_persistence.kg.writes.upsert import (
    EntityRow,
    RelationshipRow,
    Strategy,
    joined_entity,
    joined_relationship,
    stored_entity,
)


def searchable(
    namespace: str,
    *,
    entity_id: str,
    name: str,
    entity_type: str,
    aliases: Sequence[str],
    description: str = "",
) -> dict[str, Any]:
    """The properties by which an entity is found: its words, its filter tokens, and those that the vector index filters by."""
    words = dict.fromkeys(
        [
            name,
            spaced(name),
            entity_id.replace("_", " "),
            *aliases,
            *(spaced(alias) for alias in aliases),
            description,
        ]
    )
    mentions = facet("mentions", entity_type.lower())
    return {
        "type_facet": mentions,
        "content": " ".join(word for word in words if word),
        "facets": [
            *facets(namespace, kind="entity", type=entity_type),
            mentions,
            *(facet("alias", alias) for alias in aliases),
        ],
        "kind": "entity",
        "conversation_id": "",
        "role": "",
        "project": "",
    }


def save_entities(
    namespace: str,
    rows: Sequence[tuple[EntityRow, Mapping[str, Any] | None, Any]],
    vectors: Vectors,
    *,
    now: int,
) -> Statement[Row]:
    """Write entities by hand: each with what was stored of it, and its vector or None."""
    prepared = []
    for row, old, vector in sorted(rows, key=lambda one: one[0].id):
        entity_type = row.type or "concept"
        properties = {
            "name": row.name or row.id,
            "type": entity_type,
            "description": row.description or "",
            "confidence": row.confidence,
            "aliases": list(row.aliases or ()),
            "metadata": validation.dump_metadata("metadata", row.metadata),
            "origin": "user",
            "timestamp_ms": (old and old["created_ms"]) or now,
            **searchable(
                namespace,
                entity_id=row.id,
                name=row.name or row.id,
                entity_type=entity_type,
                aliases=row.aliases or (),
                description=row.description or "",
            ),
        }
        before = (old and old["type"]) or entity_type
        prepared.append(
            {
                "id": row.id,
                "label": label(entity_type),
                "stale_label": label(before),
                "properties": properties,
                "vector": vector,
                "retyped": before != entity_type,
            }
        )
    return Statement(
        name="entity/save",
        parameters={
            "batch": {
                "namespace": namespace,
                "now": now,
                "entities": prepared,
                "space": vectors.writing(),
            }
        },
        read=as_is,
        writes=True,
    )


def save_relationships(
    namespace: str, rows: Sequence[RelationshipRow], *, now: int
) -> Statement[Row]:
    """Write relationships by hand."""
    prepared = [
        {
            "source": row.source,
            "target": row.target,
            "type": row.type,
            "properties": {
                "id": relationship_id(row.source, row.type, row.target),
                "namespace": namespace,
                "name": row.name,
                "confidence": row.confidence,
                **(
                    {}
                    if row.properties is None
                    else {"properties": validation.dump_metadata("properties", row.properties)}
                ),
                "origin": "user",
            },
        }
        for row in sorted(rows, key=lambda one: one.key)
    ]
    return Statement(
        name="relationship/save",
        parameters={"batch": {"namespace": namespace, "now": now, "rows": prepared}},
        read=as_is,
        writes=True,
    )


def read_entities(
    namespace: str, ids: Sequence[str], vectors: Vectors | None = None
) -> Statement[Row]:
    """Entities by id; `has_vector` tells whether they have one among `vectors`."""
    batch = {
        "namespace": namespace,
        "ids": list(ids),
        "vectors": vectors.space.vectors if vectors else NOWHERE,
    }
    return Statement(name="entity/read", parameters={"batch": batch}, read=as_is)


def claim_entities(
    namespace: str, ids: Sequence[str], vectors: Vectors, *, now: int
) -> Statement[Row]:
    """Entities by id, locked; those that do not exist are created, bare, for `save_entities` to complete."""
    batch = {
        "namespace": namespace,
        "now": now,
        "ids": sorted(set(ids)),
        "vectors": vectors.space.vectors,
    }
    return Statement(name="entity/claim", parameters={"batch": batch}, read=as_is, writes=True)


def read_relationships(namespace: str, rows: Sequence[RelationshipRow]) -> Statement[Row]:
    """The stored relationships that these rows mean; what they start from is locked."""
    triples = [
        {"source": row.source, "target": row.target, "type": row.type}
        for row in sorted(rows, key=lambda one: one.key)
    ]
    batch = {"namespace": namespace, "rows": triples}
    return Statement(name="relationship/read", parameters={"batch": batch}, read=as_is, writes=True)


def resolve(namespace: str, references: Sequence[str]) -> Statement[Row]:
    """Ids for words that may be ids, names or aliases."""
    asked = [
        {
            "text": reference,
            "alias": f"+facets:{facet('namespace', namespace)} +facets:{facet('alias', reference)}",
        }
        for reference in dict.fromkeys(references)
    ]
    return Statement(
        name="entity/resolve",
        parameters={"batch": {"namespace": namespace, "references": asked}},
        read=as_is,
    )


def store(
    namespace: str,
    *,
    entities: Sequence[Mapping[str, Any]],
    relations: Sequence[Mapping[str, Any]],
    vectors: Vectors,
    now: int,
    last: bool,
) -> Statement[Row]:
    """Store entities and relationships that were found in a text. `last` says that no other statement of the transaction writes vectors."""
    batch = {
        "namespace": namespace,
        "now": now,
        "entities": list(entities),
        "relations": list(relations),
        "evidence": limits.EVIDENCE_PER_RELATIONSHIP,
        "last": last,
        "space": vectors.writing(),
    }
    return Statement(name="entity/store", parameters={"batch": batch}, read=as_is, writes=True)


def mention(
    namespace: str,
    *,
    conversation_id: str | None,
    message_id: str | None,
    mentions: Sequence[Mapping[str, Any]],
) -> Statement[Row]:
    """Hang stored entities on the message or the conversation whose text names them, where that exists."""
    batch = {
        "namespace": namespace,
        "conversation_id": conversation_id,
        "message_id": message_id,
        "mentions": list(mentions),
    }
    return Statement(name="entity/mention", parameters={"batch": batch}, read=as_is, writes=True)


def words(row: EntityRow) -> str:
    """What the vector of an entity that somebody wrote is made of."""
    return named(row.name or row.id, row.description)


def named(name: str, description: str | None) -> str:
    """A name with its description."""
    return ". ".join(part for part in (name, description) if part)


def join(
    entities: Sequence[EntityRow], stored: Sequence[Row], strategy: Strategy
) -> list[tuple[EntityRow, Mapping[str, Any] | None, bool]]:
    """The entities that must be written.

    Args:
        entities: As they are given.
        stored: Rows of `read_entities` or `claim_entities`.
        strategy: How to join the two.

    Returns:
        For each the joined one, what was stored of it, and whether it needs a new vector; by id.
    """
    old = {row["id"]: row for row in stored if not row["fresh"]}
    found = []
    for given in sorted(entities, key=lambda one: one.id):
        before = old.get(given.id)
        row = joined_entity(given, before and before["properties"], strategy)
        if row is None:
            continue
        same = (
            before is not None
            and before["has_vector"]
            and words(row) == words(stored_entity(row.id, before["properties"]))
        )
        found.append((row, before and before["properties"], not same))
    return found


def update(
    run: Run,
    namespace: str,
    entities: Sequence[EntityRow],
    relationships: Sequence[RelationshipRow],
    embed: Callable[[Sequence[str]], Sequence[Any]],
    vectors: Vectors | None,
    *,
    strategy: Strategy,
    register: Callable[[Run, Types], None],
    now: int,
) -> dict[str, int]:
    """Join new entities and relationships with what is stored, inside one transaction.

    Args:
        run: Runs a statement in the transaction.
        namespace: Where they live.
        entities: As they are given.
        relationships: As they are given.
        embed: Makes a vector for each text.
        vectors: Where they go; not needed without entities.
        strategy: How to join them with what is stored.
        register: Lists the types that were stored among those of the namespace, under its limits.
        now: Milliseconds since 1970.

    Returns:
        Counts by the names of `UpdateKnowledgeGraphResponse`.

    Raises:
        NotFoundError: An end of a relationship is neither stored nor among `entities`; nothing is written.
    """
    claimed = (
        run(claim_entities(namespace, [one.id for one in entities], vectors, now=now))
        if vectors
        else []
    )
    joined = join(entities, claimed, strategy)
    texts = [words(row) for row, _, stale in joined if stale]
    made = iter(embed(texts) if texts else ())
    written = [(row, old, next(made) if stale else None) for row, old, stale in joined]
    if written and vectors:
        run(save_entities(namespace, written, vectors, now=now))
    links = resolved(run, namespace, relationships)
    stored = {
        (row["source"], row["type"], row["target"]): row["properties"]
        for row in (run(read_relationships(namespace, links)) if links else [])
    }
    changed = [
        row
        for row in (joined_relationship(link, stored.get(link.key), strategy) for link in links)
        if row is not None
    ]
    if changed:
        run(save_relationships(namespace, changed, now=now))
    if written:
        run(touch(namespace, vectors))
    register(
        run,
        types(
            (link.type for link in changed), (label(row.type or "concept") for row, _, _ in written)
        ),
    )
    left_entities, left_links = len(entities) - len(written), len(links) - len(changed)
    skips = strategy == "skip"
    return {
        "updated_entities": len(written),
        "created_entities": sum(before is None for _, before, _ in written),
        "unchanged_entities": 0 if skips else left_entities,
        "skipped_entities": left_entities if skips else 0,
        "updated_relationships": len(changed),
        "created_relationships": sum(row.key not in stored for row in changed),
        "unchanged_relationships": 0 if skips else left_links,
        "skipped_relationships": left_links if skips else 0,
    }


def resolved(
    run: Run, namespace: str, relationships: Sequence[RelationshipRow]
) -> list[RelationshipRow]:
    """The relationships with ids for the words that named their ends, each triple once (the last one given wins).

    Raises:
        NotFoundError: A word names nothing.
    """
    if not relationships:
        return []
    words = list(dict.fromkeys(word for one in relationships for word in (one.source, one.target)))
    ids = {row["reference"]: row["id"] for row in run(resolve(namespace, words))}
    for place, one in enumerate(relationships):
        for field, word in (("from_entity", one.source), ("to_entity", one.target)):
            if word not in ids:
                raise NotFoundError(
                    f"relationships.{place}.{field}: there is no entity with that id, name or alias"
                )
    named = [replace(one, source=ids[one.source], target=ids[one.target]) for one in relationships]
    return list({one.key: one for one in named}.values())
