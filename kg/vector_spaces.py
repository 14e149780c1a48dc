"""Where a namespace's vectors are: those of each model in a property and an index of their own, so that two models are never mixed.

The node `NamespaceVersion` says which model a namespace uses, and where the vectors of another one are that is on its way in or was used
before. Its `vectors_revision` grows with each change of that. Every statement that writes vectors ends by locking the node and comparing
the revision; a search brings it back with its answer. Whoever knew another one reads again and repeats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is

PROPERTY, INDEX = (
    "embedding",
    "memory_vectors",
)  # of the vectors that have the size for which the database was made
NOWHERE = "embedding_none"  # no node has it
LABELS = ("Message", "Chunk", "Entity", "Decision")

Progress = Literal["clearing", "dropped", "filling", "stopped", "previous"]


@dataclass(frozen=True, kw_only=True)
class Space:
    """The place of one model's vectors.

    Attributes:
        model: Name of the model.
        size: Numbers per vector.
        vectors: The property in which nodes have them.
    """

    model: str
    size: int
    vectors: str

    @property
    def index(self) -> str:
        """The name of the index over them; servers without Cypher 25 have one for each label, whose names begin like that."""
        return f"{INDEX}{self.vectors.removeprefix(PROPERTY)}"


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """What a namespace says of its vectors.

    Attributes:
        space: Those in use.
        revision: Grows with each change.
        other: Those that are on their way in, or were used before.
        progress: How far `other` is: `clearing` (what the property held before is being removed), `filling`, `dropped` or `stopped` (the
            same, but nobody goes on with it), or `previous`.
        merges: How often entities of the namespace were merged, or that undone.
        ids: Entities that a write names; nothing is written where one of them is merged by then.
        followed: Which merged entities a write took for which others; nothing is written where that is not so any more.
    """

    space: Space
    revision: int = 1
    other: Space | None = None
    progress: Progress | None = None
    merges: int = 0
    ids: tuple[str, ...] = ()
    followed: tuple[tuple[str, str], ...] = ()

    def writing(self) -> dict[str, Any]:
        """What a statement that writes vectors must know."""
        return {
            "model": self.space.model,
            "size": self.space.size,
            "vectors": self.space.vectors,
            "other": self.other.vectors if self.other else NOWHERE,
            "revision": self.revision,
            "merges": self.merges,
            "ids": list(self.ids),
            "followed": [{"id": one, "into": into} for one, into in self.followed],
        }

    def still(self, seen: Row) -> bool:
        """Whether a search saw the state that the caller knew: a row with `revision` and `model`, null where there are no vectors."""
        return seen["revision"] is None or (
            seen["revision"] == self.revision and seen["model"] == self.space.model
        )


def first(size: int, database_size: int) -> str:
    """The property for vectors in a namespace that has none yet."""
    return PROPERTY if size == database_size else f"{PROPERTY}_{size}_a"


def beside(used: Space, size: int, database_size: int) -> str:
    """The property for vectors of another model, beside those in use."""
    places = [first(size, database_size), f"{PROPERTY}_{size}_a", f"{PROPERTY}_{size}_b"]
    return next(place for place in places if place != used.vectors)


def read(namespace: str) -> Statement[Vectors]:
    """What a namespace says of its vectors; no row where it has none."""
    return Statement(name="vectors/read", parameters={"namespace": namespace}, read=_vectors)


def _vectors(row: Row) -> Vectors:
    used, other = row["used"], row["other"]
    return Vectors(
        space=Space(**used),
        revision=row["revision"],
        other=Space(**other) if other["model"] else None,
        progress=row["progress"],
        merges=row["merges"],
    )


def begin(
    namespace: str, known: Vectors, other: Space, progress: Progress, *, now: int
) -> Statement[int]:
    """Say what is beside the vectors in use, and how far it is. Returns the new revision; no row where `known` is not the state any more."""
    batch = {
        "namespace": namespace,
        "revision": known.revision,
        "other": {"model": other.model, "size": other.size, "vectors": other.vectors},
        "progress": progress,
        "now": now,
    }
    return Statement(
        name="vectors/begin",
        parameters={"batch": batch},
        read=lambda row: int(row["revision"]),
        writes=True,
    )


def clear(namespace: str, known: Vectors, vectors: str, *, limit: int, now: int) -> Statement[int]:
    """Remove some vectors of a property that is not in use, and tell how many; no row where `known` is not the state any more."""
    batch = {
        "namespace": namespace,
        "vectors": vectors,
        "revision": known.revision,
        "limit": limit,
        "now": now,
    }
    return Statement(
        name="vectors/clear",
        parameters={"batch": batch},
        read=lambda row: int(row["cleared"]),
        writes=True,
    )


def missing(
    namespace: str, known: Vectors, label: str, *, after: str, limit: int
) -> Statement[Row]:
    """Nodes that have a vector in use and none in `other`, by id."""
    batch = {
        "namespace": namespace,
        "label": label,
        "after": after,
        "limit": limit,
        "used": known.space.vectors,
        "other": _other(known).vectors,
    }
    return Statement(name="vectors/missing", parameters={"batch": batch}, read=as_is)


def fill(
    namespace: str, known: Vectors, rows: Sequence[Mapping[str, Any]], *, now: int
) -> Statement[int]:
    """Give nodes their vectors in `other`, unless their text has changed since it was read."""
    batch = {
        "namespace": namespace,
        "rows": list(rows),
        "used": known.space.vectors,
        "other": _other(known).vectors,
        "revision": known.revision,
        "now": now,
    }
    return Statement(
        name="vectors/fill",
        parameters={"batch": batch},
        read=lambda row: int(row["filled"]),
        writes=True,
    )


def lock(namespace: str, known: Vectors, *, now: int) -> Statement[Row]:
    """Keep everybody else from ending a write until the transaction ends; no row where `known` is not the state any more."""
    batch = {"namespace": namespace, "revision": known.revision, "now": now}
    return Statement(name="vectors/lock", parameters={"batch": batch}, read=as_is, writes=True)


def switch(namespace: str, known: Vectors) -> Statement[int]:
    """Have `other` in use from now on, and what is in use beside it. Returns the new revision."""
    batch = {"namespace": namespace, "revision": known.revision}
    return Statement(
        name="vectors/switch",
        parameters={"batch": batch},
        read=lambda row: int(row["revision"]),
        writes=True,
    )


def count(namespace: str, known: Vectors) -> Statement[Row]:
    """How many nodes have a vector in use, and how many of them one in `other`."""
    other = known.other.vectors if known.other else NOWHERE
    batch = {"namespace": namespace, "used": known.space.vectors, "other": other}
    return Statement(name="vectors/count", parameters={"batch": batch}, read=as_is)


def _other(known: Vectors) -> Space:
    assert known.other is not None  # noqa: S101 - a migration always has one
    return known.other
