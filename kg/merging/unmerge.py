"""Undo a merge.

Each entity gets back what it had before the merge, and what was saved under its name since then.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.errors import StaleStateError
from mcp_context_persistence.kg.merging import mentions, merge, relationships, statements
from mcp_context_persistence.kg.merging.redirects import Redirects
from mcp_context_persistence.kg.schema.type_limits import collect_types, register_types
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.text.terms import text_properties
from mcp_context_persistence.kg.vector_spaces import WriteGuard

_OWN = ("name", "type", "description", "confidence", "metadata")

# For each text (label, id) the parts of its mention, by the entity that they belong to.
Owners = dict[tuple[str, str], dict[str, list[mentions.Part]]]


def undo_merge(
    run: Run,
    namespace: str,
    row: Row,
    redirects: Redirects,
    guard: WriteGuard,
    *,
    entity_vectors: Mapping[str, Any],
    now: int,
) -> dict[str, int]:
    """Undo a merge, inside one transaction.

    Args:
        run: Runs a statement in the transaction.
        namespace: Name of the namespace.
        row: The merge, as `read_merge` returns it.
        redirects: The namespace's redirects.
        guard: What the write takes for granted.
        entity_vectors: Vectors of the restored entities, by the model in use.
        now: Milliseconds since 1970.

    Returns:
        The numbers of `mentions`, `relationships` and `decisions` that were restored.

    Raises:
        StaleStateError: The entities have changed since the merge was read.
    """
    keep_id, restored_ids = str(row["kept_id"]), list(row["merged_ids"])
    snapshot = load_stored(row["snapshot"], "snapshot of a merge")
    before, after = (
        _redirect_ends(_parse_relationships(snapshot[name]), redirects, keep_id, restored_ids)
        for name in ("before", "after")
    )
    ends = [end for source, _, target in before for end in (source, target)]
    claimed = _claim_entities(run, namespace, [keep_id, *restored_ids, *ends], row)
    if not _is_merged(claimed, keep_id, restored_ids):
        return _read_lost_counts(run, namespace, row["id"], now=now)
    references = run(statements.read_references(namespace, [keep_id]))[0]
    owners = _find_owners(references["mentions"], keep_id, restored_ids, redirects)
    labels = dict(zip(sorted(restored_ids), row["merged_labels"], strict=True))
    split = _split_relationships(
        references["relationships"], before, after, snapshot, owners, claimed, keep_id, restored_ids
    )
    kept_properties = _remove_aliases(namespace, keep_id, claimed[keep_id]["properties"], snapshot)
    rows = statements.MergeRows(
        restored=[
            {"id": entity_id, "label": labels[entity_id], "vector": entity_vectors[entity_id]}
            for entity_id in restored_ids
        ],
        mentions=_split_mentions(references["mentions"], keep_id, owners),
        relationships=merge.relationship_rows(split),
        decisions=_split_decisions(
            references["decisions"], snapshot["decisions"], keep_id, restored_ids
        ),
        changed=[{"id": keep_id, "properties": kept_properties}],
    )
    counts = _count_restored(rows, split, restored_ids)
    node = {"id": row["id"], "undone_ms": now, "counts": json.dumps(counts)}
    run(statements.apply(namespace, rows, node, guard, undo=True, now=now))
    stored_types = collect_types(
        (key[1] for key, properties in split.items() if properties is not None), labels.values()
    )
    # The namespace had these types before, so that its limits do not apply.
    run(register_types(namespace, stored_types, is_limited=False))
    return counts


def _claim_entities(
    run: Run, namespace: str, entity_ids: Sequence[str], row: Row
) -> dict[str, Row]:
    """Lock entities, and return them by id.

    Raises:
        StaleStateError: The merge `row` keeps something else than when it was read.
    """
    claimed = {
        claimed_row["id"]: claimed_row
        for claimed_row in run(statements.claim_entities(namespace, entity_ids))
    }
    merge_rows = run(statements.read_merge(namespace, row["id"]))
    if not merge_rows or merge_rows[0]["merge"]["snapshot"] != row["snapshot"]:
        raise StaleStateError("undo_merge: a deletion has changed what the merge keeps")
    return claimed


def _read_lost_counts(run: Run, namespace: str, merge_id: str, *, now: int) -> dict[str, int]:
    """Return the counts of an earlier attempt whose answer was lost.

    Raises:
        StaleStateError: No attempt of this call has undone the merge.
    """
    merge_node = run(statements.read_merge(namespace, merge_id))[0]["merge"]
    if merge_node["undone_ms"] == now:
        return load_stored(merge_node["counts"], "counts of a merge")  # type: ignore[no-any-return]
    raise StaleStateError(
        "undo_merge: entities were merged, or a merge was undone, meanwhile; call it again",
        retryable=True,
    )


def _is_merged(claimed: Mapping[str, Row], keep_id: str, restored_ids: Sequence[str]) -> bool:
    """Tell whether the merge is still in effect."""
    return (
        {keep_id, *restored_ids} <= claimed.keys()
        and not claimed[keep_id]["merged"]
        and all(claimed[entity_id]["merged"] for entity_id in restored_ids)
    )


def _count_restored(
    rows: statements.MergeRows,
    split: Mapping[relationships.Key, relationships.Properties | None],
    restored_ids: Sequence[str],
) -> dict[str, int]:
    """Count the mentions, relationships and decisions of the restored entities."""
    return {
        "mentions": sum(
            row["entity"] in restored_ids and row["properties"] is not None for row in rows.mentions
        ),
        "relationships": sum(
            bool({source, target} & set(restored_ids))
            for (source, _, target), properties in split.items()
            if properties is not None
        ),
        "decisions": sum(
            row["entity"] in restored_ids and row["is_linked"] for row in rows.decisions
        ),
    }


def _parse_relationships(
    snapshot: Sequence[Any],
) -> dict[relationships.Key, relationships.Properties]:
    """Return the relationships of a snapshot by key."""
    return {(source, kind, target): properties for (source, kind, target), properties in snapshot}


def _redirect_ends(
    by_key: Mapping[relationships.Key, relationships.Properties],
    redirects: Redirects,
    keep_id: str,
    restored_ids: Sequence[str],
) -> dict[relationships.Key, relationships.Properties]:
    """Redirect the other ends of relationships that were merged after the snapshot."""
    targets = {
        merged_id: target
        for merged_id, target in redirects.targets.items()
        if merged_id not in restored_ids and merged_id != keep_id
    }
    redirected: dict[relationships.Key, relationships.Properties] = {}
    for key, properties in by_key.items():
        new_key = targets.get(key[0], key[0]), key[1], targets.get(key[2], key[2])
        if new_key in redirected:
            redirected[new_key] = relationships.combine(new_key, [redirected[new_key], properties])
        elif new_key == key:
            redirected[new_key] = properties
        else:
            redirected[new_key] = relationships.replace_id(new_key, properties)
    return redirected


def _find_owners(
    mention_rows: Sequence[Row], keep_id: str, restored_ids: Sequence[str], redirects: Redirects
) -> Owners:
    """Assign each part of a mention to the restored entity of its id, else to the kept entity."""
    owners: Owners = {}
    for row in mention_rows:
        parts: dict[str, list[mentions.Part]] = {}
        for part in mentions.split_parts(keep_id, row["properties"]):
            owner = part["id"]
            while owner not in restored_ids and owner != keep_id and owner in redirects.direct:
                owner = redirects.direct[owner]
            parts.setdefault(owner if owner in restored_ids else keep_id, []).append(part)
        owners[row["label"], row["text_id"]] = parts
    return owners


def _split_relationships(
    rows: Sequence[Row],
    before: Mapping[relationships.Key, relationships.Properties],
    after: Mapping[relationships.Key, relationships.Properties],
    snapshot: Mapping[str, Any],
    owners: Owners,
    claimed: Mapping[str, Row],
    keep_id: str,
    restored_ids: Sequence[str],
) -> dict[relationships.Key, relationships.Properties | None]:
    """Divide the relationships of the kept entity; see `RelationshipSplit`."""
    text_owners: dict[str, set[str]] = {}
    merged_text_ids = frozenset(snapshot["places"])
    for (_, text_id), parts in owners.items():
        text_owners.setdefault(text_id, set()).update(parts)

    def find_owner(source: str) -> str | None:
        entity_ids = text_owners.get(source, set())
        return next(iter(entity_ids)) if len(entity_ids) == 1 else None

    def mentions_both(source: str, key: relationships.Key) -> bool:
        return source not in merged_text_ids or {key[0], key[2]} <= text_owners.get(source, set())

    return relationships.RelationshipSplit(
        dict.fromkeys(restored_ids, keep_id),
        {
            key: properties
            for key, properties in before.items()
            if {key[0], key[2]} <= claimed.keys()
        },
        after,
        relationships.index_by_key(rows),
        find_owner,
        [
            text_id
            for text_id in snapshot["places"]
            if text_owners.get(text_id, set()).isdisjoint(restored_ids)
        ],
        mentions_both,
    ).compute()


def _split_mentions(mention_rows: Sequence[Row], keep_id: str, owners: Owners) -> list[Row]:
    """Return rows that give each entity its parts of the mentions.

    A row whose `properties` are None deletes the mention.
    """
    rows: list[Row] = []
    for row in mention_rows:
        parts = owners[row["label"], row["text_id"]]
        if set(parts) == {keep_id}:
            continue
        text = {"label": row["label"], "text_id": row["text_id"]}
        rows += [
            {
                **text,
                "entity": owner,
                "properties": mentions.combine_parts(owner, owner_parts),
            }
            for owner, owner_parts in sorted(parts.items())
        ]
        if keep_id not in parts:
            rows.append({**text, "entity": keep_id, "properties": None})
    return rows


def _split_decisions(
    current: Sequence[Row], before: Sequence[Row], keep_id: str, restored_ids: Sequence[str]
) -> list[Row]:
    """Link decisions from before the merge as they were; later ones stay with the kept entity."""
    current_ids = {row["decision"] for row in current}
    kept_ids = {row["decision"] for row in before if row["entity"] == keep_id}
    restored = [
        {**row, "is_linked": True}
        for row in before
        if row["entity"] in restored_ids and row["decision"] in current_ids
    ]
    unlinked_ids = sorted({row["decision"] for row in restored} - kept_ids)
    return [
        *restored,
        *(
            {"entity": keep_id, "decision": decision_id, "is_linked": False}
            for decision_id in unlinked_ids
        ),
    ]


def _remove_aliases(
    namespace: str, keep_id: str, current: Row, snapshot: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the kept entity's changed properties: without the aliases that the merge added."""
    before, after = snapshot["kept"], snapshot["kept_after"]
    if all(current[key] == after[key] for key in merge.NAMES) and all(
        current[key] == before[key] for key in _OWN
    ):
        restored = {key: before[key] for key in (*merge.NAMES, "origin")}
        return {**restored, **text_properties(before["content"])}
    added = set(after["aliases"]) - set(before["aliases"] or ())
    aliases = [alias for alias in current["aliases"] or () if alias not in added]
    return {"aliases": aliases, **merge.alias_properties(namespace, keep_id, current, aliases)}
