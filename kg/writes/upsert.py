"""Entities and relationships as a caller gives them, and the three ways to join them with what is stored."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.identifiers import entity_id, relationship_type

Strategy = Literal["upsert", "merge", "skip"]
STRATEGIES: tuple[Strategy, ...] = ("upsert", "merge", "skip")
_ENTITY_KEYS = frozenset({"id", "type", "name", "description", "confidence", "aliases", "metadata"})
_RELATIONSHIP_KEYS = frozenset(
    {"from_entity", "to_entity", "relationship_type", "confidence", "properties"}
)
_RELATIONSHIP_SYNONYMS = {
    "source_entity_id": "from_entity",
    "target_entity_id": "to_entity",
    "type": "relationship_type",
}


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
    """A checked entity from a caller's dictionary. One that has a name alone gets the id that it would have if it were found in text.

    Raises:
        ValidationError: A key is unknown, or a value is not valid; the text names the place and the field.
    """
    found = _mapping(given, place=place, keys=_ENTITY_KEYS)
    if found.get("id") is None and found.get("name") is None:
        raise ValidationError(f"{place}.id is missing")
    name = (
        None
        if found.get("name") is None
        else validation.check_identifier(f"{place}.name", found["name"])
    )
    aliases = found.get("aliases")
    if aliases is not None and (
        isinstance(aliases, str) or not isinstance(aliases, Sequence) or len(aliases) > limits.TAGS
    ):
        raise ValidationError(f"{place}.aliases must be a list of at most {limits.TAGS} strings")
    return EntityRow(
        id=entity_id(name or "")
        if found.get("id") is None
        else validation.check_identifier(f"{place}.id", found["id"]),
        name=name,
        type=None
        if found.get("type") is None
        else validation.check_type_name(f"{place}.type", found["type"]),
        description=None
        if found.get("description") is None
        else validation.check_string(
            f"{place}.description", found["description"], characters=limits.DESCRIPTION_CHARACTERS
        ),
        confidence=None
        if found.get("confidence") is None
        else validation.check_confidence(f"{place}.confidence", found["confidence"]),
        aliases=None
        if aliases is None
        else tuple(validation.check_identifier(f"{place}.aliases", alias) for alias in aliases),
        metadata=validation.check_metadata(f"{place}.metadata", found.get("metadata")),
    )


def relationship_row(given: object, *, place: str) -> RelationshipRow:
    """A checked relationship from a caller's dictionary; `source_entity_id` and `target_entity_id` are understood too."""
    found = _named(
        _mapping(given, place=place, keys=_RELATIONSHIP_KEYS | _RELATIONSHIP_SYNONYMS.keys()),
        place=place,
    )
    for key in ("from_entity", "to_entity", "relationship_type"):
        if found.get(key) is None:
            raise ValidationError(f"{place}.{key} is missing")
    return RelationshipRow(
        source=validation.check_identifier(f"{place}.from_entity", found["from_entity"]),
        target=validation.check_identifier(f"{place}.to_entity", found["to_entity"]),
        name=validation.check_type_name(f"{place}.relationship_type", found["relationship_type"]),
        confidence=None
        if found.get("confidence") is None
        else validation.check_confidence(f"{place}.confidence", found["confidence"]),
        properties=validation.check_metadata(f"{place}.properties", found.get("properties")),
    )


def _named(given: Mapping[str, Any], *, place: str) -> dict[str, Any]:
    """The same under the keys that are documented first; two names of one key must not say two things."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = _RELATIONSHIP_SYNONYMS.get(key, key)
        if name in found and not (
            isinstance(value, str) and isinstance(found[name], str) and found[name] == value
        ):
            raise ValidationError(f"{place}.{name} is given twice, under two names")
        found[name] = value
    return found


def _mapping(given: object, *, place: str, keys: frozenset[str]) -> Mapping[str, Any]:
    if hasattr(given, "model_dump") and not isinstance(given, type):
        given = {
            key: value for key, value in given.model_dump(warnings=False).items() if key in keys
        }
    if not isinstance(given, Mapping):
        raise ValidationError(f"{place} must be a mapping")
    for key in given:
        if key not in keys:
            raise ValidationError(
                f"{place} has an unknown key {validation.describe_key(key)}; "
                f"known are: {', '.join(sorted(keys))}"
            )
    return given


def followed(rows: Sequence[EntityRow], names: Mapping[str, str]) -> list[EntityRow]:
    """Entities as they are given, each under the id that its own means now; `names` has the ids of merged ones.

    What is given under the id of a merged entity leaves name and type of the one that was kept, and only adds to what is given of that one.
    """
    found = {one.id: one for one in rows if one.id not in names}
    for one in rows:
        if one.id in names:
            meant = replace(one, id=names[one.id], name=None, type=None)
            given = found.get(meant.id)
            found[meant.id] = meant if given is None else _added(given, meant)
    return list(found.values())


def _added(first: EntityRow, second: EntityRow) -> EntityRow:
    return replace(
        first,
        description=first.description or second.description,
        confidence=_given(first.confidence, second.confidence),
        aliases=_given(first.aliases, second.aliases),
        metadata=maps(first.metadata, second.metadata),
    )


def stored_entity(entity_id: str, properties: Mapping[str, Any]) -> EntityRow:
    """An entity as it is stored."""
    return EntityRow(
        id=entity_id,
        name=properties["name"],
        type=properties["type"],
        description=properties["description"],
        confidence=properties["confidence"],
        aliases=tuple(properties["aliases"] or ()),
        metadata=json.loads(properties["metadata"]) if properties["metadata"] else None,
    )


def joined_entity(
    new: EntityRow, old: Mapping[str, Any] | None, strategy: Strategy
) -> EntityRow | None:
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
    stored = stored_entity(new.id, old)
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
        metadata=maps(stored.metadata, new.metadata)
        if strategy == "merge"
        else _given(first.metadata, second.metadata),
    )
    return None if result == stored and old.get("origin") == "user" else result


def joined_relationship(
    new: RelationshipRow, old: Mapping[str, Any] | None, strategy: Strategy
) -> RelationshipRow | None:
    """What a relationship is after the update; None when the stored one stays as it is."""
    if old is None:
        return replace(new, confidence=1.0 if new.confidence is None else new.confidence)
    if strategy == "skip":
        return None
    stored = RelationshipRow(
        source=new.source,
        target=new.target,
        name=old.get("name")
        or new.name,  # one that was drawn by hand has neither name nor confidence
        confidence=old.get("confidence"),
        properties=relationship_metadata(old),
    )
    if strategy == "upsert":
        result = replace(
            new,
            confidence=_given(_given(new.confidence, stored.confidence), 1.0),
            properties=_given(new.properties, stored.properties),
        )
    else:
        result = replace(
            stored,
            confidence=_given(_given(stored.confidence, new.confidence), 1.0),
            properties=maps(stored.properties, new.properties),
        )
    return None if result == stored and old.get("origin") == "user" else result


def _given(first: Any, second: Any) -> Any:
    return first if first is not None else second


def relationship_metadata(properties: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The caller's own properties of a stored relationship."""
    return json.loads(properties["properties"]) if properties.get("properties") else None


def maps(
    stored: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """Two maps joined key by key; what is stored stays, maps inside are joined too."""
    if stored is None or new is None:
        return _given(stored, new)  # type: ignore[no-any-return]
    joined = dict(new) | dict(stored)
    for key in stored.keys() & new.keys():
        if isinstance(stored[key], Mapping) and isinstance(new[key], Mapping):
            joined[key] = maps(stored[key], new[key])
    return joined
