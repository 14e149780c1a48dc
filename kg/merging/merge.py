"""Merging entities that are one, and undoing that.

The entities that go keep all their properties under the label `MergedEntity`; a node `Merge` says into which one, when and why, and keeps
what is needed to undo it. Their mentions, relationships and decisions move, and their names become aliases.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.graph import Run
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.kg.identifiers import label
from mcp_context_persistence.kg.merging import mentions
from mcp_context_persistence.kg.merging import relationships as links
from mcp_context_persistence.kg.vector_spaces import Vectors
from mcp_context_persistence.kg.writes.entities import searchable

PLACES = 1_000  # conversations and documents, and neighbours, by which an entity is compared
NAMES = ("aliases", "content", "facets")


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

    def writing(self, vectors: Vectors, ids: Iterable[str], followed: Iterable[str]) -> Vectors:
        """The same vectors for a write that names the entities `ids`, and `followed` others to them."""
        pairs: dict[str, str] = {}
        for one in followed:
            while one in self.direct and one not in pairs:
                pairs[one] = self.direct[one]
                one = self.direct[one]  # noqa: PLW2901 - a step along the chain
        return replace(
            vectors, merges=self.merges, ids=tuple(ids), followed=tuple(sorted(pairs.items()))
        )


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
    """What is needed to undo a merge."""
    return Statement(
        name="merge/read",
        parameters={"batch": {"namespace": namespace, "id": merge_id}},
        read=as_is,
    )


def later(namespace: str, ids: Sequence[str]) -> Statement[Row]:
    """Which merges must be undone before each of these."""
    batch = {"namespace": namespace, "ids": list(ids), "limit": limits.LISTED_MERGES}
    return Statement(name="merge/later", parameters={"batch": batch}, read=as_is)


def listed(namespace: str, *, before: str | None, limit: int) -> Statement[Row]:
    """Merges, the latest first; only older ones than `before` where one is given."""
    batch = {"namespace": namespace, "before": before, "limit": limit}
    return Statement(name="merge/list", parameters={"batch": batch}, read=as_is)


def things(
    namespace: str, *, types: Sequence[str] | None, limit: int, vectors: str
) -> Statement[Row]:
    """Entities with what they are compared by, those with the most mentions first."""
    batch = {
        "namespace": namespace,
        "types": types,
        "limit": limit,
        "places": PLACES,
        "vectors": vectors,
    }
    return Statement(name="merge/things", parameters={"batch": batch}, read=as_is)


def claim(namespace: str, ids: Sequence[str]) -> Statement[Row]:
    """Entities by id, merged ones too, locked."""
    batch = {"namespace": namespace, "ids": sorted(set(ids))}
    return Statement(name="merge/claim", parameters={"batch": batch}, read=as_is, writes=True)


def around(namespace: str, ids: Sequence[str]) -> Statement[Row]:
    """What hangs on entities."""
    return Statement(
        name="merge/around",
        parameters={"batch": {"namespace": namespace, "ids": list(ids)}},
        read=as_is,
        writes=True,
    )


def apply(
    namespace: str,
    change: Change,
    merge: Mapping[str, Any],
    vectors: Vectors,
    *,
    undo: bool,
    now: int,
) -> Statement[Row]:
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
    claimed = {
        row["id"]: row["properties"]
        for row in run(claim(namespace, [keep, *duplicates]))
        if not row["merged"]
    }
    if {keep, *duplicates} - claimed.keys():
        if done := run(read(namespace, merge_id)):  # by a try whose answer was lost
            return json.loads(done[0]["merge"]["counts"])  # type: ignore[no-any-return]
        raise NotFoundError("keep or duplicates: an entity was merged or deleted meanwhile")
    names = dict.fromkeys(duplicates, keep)
    found = run(around(namespace, [keep, *duplicates]))[0]
    before, after = _joined_relationships(found["relationships"], names)
    kept = _with_names(namespace, keep, claimed)
    change = Change(
        mentions=_joined_mentions(found["mentions"], names),
        relationships=written(after, (key for key in before if key not in after)),
        decisions=_joined_decisions(found["decisions"], names),
        changed=[{"id": keep, "properties": kept}],
        merged=[
            {"id": one, "label": label(claimed[one]["type"] or "concept")}
            for one in sorted(duplicates)
        ],
    )
    counts = _counted(found, names)
    snapshot = {
        "kept": claimed[keep],
        "kept_after": kept,
        "before": _listed(before),
        "after": _listed(after),
        "decisions": found["decisions"],
        "places": sorted({one["place"] for one in found["mentions"] if one["entity"] in names}),
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


def _counted(found: Row, names: Mapping[str, str]) -> dict[str, int]:
    return {
        "mentions": sum(one["entity"] in names for one in found["mentions"]),
        "relationships": sum(
            one["source"] in names or one["target"] in names for one in found["relationships"]
        ),
        "decisions": sum(one["entity"] in names for one in found["decisions"]),
    }


def _joined_decisions(found: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    """Decisions are about the kept entity instead."""
    old = [one for one in found if one["entity"] in names]
    gone = [{**one, "there": False} for one in old]
    return [
        *gone,
        *(
            {"entity": names[one["entity"]], "decision": one["decision"], "there": True}
            for one in old
        ),
    ]


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
        rows += [
            {"label": kind, "place": place, "entity": one["entity"], "properties": None}
            for one in old
        ]
        rows.append(
            {
                "label": kind,
                "place": place,
                "entity": keep,
                "properties": mentions.joined(keep, parts),
            }
        )
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


def written(there: Mapping[links.Key, links.Properties | None], gone: Any = ()) -> list[Row]:
    """Relationships as rows of `apply`, those that are gone too."""
    everything = {**dict.fromkeys(gone), **there}
    return [
        {
            "source": source,
            "type": kind,
            "target": target,
            "properties": None if one is None else dict(one),
        }
        for (source, kind, target), one in sorted(everything.items())
    ]


def _listed(known: Mapping[links.Key, links.Properties]) -> list[Any]:
    return [[list(key), dict(one)] for key, one in sorted(known.items())]


def _with_names(namespace: str, keep: str, claimed: Mapping[str, Row]) -> dict[str, Any]:
    """The kept entity's properties that change: it has the others' names, and stays, whatever mentions it."""
    own = claimed[keep]
    name = own["name"] or keep
    others = [
        word
        for one in claimed
        if one != keep
        for word in (claimed[one]["name"] or one, *(claimed[one]["aliases"] or ()))
    ]
    aliases = [
        one for one in dict.fromkeys([*(own["aliases"] or ()), *sorted(others)]) if one != name
    ]
    return {"aliases": aliases, "origin": "user", **words(namespace, keep, own, aliases)}


def words(namespace: str, entity_id: str, own: Row, aliases: Sequence[str]) -> dict[str, Any]:
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
