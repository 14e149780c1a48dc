"""Entities, relationships and decisions: the rows that write them, and the three ways to join new with old."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kg import checks, limits
from kg.errors import NotFoundError, ValidationError
from kg.facets import facet, facets
from kg.names import label, relationship_id, relationship_type
from kg.statement import Row, Statement, as_is

Strategy = Literal["upsert", "merge", "skip"]
STRATEGIES: tuple[Strategy, ...] = ("upsert", "merge", "skip")
_ENTITY_KEYS = frozenset({"id", "type", "name", "description", "confidence", "aliases", "metadata"})
_RELATIONSHIP_KEYS = frozenset({"from_entity", "to_entity", "relationship_type", "confidence", "properties"})
_RELATIONSHIP_SYNONYMS = {"source_entity_id": "from_entity", "target_entity_id": "to_entity", "type": "relationship_type"}


@dataclass(frozen=True, kw_only=True)
class EntityRow:
    """An entity as it is given: fields that are None were not given."""

    id: str
    name: str | None = None
    type: str | None = None
    description: str | None = None
    confidence: float | None = None
    aliases: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class RelationshipRow:
    """A relationship as it is given: fields that are None were not given."""

    source: str
    target: str
    name: str
    confidence: float | None = None
    properties: Mapping[str, Any] | None = None

    @property
    def type(self) -> str:
        """The type under which it is stored."""
        return relationship_type(self.name)

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it one relationship."""
        return self.source, self.type, self.target


def entity_row(given: object, *, place: str) -> EntityRow:
    """A checked entity from a caller's dictionary.

    Raises:
        ValidationError: A key is unknown, or a value is not valid; the text names the place and the field.
    """
    found = _mapping(given, place=place, keys=_ENTITY_KEYS)
    if "id" not in found and "name" not in found:
        raise ValidationError(f"{place}.id is missing")
    aliases = found.get("aliases")
    if aliases is not None and (isinstance(aliases, str) or not isinstance(aliases, Sequence) or len(aliases) > limits.TAGS):
        raise ValidationError(f"{place}.aliases must be a list of at most {limits.TAGS} strings")
    metadata = found.get("metadata")
    checks.metadata(f"{place}.metadata", metadata)
    return EntityRow(
        id=checks.identifier(f"{place}.id", found.get("id", found.get("name"))),
        name=None if found.get("name") is None else checks.identifier(f"{place}.name", found["name"]),
        type=None if found.get("type") is None else checks.type_name(f"{place}.type", found["type"]),
        description=None
        if found.get("description") is None
        else checks.anything(f"{place}.description", found["description"], characters=limits.DESCRIPTION_CHARACTERS),
        confidence=None if found.get("confidence") is None else checks.confidence(f"{place}.confidence", found["confidence"]),
        aliases=None if aliases is None else tuple(checks.identifier(f"{place}.aliases", alias) for alias in aliases),
        metadata=metadata,
    )


def relationship_row(given: object, *, place: str) -> RelationshipRow:
    """A checked relationship from a caller's dictionary; `source_entity_id` and `target_entity_id` are understood too."""
    if isinstance(given, Mapping):
        given = {_RELATIONSHIP_SYNONYMS.get(key, key): value for key, value in given.items()}
    found = _mapping(given, place=place, keys=_RELATIONSHIP_KEYS)
    for key in ("from_entity", "to_entity", "relationship_type"):
        if found.get(key) is None:
            raise ValidationError(f"{place}.{key} is missing")
    properties = found.get("properties")
    checks.metadata(f"{place}.properties", properties)
    return RelationshipRow(
        source=checks.identifier(f"{place}.from_entity", found["from_entity"]),
        target=checks.identifier(f"{place}.to_entity", found["to_entity"]),
        name=checks.type_name(f"{place}.relationship_type", found["relationship_type"]),
        confidence=None if found.get("confidence") is None else checks.confidence(f"{place}.confidence", found["confidence"]),
        properties=properties,
    )


def _mapping(given: object, *, place: str, keys: frozenset[str]) -> Mapping[str, Any]:
    if hasattr(given, "model_dump"):
        given = {key: value for key, value in given.model_dump().items() if key in keys or key in _RELATIONSHIP_SYNONYMS}
    if not isinstance(given, Mapping):
        raise ValidationError(f"{place} must be a mapping")
    unknown = sorted(str(key) for key in given if key not in keys)
    if unknown:
        raise ValidationError(f"{place} has an unknown key; known are: {', '.join(sorted(keys))}")
    return given


def joined_entity(new: EntityRow, old: Mapping[str, Any] | None, strategy: Strategy) -> EntityRow | None:
    """What an entity is after the update; None when the stored one stays as it is.

    `upsert` puts what is given in the place of what is stored, `merge` adds what is missing (maps key by key, aliases as a set),
    `skip` leaves a stored one alone.
    """
    if old is None:
        return replace(
            new,
            name=new.name or new.id,
            type=new.type or "concept",
            description=new.description or "",
            confidence=1.0 if new.confidence is None else new.confidence,
            aliases=new.aliases or (),
        )
    if strategy == "skip":
        return None
    stored = EntityRow(
        id=new.id,
        name=old["name"],
        type=old["type"],
        description=old["description"],
        confidence=old["confidence"],
        aliases=tuple(old["aliases"] or ()),
        metadata=json.loads(old["metadata"]) if old["metadata"] else None,
    )
    first, second = (new, stored) if strategy == "upsert" else (stored, new)
    result = EntityRow(
        id=new.id,
        name=first.name if first.name is not None else second.name,
        type=first.type if first.type is not None else second.type,
        description=first.description or second.description
        if strategy == "merge"
        else _given(first.description, second.description),
        confidence=first.confidence if first.confidence is not None else second.confidence,
        aliases=tuple(dict.fromkeys([*(stored.aliases or ()), *(new.aliases or ())]))
        if strategy == "merge"
        else _given(first.aliases, second.aliases),
        metadata=_maps(stored.metadata, new.metadata) if strategy == "merge" else _given(first.metadata, second.metadata),
    )
    return None if result == stored and old.get("origin") == "user" else result


def joined_relationship(new: RelationshipRow, old: Mapping[str, Any] | None, strategy: Strategy) -> RelationshipRow | None:
    """What a relationship is after the update; None when the stored one stays as it is."""
    if old is None:
        return replace(new, confidence=1.0 if new.confidence is None else new.confidence)
    if strategy == "skip":
        return None
    stored = RelationshipRow(
        source=new.source,
        target=new.target,
        name=old["name"],
        confidence=old["confidence"],
        properties=json.loads(old["properties"]) if old.get("properties") else None,
    )
    if strategy == "upsert":
        result = replace(
            new,
            confidence=_given(new.confidence, stored.confidence),
            properties=_given(new.properties, stored.properties),
        )
    else:
        result = replace(
            stored,
            confidence=_given(stored.confidence, new.confidence),
            properties=_maps(stored.properties, new.properties),
        )
    return None if result == stored and old.get("origin") == "user" else result


def _given(first: Any, second: Any) -> Any:
    return first if first is not None else second


def _maps(stored: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Two maps joined key by key; what is stored stays, maps inside are joined too."""
    if stored is None or new is None:
        return _given(stored, new)  # type: ignore[no-any-return]
    joined = dict(new) | dict(stored)
    for key in stored.keys() & new.keys():
        if isinstance(stored[key], Mapping) and isinstance(new[key], Mapping):
            joined[key] = _maps(stored[key], new[key])
    return joined


def searchable(
    namespace: str, *, entity_id: str, name: str, entity_type: str, aliases: Sequence[str], description: str = ""
) -> dict[str, Any]:
    """The properties by which an entity is found: its words, its filter tokens, and those that the vector index filters by."""
    words = dict.fromkeys([name, entity_id.replace("_", " "), *aliases, description])
    return {
        "type_facet": facet("mentions", entity_type),
        "content": " ".join(word for word in words if word),
        "facets": [
            *facets(namespace, kind="entity", type=entity_type),
            facet("mentions", entity_type),
            *(facet("alias", alias) for alias in aliases),
        ],
        "kind": "entity",
        "conversation_id": "",
        "role": "",
        "project": "",
    }


def save_entities(namespace: str, rows: Sequence[tuple[EntityRow, Mapping[str, Any] | None, Any]], *, now: int) -> Statement[Row]:
    """Write entities by hand: each with what was stored of it, and its vector or None."""
    prepared = []
    for row, old, vector in sorted(rows, key=lambda one: one[0].id):
        entity_type = row.type or "concept"
        properties = {
            "name": row.name,
            "type": entity_type,
            "description": row.description or "",
            "confidence": row.confidence,
            "aliases": list(row.aliases or ()),
            "metadata": checks.metadata("metadata", row.metadata),
            "origin": "user",
            "timestamp_ms": old["created_ms"] if old else now,
            **searchable(
                namespace,
                entity_id=row.id,
                name=row.name or row.id,
                entity_type=entity_type,
                aliases=row.aliases or (),
                description=row.description or "",
            ),
        }
        stale = label(old["type"]) if old else label(entity_type)
        prepared.append(
            {
                "id": row.id,
                "label": label(entity_type),
                "stale_label": stale,
                "properties": properties,
                "vector": vector,
                "retyped": old is not None and old["type"] != entity_type,
            }
        )
    return Statement(
        name="entity/save",
        parameters={"batch": {"namespace": namespace, "now": now, "entities": prepared}},
        read=as_is,
        writes=True,
    )


def save_relationships(namespace: str, rows: Sequence[RelationshipRow], *, now: int) -> Statement[Row]:
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
                "properties": checks.metadata("properties", row.properties),
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


def read_entities(namespace: str, ids: Sequence[str]) -> Statement[Row]:
    """Entities by id, locked."""
    return Statement(
        name="entity/read", parameters={"batch": {"namespace": namespace, "ids": sorted(set(ids))}}, read=as_is, writes=True
    )


def read_relationships(namespace: str, rows: Sequence[RelationshipRow]) -> Statement[Row]:
    """The stored relationships that these rows mean."""
    triples = [{"source": row.source, "target": row.target, "type": row.type} for row in rows]
    return Statement(name="relationship/read", parameters={"batch": {"namespace": namespace, "rows": triples}}, read=as_is)


def resolve(namespace: str, references: Sequence[str]) -> Statement[Row]:
    """Ids for words that may be ids, names or aliases."""
    asked = [
        {"text": reference, "alias": f"+facets:{facet('namespace', namespace)} +facets:{facet('alias', reference)}"}
        for reference in dict.fromkeys(references)
    ]
    return Statement(name="entity/resolve", parameters={"batch": {"namespace": namespace, "references": asked}}, read=as_is)


def relationship_types() -> Statement[str]:
    """The relationship types that the database knows."""
    return Statement(name="relationship/types", read=lambda row: str(row["type"]))


def entity_labels() -> Statement[str]:
    """The labels that the database knows."""
    return Statement(name="entity/labels", read=lambda row: str(row["label"]))


def get_entity(namespace: str, entity_id: str) -> Statement[Row]:
    """One entity by its id."""
    return Statement(name="entity/get", parameters={"namespace": namespace, "id": entity_id}, read=as_is)


def mention(
    namespace: str,
    *,
    conversation_id: str | None,
    message_id: str | None,
    entities: Sequence[Mapping[str, Any]],
    mentions: Sequence[Mapping[str, Any]],
    relations: Sequence[Mapping[str, Any]],
    now: int,
) -> Statement[Row]:
    """Store what was found in a text, and hang it on the message or the conversation, where that exists."""
    return Statement(
        name="entity/mention",
        parameters={
            "batch": {
                "namespace": namespace,
                "now": now,
                "conversation_id": conversation_id,
                "message_id": message_id,
                "entities": list(entities),
                "mentions": list(mentions),
                "relations": list(relations),
                "evidence": limits.EVIDENCE_PER_RELATIONSHIP,
            }
        },
        read=as_is,
        writes=True,
    )


def update(
    run: Callable[[Statement[Row]], list[Row]],
    namespace: str,
    entities: Sequence[EntityRow],
    relationships: Sequence[RelationshipRow],
    vectors: Mapping[str, Any],
    *,
    strategy: Strategy,
    now: int,
) -> dict[str, int]:
    """Join new entities and relationships with what is stored, inside one transaction.

    Returns:
        Counts by the names of `UpdateKnowledgeGraphResponse`.

    Raises:
        NotFoundError: An end of a relationship is neither stored nor among `entities`; nothing is written.
    """
    old = {row["id"]: row["properties"] for row in run(read_entities(namespace, [one.id for one in entities]))} if entities else {}
    joined = [(one, joined_entity(one, old.get(one.id), strategy)) for one in sorted(entities, key=lambda one: one.id)]
    written = [(row, old.get(row.id), vectors.get(row.id)) for _, row in joined if row is not None]
    if written:
        run(save_entities(namespace, written, now=now))
    links = _resolved(run, namespace, relationships)
    stored = {
        (row["source"], row["type"], row["target"]): row["properties"]
        for row in (run(read_relationships(namespace, links)) if links else [])
    }
    changed = [row for row in (joined_relationship(link, stored.get(link.key), strategy) for link in links) if row is not None]
    if changed:
        run(save_relationships(namespace, changed, now=now))
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


def _resolved(
    run: Callable[[Statement[Row]], list[Row]], namespace: str, relationships: Sequence[RelationshipRow]
) -> list[RelationshipRow]:
    """The relationships with ids for the words that named their ends, each triple once (the last one given wins)."""
    if not relationships:
        return []
    words = list(dict.fromkeys(word for one in relationships for word in (one.source, one.target)))
    ids = {row["reference"]: row["id"] for row in run(resolve(namespace, words))}
    for place, one in enumerate(relationships):
        for field, word in (("from_entity", one.source), ("to_entity", one.target)):
            if word not in ids:
                raise NotFoundError(f"relationships.{place}.{field}: there is no entity with that id, name or alias")
    named = [replace(one, source=ids[one.source], target=ids[one.target]) for one in relationships]
    return list({one.key: one for one in named}.values())
