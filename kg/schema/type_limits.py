"""The relationship types and entity labels of a namespace, and the limits on them.

A server never forgets a type, and a database has room for 65,536 relationship types, so a namespace
may bring a limited number. Its node `NamespaceVersion` lists all that it ever stored; the list only
grows. A transaction that stores a new type ends by adding it there, under the node's lock, and is
rolled back where the list would get too long. A write of listed types costs nothing more.

Functions that return a `Statement` only build it; the caller runs it.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement
from mcp_context_persistence.kg.errors import DatabaseError, StaleStateError, ValidationError

T = TypeVar("T")

# Stored instead of a type for which there is no room. They do not count, and every store has them.
FALLBACK_TYPE, FALLBACK_ENTITY_TYPE, FALLBACK_LABEL = "RELATED_TO", "concept", "Concept"
_UNCOUNTED = frozenset({FALLBACK_TYPE, FALLBACK_LABEL})
_NO_LIMIT = 2**31
_FULL = "Neo.DatabaseError.Schema.TokenLimitReached"


@dataclass(frozen=True, kw_only=True)
class Types:
    """Relationship types and entity labels: those of a write, or all of a namespace."""

    relationship_types: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()

    def includes(self, types: "Types") -> bool:
        """Return whether all of these types are among them."""
        return types.relationship_types <= self.relationship_types and types.labels <= self.labels


def collect_types(relationship_types: Iterable[str] = (), labels: Iterable[str] = ()) -> Types:
    """Return the types that count, each once."""
    return Types(
        relationship_types=frozenset(relationship_types) - _UNCOUNTED,
        labels=frozenset(labels) - _UNCOUNTED,
    )


@dataclass(frozen=True, kw_only=True)
class TypeSnapshot:
    """The types of a namespace when they were read, and how many more it may bring.

    Attributes:
        stored: The types that it has.
        free_relationship_types: How many new relationship types there is room for.
        free_labels: How many new labels there is room for.
        is_database_full: For relationship types and for labels, whether the database has no room.
    """

    stored: Types = Types()
    free_relationship_types: int = limits.RELATIONSHIP_TYPES
    free_labels: int = limits.ENTITY_TYPES
    is_database_full: tuple[bool, bool] = (False, False)

    def select_allowed(self, relationship_types: Iterable[str], labels: Iterable[str]) -> Types:
        """Return the types that may be stored; if there is no room for all, the first ones."""
        return collect_types(
            _select_names(
                relationship_types, self.stored.relationship_types, self.free_relationship_types
            ),
            _select_names(labels, self.stored.labels, self.free_labels),
        )


def _select_names(names: Iterable[str], stored: Collection[str], room: int) -> list[str]:
    names = [name for name in dict.fromkeys(names) if name not in _UNCOUNTED]
    new = [name for name in names if name not in stored]
    refused = set(new[room:])
    return [name for name in names if name not in refused]


def read_types(namespace: str) -> Statement[TypeSnapshot]:
    """Read the types of a namespace, and how many the database has."""
    return Statement(
        name="namespace/types", parameters={"namespace": namespace}, read=_read_snapshot
    )


def _read_snapshot(row: Row) -> TypeSnapshot:
    stored = collect_types(row["relationship_types"], row["entity_labels"])
    is_full = (
        row["database_types"] >= limits.DATABASE_TYPES,
        row["database_labels"] >= limits.DATABASE_TYPES,
    )
    return TypeSnapshot(
        stored=stored,
        free_relationship_types=0
        if is_full[0]
        else max(0, limits.RELATIONSHIP_TYPES - len(stored.relationship_types)),
        free_labels=0 if is_full[1] else max(0, limits.ENTITY_TYPES - len(stored.labels)),
        is_database_full=is_full,
    )


def register_types(namespace: str, used: Types, *, is_limited: bool = True) -> Statement[bool]:
    """Add types to the list of a namespace; the row says whether the list is now too long."""
    batch = {
        "namespace": namespace,
        "relationship_types": sorted(used.relationship_types),
        "entity_labels": sorted(used.labels),
        "max_relationship_types": limits.RELATIONSHIP_TYPES if is_limited else _NO_LIMIT,
        "max_entity_labels": limits.ENTITY_TYPES if is_limited else _NO_LIMIT,
    }
    return Statement(
        name="namespace/register_types",
        parameters={"batch": batch},
        read=lambda row: bool(row["is_too_long"]),
        writes=True,
    )


class TypeRegistry:
    """The types of one namespace as a client has read them. Safe to share between threads.

    A list only grows, so what was read stays true; it is read again for a type that it lacks.
    """

    def __init__(self, graph: Graph, namespace: str) -> None:
        """Create it; the first use reads the types."""
        self._graph = graph
        self._namespace = namespace
        self._last: TypeSnapshot | None = None
        self._is_database_full = False

    def snapshot(self) -> TypeSnapshot:
        """Return the types as they were read last."""
        return self._last or self._read()

    def select_allowed(self, relationship_types: Iterable[str], labels: Iterable[str]) -> Types:
        """Return the types that a write may store; if there is no room for all, the first ones.

        Raises:
            DatabaseError: The database could not be asked.
        """
        relationship_types, labels = list(relationship_types), list(labels)
        if not relationship_types and not labels:
            return Types()
        snapshot = self._read_for(collect_types(relationship_types, labels))
        return snapshot.select_allowed(relationship_types, labels)

    def check(self, relationship_types: Iterable[str], labels: Iterable[str]) -> None:
        """Refuse types that a caller names where there is no room for them.

        Raises:
            ValidationError: There is no room for them.
            DatabaseError: The database could not be asked.
        """
        requested = collect_types(relationship_types, labels)
        snapshot = self._read_for(requested)
        if snapshot.stored.includes(requested):
            return
        allowed = snapshot.select_allowed(requested.relationship_types, requested.labels)
        is_full_of_relationships, is_full_of_labels = snapshot.is_database_full
        kinds = (
            (
                "relationship_type",
                "relationship types",
                limits.RELATIONSHIP_TYPES,
                requested.relationship_types - allowed.relationship_types,
                is_full_of_relationships,
            ),
            (
                "type",
                "types of entities",
                limits.ENTITY_TYPES,
                requested.labels - allowed.labels,
                is_full_of_labels,
            ),
        )
        for field, kind, limit, refused, is_database_full in kinds:
            if refused and is_database_full:
                raise ValidationError(
                    f"{field}: the database has no room for further {kind}; "
                    "use a type that this namespace already has"
                )
            if refused:
                raise ValidationError(
                    f"{field}: a namespace has at most {limit} {kind}, and this call would add "
                    "more; use a type that the namespace already has"
                )

    def register(self, run: Run, used: Types) -> None:
        """End a transaction that stored these types: add those that are new to the list.

        Raises:
            StaleStateError: Other clients stored the last types for which there was room. The error
                rolls the transaction back; the list is read again.
        """
        if not self._has_stored(used) and run(register_types(self._namespace, used))[0]:
            self._last = None
            raise StaleStateError(
                "other clients stored types in the namespace up to its limit; call again",
                retryable=True,
            )

    def run(self, statement: Statement[T], used: Types) -> list[T]:
        """Run a statement that stores these types; one that returns no row stored nothing."""
        if self._has_stored(used):
            return self._graph.run(statement)

        def work(run: Run) -> list[T]:
            rows: list[T] = run(statement)
            if rows:
                self.register(run, used)
            return rows

        return self.transact(work, name=statement.name)

    def transact(self, work: Callable[[Run], T], *, name: str) -> T:
        """Run a transaction that may store new types; `work` ends with `register`.

        Raises:
            StaleStateError: There was no room for them; the list is read again.
        """
        try:
            return self._graph.transact(work, name=name)
        except DatabaseError as error:
            if self._is_database_full or getattr(error.__cause__, "code", None) != _FULL:
                raise
            self._is_database_full = True
            self._last = None
            raise StaleStateError(
                "the database has no room for further types; call again", retryable=True
            ) from error

    def _has_stored(self, used: Types) -> bool:
        """Return whether all of these were in the list when it was read last.

        It does not read: `register` runs inside a transaction, which has a connection already.
        """
        last = self._last
        return used == Types() or (last is not None and last.stored.includes(used))

    def _read_for(self, requested: Types) -> TypeSnapshot:
        """Return the list, read again where it lacks a type that others may have added."""
        last = self._last
        if last is None:
            return self._read()
        may_be_added = (
            last.free_relationship_types
            and requested.relationship_types - last.stored.relationship_types
        ) or (last.free_labels and requested.labels - last.stored.labels)
        return self._read() if may_be_added else last

    def _read(self) -> TypeSnapshot:
        (snapshot,) = self._graph.run(read_types(self._namespace))
        if self._is_database_full:
            snapshot = replace(
                snapshot,
                free_relationship_types=0,
                is_database_full=(True, snapshot.is_database_full[1]),
            )
        self._last = snapshot
        return snapshot
