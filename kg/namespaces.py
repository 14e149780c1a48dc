"""Namespaces: their size, their deletion, and their version, which shows whether they changed.

Every statement that writes gives the namespace another version, as the last thing before the
commit. A version is a random UUID: it never occurs twice, not even after a restore. What was
computed from a namespace stays valid while its version is the same.

Functions that return a `Statement` only build it; the caller runs it.
"""

import os
from pathlib import Path

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.vector_spaces import WriteGuard

_LOG_PREFIX = "neostore.transaction.db."  # Neo4j's transaction logs; not those of its checkpoints
_LogState = tuple[tuple[str, int, int, int], ...]


def clear(namespace: str) -> Statement[Row]:
    """Delete everything in a namespace, in batches; its embedding model stays noted."""
    return Statement(
        name="maintenance/clear", parameters={"namespace": namespace}, read=as_is, writes=True
    )


def count_contents(namespace: str) -> Statement[Row]:
    """Count the nodes and relationships of a namespace, and the bytes of its messages' texts."""
    return Statement(name="maintenance/stats", parameters={"namespace": namespace}, read=as_is)


def read_settled_version(namespace: str) -> Statement[str]:
    """Read the version when all writes that are being committed now are complete.

    There is no row where nothing was ever written.
    """
    return Statement(
        name="namespace/settled_version",
        parameters={"namespace": namespace},
        read=_read_version,
        locks=True,
    )


def read_settled_merges(namespace: str) -> Statement[int]:
    """Read how often entities were merged, or that was undone, when all of that is complete."""
    return Statement(
        name="namespace/settled_version",
        parameters={"namespace": namespace},
        read=lambda row: int(row["merges"]),
        locks=True,
    )


def touch(namespace: str, guard: WriteGuard | None = None) -> Statement[str]:
    """Give the namespace another version; the end of a transaction that wrote `vectors`."""
    batch = {
        "namespace": namespace,
        "expected_state": guard.parameters() if guard else None,
    }
    return Statement(
        name="namespace/touch", parameters={"batch": batch}, read=_read_version, writes=True
    )


def _read_version(row: Row) -> str:
    return str(row["version"])


class VersionReader:
    """Reads the version of one namespace at low cost. Safe to share between threads.

    The transaction log of a managed server grows with every commit, whoever made it, before the
    commit is acknowledged. While it has not grown, the version is the same, and the database need
    not be asked. A version is read under the namespace's lock: a write that is in the log, or whose
    version is visible before its rows, holds that lock until it is complete.
    """

    def __init__(self, graph: Graph, namespace: str, *, store: Path | None) -> None:
        """Create it; the first call reads the version.

        Args:
            graph: The database.
            namespace: Name of the namespace.
            store: Folder of the managed server, None for any other server.
        """
        self._graph = graph
        self._namespace = namespace
        self._logs = store and store / "data" / "transactions" / "neo4j"
        self._last: tuple[_LogState, str] | None = None

    def read(self) -> str | None:
        """Return the version, None where nothing was ever written.

        Raises:
            DatabaseError: The database could not be asked.
        """
        state = _read_log_state(self._logs) if self._logs else None
        last = self._last
        if state and last and last[0] == state:
            return last[1]
        rows = self._graph.run(read_settled_version(self._namespace))
        self._last = (state, rows[0]) if state and rows else None
        return rows[0] if rows else None


def _read_log_state(logs: Path) -> _LogState | None:
    """Return names, inodes, sizes and times of the transaction logs; None where they are hidden."""
    try:
        with os.scandir(logs) as entries:
            stats = [
                (entry.name, entry.stat())
                for entry in entries
                if entry.name.startswith(_LOG_PREFIX)
            ]
    except OSError:
        return None
    return (
        tuple(sorted((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats))
        or None
    )
