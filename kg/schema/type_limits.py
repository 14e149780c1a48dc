"""The relationship types and entity labels of a namespace, and the limits on them.

A server never forgets a type, and Neo4j has room for 65,536 relationship types in a database, so a
namespace may bring only so many. Its node `NamespaceVersion` lists all that it ever stored; the list
only grows. A transaction that stores a new type ends by adding it there, under the node's lock, and
is rolled back where the list would get too long. What is in the list already costs nothing: no
statement of such a write is different.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement
from mcp_context_persistence.kg.errors import DatabaseError, StaleStateError, ValidationError

T = TypeVar("T")

# What takes the place of a type for which there is no room. These do not count, and every store has them.
FALLBACK_TYPE, FALLBACK_ENTITY_TYPE, FALLBACK_LABEL = "RELATED_TO", "concept", "Concept"
_UNCOUNTED = frozenset({FALLBACK_TYPE, FALLBACK_LABEL})
_NO_LIMIT = 2**31
_FULL = "Neo.DatabaseError.Schema.TokenLimitReached"


@dataclass(frozen=True, kw_only=True)
class Types:
    """Relationship types and entity labels: those of a write, or all of a namespace."""

    relationship_types: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()

    def has(self, other: "Types") -> bool:
        """Return whether all of another set are among these."""
        return other.relationship_types <= self.relationship_types and other.labels <= self.labels


def types(relationship_types: Iterable[str] = (), labels: Iterable[str] = ()) -> Types:
    """Return those that count, each once."""
    return Types(
        relationship_types=frozenset(relationship_types) - _UNCOUNTED,
        labels=frozenset(labels) - _UNCOUNTED,
    )


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The types of a namespace when they were read, and how many more it may bring.

    Attributes:
        stored: The types that it has.
        free_relationship_types: How many new relationship types there is room for.
        free_labels: How many new labels there is room for.
        full_database: Of relationship types and of labels, whether it is the database that has no room.
    """

    stored: Types = Types()
    free_relationship_types: int = limits.RELATIONSHIP_TYPES
    free_labels: int = limits.ENTITY_TYPES
    full_database: tuple[bool, bool] = (False, False)

    def admit(self, relationship_types: Iterable[str], labels: Iterable[str]) -> Types:
        """Return which of these may be stored, the first ones first where there is not room for all."""
        return types(
            _admitted(
                relationship_types, self.stored.relationship_types, self.free_relationship_types
            ),
            _admitted(labels, self.stored.labels, self.free_labels),
        )


def _admitted(names: Iterable[str], stored: Collection[str], room: int) -> list[str]:
    names = [name for name in dict.fromkeys(names) if name not in _UNCOUNTED]
    new = [name for name in names if name not in stored]
    refused = set(new[room:])
    return [name for name in names if name not in refused]


def read(namespace: str) -> Statement[Snapshot]:
    """Read the types of a namespace, and how many the database has."""
    return Statement(name="namespace/types", parameters={"namespace": namespace}, read=_snapshot)


def _snapshot(row: Row) -> Snapshot:
    stored = types(row["relationship_types"], row["entity_labels"])
    full = (
        row["database_types"] >= limits.DATABASE_TYPES,
        row["database_labels"] >= limits.DATABASE_TYPES,
    )
    return Snapshot(
        stored=stored,
        free_relationship_types=0
        if full[0]
        else max(0, limits.RELATIONSHIP_TYPES - len(stored.relationship_types)),
        free_labels=0 if full[1] else max(0, limits.ENTITY_TYPES - len(stored.labels)),
        full_database=full,
    )


def register(namespace: str, used: Types, *, is_limited: bool = True) -> Statement[bool]:
    """Add types to the list of a namespace; the row says whether it got too long by that."""
    batch = {
        "namespace": namespace,
        "relationship_types": sorted(used.relationship_types),
        "entity_labels": sorted(used.labels),
        "most_relationship_types": limits.RELATIONSHIP_TYPES if is_limited else _NO_LIMIT,
        "most_entity_labels": limits.ENTITY_TYPES if is_limited else _NO_LIMIT,
    }
    return Statement(
        name="namespace/register_types",
        parameters={"batch": batch},
        read=lambda row: bool(row["is_too_long"]),
        writes=True,
    )


class TypeRegistry:
    """The types of one namespace as a client knows them. Safe to share between threads.

    What was read stays true, because a list only grows; it is read again for a type that it lacks.
    """

    def __init__(self, graph: Graph, namespace: str) -> None:
        """Look at nothing yet."""
        self._graph = graph
        self._namespace = namespace
        self._last: Snapshot | None = None
        self._is_database_full = False

    def snapshot(self) -> Snapshot:
        """Return what was read last."""
        return self._last or self._read()

    def admit(self, relationship_types: Iterable[str], labels: Iterable[str]) -> Types:
        """Return which of these a write may store, the first ones first where there is not room for all.

        Raises:
            DatabaseError: The database could not be asked.
        """
        relationship_types, labels = list(relationship_types), list(labels)
        if not relationship_types and not labels:
            return Types()
        return self._looked_up(types(relationship_types, labels)).admit(relationship_types, labels)

    def check(self, relationship_types: Iterable[str], labels: Iterable[str]) -> None:
        """Refuse types that a caller names where there is no room for them.

        Raises:
            ValidationError: There is not.
            DatabaseError: The database could not be asked.
        """
        wanted = types(relationship_types, labels)
        snapshot = self._looked_up(wanted)
        if snapshot.stored.has(wanted):
            return
        admitted = snapshot.admit(wanted.relationship_types, wanted.labels)
        of_relationships, of_labels = snapshot.full_database
        kinds = (
            (
                "relationship_type",
                "relationship types",
                limits.RELATIONSHIP_TYPES,
                wanted.relationship_types - admitted.relationship_types,
                of_relationships,
            ),
            (
                "type",
                "types of entities",
                limits.ENTITY_TYPES,
                wanted.labels - admitted.labels,
                of_labels,
            ),
        )
        for field, kind, most, refused, is_database_full in kinds:
            if refused and is_database_full:
                raise ValidationError(
                    f"{field}: the database takes no further {kind}; use one that the namespace has"
                )
            if refused:
                raise ValidationError(
                    f"{field}: a namespace has at most {most} {kind}, and this one would have more; use one of them"
                )

    def register(self, run: Run, used: Types) -> None:
        """End a transaction that stored these types: add those that are new to the list.

        Raises:
            Moved: Others took the last places meanwhile. It rolls the transaction back; who looks again knows that there is no room.
        """
        if not self._has(used) and run(register(self._namespace, used))[0]:
            self._last = None
            raise StaleStateError(
                "other types were stored in the namespace, up to its limit, meanwhile; call again",
                retryable=True,
            )

    def run(
        self, statement: Statement[T], used: Types, *, deadline: float | None = None
    ) -> list[T]:
        """Run a statement that stores these types; one that returns no row stored nothing."""
        if self._has(used):
            return self._graph.run(statement, deadline=deadline)

        def work(run: Run) -> list[T]:
            rows: list[T] = run(statement)
            if rows:
                self.register(run, used)
            return rows

        return self.transact(work, name=statement.name, deadline=deadline)

    def transact(self, work: Callable[[Run], T], *, name: str, deadline: float | None = None) -> T:
        """Run a transaction that may store new types; `work` ends with `register`.

        Raises:
            Moved: There was no room for them. Who looks again knows that.
        """
        try:
            return self._graph.transact(work, name=name, deadline=deadline)
        except DatabaseError as error:
            if self._is_database_full or getattr(error.__cause__, "code", None) != _FULL:
                raise
            self._is_database_full = True
            self._last = None
            raise StaleStateError(
                "the database takes no further types; call again", retryable=True
            ) from error

    def _has(self, used: Types) -> bool:
        """Return whether all of these are known to be in the list already."""
        last = (
            self._last
        )  # not read here: `register` runs inside a transaction, which has a connection already
        return used == Types() or (last is not None and last.stored.has(used))

    def _looked_up(self, wanted: Types) -> Snapshot:
        """Return what was read, read again where it lacks a type and others may have added it."""
        last = self._last
        if last is None:
            return self._read()
        may_have_come = (
            last.free_relationship_types
            and wanted.relationship_types - last.stored.relationship_types
        ) or (last.free_labels and wanted.labels - last.stored.labels)
        return self._read() if may_have_come else last

    def _read(self) -> Snapshot:
        (snapshot,) = self._graph.run(read(self._namespace))
        if self._is_database_full:
            snapshot = replace(
                snapshot, free_relationship_types=0, full_database=(True, snapshot.full_database[1])
            )
        self._last = snapshot
        return snapshot
