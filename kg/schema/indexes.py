"""Give a database the indexes and constraints that it must have, whatever state it was left in.

A server that is killed while it makes a uniqueness constraint leaves the constraint's index behind, without the constraint; one that is
killed while it fills an index may leave a failed one. So nothing is assumed: what exists is compared with what is wanted, and what
differs is made, or dropped and made again, until nothing differs. Only indexes whose names are ours are dropped.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.5
TRIES = 10  # of one index, that other openers interfere with or that fails when it is filled
# Another opener makes or drops the same index at the same time; what there is then must be read again.
INTERFERENCE = frozenset(
    {
        "Neo.ClientError.Schema.ConstraintAlreadyExists",
        "Neo.ClientError.Schema.ConstraintWithNameAlreadyExists",
        "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists",
        "Neo.ClientError.Schema.IndexAlreadyExists",
        "Neo.ClientError.Schema.IndexWithNameAlreadyExists",
        "Neo.ClientError.Schema.ConstraintNotFound",
        "Neo.ClientError.Schema.IndexNotFound",
        "Neo.ClientError.Schema.ForbiddenOnConstraintIndex",
        "Neo.DatabaseError.Schema.ConstraintDropFailed",
        "Neo.DatabaseError.Schema.IndexDropFailed",
    }
)
CREATION_FAILED = "Neo.DatabaseError.Schema.ConstraintCreationFailed"
NOT_UNIQUE = frozenset({"22N79", "22N80"})  # GQL status of the cause
FORBIDDEN = "Neo.ClientError.Security.Forbidden"

Verdict = Literal["ready", "building", "missing", "broken"]


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index that a database must have, alone or as that of a uniqueness constraint.

    Attributes:
        name: Of the index, and of its constraint.
        create: The statement that makes it, below `cypher/`.
        type: `RANGE`, `FULLTEXT` or `VECTOR`.
        labels: Of the nodes in it.
        properties: Of the nodes in it, in the order of its keys.
        unique: Whether a constraint must own it.
        config: Options that it must have; others may be as they are.
        parameters: Of the statement.
        names: Of the statement, see `Statement`.
    """

    name: str
    create: str
    type: Literal["RANGE", "FULLTEXT", "VECTOR"] = "RANGE"
    labels: tuple[str, ...]
    properties: tuple[str, ...]
    unique: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def verdict(self, existing: Mapping[str, Row]) -> Verdict:
        """Judge what a database has of this index.

        Args:
            existing: Its indexes by name.

        Returns:
            `broken` where it must be dropped before it can be made.
        """
        row = existing.get(self.name) or self._substitute(existing)
        if row is None:
            return "missing"
        if not self._has_shape(row) or row["state"] == "FAILED":
            return "broken"
        if self.unique and row["constraint"] is None:
            # Another opener's constraint has its index first, as long as it is filled: that one is waited for.
            return "building" if row["state"] == "POPULATING" and row["percent"] < 100 else "broken"
        return "ready" if row["state"] == "ONLINE" else "building"

    def _substitute(self, existing: Mapping[str, Row]) -> Row | None:
        """Find somebody else's index that is just as good: searches name those of text and of vectors, and no others."""
        if self.type != "RANGE":
            return None
        rows = (
            row for row in existing.values() if self._has_shape(row) and row["state"] != "FAILED"
        )
        return next((row for row in rows if row["constraint"] is not None or not self.unique), None)

    def _has_shape(self, row: Row) -> bool:
        if row["type"] != self.type or (row["constraint"] is not None and not self.unique):
            return False
        labels, properties = tuple(row["labels"] or ()), tuple(row["properties"] or ())
        if set(labels) != set(self.labels) or properties != self.properties:
            return False
        config = row["config"] or {}
        return all(
            str(config.get(key)).lower() == str(value).lower() for key, value in self.config.items()
        )


def read(graph: Graph) -> dict[str, Row]:
    """Read the indexes of a database, by name."""
    return {row["name"]: row for row in graph.run(Statement(name="schema/indexes", read=as_is))}


def reconcile(
    graph: Graph, wanted: Sequence[Index], *, end: float, ours: bool = True
) -> dict[str, Row]:
    """Make the wanted indexes and constraints where they are missing or broken, and wait until all are ready.

    Several openers may do this at once: the server lets one of them change an index at a time, and the others see what it did.

    Args:
        graph: The database.
        wanted: The indexes.
        end: When to give up, on the monotonic clock.
        ours: Whether a constraint of another shape that has the name of a wanted one may be dropped.

    Returns:
        The indexes of the database by name, as they were when all of the wanted ones were ready.

    Raises:
        DatabaseError: They are not ready by then, or cannot be made; the text says why.
    """
    return _Reconciliation(graph, wanted, end=end, ours=ours).run()


class _Reconciliation:
    def __init__(self, graph: Graph, wanted: Sequence[Index], *, end: float, ours: bool) -> None:
        self._graph, self._wanted, self._end, self._ours = graph, wanted, end, ours
        self._seconds = end - time.monotonic()
        self._unfinished: list[str] = []
        self._changes: Counter[str] = Counter()  # how often each was made

    def run(self) -> dict[str, Row]:
        pause = FIRST_PAUSE_SECONDS
        while True:
            existing = self._read()
            verdicts = {index.name: index.verdict(existing) for index in self._wanted}
            self._unfinished = sorted(
                name for name, verdict in verdicts.items() if verdict != "ready"
            )
            if not self._unfinished:
                return existing
            if self._left <= 0:
                raise self._late()
            changed = False
            for index in self._wanted:
                if verdicts[index.name] in {"missing", "broken"}:
                    changed |= self._make(index, existing.get(index.name))
            if not changed:
                time.sleep(max(0.0, min(pause, self._left)))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    @property
    def _left(self) -> float:
        return self._end - time.monotonic()

    def _read(self) -> dict[str, Row]:
        try:
            with self._graph.call(max(FIRST_PAUSE_SECONDS, self._left)):
                return read(self._graph)
        except DatabaseError as error:
            if self._left <= 0 and self._unfinished:
                raise self._late() from error
            raise

    def _make(self, index: Index, row: Row | None) -> bool:
        """Make one index, after what has its name was dropped; returns False where another opener interfered."""
        if self._changes[index.name] == TRIES:
            text = f"the index {index.name} was made {TRIES} times and is still not there; see the server's log, and try again"
            raise DatabaseError(text, retryable=True)
        self._changes[index.name] += 1
        try:
            if row is not None:
                self._change(self._drop(index, row))
            self._change(
                Statement(
                    name=index.create,
                    parameters=index.parameters,
                    read=as_is,
                    writes=True,
                    names=index.names,
                )
            )
        except DatabaseError as error:
            if _code(error) in INTERFERENCE and self._changes[index.name] < TRIES:
                return False
            raise self._explained(error, index) from error
        return True

    def _drop(self, index: Index, row: Row) -> Statement[Row]:
        if row["constraint"] is None:
            return Statement(
                name="schema/drop_index", read=as_is, writes=True, names={"memory_text": index.name}
            )
        if not self._ours:
            text = f"another application's constraint has the name {index.name}: use a database of its own, or drop the constraint"
            raise DatabaseError(text)
        return Statement(
            name="schema/drop_constraint",
            read=as_is,
            writes=True,
            names={"entity_id": row["constraint"]},
        )

    def _change(self, statement: Statement[Row]) -> None:
        if self._left <= 0:
            raise DatabaseError("no time is left", retryable=True)
        self._graph.run(statement, deadline=self._left)

    def _explained(self, error: DatabaseError, index: Index) -> DatabaseError:
        code = _code(error)
        if code == CREATION_FAILED and _is_not_unique(error):
            keys = " and ".join(index.properties)
            return DatabaseError(
                f"the constraint {index.name} is missing and cannot be made: several {index.labels[0]} nodes have the same {keys}; "
                "nothing is written before all but one of them are removed"
            )
        if code == FORBIDDEN:
            names = ", ".join(self._unfinished)
            return DatabaseError(
                f"these indexes are missing, and this user may not make them: {names}; open it once as one who may"
            )
        if code in INTERFERENCE:
            return DatabaseError(
                f"something else has the name or the place of the index {index.name}: drop that; {error}"
            )
        return self._late() if self._left <= 0 else error

    def _late(self) -> DatabaseError:
        names = ", ".join(self._unfinished)
        text = f"these indexes are still being built after {self._seconds:.0f} s: {names}; try again later"
        return DatabaseError(text, retryable=True)


def _code(error: DatabaseError) -> str:
    """The server's code for an error, empty where the server did not speak."""
    return str(getattr(error.__cause__, "code", None) or "")


def _is_not_unique(error: DatabaseError) -> bool:
    cause = error.__cause__.__cause__ if error.__cause__ else None
    return getattr(cause, "gql_status", "") in NOT_UNIQUE
