"""Parting entities that were merged: each gets back what was its own, and what was saved since under its name."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg.driver.graph import Run
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.errors import StaleVectorState
from mcp_context_persistence.kg.merging import mentions, merge, relationships
from mcp_context_persistence.kg.schema.type_limits import register, types
from mcp_context_persistence.kg.vector_spaces import Vectors

_OWN = ("name", "type", "description", "confidence", "metadata")


def undo(
    run: Run,
    namespace: str,
    row: Row,
    known: merge.Merged,
    *,
    vectors: Vectors,
    embedded: Mapping[str, Any],
    now: int,
) -> dict[str, int]:
    """Undo a merge, inside one transaction.

    Args:
        run: Runs a statement in the transaction.
        namespace: Where it is.
        row: The merge, of `read`.
        known: Which ids mean other entities.
        vectors: Of the namespace, as the caller knows it.
        embedded: New vectors of entities that come back, where another model is in use by now.
        now: Milliseconds since 1970.

    Returns:
        How many `mentions`, `relationships` and `decisions` came back.

    Raises:
        Moved: Its entities are not what they were when the merge was read.
    """
    keep, back = str(row["kept_id"]), list(row["merged_ids"])
    snapshot = json.loads(row["snapshot"])
    before, after = (
        _renamed(_unlisted(snapshot[when]), known, keep, back) for when in ("before", "after")
    )
    claimed = {
        one["id"]: one
        for one in run(
            merge.claim(
                namespace, [keep, *back, *(end for key in before for end in (key[0], key[2]))]
            )
        )
    }
    if (
        {keep, *back} - claimed.keys()
        or claimed[keep]["merged"]
        or not all(claimed[one]["merged"] for one in back)
    ):
        done = run(merge.read(namespace, row["id"]))[0]["merge"]
        if done["undone_ms"] == now:  # by a try whose answer was lost
            return json.loads(done["counts"])  # type: ignore[no-any-return]
        raise StaleVectorState(
            "undo_merge: other entities were merged, or that undone, meanwhile; call again",
            retryable=True,
        )
    found = run(merge.around(namespace, [keep]))[0]
    owners = _owners(found["mentions"], keep, back, known)
    labels = dict(zip(sorted(back), row["merged_labels"], strict=True))
    change = merge.Change(
        restored=[{"id": one, "label": labels[one], "vector": embedded.get(one)} for one in back]
    )
    change.mentions = _parted_mentions(found["mentions"], keep, owners)
    naming = _naming(owners)
    gone = [place for place in snapshot["places"] if naming.get(place, set()).isdisjoint(back)]
    parted = relationships.RelationshipSplit(
        dict.fromkeys(back, keep),
        {key: one for key, one in before.items() if {key[0], key[2]} <= claimed.keys()},
        after,
        relationships.by_key(found["relationships"]),
        lambda source: _only(naming.get(source, set())),
        gone,
    ).part()
    change.relationships = merge.written(parted)
    change.decisions = _parted_decisions(found["decisions"], snapshot["decisions"], keep, back)
    change.changed = [
        {
            "id": keep,
            "properties": _as_before(namespace, keep, claimed[keep]["properties"], snapshot),
        }
    ]
    counts = {
        "mentions": sum(
            one["entity"] in back and one["properties"] is not None for one in change.mentions
        ),
        "relationships": sum(
            bool({key[0], key[2]} & set(back)) for key, one in parted.items() if one is not None
        ),
        "decisions": sum(one["entity"] in back and one["there"] for one in change.decisions),
    }
    undone = {"id": row["id"], "undone_ms": now, "counts": json.dumps(counts)}
    run(merge.apply(namespace, change, undone, vectors, undo=True, now=now))
    stored = types(
        (key[1] for key, properties in parted.items() if properties is not None), labels.values()
    )
    run(register(namespace, stored, is_limited=False))  # they were the namespace's before
    return counts


def _renamed(
    rows: Mapping[relationships.Key, relationships.Properties],
    known: merge.Merged,
    keep: str,
    back: Sequence[str],
) -> dict[relationships.Key, relationships.Properties]:
    """The same relationships where their other ends were merged since."""
    names = {one: into for one, into in known.names.items() if one not in back and one != keep}
    found: dict[relationships.Key, relationships.Properties] = {}
    for key, one in rows.items():
        there = names.get(key[0], key[0]), key[1], names.get(key[2], key[2])
        found[there] = (
            relationships.joined(there, [found[there], one])
            if there in found
            else one
            if there == key
            else relationships.named(there, one)
        )
    return found


def _unlisted(listed: Sequence[Any]) -> dict[relationships.Key, relationships.Properties]:
    return {(source, kind, target): one for (source, kind, target), one in listed}


Owners = dict[
    tuple[str, str], dict[str, list[mentions.Part]]
]  # by label and id of the place: for each entity what is its own


def _owners(found: Sequence[Row], keep: str, back: Sequence[str], known: merge.Merged) -> Owners:
    """Whose each part of a mention is: that of the entity which comes back that its id means, else the kept one's."""
    owners: Owners = {}
    for one in found:
        parts: dict[str, list[mentions.Part]] = {}
        for part in mentions.parts(keep, one["properties"]):
            owner = part["id"]
            while owner not in back and owner != keep and owner in known.direct:
                owner = known.direct[owner]
            parts.setdefault(owner if owner in back else keep, []).append(part)
        owners[one["label"], one["place"]] = parts
    return owners


def _naming(owners: Owners) -> dict[str, set[str]]:
    """For each place the entities that it names."""
    found: dict[str, set[str]] = {}
    for (_, place), parts in owners.items():
        found.setdefault(place, set()).update(parts)
    return found


def _only(owners: set[str]) -> str | None:
    return next(iter(owners)) if len(owners) == 1 else None


def _parted_mentions(found: Sequence[Row], keep: str, owners: Owners) -> list[Row]:
    rows: list[Row] = []
    for one in found:
        parts = owners[one["label"], one["place"]]
        if set(parts) == {keep}:
            continue
        place = {"label": one["label"], "place": one["place"]}
        rows += [
            {**place, "entity": owner, "properties": mentions.joined(owner, mine)}
            for owner, mine in sorted(parts.items())
        ]
        if keep not in parts:
            rows.append({**place, "entity": keep, "properties": None})
    return rows


def _parted_decisions(
    found: Sequence[Row], before: Sequence[Row], keep: str, back: Sequence[str]
) -> list[Row]:
    """Decisions of before the merge go back to what they were about; later ones stay with the kept entity."""
    now = {one["decision"] for one in found}
    kept = {one["decision"] for one in before if one["entity"] == keep}
    rows = [
        {**one, "there": True} for one in before if one["entity"] in back and one["decision"] in now
    ]
    lost = sorted({row["decision"] for row in rows} - kept)
    return [*rows, *({"entity": keep, "decision": one, "there": False} for one in lost)]


def _as_before(namespace: str, keep: str, now: Row, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The kept entity without the names that the merge gave it, and otherwise as it is."""
    before, after = snapshot["kept"], snapshot["kept_after"]
    if all(now[key] == after[key] for key in merge.NAMES) and all(
        now[key] == before[key] for key in _OWN
    ):
        return {key: before[key] for key in (*merge.NAMES, "origin")}
    given = set(after["aliases"]) - set(before["aliases"] or ())
    aliases = [one for one in now["aliases"] or () if one not in given]
    return {"aliases": aliases, **merge.words(namespace, keep, now, aliases)}
