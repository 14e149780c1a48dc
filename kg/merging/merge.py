"""Merge entities that are the same into one.

The merged entities keep their properties under the label `MergedEntity`. A node `Merge` says into
which entity they were merged, when and why, and keeps what is needed to undo it. Their mentions,
relationships and decisions move to the kept entity, and their names become its aliases.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.errors import StaleStateError
from mcp_context_persistence.kg.identifiers import build_label
from mcp_context_persistence.kg.merging import mentions, statements
from mcp_context_persistence.kg.merging import relationships as relations
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.vector_spaces import WriteGuard
from mcp_context_persistence.kg.writes.entities import search_properties

NAMES = ("aliases", "content", "facets")  # properties that a merge changes


def merge_entities(
    run: Run,
    namespace: str,
    merge_id: str,
    keep_id: str,
    duplicate_ids: Sequence[str],
    *,
    reason: Mapping[str, Any],
    guard: WriteGuard,
    now: int,
) -> dict[str, int]:
    """Merge entities into one, inside one transaction.

    Args:
        run: Runs a statement in the transaction.
        namespace: Name of the namespace.
        merge_id: Id of the new merge.
        keep_id: Id of the entity that is kept.
        duplicate_ids: Ids of the entities that are merged into it.
        reason: Properties of the merge that say who did it, and why.
        guard: What the write takes for granted.
        now: Milliseconds since 1970.

    Returns:
        The numbers of `mentions`, `relationships` and `decisions` that moved.

    Raises:
        StaleStateError: One of the entities was merged or deleted since its id was found.
    """
    claimed = _claim_entities(run, namespace, [keep_id, *duplicate_ids])
    if {keep_id, *duplicate_ids} - claimed.keys():
        if stored_merges := run(statements.read_merge(namespace, merge_id)):
            # An earlier attempt has merged them, but its answer was lost.
            return load_stored(stored_merges[0]["merge"]["counts"], "counts of a merge")  # type: ignore[no-any-return]
        raise StaleStateError(
            "keep or duplicates: an entity was merged or deleted meanwhile; search for it again",
            retryable=True,
        )
    redirects = dict.fromkeys(duplicate_ids, keep_id)
    references = run(statements.read_references(namespace, [keep_id, *duplicate_ids]))[0]
    before, after = _move_relationships(references["relationships"], redirects)
    kept_properties = _add_aliases(namespace, keep_id, claimed)
    rows = statements.MergeRows(
        mentions=_move_mentions(references["mentions"], redirects),
        relationships=relationship_rows(after, (key for key in before if key not in after)),
        decisions=_move_decisions(references["decisions"], redirects),
        changed=[{"id": keep_id, "properties": kept_properties}],
        merged=_merged_rows(duplicate_ids, claimed),
    )
    counts = _count_moved(references, redirects)
    snapshot = _take_snapshot(
        references, redirects, claimed[keep_id], kept_properties, before, after
    )
    node = {
        **reason,
        "id": merge_id,
        "place": guard.merges + 1,
        "kept_id": keep_id,
        "merged_ids": sorted(duplicate_ids),
        "merged_labels": [row["label"] for row in rows.merged],
        "snapshot": json.dumps(snapshot, ensure_ascii=False),
        "counts": json.dumps(counts),
    }
    run(statements.apply(namespace, rows, node, guard, undo=False, now=now))
    return counts


def _claim_entities(run: Run, namespace: str, entity_ids: Sequence[str]) -> dict[str, Row]:
    """Lock the entities that are not merged yet, and return their properties by id."""
    return {
        row["id"]: row["properties"]
        for row in run(statements.claim_entities(namespace, entity_ids))
        if not row["merged"]
    }


def _merged_rows(merged_ids: Sequence[str], claimed: Mapping[str, Row]) -> list[Row]:
    """Return the rows of the entities that become merged entities, by id."""
    return [
        {"id": merged_id, "label": build_label(claimed[merged_id]["type"] or "concept")}
        for merged_id in sorted(merged_ids)
    ]


def _take_snapshot(
    references: Row,
    redirects: Mapping[str, str],
    kept: Row,
    kept_properties: Mapping[str, Any],
    before: Mapping[relations.Key, relations.Properties],
    after: Mapping[relations.Key, relations.Properties],
) -> dict[str, Any]:
    """Return the snapshot with which the merge can be undone.

    Its keys are stored, and those of older versions are read too, so that they must not change.
    """
    text_ids = {row["text_id"] for row in references["mentions"] if row["entity"] in redirects}
    return {
        "kept": kept,
        "kept_after": kept_properties,
        "before": _list_relationships(before),
        "after": _list_relationships(after),
        "decisions": references["decisions"],
        "places": sorted(text_ids),
    }


def _count_moved(references: Row, redirects: Mapping[str, str]) -> dict[str, int]:
    """Count the mentions, relationships and decisions of the merged entities."""
    return {
        "mentions": sum(row["entity"] in redirects for row in references["mentions"]),
        "relationships": sum(
            row["source"] in redirects or row["target"] in redirects
            for row in references["relationships"]
        ),
        "decisions": sum(row["entity"] in redirects for row in references["decisions"]),
    }


def _move_decisions(decisions: Sequence[Row], redirects: Mapping[str, str]) -> list[Row]:
    """Link decisions to the kept entity instead of the merged ones."""
    moved = [row for row in decisions if row["entity"] in redirects]
    return [
        *({**row, "is_linked": False} for row in moved),
        *(
            {"entity": redirects[row["entity"]], "decision": row["decision"], "is_linked": True}
            for row in moved
        ),
    ]


def _move_mentions(mention_rows: Sequence[Row], redirects: Mapping[str, str]) -> list[Row]:
    """Let each text mention the kept entity once, instead of the merged ones."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in mention_rows:
        groups.setdefault((row["label"], row["text_id"]), []).append(row)
    rows: list[Row] = []
    for (text_label, text_id), group in sorted(groups.items()):
        moved = [row for row in group if row["entity"] in redirects]
        if not moved:
            continue
        keep_id = redirects[moved[0]["entity"]]
        parts = [
            part for row in group for part in mentions.split_parts(row["entity"], row["properties"])
        ]
        text = {"label": text_label, "text_id": text_id}
        rows += [{**text, "entity": row["entity"], "properties": None} for row in moved]
        rows.append(
            {**text, "entity": keep_id, "properties": mentions.combine_parts(keep_id, parts)}
        )
    return rows


def _move_relationships(
    rows: Sequence[Row], redirects: Mapping[str, str]
) -> tuple[dict[relations.Key, relations.Properties], dict[relations.Key, relations.Properties]]:
    """Return the relationships that the merge changes, and what replaces them."""
    by_key = relations.index_by_key(rows)
    groups: dict[relations.Key, list[relations.Key]] = {}
    before: dict[relations.Key, relations.Properties] = {}
    # The kept entity's own relationships come first, so that their properties win.
    for key in sorted(by_key, key=lambda key: (key[0] in redirects or key[2] in redirects, key)):
        new_key = relations.redirect_key(key, redirects)
        if new_key is None:
            before[key] = by_key[key]
        else:
            groups.setdefault(new_key, []).append(key)
    after: dict[relations.Key, relations.Properties] = {}
    for new_key, group in groups.items():
        if group != [new_key]:
            before.update((key, by_key[key]) for key in group)
            after[new_key] = relations.combine(new_key, [by_key[key] for key in group])
    return before, after


def relationship_rows(
    relationships: Mapping[relations.Key, relations.Properties | None],
    removed: Iterable[relations.Key] = (),
) -> list[Row]:
    """Return relationships as rows of `merge/apply`, removed ones with None as properties."""
    by_key = {**dict.fromkeys(removed), **relationships}
    return [
        {
            "source": source,
            "type": kind,
            "target": target,
            "properties": None if properties is None else dict(properties),
        }
        for (source, kind, target), properties in sorted(by_key.items())
    ]


def _list_relationships(
    relationships: Mapping[relations.Key, relations.Properties],
) -> list[Any]:
    """Return relationships in the form of the snapshot."""
    return [[list(key), dict(properties)] for key, properties in sorted(relationships.items())]


def _add_aliases(namespace: str, keep_id: str, claimed: Mapping[str, Row]) -> dict[str, Any]:
    """Return the changed properties of the kept entity.

    It gets the other entities' names as aliases. The origin `user` keeps it even if no text
    mentions it any more.
    """
    kept = claimed[keep_id]
    kept_name = kept["name"] or keep_id
    other_names = [
        name
        for entity_id, properties in claimed.items()
        if entity_id != keep_id
        for name in (properties["name"] or entity_id, *(properties["aliases"] or ()))
    ]
    names = dict.fromkeys([*(kept["aliases"] or ()), *sorted(other_names)])
    aliases = [name for name in names if name != kept_name]
    return {
        "aliases": aliases,
        "origin": "user",
        **alias_properties(namespace, keep_id, kept, aliases),
    }


def alias_properties(
    namespace: str, entity_id: str, properties: Row, aliases: Sequence[str]
) -> dict[str, Any]:
    """Return the properties by which searches find an entity with these aliases."""
    is_extracted = properties["origin"] == "extracted"
    search = search_properties(
        namespace,
        entity_id=entity_id,
        name=properties["name"] or entity_id,
        entity_type=properties["type"] or "concept",
        aliases=aliases,
        description="" if is_extracted else properties["description"] or "",
    )
    return {key: search[key] for key in ("content", "terms", "facets")}
