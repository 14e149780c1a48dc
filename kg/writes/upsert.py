"""Entities and relationships of a caller, and three strategies to combine them with stored ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.identifiers import (
    build_entity_id,
    build_relationship_type,
    fold_name,
)
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.writes.spellings import NewName, list_excluded_types

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
    """An entity of a caller. A field that the caller left out is None.

    `has_own_id` says whether its id is not made from its name.
    """

    id: str
    name: str | None = None
    type: str | None = None
    description: str | None = None
    confidence: float | None = None
    aliases: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] | None = None
    has_own_id: bool = True

    @property
    def size(self) -> int:
        """The bytes of the description, the aliases and the metadata."""
        metadata = validation.dump_metadata("metadata", self.metadata)
        texts = (self.description, metadata, *(self.aliases or ()))
        return sum(len(text.encode()) for text in texts if text)


@dataclass(frozen=True, kw_only=True)
class RelationshipRow:
    """A relationship of a caller. A field that the caller left out is None."""

    source: str
    target: str
    name: str
    confidence: float | None = None
    properties: Mapping[str, Any] | None = None

    @property
    def type(self) -> str:
        """The stored relationship type."""
        return build_relationship_type(self.name)

    @property
    def key(self) -> tuple[str, str, str]:
        """Source, type and target, which identify the relationship."""
        return self.source, self.type, self.target

    @property
    def size(self) -> int:
        """The bytes of the properties."""
        return len((validation.dump_metadata("properties", self.properties) or "").encode())


def parse_entity(fields: object, *, path: str) -> EntityRow:
    """Check an entity of a caller. Without an id it gets the id that extraction gives its name.

    Args:
        fields: A mapping or a pydantic model.
        path: Path of the entity in the arguments, such as `entities.3`, for error texts.

    Raises:
        ValidationError: A key is unknown or a value is not valid; the text names the field.
    """
    values = _check_fields(path, fields, keys=_ENTITY_KEYS)
    if values.get("id") is None and values.get("name") is None:
        raise ValidationError(f"{path}.id is missing")
    name = (
        None
        if values.get("name") is None
        else validation.check_identifier(f"{path}.name", values["name"])
    )
    aliases = values.get("aliases")
    if aliases is not None:
        aliases = validation.check_list(
            f"{path}.aliases", aliases, limit=limits.TAGS, items="strings"
        )
    return EntityRow(
        id=build_entity_id(name or "")
        if values.get("id") is None
        else validation.check_identifier(f"{path}.id", values["id"]),
        name=name,
        type=None
        if values.get("type") is None
        else validation.check_type_name(f"{path}.type", values["type"]),
        description=None
        if values.get("description") is None
        else validation.check_string(
            f"{path}.description", values["description"], characters=limits.DESCRIPTION_CHARACTERS
        ),
        confidence=None
        if values.get("confidence") is None
        else validation.check_share(f"{path}.confidence", values["confidence"]),
        aliases=None
        if aliases is None
        else tuple(validation.check_identifier(f"{path}.aliases", alias) for alias in aliases),
        metadata=validation.check_metadata(f"{path}.metadata", values.get("metadata")),
        has_own_id=values.get("id") is not None,
    )


def parse_relationship(fields: object, *, path: str) -> RelationshipRow:
    """Check a relationship of a caller. `source_entity_id` and `target_entity_id` are accepted too.

    Args:
        fields: A mapping or a pydantic model.
        path: Path of the relationship in the arguments, such as `relationships.3`, for error texts.

    Raises:
        ValidationError: A key is unknown or a value is not valid; the text names the field.
    """
    keys = _RELATIONSHIP_KEYS | _RELATIONSHIP_SYNONYMS.keys()
    with validation.reading(path):
        values = _replace_synonyms(_check_fields(path, fields, keys=keys), path=path)
    for key in ("from_entity", "to_entity", "relationship_type"):
        if values.get(key) is None:
            raise ValidationError(f"{path}.{key} is missing")
    return RelationshipRow(
        source=validation.check_identifier(f"{path}.from_entity", values["from_entity"]),
        target=validation.check_identifier(f"{path}.to_entity", values["to_entity"]),
        name=validation.check_type_name(f"{path}.relationship_type", values["relationship_type"]),
        confidence=None
        if values.get("confidence") is None
        else validation.check_share(f"{path}.confidence", values["confidence"]),
        properties=validation.check_metadata(f"{path}.properties", values.get("properties")),
    )


def _replace_synonyms(values: Mapping[str, Any], *, path: str) -> dict[str, Any]:
    """Replace synonyms of keys by the documented keys.

    Raises:
        ValidationError: A key and its synonym have different values.
    """
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = _RELATIONSHIP_SYNONYMS.get(key, key)
        if name in result and not (
            isinstance(value, str) and isinstance(result[name], str) and result[name] == value
        ):
            raise ValidationError(
                f"{path}.{name} is given twice, by two keys with the same meaning; use one key"
            )
        result[name] = value
    return result


@validation.reads_argument
def _check_fields(path: str, fields: object, *, keys: frozenset[str]) -> dict[str, Any]:
    """Return the fields of a mapping or a pydantic model; only these keys are allowed."""
    if hasattr(fields, "model_dump") and not isinstance(fields, type):
        fields = {
            key: value for key, value in fields.model_dump(warnings=False).items() if key in keys
        }
    values = validation.check_mapping(path, fields)
    for key in values:
        if key not in keys:
            raise ValidationError(
                f"{path} has {validation.describe_unknown_key(key, sorted(keys))}"
            )
    return values


def redirect_entities(rows: Sequence[EntityRow], redirects: Mapping[str, str]) -> list[EntityRow]:
    """Replace ids of merged entities by the ids of the entities that they were merged into.

    A row under a merged id does not change name and type of the kept entity. It only adds to the
    row of the kept entity, if there is one.

    Args:
        rows: Entities of a caller.
        redirects: For each merged id the id of the kept entity.
    """
    by_id = {row.id: row for row in rows if row.id not in redirects}
    for row in rows:
        if row.id in redirects:
            redirected = replace(row, id=redirects[row.id], name=None, type=None)
            kept = by_id.get(redirected.id)
            by_id[redirected.id] = redirected if kept is None else _add_missing(kept, redirected)
    return list(by_id.values())


def respell_entities(rows: Sequence[EntityRow], targets: Mapping[str, str]) -> list[EntityRow]:
    """Replace ids of names that are stored in another spelling; the stored spelling stays.

    Args:
        rows: Entities of a caller.
        targets: For each id the id of the entity with the same name in another spelling.
    """
    by_id = {row.id: row for row in rows if row.id not in targets}
    for row in rows:
        if row.id in targets:
            respelled = replace(row, id=targets[row.id], name=None)
            first = by_id.get(respelled.id)
            by_id[respelled.id] = respelled if first is None else _add_missing(first, respelled)
    return list(by_id.values())


def list_names(rows: Iterable[EntityRow]) -> tuple[list[NewName], dict[str, str]]:
    """Return the names of entities whose id is made from their name because the caller gave none.

    Returns:
        The first spelling of each name; and for the id of each other spelling that first id.
    """
    first: dict[tuple[str, bool], NewName] = {}
    targets: dict[str, str] = {}
    for row in rows:
        if row.name is None or row.has_own_id:
            continue
        excluded_types = list_excluded_types([row.type])
        name = NewName(id=row.id, folded=fold_name(row.name), excluded_types=excluded_types)
        known_name = first.setdefault((name.folded, "concept" in excluded_types), name)
        if known_name.id != row.id:
            targets[row.id] = known_name.id
    return list(first.values()), targets


def _add_missing(first: EntityRow, second: EntityRow) -> EntityRow:
    """Fill the empty fields of the first row from the second one."""
    return replace(
        first,
        description=first.description or second.description,
        confidence=_coalesce(first.confidence, second.confidence),
        aliases=_coalesce(first.aliases, second.aliases),
        metadata=combine_maps(first.metadata, second.metadata),
    )


def parse_stored_entity(entity_id: str, properties: Mapping[str, Any]) -> EntityRow:
    """Return the row of a stored entity."""
    return EntityRow(
        id=entity_id,
        name=properties["name"],
        type=properties["type"],
        description=properties["description"],
        confidence=properties["confidence"],
        aliases=tuple(properties["aliases"] or ()),
        metadata=load_stored(properties["metadata"], "metadata of an entity"),
    )


def combine_entity(
    new: EntityRow, stored_properties: Mapping[str, Any] | None, strategy: Strategy
) -> EntityRow | None:
    """Combine an entity of a caller with the stored one.

    `upsert` replaces stored fields by those of the caller. `merge` adds what is missing (metadata
    key by key, aliases as a set). `skip` leaves a stored entity alone.

    Returns:
        The entity after the update; None if the stored one does not change.
    """
    if stored_properties is None:
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
    stored = parse_stored_entity(new.id, stored_properties)
    first, second = (new, stored) if strategy == "upsert" else (stored, new)
    result = EntityRow(
        id=new.id,
        name=first.name if first.name is not None else second.name,
        type=first.type if first.type is not None else second.type,
        description=first.description or second.description
        if strategy == "merge"
        else _coalesce(first.description, second.description),
        confidence=first.confidence if first.confidence is not None else second.confidence,
        aliases=tuple(dict.fromkeys([*(stored.aliases or ()), *(new.aliases or ())]))
        if strategy == "merge"
        else _coalesce(first.aliases, second.aliases),
        metadata=combine_maps(stored.metadata, new.metadata)
        if strategy == "merge"
        else _coalesce(first.metadata, second.metadata),
    )
    is_unchanged = result == stored and stored_properties.get("origin") == "user"
    return None if is_unchanged else result


def combine_relationship(
    new: RelationshipRow, stored_properties: Mapping[str, Any] | None, strategy: Strategy
) -> RelationshipRow | None:
    """Combine a relationship of a caller with the stored one; see `combine_entity`.

    Returns:
        The relationship after the update; None if the stored one does not change.
    """
    if stored_properties is None:
        return replace(new, confidence=1.0 if new.confidence is None else new.confidence)
    if strategy == "skip":
        return None
    stored = RelationshipRow(
        source=new.source,
        target=new.target,
        # A relationship that was created in Neo4j Browser has neither name nor confidence.
        name=stored_properties.get("name") or new.name,
        confidence=stored_properties.get("confidence"),
        properties=parse_relationship_metadata(stored_properties),
    )
    if strategy == "upsert":
        result = replace(
            new,
            confidence=_coalesce(_coalesce(new.confidence, stored.confidence), 1.0),
            properties=_coalesce(new.properties, stored.properties),
        )
    else:
        result = replace(
            stored,
            confidence=_coalesce(_coalesce(stored.confidence, new.confidence), 1.0),
            properties=combine_maps(stored.properties, new.properties),
        )
    is_unchanged = result == stored and stored_properties.get("origin") == "user"
    return None if is_unchanged else result


def _coalesce(first: Any, second: Any) -> Any:
    """Return the first value that is not None."""
    return first if first is not None else second


def parse_relationship_metadata(properties: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the caller's own properties of a stored relationship."""
    return load_stored(properties.get("properties"), "properties of a relationship")  # type: ignore[no-any-return]


def combine_maps(
    stored: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """Combine two maps key by key. Stored values stay; nested maps are combined too."""
    if stored is None or new is None:
        return _coalesce(stored, new)  # type: ignore[no-any-return]
    combined = dict(new) | dict(stored)
    for key in stored.keys() & new.keys():
        if isinstance(stored[key], Mapping) and isinstance(new[key], Mapping):
            combined[key] = combine_maps(stored[key], new[key])
    return combined
