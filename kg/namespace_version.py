"""Which state a namespace is in, so that an answer is only used again while nothing was written.

Every statement that writes gives the namespace another version, as the last thing before the commit. A version is a random UUID: it never
comes twice, not even after a restore.
"""

import os
from pathlib import Path

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.vector_spaces import Vectors

_LOG = "neostore.transaction.db."  # Neo4j's transaction logs; not those of its checkpoints
_Mark = tuple[tuple[str, int, int, int], ...]


def version(namespace: str) -> Statement[str]:
    """The namespace's version; no row where nothing was ever written."""
    return Statement(name="namespace/version", parameters={"namespace": namespace}, read=_version)


def settled(namespace: str) -> Statement[str]:
    """The same, after all writes that were being committed are complete."""
    return Statement(
        name="namespace/settled", parameters={"namespace": namespace}, read=_version, writes=True
    )


def touch(namespace: str, vectors: Vectors | None = None) -> Statement[str]:
    """Give the namespace another version; the end of a transaction that wrote `vectors`."""
    batch = {"namespace": namespace, "space": vectors.writing() if vectors else None}
    return Statement(
        name="namespace/touch", parameters={"batch": batch}, read=_version, writes=True
    )


def _version(row: Row) -> str:
    return str(row["version"])


class Versions:
    """The version of one namespace, as cheaply as it can be known. Safe to share between threads.

    A managed server's transaction log grows with every commit, whoever made it, before the commit is acknowledged. While it has not
    grown, the version is what it was, and nobody needs to be asked. A version that is kept with the log's state was read under the
    namespace's lock: a write that was already in the log, but not yet to be seen, holds that lock until it is complete.
    """

    def __init__(self, graph: Graph, namespace: str, *, store: Path | None) -> None:
        """Watch a namespace.

        Args:
            graph: The database.
            namespace: The namespace.
            store: Folder of the managed server, None for any other server.
        """
        self._graph = graph
        self._namespace = namespace
        self._logs = store and store / "data" / "transactions" / "neo4j"
        self._known: tuple[_Mark, str] | None = None

    def current(self) -> str | None:
        """The version, None where nothing was ever written.

        Raises:
            DatabaseError: The database could not be asked.
        """
        mark = _mark(self._logs) if self._logs else None
        known = self._known
        if mark and known and known[0] == mark:
            return known[1]
        rows = self._graph.run((settled if mark else version)(self._namespace))
        self._known = (mark, rows[0]) if mark and rows else None
        return rows[0] if rows else None


def _mark(logs: Path) -> _Mark | None:
    """Names, inodes, sizes and times of the transaction logs; None where they cannot be seen."""
    try:
        with os.scandir(logs) as entries:
            found = [(one.name, one.stat()) for one in entries if one.name.startswith(_LOG)]
    except OSError:
        return None
    return (
        tuple(sorted((name, seen.st_ino, seen.st_size, seen.st_mtime_ns) for name, seen in found))
        or None
    )
