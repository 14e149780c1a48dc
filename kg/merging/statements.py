"""Build statements that read, write and list merges; nothing is run here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is, complete
from mcp_context_persistence.kg.vector_spaces import WriteGuard

MAX_RELATED = 1_000  # conversations and documents, and neighbors, by which an entity is compared


@dataclass(kw_only=True)
class MergeRows:
    """The rows that a merge or an unmerge writes, by the names of the parameters of `merge/apply`.

    Attributes:
        restored: Merged entities that become entities again: `id`, `label` and `vector`.
        mentions: Mentions to write, or to delete if `properties` is None.
        relationships: Relationships to write, or to delete if `properties` is None.
        decisions: Decisions to link to an entity, or to unlink if `is_linked` is False.
        changed: Entities with new properties.
        merged: Entities that become merged entities: `id` and `label`.
    """

    restored: list[Row] = field(default_factory=list)
    mentions: list[Row] = field(default_factory=list)
    relationships: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    merged: list[Row] = field(default_factory=list)


def read_merge(namespace: str, merge_id: str) -> Statement[Row]:
    """Read a merge with its snapshot, to undo it."""
    return Statement(
        name="merge/read",
        parameters={"batch": {"namespace": namespace, "id": merge_id}},
        read=complete("merge"),
    )


def read_later_merges(namespace: str, ids: Sequence[str]) -> Statement[Row]:
    """Find the merges that must be undone before each of these."""
    batch = {"namespace": namespace, "ids": list(ids), "limit": limits.LISTED_MERGES}
    return Statement(name="merge/later", parameters={"batch": batch}, read=as_is)


def list_merges(namespace: str, *, before: str | None, limit: int) -> Statement[Row]:
    """List merges, the latest first; with `before` only those that are older than it."""
    batch = {"namespace": namespace, "before": before, "limit": limit}
    return Statement(name="merge/list", parameters={"batch": batch}, read=as_is)


def read_profiles(
    namespace: str, *, types: Sequence[str] | None, limit: int, vector_property: str
) -> Statement[Row]:
    """Read entities with the features by which they are compared, those with most mentions first.

    Args:
        namespace: Name of the namespace.
        types: Types in lower case; None for all types.
        limit: The largest number of entities.
        vector_property: The property that holds the vectors in use.
    """
    batch = {
        "namespace": namespace,
        "types": types,
        "limit": limit,
        "max_related": MAX_RELATED,
        "vector_property": vector_property,
    }
    return Statement(name="merge/profiles", parameters={"batch": batch}, read=as_is)


def claim_entities(namespace: str, ids: Sequence[str]) -> Statement[Row]:
    """Lock entities by id, merged ones too, and read them."""
    batch = {"namespace": namespace, "ids": sorted(set(ids))}
    return Statement(
        name="merge/claim", parameters={"batch": batch}, read=complete("properties"), writes=True
    )


def read_references(namespace: str, ids: Sequence[str]) -> Statement[Row]:
    """Read the mentions, relationships and decisions of entities.

    It belongs to the write transaction of a merge, and counts as a write there.
    """
    return Statement(
        name="merge/references",
        parameters={"batch": {"namespace": namespace, "ids": list(ids)}},
        read=as_is,
        writes=True,
    )


def apply(
    namespace: str,
    rows: MergeRows,
    merge: Mapping[str, Any],
    guard: WriteGuard,
    *,
    undo: bool,
    now: int,
) -> Statement[Row]:
    """Write the rows of a merge or an unmerge, and the properties of its `Merge` node."""
    batch = {
        "namespace": namespace,
        "now": now,
        **{name: list(getattr(rows, name)) for name in MergeRows.__dataclass_fields__},
        "merge": dict(merge),
        "undo": undo,
        "expected_state": guard.parameters(),
    }
    return Statement(name="merge/apply", parameters={"batch": batch}, read=as_is, writes=True)
