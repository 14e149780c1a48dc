"""A statement as a value: its file, its parameters, and how a row of the result is read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar

from mcp_context_persistence import cypher

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

# Folders of statements that write only what the library needs for itself.
BOOKKEEPING = frozenset({"analytics", "namespace", "schema"})

T = TypeVar("T")
Row = Mapping[str, Any]


class IncompleteRowError(Exception):
    """A node was deleted by another transaction while a statement read it."""


def as_is(row: Row) -> Row:
    """Return the row itself."""
    return row


def complete(column: str) -> Callable[[Row], Row]:
    """Return a function that returns the row itself if it is complete.

    Neo4j finds a node that another transaction deletes just then, and returns null for it. The
    error of the function has the statement sent again.

    Args:
        column: Has the map of a node.
    """

    def read(row: Row) -> Row:
        if row[column] is None:
            raise IncompleteRowError
        return row

    return read


@dataclass(frozen=True, kw_only=True)
class Statement(Generic[T]):
    """One statement, ready to run.

    Attributes:
        name: The statement's file below `cypher/`, without its ending, such as
            ``conversation/load``.
        parameters: Values for the statement's ``$parameters``.
        read: Turns one row of the result into a value.
        writes: Whether the statement needs a write session: it changes the graph or takes locks.
        locks: Whether it only reads, and takes locks for that. It also needs a write session.
        names: Names of indexes and properties that replace those in the file, where Cypher takes no
            parameter.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    read: Callable[[Row], T]
    writes: bool = False
    locks: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def changes_data(self) -> bool:
        """Whether it changes users' data, not only indexes, projections or namespace versions."""
        return self.writes and self.name.partition("/")[0] not in BOOKKEEPING

    def text(self, dialect: cypher.Dialect = "25") -> str:
        """Return the text of its file for a dialect, with the `names` replaced."""
        return _replace_names(self.name, dialect, tuple(self.names.items()))


# Runs a statement and returns its rows.
Run = Callable[[Statement[Any]], list[Any]]


@lru_cache(maxsize=256)
def _replace_names(name: str, dialect: cypher.Dialect, names: tuple[tuple[str, str], ...]) -> str:
    text = cypher.load(name, dialect).text
    for old, new in names:
        if not _NAME.fullmatch(new):
            raise ValueError(
                f"{name}: {new!r} is not a name; use at most 64 lowercase letters, digits and '_', "
                "a letter first"
            )
        text = re.sub(rf"\b{old}\b", new, text)
    return text
