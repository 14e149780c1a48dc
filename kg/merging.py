"""Merging entities that are one, and undoing that.

The entities that go keep all their properties under the label `MergedEntity`; a node `Merge` says into which one, when and why, and keeps
what is needed to undo it. Their mentions, relationships and decisions move, and their names become aliases.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kg import links, mentions
from kg.driver import Run
from kg.errors import NotFoundError, ValidationError
from kg.knowledge import searchable
from kg.names import label
from kg.spaces import Vectors
from kg.statement import Row, Statement, as_is

PLACES = 1_000  # conversations and documents, and neighbours, by which an entity is compared
_NAMES = ("aliases", "content", "facets")
_OWN = ("name", "type", "description", "confidence", "metadata")


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Which ids mean other entities by now.

    Attributes:
        merges: How often entities were merged, or that undone, when this was read.
        direct: For each merged id the one it was merged into, which may have been merged too.
        names: For each merged id the entity that it means now.
    """

    merges: int = 0
    direct: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Change:
    """What `merge/apply` writes, by the names of its parameters."""

    restored: list[Row] = field(default_factory=list)
    mentions: list[Row] = field(default_factory=list)
    relationships: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    merged: list[Row] = field(default_factory=list)


def merged(namespace: str) -> Statement[Merged]:
    """Which ids mean other entities; no row where nothing was ever written."""
    return Statement(name="merge/merged", parameters={"namespace": namespace}, read=_merged)


def _merged(row: Row) -> Merged:
    direct = dict(row["pairs"])
    names = {}
    for one, into in direct.items():
        end, steps = into, 0
        while end in direct and steps < len(direct):
            end, steps = direct[end], steps + 1
        names[one] = end
    return Merged(merges=row["merges"], direct=direct, names=names)


def read(namespace: str, merge_id: str) -> Statement[Row]:
    """A merge, and those that came after it on the same entities."""
    return Statement(name="merge/read", parameters={"batch": {"namespace": namespace, "id": merge_id}}, read=as_is)


def things(namespace: str, *, types: Sequence[str] | None, limit: int, vectors: str) -> Statement[Row]:
    """Entities with what they are compared by, those with the most mentions first."""
    batch = {"namespace": namespace, "types": types, "limit": limit, "places": PLACES, "vectors": vectors}
    return Statement(name="merge/things", parameters={"batch": batch}, read=as_is)


def claim(namespace: str, ids: Sequence[str]) -> Statement[Row]:
    """Entities by id, merged ones too, locked."""
    batch = {"namespace": namespace, "ids": sorted(set(ids))}
    return Statement(name="merge/claim", parameters={"batch": batch}, read=as_is, writes=True)


def around(namespace: str, ids: Sequence[str]) -> Statement[Row]:
    """What hangs on entities."""
    return Statement(name="merge/around", parameters={"batch": {"namespace": namespace, "ids": list(ids)}}, read=as_is, writes=True)


def apply(namespace: str, change: Change, merge: Mapping[str, Any], vectors: Vectors, *, undo: bool, now: int) -> Statement[Row]:
    """Write a change."""
    batch = {
        "namespace": namespace,
        "now": now,
        **{name: list(getattr(change, name)) for name in Change.__dataclass_fields__},
        "merge": dict(merge),
        "undo": undo,
        "space": vectors.writing(),
    }
    return Statement(name="merge/apply", parameters={"batch": batch}, read=as_is, writes=True)


def merge(
    run: Run,
    namespace: str,
    merge_id: str,
    keep: str,
    duplicates: Sequence[str],
    *,
    why: Mapping[str, Any],
    vectors: Vectors,
    now: int,
) -> dict[str, int]:
    """Merge entities into one, inside one transaction.

    Args:
        run: Runs a statement in the transaction.
        namespace: Where they live.
        merge_id: Id of the new merge.
        keep: Id of the entity that stays.
        duplicates: Ids of those that go.
        why: Properties of the merge that say who did it, and why.
        vectors: Of the namespace, as the caller knows it.
        now: Milliseconds since 1970.

    Returns:
        How many `mentions`, `relationships` and `decisions` moved.

    Raises:
        NotFoundError: One of them does not exist.
    """
    claimed = {row["id"]: row["properties"] for row in run(claim(namespace, [keep, *duplicates])) if not row["merged"]}
    if {keep, *duplicates} - claimed.keys():
        if done := run(read(namespace, merge_id)):  # by a try whose answer was lost
            return json.loads(done[0]["merge"]["counts"])  # type: ignore[no-any-return]
        raise NotFoundError("keep or duplicates: an entity was merged or deleted meanwhile")
    names = dict.fromkeys(duplicates, keep)
    found = run(around(namespace, [keep, *duplicates]))[0]
    change = Change(merged=[{"id": one, "label": label(claimed[one]["type"] or "concept")} for one in sorted(duplicates)])
    change.mentions = _joined_mentions(found["mentions"], names)
    before, after = _joined_relationships(found["relationships"], names)
    change.relationships = _rows(after, (key for key in before if key not in after))
    change.decisions = [
        row
        for one in found["decisions"]
        if one["entity"] in names
        for row in ({**one, "there": False}, {"entity": keep, "decision": one["decision"], "there": True})
    ]
    kept = _with_names(namespace, keep, claimed)
    change.changed = [{"id": keep, "properties": kept}]
    snapshot = {
        "kept": claimed[keep],
        "kept_after": kept,
        "before": _listed(before),
        "after": _listed(after),
        "decisions": found["decisions"],
        "places": sorted({one["place"] for one in found["mentions"] if one["entity"] in names}),
    }
    counts = {
        "mentions": sum(one["entity"] in names for one in found["mentions"]),
        "relationships": sum(one["source"] in names or one["target"] in names for one in found["relationships"]),
        "decisions": sum(one["entity"] in names for one in found["decisions"]),
    }
    node = {
        **why,
        "id": merge_id,
        "place": vectors.merges + 1,
        "kept_id": keep,
        "merged_ids": sorted(duplicates),
        "merged_labels": [row["label"] for row in change.merged],
        "snapshot": json.dumps(snapshot, ensure_ascii=False),
        "counts": json.dumps(counts),
        "model": vectors.space.model,
        "vectors": vectors.space.vectors,
    }
    run(apply(namespace, change, node, vectors, undo=False, now=now))
    return counts


def _joined_mentions(found: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    """Each place mentions the kept entity instead, once."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for one in found:
        groups.setdefault((one["label"], one["place"]), []).append(one)
    rows: list[Row] = []
    for (kind, place), group in sorted(groups.items()):
        old = [one for one in group if one["entity"] in names]
        if not old:
            continue
        keep = names[old[0]["entity"]]
        parts = [part for one in group for part in mentions.parts(one["entity"], one["properties"])]
        rows += [{"label": kind, "place": place, "entity": one["entity"], "properties": None} for one in old]
        rows.append({"label": kind, "place": place, "entity": keep, "properties": mentions.joined(keep, parts)})
    return rows


def _joined_relationships(
    found: Sequence[Row], names: Mapping[str, str]
) -> tuple[dict[links.Key, links.Properties], dict[links.Key, links.Properties]]:
    """The relationships that the merge touches, and what is in their place after it."""
    known = links.by_key(found)
    groups: dict[links.Key, list[links.Key]] = {}
    before: dict[links.Key, links.Properties] = {}
    for key in sorted(known, key=lambda one: (one[0] in names or one[2] in names, one)):
        there = links.moved(key, names)
        if there is None:
            before[key] = known[key]
        else:
            groups.setdefault(there, []).append(key)
    after: dict[links.Key, links.Properties] = {}
    for there, group in groups.items():
        if group != [there]:
            before.update((key, known[key]) for key in group)
            after[there] = links.joined(there, [known[key] for key in group])
    return before, after


def _rows(there: Mapping[links.Key, links.Properties | None], gone: Any = ()) -> list[Row]:
    everything = {**dict.fromkeys(gone), **there}
    return [
        {"source": source, "type": kind, "target": target, "properties": None if one is None else dict(one)}
        for (source, kind, target), one in sorted(everything.items())
    ]


def _listed(known: Mapping[links.Key, links.Properties]) -> list[Any]:
    return [[list(key), dict(one)] for key, one in sorted(known.items())]


def _unlisted(listed: Sequence[Any]) -> dict[links.Key, links.Properties]:
    return {(source, kind, target): one for (source, kind, target), one in listed}


def _with_names(namespace: str, keep: str, claimed: Mapping[str, Row]) -> dict[str, Any]:
    """The kept entity's properties that change: it has the others' names, and stays, whatever mentions it."""
    own = claimed[keep]
    name = own["name"] or keep
    others = [word for one in claimed if one != keep for word in (claimed[one]["name"] or one, *(claimed[one]["aliases"] or ()))]
    aliases = [one for one in dict.fromkeys([*(own["aliases"] or ()), *sorted(others)]) if one != name]
    return {"aliases": aliases, "origin": "user", **_words(namespace, keep, own, aliases)}


def _words(namespace: str, entity_id: str, own: Row, aliases: Sequence[str]) -> dict[str, Any]:
    """By which an entity is found that has these aliases."""
    found = searchable(
        namespace,
        entity_id=entity_id,
        name=own["name"] or entity_id,
        entity_type=own["type"] or "concept",
        aliases=aliases,
        description="" if own["origin"] == "extracted" else own["description"] or "",
    )
    return {"content": found["content"], "facets": found["facets"]}


def undo(
    run: Run,
    namespace: str,
    row: Row,
    known: Merged,
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
        ValidationError: The kept entity does not exist any more.
    """
    keep, back = str(row["kept_id"]), list(row["merged_ids"])
    snapshot = json.loads(row["snapshot"])
    before, after = (_renamed(_unlisted(snapshot[when]), known, keep, back) for when in ("before", "after"))
    claimed = {one["id"]: one for one in run(claim(namespace, [keep, *back, *(end for key in before for end in (key[0], key[2]))]))}
    if {keep, *back} - claimed.keys() or claimed[keep]["merged"] or not all(claimed[one]["merged"] for one in back):
        done = run(read(namespace, row["id"]))[0]["merge"]
        if done["undone_ms"] == now:  # by a try whose answer was lost
            return json.loads(done["counts"])  # type: ignore[no-any-return]
        raise ValidationError("merge_id: the entities of this merge have changed meanwhile")
    found = run(around(namespace, [keep]))[0]
    owners = _owners(found["mentions"], keep, back, known)
    labels = dict(zip(sorted(back), row["merged_labels"], strict=True))
    change = Change(restored=[{"id": one, "label": labels[one], "vector": embedded.get(one)} for one in back])
    change.mentions = _parted_mentions(found["mentions"], keep, owners)
    gone = [place for place in snapshot["places"] if not any(owner in back for owner in _owning(owners, place))]
    parted = links.Apart(
        dict.fromkeys(back, keep),
        {key: one for key, one in before.items() if {key[0], key[2]} <= claimed.keys()},
        after,
        links.by_key(found["relationships"]),
        lambda source: _only(_owning(owners, source)),
        gone,
    ).part()
    change.relationships = _rows(parted)
    change.decisions = _parted_decisions(found["decisions"], snapshot["decisions"], keep, back)
    change.changed = [{"id": keep, "properties": _as_before(namespace, keep, claimed[keep]["properties"], snapshot)}]
    counts = {
        "mentions": sum(one["entity"] in back and one["properties"] is not None for one in change.mentions),
        "relationships": sum(bool({key[0], key[2]} & set(back)) for key, one in parted.items() if one is not None),
        "decisions": sum(one["entity"] in back and one["there"] for one in change.decisions),
    }
    undone = {"id": row["id"], "undone_ms": now, "counts": json.dumps(counts)}
    run(apply(namespace, change, undone, vectors, undo=True, now=now))
    return counts


def _renamed(
    rows: Mapping[links.Key, links.Properties], known: Merged, keep: str, back: Sequence[str]
) -> dict[links.Key, links.Properties]:
    """The same relationships where their other ends were merged since."""
    names = {one: into for one, into in known.names.items() if one not in back and one != keep}
    found: dict[links.Key, links.Properties] = {}
    for key, one in rows.items():
        there = names.get(key[0], key[0]), key[1], names.get(key[2], key[2])
        found[there] = (
            links.joined(there, [found[there], one]) if there in found else one if there == key else links.named(there, one)
        )
    return found


Owners = dict[tuple[str, str], dict[str, list[mentions.Part]]]  # by label and id of the place: for each entity what is its own


def _owners(found: Sequence[Row], keep: str, back: Sequence[str], known: Merged) -> Owners:
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


def _owning(owners: Owners, place: str) -> set[str]:
    return {owner for (_, known), parts in owners.items() if known == place for owner in parts}


def _only(owners: set[str]) -> str | None:
    return next(iter(owners)) if len(owners) == 1 else None


def _parted_mentions(found: Sequence[Row], keep: str, owners: Owners) -> list[Row]:
    rows: list[Row] = []
    for one in found:
        parts = owners[one["label"], one["place"]]
        if set(parts) == {keep}:
            continue
        place = {"label": one["label"], "place": one["place"]}
        rows += [{**place, "entity": owner, "properties": mentions.joined(owner, mine)} for owner, mine in sorted(parts.items())]
        if keep not in parts:
            rows.append({**place, "entity": keep, "properties": None})
    return rows


def _parted_decisions(found: Sequence[Row], before: Sequence[Row], keep: str, back: Sequence[str]) -> list[Row]:
    """Decisions of before the merge go back to what they were about; later ones stay with the kept entity."""
    now = {one["decision"] for one in found}
    kept = {one["decision"] for one in before if one["entity"] == keep}
    rows = [{**one, "there": True} for one in before if one["entity"] in back and one["decision"] in now]
    lost = sorted({row["decision"] for row in rows} - kept)
    return [*rows, *({"entity": keep, "decision": one, "there": False} for one in lost)]


def _as_before(namespace: str, keep: str, now: Row, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The kept entity without the names that the merge gave it, and otherwise as it is."""
    before, after = snapshot["kept"], snapshot["kept_after"]
    if all(now[key] == after[key] for key in _NAMES) and all(now[key] == before[key] for key in _OWN):
        return {key: before[key] for key in (*_NAMES, "origin")}
    given = set(after["aliases"]) - set(before["aliases"] or ())
    aliases = [one for one in now["aliases"] or () if one not in given]
    return {"aliases": aliases, **_words(namespace, keep, now, aliases)}
