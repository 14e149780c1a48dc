"""Why a server did not start, from what it wrote. Only the standard library, for the supervisor."""

import contextlib
import re
from pathlib import Path

CONSOLE, LOG, DEBUG = "console.log", "neo4j.log", "debug.log"
TAIL_BYTES = 40_000
PORT_TAKEN = re.compile(r"Address already in use|BindException|PortBindException")
CAUSES = (
    (
        r"Could not reserve enough space|insufficient memory|OutOfMemoryError|Cannot allocate memory|Invalid maximum heap",
        "there is not enough memory: lower the heap, or free some",
    ),
    (r"No space left on device|Disk quota", "the disk is full: free some space"),
    (r"StoreLockException|lock file has been locked|already in use by another", "another Neo4j uses the same data: end it"),
    (r"Too many open files", "too few open files are allowed: raise `ulimit -n`"),
    (r"Read-only file system|Permission denied|AccessDeniedException", "a file of the store may not be written: check who owns it"),
    (
        r"UnsupportedClassVersionError|Unrecognized (?:VM )?option|Could not create the Java Virtual Machine",
        "the Java runtime does not fit: unset CONTEXT_JAVA_HOME and JAVA_HOME",
    ),
    (
        r"upgrade|newer (?:version|format)|UnsupportedFormat|not supported by this version",
        "another version of Neo4j has written the data: use that version",
    ),
    (
        r"RecoveryMonitor.*fail|recovery failed|InvalidLog|UnderlyingStorageException|corrupt",
        "the data is damaged: restore a backup",
    ),
)


def begin(logs: Path) -> None:
    """Removes the short logs of the last start, so that only this one's are read. `debug.log` stays."""
    for name in (CONSOLE, LOG):
        with contextlib.suppress(OSError):
            (logs / name).unlink()


def explain(logs: Path, *, died: bool) -> tuple[str, bool]:
    """What happened and what to do, and whether the cause was a port that another process took.

    Args:
        logs: The store's folder of logs.
        died: Whether the server ended by itself, instead of being too slow.
    """
    text = "".join(_tail(logs / name) for name in (CONSOLE, LOG))
    where = f"See {logs / LOG}, {CONSOLE} and {DEBUG} beside it."
    if PORT_TAKEN.search(text):
        return f"The local server found its port taken again and again: try once more. {where}", True
    cause = next((advice for pattern, advice in CAUSES if re.search(pattern, text)), "")
    what = "ended while it was starting" if died else "did not start in time"
    return f"The local server {what}{': ' + cause if cause else ''}. {where}", False


def _tail(file: Path) -> str:
    try:
        with file.open("rb") as content:
            content.seek(0, 2)
            content.seek(max(0, content.tell() - TAIL_BYTES))
            return content.read().decode("utf-8", "replace")
    except OSError:
        return ""
