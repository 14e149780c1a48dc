"""Remove deleted texts from the snapshots of merges, so that no undo brings them back."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.stored_json import load_stored


def remove_texts(
    rows: Iterable[Row],
    *,
    is_deleted: Callable[[str], bool],
    descriptions: Sequence[str] = (),
) -> dict[str, str]:
    """Return the snapshots that change, by the id of the merge.

    Args:
        rows: Merges with `id` and `snapshot`.
        is_deleted: Tells whether the text of an id is deleted.
        descriptions: Descriptions that were sentences of the deleted texts.
    """
    changed: dict[str, str] = {}
    for row in rows:
        snapshot = load_stored(row["snapshot"], "snapshot of a merge")
        reduced = _reduce(snapshot, is_deleted, frozenset(descriptions))
        if reduced != snapshot:
            changed[row["id"]] = json.dumps(reduced, ensure_ascii=False)
    return changed


def _reduce(
    snapshot: Mapping[str, Any], is_deleted: Callable[[str], bool], descriptions: frozenset[str]
) -> dict[str, Any]:
    return {
        **snapshot,
        "kept": _clear_description(snapshot["kept"], descriptions),
        **{name: _reduce_relationships(snapshot[name], is_deleted) for name in ("before", "after")},
        "decisions": [row for row in snapshot["decisions"] if not is_deleted(row["decision"])],
        "places": [text_id for text_id in snapshot["places"] if not is_deleted(text_id)],
    }


def _clear_description(kept: Mapping[str, Any], descriptions: frozenset[str]) -> Mapping[str, Any]:
    return {**kept, "description": ""} if kept.get("description") in descriptions else kept


def _reduce_relationships(
    relationships: Sequence[Any], is_deleted: Callable[[str], bool]
) -> list[Any]:
    """Remove deleted sources from relationships, and extracted relationships without a source."""
    reduced: list[Any] = []
    for key, properties in relationships:
        sources = properties.get("sources") or []
        remaining = [source for source in sources if not is_deleted(source)]
        if len(remaining) == len(sources):
            reduced.append([key, properties])
        elif remaining or properties.get("origin") != "extracted" or properties.get("capped"):
            kept = {name: value for name, value in properties.items() if name != "evidence"}
            reduced.append([key, {**kept, "sources": remaining}])
    return reduced


def remove_entities(rows: Iterable[Row], ids: Collection[str]) -> dict[str, str]:
    """Return the snapshots that change when entities are deleted, by the id of the merge."""
    return _change(rows, lambda key: key[0] not in ids and key[2] not in ids)


def remove_relationship(
    rows: Iterable[Row], key: tuple[str, str, str], targets: Mapping[str, str]
) -> dict[str, str]:
    """Return the snapshots that change when a relationship is deleted, by the id of the merge.

    Args:
        rows: Merges with `id` and `snapshot`.
        key: Source, type and target of the relationship.
        targets: For each merged id the entity at the end of the chain.
    """

    def is_kept(old_key: Sequence[str]) -> bool:
        source, stored_type, target = old_key
        return (targets.get(source, source), stored_type, targets.get(target, target)) != key

    return _change(rows, is_kept)


def _change(rows: Iterable[Row], is_kept: Callable[[Sequence[str]], bool]) -> dict[str, str]:
    """Return the snapshots that lose relationships."""
    changed: dict[str, str] = {}
    for row in rows:
        snapshot = load_stored(row["snapshot"], "snapshot of a merge")
        reduced = {
            **snapshot,
            **{
                name: [entry for entry in snapshot[name] if is_kept(entry[0])]
                for name in ("before", "after")
            },
        }
        if reduced != snapshot:
            changed[row["id"]] = json.dumps(reduced, ensure_ascii=False)
    return changed
