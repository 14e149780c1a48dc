"""The vector spaces of a namespace: the vectors of one model never mix with those of another one.

Each model's vectors have a property and an index of their own. The node `NamespaceVersion` says
which model a namespace uses, the *active* vectors, and where those of another model are, the
*inactive* ones, which are being computed or were used before. Its `vectors_revision` grows with
each change of that. Every statement that writes vectors ends with a guard that locks the node and
compares the revision, see `cypher/README.md`; a search returns the revision with its rows. A caller
that knew another revision reads the state again and repeats.

Functions that return a `Statement` only build it; the caller runs it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is

# Of the vectors that have the size for which the database was created.
PROPERTY, INDEX = "embedding", "memory_vectors"
NO_PROPERTY = "embedding_none"  # a property that no node has
LABELS = ("Message", "Chunk", "Entity", "Decision", "Instruction")

MigrationPhase = Literal["clearing", "dropped", "filling", "stopped", "previous"]


@dataclass(frozen=True, kw_only=True)
class VectorSpace:
    """Where the vectors of one model are.

    Attributes:
        model: Name of the model.
        size: Numbers per vector.
        property_name: The property of nodes that holds them.
    """

    model: str
    size: int
    property_name: str

    @property
    def index(self) -> str:
        """Name of the index over them, or the beginning of the names.

        Servers without Cypher 25 have an index for each label.
        """
        return f"{INDEX}{self.property_name.removeprefix(PROPERTY)}"


@dataclass(frozen=True, kw_only=True)
class VectorState:
    """The vector spaces of a namespace, as they were read.

    Attributes:
        active: The vectors in use.
        revision: Grows with each change.
        inactive: Vectors that are being computed, or were used before.
        progress: How far `inactive` is: `clearing` (what the property held before is being
            removed), `filling`, `dropped` or `stopped` (the same, but nobody goes on with it), or
            `previous`.
        merges: How often entities of the namespace were merged, or that was undone.
    """

    active: VectorSpace
    revision: int = 1
    inactive: VectorSpace | None = None
    progress: MigrationPhase | None = None
    merges: int = 0

    def guard(self) -> "WriteGuard":
        """Return the guard of a write that only takes the vector spaces for granted."""
        return WriteGuard(vector_state=self, merges=self.merges)

    def is_current(self, row: Row) -> bool:
        """Return whether a search saw this state.

        Args:
            row: Has `revision` and `model`, null where the namespace has no vectors.
        """
        return row["revision"] is None or (
            row["revision"] == self.revision and row["model"] == self.active.model
        )


@dataclass(frozen=True, kw_only=True)
class WriteGuard:
    """What a write takes for granted; nothing is written where it is outdated.

    Attributes:
        vector_state: The vector spaces.
        merges: How often entities of the namespace were merged, or that was undone.
        ids: Entities that the write names; none of them may be merged by then.
        followed: Which merged entities the write replaced by which others.
        spellings: The names of new entities; no other spelling of one of them may be stored by
            then.
    """

    vector_state: VectorState
    merges: int
    ids: tuple[str, ...] = ()
    followed: tuple[tuple[str, str], ...] = ()
    spellings: tuple[Mapping[str, Any], ...] = ()

    def parameters(self) -> dict[str, Any]:
        """Return the parameter `expected_state`, which the guards of statements compare."""
        active, inactive = self.vector_state.active, self.vector_state.inactive
        return {
            "model": active.model,
            "size": active.size,
            "vector_property": active.property_name,
            "inactive_property": inactive.property_name if inactive else NO_PROPERTY,
            "revision": self.vector_state.revision,
            "merges": self.merges,
            "ids": list(self.ids),
            "followed": [{"id": merged, "into": target} for merged, target in self.followed],
            "spellings": list(self.spellings),
        }


def choose_first_property(size: int, first_index_dimension: int) -> str:
    """Return the property for vectors in a namespace that has none yet."""
    return PROPERTY if size == first_index_dimension else f"{PROPERTY}_{size}_a"


def choose_inactive_property(active: VectorSpace, size: int, first_index_dimension: int) -> str:
    """Return a property for another model's vectors, which the active ones do not use."""
    names = [
        choose_first_property(size, first_index_dimension),
        f"{PROPERTY}_{size}_a",
        f"{PROPERTY}_{size}_b",
    ]
    return next(name for name in names if name != active.property_name)


def read_state(namespace: str) -> Statement[VectorState]:
    """Read the vector spaces of a namespace; no row where it has no vectors."""
    return Statement(
        name="vectors/read",
        parameters={"namespace": namespace},
        read=_read_vector_state,
        locks=True,
    )


def _read_vector_state(row: Row) -> VectorState:
    active, inactive = row["active"], row["inactive"]
    return VectorState(
        active=_read_space(active),
        revision=row["revision"],
        inactive=_read_space(inactive) if inactive["model"] else None,
        progress=row["progress"],
        merges=row["merges"],
    )


def _read_space(row: Row) -> VectorSpace:
    return VectorSpace(model=row["model"], size=row["size"], property_name=row["vector_property"])


def begin_migration(
    namespace: str, state: VectorState, inactive: VectorSpace, progress: MigrationPhase, *, now: int
) -> Statement[int]:
    """Note other vectors in a namespace and how far they are; return the new revision.

    There is no row where `state` is outdated.
    """
    batch = {
        "namespace": namespace,
        "revision": state.revision,
        "inactive": {
            "model": inactive.model,
            "size": inactive.size,
            "vector_property": inactive.property_name,
        },
        "progress": progress,
        "now": now,
    }
    return Statement(
        name="vectors/begin",
        parameters={"batch": batch},
        read=lambda row: int(row["revision"]),
        writes=True,
    )


def clear_vectors(
    namespace: str, state: VectorState, property_name: str, *, limit: int, now: int
) -> Statement[int]:
    """Remove some vectors of a property that is not in use; return how many.

    There is no row where `state` is outdated.
    """
    batch = {
        "namespace": namespace,
        "vector_property": property_name,
        "revision": state.revision,
        "limit": limit,
        "now": now,
    }
    return Statement(
        name="vectors/clear",
        parameters={"batch": batch},
        read=lambda row: int(row["cleared"]),
        writes=True,
    )


def find_missing_vectors(
    namespace: str, state: VectorState, label: str, *, after: str, limit: int
) -> Statement[Row]:
    """List nodes that have an active vector and no inactive one, by id."""
    batch = {
        "namespace": namespace,
        "label": label,
        "after": after,
        "limit": limit,
        "active": state.active.property_name,
        "inactive": _require_inactive(state).property_name,
    }
    return Statement(name="vectors/find_missing", parameters={"batch": batch}, read=as_is)


def fill_vectors(
    namespace: str, state: VectorState, rows: Sequence[Mapping[str, Any]], *, now: int
) -> Statement[int]:
    """Write inactive vectors to nodes whose text has not changed since it was read."""
    batch = {
        "namespace": namespace,
        "rows": list(rows),
        "active": state.active.property_name,
        "inactive": _require_inactive(state).property_name,
        "revision": state.revision,
        "now": now,
    }
    return Statement(
        name="vectors/fill",
        parameters={"batch": batch},
        read=lambda row: int(row["filled"]),
        writes=True,
    )


def lock_writes(namespace: str, state: VectorState, *, now: int) -> Statement[Row]:
    """Keep all other writes from ending until the transaction ends.

    There is no row where `state` is outdated.
    """
    batch = {"namespace": namespace, "revision": state.revision, "now": now}
    return Statement(name="vectors/lock", parameters={"batch": batch}, read=as_is, writes=True)


def switch_vectors(namespace: str, state: VectorState) -> Statement[int]:
    """Exchange active and inactive vectors; return the new revision."""
    batch = {"namespace": namespace, "revision": state.revision}
    return Statement(
        name="vectors/switch",
        parameters={"batch": batch},
        read=lambda row: int(row["revision"]),
        writes=True,
    )


def count_vectors(namespace: str, state: VectorState) -> Statement[Row]:
    """Count the nodes with an active vector, and those that also have an inactive one."""
    batch = {
        "namespace": namespace,
        "active": state.active.property_name,
        "inactive": state.inactive.property_name if state.inactive else NO_PROPERTY,
    }
    return Statement(name="vectors/count", parameters={"batch": batch}, read=as_is)


def _require_inactive(state: VectorState) -> VectorSpace:
    assert state.inactive is not None  # noqa: S101 - a migration always has one
    return state.inactive
