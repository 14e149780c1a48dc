"""Create the required indexes and constraints of a database, whatever state it is in.

A server that is killed while it creates a uniqueness constraint leaves the constraint's index
behind, without the constraint; one that is killed while it fills an index may leave a failed index.
So nothing is assumed: the indexes that exist are compared with the required ones, and what differs
is created, or dropped and created again, until nothing differs. Only indexes that have the name of
a required one are dropped.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_context_persistence.kg.deadline import Backoff, Deadline
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.5
# Attempts to create one index, which fail where other clients interfere, or while it is filled.
MAX_ATTEMPTS = 10
# Another client creates or drops the same index at the same time; the indexes must be read again.
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
    """An index that a database must have, alone or with a uniqueness constraint.

    Attributes:
        name: Name of the index, and of its constraint.
        create: The statement that creates it, below `cypher/`.
        type: `RANGE`, `FULLTEXT` or `VECTOR`.
        labels: Labels of the nodes in it.
        properties: Properties of the nodes in it, in the order of its keys.
        is_unique: Whether a constraint must own it.
        config: Options that it must have; other options do not matter.
        parameters: Parameters of the statement.
        names: Names to replace in the statement, see `Statement`.
    """

    name: str
    create: str
    type: Literal["RANGE", "FULLTEXT", "VECTOR"] = "RANGE"
    labels: tuple[str, ...]
    properties: tuple[str, ...]
    is_unique: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def assess(self, existing: Mapping[str, Row]) -> Verdict:
        """Compare this index with the indexes of a database.

        Args:
            existing: Its indexes by name.

        Returns:
            `broken` where an index must be dropped before this one can be created.
        """
        row = existing.get(self.name) or self._find_substitute(existing)
        if row is None:
            return "missing"
        if not self.has_shape(row) or row["state"] == "FAILED":
            return "broken"
        if self.is_unique and row["constraint"] is None:
            # While another client creates the constraint, its index exists first and is filled.
            is_filling = row["state"] == "POPULATING" and row["percent"] < 100
            return "building" if is_filling else "broken"
        return "ready" if row["state"] == "ONLINE" else "building"

    def _find_substitute(self, existing: Mapping[str, Row]) -> Row | None:
        """Find an index of another name that is as good.

        Searches use fulltext and vector indexes by name, so those cannot be substituted.
        """
        if self.type != "RANGE":
            return None
        rows = (
            row for row in existing.values() if self.has_shape(row) and row["state"] != "FAILED"
        )
        return next(
            (row for row in rows if row["constraint"] is not None or not self.is_unique), None
        )

    def has_shape(self, row: Row) -> bool:
        """Return whether an index has the type, labels, properties and options of this one."""
        if row["type"] != self.type or (row["constraint"] is not None and not self.is_unique):
            return False
        labels, properties = tuple(row["labels"] or ()), tuple(row["properties"] or ())
        if set(labels) != set(self.labels) or properties != self.properties:
            return False
        config = row["config"] or {}
        return all(
            str(config.get(key)).lower() == str(value).lower() for key, value in self.config.items()
        )


def read_indexes(graph: Graph) -> dict[str, Row]:
    """Read the indexes of a database, by name."""
    return {row["name"]: row for row in graph.run(Statement(name="schema/indexes", read=as_is))}


def reconcile(
    graph: Graph,
    required: Sequence[Index],
    *,
    deadline: Deadline,
    may_drop_constraints: bool = True,
) -> dict[str, Row]:
    """Create missing and broken indexes and constraints, and wait until all are ready.

    Several clients may do this at once: the server lets one of them change an index at a time, and
    the others see what it did.

    Args:
        graph: The database.
        required: The indexes.
        deadline: When to give up.
        may_drop_constraints: Whether a constraint may be dropped that has the name of a required
            one, but another shape.

    Returns:
        The indexes of the database by name, as they were when all of the required ones were ready.

    Raises:
        DatabaseError: They are not ready by then, or cannot be created; the text says why.
    """
    return _Reconciliation(
        graph, required, deadline=deadline, may_drop_constraints=may_drop_constraints
    ).run()


class _Reconciliation:
    def __init__(
        self,
        graph: Graph,
        required: Sequence[Index],
        *,
        deadline: Deadline,
        may_drop_constraints: bool,
    ) -> None:
        self._graph, self._required, self._deadline = graph, required, deadline
        self._may_drop_constraints = may_drop_constraints
        self._seconds = deadline.seconds_left
        self._unfinished: list[str] = []
        self._changes: Counter[str] = Counter()  # how often each was created

    def run(self) -> dict[str, Row]:
        backoff = Backoff(first=FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        while True:
            existing = self._read()
            verdicts = {index.name: index.assess(existing) for index in self._required}
            self._unfinished = sorted(
                name for name, verdict in verdicts.items() if verdict != "ready"
            )
            if not self._unfinished:
                return existing
            if self._deadline.has_passed:
                raise self._build_timeout_error()
            has_changed = False
            for index in self._required:
                if verdicts[index.name] in {"missing", "broken"}:
                    has_changed |= self._create(index, existing)
            if not has_changed:
                backoff.sleep(self._deadline)

    def _read(self) -> dict[str, Row]:
        try:
            with self._graph.call(max(FIRST_PAUSE_SECONDS, self._deadline.seconds_left)):
                return read_indexes(self._graph)
        except DatabaseError as error:
            if self._deadline.has_passed and self._unfinished:
                raise self._build_timeout_error() from error
            raise

    def _create(self, index: Index, existing: Mapping[str, Row]) -> bool:
        """Create one index, after an index of its name was dropped.

        Returns:
            False where another client interfered.
        """
        row = existing.get(index.name)
        if self._changes[index.name] == MAX_ATTEMPTS:
            raise _explain_missing(index, existing)
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
            if _read_code(error) in INTERFERENCE and self._changes[index.name] < MAX_ATTEMPTS:
                return False
            raise self._explain(error, index) from error
        return True

    def _drop(self, index: Index, row: Row) -> Statement[Row]:
        if row["constraint"] is None:
            return Statement(
                name="schema/drop_index", read=as_is, writes=True, names={"memory_text": index.name}
            )
        if not self._may_drop_constraints:
            text = (
                f"another application's constraint has the name {index.name}: use another "
                "database, or drop the constraint"
            )
            raise DatabaseError(text)
        return Statement(
            name="schema/drop_constraint",
            read=as_is,
            writes=True,
            names={"entity_id": row["constraint"]},
        )

    def _change(self, statement: Statement[Row]) -> None:
        if self._deadline.has_passed:
            raise DatabaseError("no time is left", retryable=True)
        self._graph.run(statement, deadline=self._deadline.seconds_left)

    def _explain(self, error: DatabaseError, index: Index) -> DatabaseError:
        code = _read_code(error)
        if code == CREATION_FAILED and _is_not_unique(error):
            keys = " and ".join(index.properties)
            return DatabaseError(
                f"the constraint {index.name} is missing and cannot be created: several "
                f"{index.labels[0]} nodes have the same {keys}; remove all but one of them, "
                "the library writes nothing before that"
            )
        if code == FORBIDDEN:
            names = ", ".join(self._unfinished)
            return DatabaseError(
                f"these indexes are missing, and this user may not create them: {names}; open the "
                "database once as a user who may create them"
            )
        if code in INTERFERENCE:
            return DatabaseError(
                f"another index or constraint has the name or the properties of the index "
                f"{index.name}: drop that one; {error}"
            )
        return self._build_timeout_error() if self._deadline.has_passed else error

    def _build_timeout_error(self) -> DatabaseError:
        names = ", ".join(self._unfinished)
        return DatabaseError(
            f"these indexes are still being built after {self._seconds:.0f} s: {names}; "
            "try again later",
            retryable=True,
        )


def _explain_missing(index: Index, existing: Mapping[str, Row]) -> DatabaseError:
    """Return the error for an index that is missing after it was created without an error.

    `CREATE ... IF NOT EXISTS` does nothing where an equal index has another name.
    """
    name = next((name for name, row in existing.items() if index.has_shape(row)), index.name)
    if name != index.name:
        return DatabaseError(
            f"the index {name} has the same properties as the required index {index.name}: "
            f"drop {name}, then open the database again"
        )
    return DatabaseError(
        f"the index {index.name} was created {MAX_ATTEMPTS} times and is still missing; "
        "see the server's log, and try again",
        retryable=True,
    )


def _read_code(error: DatabaseError) -> str:
    """Return the server's code for an error, empty where the server did not answer."""
    return str(getattr(error.__cause__, "code", None) or "")


def _is_not_unique(error: DatabaseError) -> bool:
    cause = error.__cause__.__cause__ if error.__cause__ else None
    return getattr(cause, "gql_status", "") in NOT_UNIQUE
