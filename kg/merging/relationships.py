"""Relationships of entities that are merged into one, and how they come apart again."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.identifiers import relationship_id
from mcp_context_persistence.kg.writes.upsert import maps, relationship_metadata

Key = tuple[str, str, str]  # source, type, target
Properties = Mapping[str, Any]
_SUPPORT = frozenset({"sources", "capped", "updated_ms", "id"})


def by_key(rows: Sequence[Row]) -> dict[Key, Properties]:
    """Properties of relationships by what makes each of them one."""
    return {(row["source"], row["type"], row["target"]): row["properties"] for row in rows}


def moved(key: Key, names: Mapping[str, str]) -> Key | None:
    """The same between other entities; None where both ends have become one, so that nothing is said any more."""
    source, kind, target = key
    there = names.get(source, source), kind, names.get(target, target)
    return None if there[0] == there[2] and source != target else there


def joined(key: Key, found: Sequence[Properties]) -> dict[str, Any]:
    """The properties of one relationship in the place of several; what the first one says goes before the others."""
    result: dict[str, Any] = {}
    for one in found:
        result = {**one, **result}
    sources = list(dict.fromkeys(source for one in found for source in one.get("sources") or ()))
    sure = [one["confidence"] for one in found if one.get("confidence") is not None]
    metadata = [relationship_metadata(one) for one in found]
    whole: Any = None
    for each in metadata:
        whole = maps(whole, each)
    result |= {"confidence": max(sure)} if sure else {}
    result |= (
        {"sources": sources[: limits.EVIDENCE_PER_RELATIONSHIP]}
        if any("sources" in one for one in found)
        else {}
    )
    result |= {"capped": True} if len(sources) > limits.EVIDENCE_PER_RELATIONSHIP else {}
    result |= {"origin": "user"} if any(one.get("origin") == "user" for one in found) else {}
    result |= (
        {"properties": validation.dump_metadata("properties", whole)}
        if len(found) > 1 and whole is not None
        else {}
    )
    return named(key, result)


def named(key: Key, properties: Properties) -> dict[str, Any]:
    """The same with the id that a relationship of this key has, where it has one."""
    return {**properties, **({"id": relationship_id(*key)} if "id" in properties else {})}


class RelationshipSplit:
    """The relationships of a kept entity, as they are now, and what of them the entities get back that were merged into it."""

    def __init__(
        self,
        names: Mapping[str, str],
        before: Mapping[Key, Properties],
        after: Mapping[Key, Properties],
        now: Mapping[Key, Properties],
        owner: Callable[[str], str | None],
        gone: Collection[str],
    ) -> None:
        """Look at them.

        Args:
            names: For each id that comes back the id it was merged into.
            before: The relationships before the merge.
            after: Those that the merge wrote.
            now: Those of the kept entity now.
            owner: Which entity a source names alone, None where it names none or several.
            gone: Sources that named one of the entities at the merge, and do not any more.
        """
        self._names, self._before, self._after, self._now = names, before, after, now
        self._owner, self._gone = owner, frozenset(gone)
        self.rows: dict[Key, Properties | None] = {}

    def part(self) -> dict[Key, Properties | None]:
        """What must be written: properties by key, None for what goes."""
        origins: dict[Key, list[Key]] = {}
        for key in self._before:
            there = moved(key, self._names)
            if there is None:
                self._between(key)
            else:
                origins.setdefault(there, []).append(key)
        for key in {**origins, **self._now}:
            self._one(key, origins.get(key, []))
        return {
            key: value for key, value in self.rows.items() if value is not None or key in self._now
        }

    def _between(self, key: Key) -> None:
        old = self._before[key]
        sources = [one for one in old.get("sources") or () if one not in self._gone]
        if not _unsupported(old, sources):
            self.rows[key] = {**old, **({"sources": sources} if "sources" in old else {})}

    def _one(self, key: Key, origins: Sequence[Key]) -> None:
        now, after = self._now.get(key), self._after.get(key, {})
        there = list((now or {}).get("sources") or ())
        known = {source for origin in origins for source in self._supports(origin)}
        later: dict[Key, list[str]] = {}
        for source in there:
            if source not in known:
                later.setdefault(self._home(key, source), []).append(source)
        if not origins and set(later) <= {key}:
            return
        for origin in dict.fromkeys([*origins, *later]):
            old = self._before.get(origin)
            if now is None:
                self._keep(origin, old, [])
                continue
            still = [
                one
                for one in self._supports(origin)
                if one in there or (now.get("capped") and one not in self._gone)
            ]
            mine = still + later.get(origin, [])
            own = (
                key not in origins or origin == key
            )  # what was changed since, was changed of the kept entity's
            self._keep(origin, _restored(old, after, now) if own or old is None else old, mine)
        if key not in origins and key not in later:
            self.rows[key] = None

    def _supports(self, origin: Key) -> list[str]:
        """The sources of a relationship before the merge, but for those that name somebody else alone by now."""
        listed = self._before.get(origin, {}).get("sources") or ()
        return [
            one
            for one in listed
            if (known := self._owner(one)) is None or known in {origin[0], origin[2]}
        ]

    def _home(self, key: Key, source: str) -> Key:
        """Whose relationship a later source supports: that of the entity which it names alone, else the kept one's."""
        named_one = self._owner(source)
        if named_one is None or named_one not in self._names:
            return key
        kept = self._names[named_one]
        return (
            named_one if key[0] == kept else key[0],
            key[1],
            named_one if key[2] == kept else key[2],
        )

    def _keep(self, key: Key, properties: Properties | None, sources: list[str]) -> None:
        if properties is None or _unsupported(properties, sources):
            self.rows.setdefault(key, None)
            return
        self.rows[key] = named(
            key, {**properties, **({"sources": sources} if "sources" in properties else {})}
        )


def _unsupported(properties: Properties, sources: Sequence[str]) -> bool:
    return (
        properties.get("origin") == "extracted"
        and not properties.get("capped")
        and bool(properties.get("sources"))
        and not sources
    )


def _restored(old: Properties | None, after: Properties, now: Properties) -> Properties:
    """What a relationship was before the merge, but for what has been changed since."""
    if old is None:
        return now
    changed = {key for key in {*after, *now} - _SUPPORT if now.get(key) != after.get(key)}
    kept = {key: value for key, value in old.items() if key not in changed}
    return {**kept, **{key: now[key] for key in changed if key in now}}
