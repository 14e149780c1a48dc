"""Relationships of entities that are merged into one, and how an unmerge divides them again."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.identifiers import build_relationship_id
from mcp_context_persistence.kg.writes.upsert import combine_maps, parse_relationship_metadata

Key = tuple[str, str, str]  # source, type, target
Properties = Mapping[str, Any]
_SUPPORT = frozenset({"sources", "capped", "updated_ms", "id"})


def index_by_key(rows: Sequence[Row]) -> dict[Key, Properties]:
    """Return the properties of relationships by source, type and target."""
    return {(row["source"], row["type"], row["target"]): row["properties"] for row in rows}


def redirect_key(key: Key, redirects: Mapping[str, str]) -> Key | None:
    """Replace the ends of a key by the entities that they were merged into.

    Returns:
        The new key; None if both ends have become the same entity, so that the relationship has no
        meaning any more.
    """
    source, kind, target = key
    new_source, new_target = redirects.get(source, source), redirects.get(target, target)
    if new_source == new_target and source != target:
        return None
    return new_source, kind, new_target


def combine(key: Key, relationships: Sequence[Properties]) -> dict[str, Any]:
    """Return the properties of one relationship for several. Those of the first one win."""
    combined: dict[str, Any] = {}
    for properties in relationships:
        combined = {**properties, **combined}
    sources = list(
        dict.fromkeys(
            source for properties in relationships for source in properties.get("sources") or ()
        )
    )
    confidences = [
        properties["confidence"]
        for properties in relationships
        if properties.get("confidence") is not None
    ]
    metadata: Any = None
    for properties in relationships:
        metadata = combine_maps(metadata, parse_relationship_metadata(properties))
    if confidences:
        combined["confidence"] = max(confidences)
    if any("sources" in properties for properties in relationships):
        combined["sources"] = sources[: limits.EVIDENCE_PER_RELATIONSHIP]
    if len(sources) > limits.EVIDENCE_PER_RELATIONSHIP:
        combined["capped"] = True
    if any(properties.get("origin") == "user" for properties in relationships):
        combined["origin"] = "user"
    if len(relationships) > 1 and metadata is not None:
        combined["properties"] = validation.dump_metadata("properties", metadata)
    return replace_id(key, combined)


def replace_id(key: Key, properties: Properties) -> dict[str, Any]:
    """Return the properties with the id that belongs to this key, if they have an id."""
    return {**properties, **({"id": build_relationship_id(*key)} if "id" in properties else {})}


class RelationshipSplit:
    """Divides the relationships of a kept entity between it and the entities merged into it."""

    def __init__(
        self,
        redirects: Mapping[str, str],
        before: Mapping[Key, Properties],
        after: Mapping[Key, Properties],
        current: Mapping[Key, Properties],
        find_owner: Callable[[str], str | None],
        removed_sources: Collection[str],
        mentions_both: Callable[[str, Key], bool],
    ) -> None:
        """Prepare a split.

        Args:
            redirects: For each restored id the id of the kept entity.
            before: The relationships before the merge.
            after: The relationships that the merge wrote.
            current: The present relationships of the kept entity.
            find_owner: Returns the one entity that a source mentions; None if it mentions none of
                the entities, or several of them.
            removed_sources: Sources that mentioned a merged entity at the time of the merge, and do
                not any more.
            mentions_both: Tells whether a source still mentions both ends of a relationship between
                two of the entities.
        """
        self._redirects, self._before, self._after = redirects, before, after
        self._current, self._find_owner = current, find_owner
        self._removed_sources = frozenset(removed_sources)
        self._mentions_both = mentions_both
        self._rows: dict[Key, Properties | None] = {}

    def compute(self) -> dict[Key, Properties | None]:
        """Return what must be written: properties by key, None for a relationship to delete."""
        origins: dict[Key, list[Key]] = {}
        for key in self._before:
            merged_key = redirect_key(key, self._redirects)
            if merged_key is None:
                self._restore_inner(key)
            else:
                origins.setdefault(merged_key, []).append(key)
        for key in {**origins, **self._current}:
            self._split(key, origins.get(key, []))
        return {
            key: properties
            for key, properties in self._rows.items()
            if properties is not None or key in self._current
        }

    def _restore_inner(self, key: Key) -> None:
        """Restore a relationship between two of the merged entities."""
        old = self._before[key]
        sources = [
            source for source in old.get("sources") or () if self._mentions_both(source, key)
        ]
        if not _is_unsupported(old, sources):
            self._rows[key] = {**old, **({"sources": sources} if "sources" in old else {})}

    def _split(self, key: Key, origins: Sequence[Key]) -> None:
        """Divide one present relationship between those before the merge, its `origins`."""
        current, after = self._current.get(key), self._after.get(key, {})
        sources = list((current or {}).get("sources") or ())
        original_sources = {source for origin in origins for source in self._own_sources(origin)}
        later_sources: dict[Key, list[str]] = {}
        for source in sources:
            if source not in original_sources:
                later_sources.setdefault(self._owner_key(key, source), []).append(source)
        if not origins and set(later_sources) <= {key}:
            return
        for origin in dict.fromkeys([*origins, *later_sources]):
            old = self._before.get(origin)
            if current is None:
                self._add_row(origin, old, [])
                continue
            remaining = [
                source
                for source in self._own_sources(origin)
                if source in sources
                or (current.get("capped") and source not in self._removed_sources)
            ]
            # Changes since the merge belong to the kept entity's relationship.
            has_changes = key not in origins or origin == key
            properties = _restore(old, after, current) if has_changes or old is None else old
            self._add_row(origin, properties, remaining + later_sources.get(origin, []))
        if key not in origins and key not in later_sources:
            self._rows[key] = None

    def _own_sources(self, origin: Key) -> list[str]:
        """Return the sources before the merge, without those that now mention another entity."""
        ends = {origin[0], origin[2]}
        return [
            source
            for source in self._before.get(origin, {}).get("sources") or ()
            if (owner := self._find_owner(source)) is None or owner in ends
        ]

    def _owner_key(self, key: Key, source: str) -> Key:
        """Return the key that a later source supports.

        It is that of the restored entity which the source alone mentions, else the present key.
        """
        owner = self._find_owner(source)
        if owner is None or owner not in self._redirects:
            return key
        kept_id = self._redirects[owner]
        return (
            owner if key[0] == kept_id else key[0],
            key[1],
            owner if key[2] == kept_id else key[2],
        )

    def _add_row(self, key: Key, properties: Properties | None, sources: list[str]) -> None:
        if properties is None or _is_unsupported(properties, sources):
            self._rows.setdefault(key, None)
            return
        self._rows[key] = replace_id(
            key, {**properties, **({"sources": sources} if "sources" in properties else {})}
        )


def _is_unsupported(properties: Properties, sources: Sequence[str]) -> bool:
    """Tell whether an extracted relationship had sources and has none left."""
    return (
        properties.get("origin") == "extracted"
        and not properties.get("capped")
        and bool(properties.get("sources"))
        and not sources
    )


def _restore(old: Properties | None, after: Properties, current: Properties) -> Properties:
    """Return the properties before the merge, with the changes that were made after it."""
    if old is None:
        return current
    changed = {key for key in {*after, *current} - _SUPPORT if current.get(key) != after.get(key)}
    unchanged = {key: value for key, value in old.items() if key not in changed}
    return {**unchanged, **{key: current[key] for key in changed if key in current}}
