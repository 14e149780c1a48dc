"""Why a server did not start, from what it wrote. Only the standard library, for the supervisor."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from mcp_context_persistence.kg.limits import OPEN_FILES
from mcp_context_persistence.kg.local.space import describe_full_disk

CONSOLE, LOG, DEBUG = "console.log", "neo4j.log", "debug.log"
LAST_CONSOLE = "console.log.01"  # of the run before
CRASH_REPORT = "java-error.log"
TAIL_BYTES = 40_000
CONSOLE_BYTES = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A known cause.

    Attributes:
        pattern: What the server writes then.
        advice: The cause in words, and what to do.
        retryable: Whether a repeat may work without a change by the caller.
        is_final: Whether a server that writes this never gets ready, though it may go on for ever.
    """

    pattern: str
    advice: str
    retryable: bool = False
    is_final: bool = False


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a start failed.

    Attributes:
        text: For the user.
        retryable: Whether a repeat may work without a change by the caller.
        is_port_taken: Whether another process took the port; other ports may be tried.
        is_known: Whether a known cause was found.
    """

    text: str
    retryable: bool = False
    is_port_taken: bool = False
    is_known: bool = True


MORE_FILES = "raise the hard limit (`ulimit -Hn`, `LimitNOFILE=` of systemd), better to 40,000"
FAILED_DATABASE = re.compile(r"Failed to start DatabaseId\{[^}]*\[neo4j\]")
PORT_TAKEN = re.compile(r"Address already in use|BindException|PortBindException")
DISK_FULL = Cause(
    pattern=r"No space left on device|Disk quota", advice="", retryable=True, is_final=True
)
CAUSES = (
    DISK_FULL,
    Cause(
        pattern=r"Error reading transaction logs|Unreadable bytes are encountered",
        advice="the end of its transaction log cannot be read: restore a backup, or make an empty file named `panicked` in the "
        "store's folder and open it again, which cuts the unreadable end off and keeps it as a zip file in the data",
    ),
    Cause(
        pattern=r"InvalidPathException|unmappable characters",
        advice="the path of the store, of Java or of the cache holds characters that no locale of this machine can encode: "
        "install the locale C.UTF-8 or en_US.UTF-8, or choose a path of ASCII letters",
    ),
    Cause(
        pattern=r"Too many open files",
        advice=f"too few open files are allowed: {MORE_FILES}",
        is_final=True,
    ),
    Cause(
        pattern=r"unable to create native thread|pthread_create failed|Cannot create worker GC thread",
        advice="too few threads are allowed: raise the limit of processes (ulimit -u, TasksMax=, pids.max)",
        retryable=True,
        is_final=True,
    ),
    Cause(
        pattern=r"Could not (?:reserve enough space|allocate compressed class space)|insufficient memory|OutOfMemoryError|Cannot allocate memory|"
        r"Invalid maximum heap|exceeds the maximum representable size",
        advice="there is not enough memory: lower the heap (max_memory_usage), or free some",
        retryable=True,
    ),
    Cause(
        pattern=r"StoreLockException|FileLockException|lock file has been locked|already in use by another",
        advice="another Neo4j uses the same data: end it",
        retryable=True,
        is_final=True,
    ),
    Cause(
        pattern=r"File too large",
        advice="the size of files is limited: raise it (ulimit -f)",
        is_final=True,
    ),
    Cause(
        pattern=r"Read-only file system",
        advice="the folder is on a file system that is mounted read-only: mount it for writing, or choose another folder",
    ),
    Cause(
        pattern=r"failed to map segment from shared object|cannot (?:execute|enable executable)",
        advice="Java or the cache is on a file system that forbids to execute (noexec): set CONTEXT_CACHE_DIR to another folder",
    ),
    Cause(
        pattern=r"Permission denied|AccessDeniedException|Operation not permitted",
        advice="a file of the store may not be written: check who owns it",
    ),
    Cause(
        pattern=r"UnsupportedClassVersionError|Unrecognized (?:VM )?option|Could not create the Java Virtual Machine",
        advice="the Java runtime does not fit: unset CONTEXT_JAVA_HOME and JAVA_HOME",
    ),
    Cause(
        pattern=r"Could not find or load main class|NoClassDefFoundError|VerifyError|ZipException",
        advice="a jar is missing or damaged; it is looked at and mended by the next start",
        retryable=True,
    ),
    Cause(
        pattern=r"upgrade|newer (?:version|format)|UnsupportedFormat|not supported by this version",
        advice="another version of Neo4j has written the data: use that version",
    ),
    Cause(
        pattern=r"RecoveryMonitor.*fail|recovery failed|InvalidLog|UnderlyingStorageException|corrupt",
        advice="the data is damaged: restore a backup",
    ),
)


def begin(logs: Path) -> int:
    """Put the short logs of the last start aside, so that only this one's are read; return the size of `debug.log`, which stays."""
    with contextlib.suppress(OSError):
        (logs / CONSOLE).replace(logs / LAST_CONSOLE)
    for name in (CONSOLE, LOG, CRASH_REPORT):
        with contextlib.suppress(OSError):
            (logs / name).unlink()
    with contextlib.suppress(OSError):
        return (logs / DEBUG).stat().st_size
    return 0


def bound_console(logs: Path) -> None:
    """Empty the console's file where it has grown too large; the server goes on at its beginning."""
    with contextlib.suppress(OSError):
        if (logs / CONSOLE).stat().st_size > CONSOLE_BYTES:
            with (logs / CONSOLE).open("r+b") as file:
                file.truncate(0)


def is_hopeless(logs: Path) -> bool:
    """Return whether a server that is starting has written that it cannot get ready."""
    text = _written(logs)
    return any(cause.is_final and re.search(cause.pattern, text) for cause in CAUSES)


def explain(logs: Path, *, died: bool) -> Failure:
    """Return what happened and what to do.

    Args:
        logs: The store's folder of logs.
        died: Whether the server ended by itself, instead of being too slow.
    """
    text = _written(logs)
    where = f"See {logs / LOG}, {CONSOLE} and {DEBUG} beside it."
    if PORT_TAKEN.search(text):
        words = f"The local server found its port taken again and again: try once more. {where}"
        return Failure(text=words, retryable=True, is_port_taken=True)
    cause = next((cause for cause in CAUSES if re.search(cause.pattern, text)), None)
    if cause is DISK_FULL:
        return Failure(text=describe_full_disk(logs.parent), retryable=True)
    what = "ended while it was starting" if died else "did not start in time"
    if cause is None:
        return Failure(text=f"The local server {what}. {where}", retryable=True, is_known=False)
    return Failure(
        text=f"The local server {what}: {cause.advice}. {where}", retryable=cause.retryable
    )


def explain_database(logs: Path, since: int) -> Failure | None:
    """Return why the database did not start though its server runs, None where it did.

    Args:
        logs: The store's folder of logs.
        since: The size of `debug.log` before the start.
    """
    text = _without_path(
        _tail(logs / DEBUG, since=since, most=10 * TAIL_BYTES), logs
    )  # a start writes 130 KB
    if not FAILED_DATABASE.search(text):
        return None
    cause = next((cause for cause in CAUSES if re.search(cause.pattern, text)), None)
    if cause is DISK_FULL:
        return Failure(text=describe_full_disk(logs.parent), retryable=True)
    advice = f": {cause.advice}" if cause else ""
    words = f"The database of the local store did not start{advice}. See {logs / DEBUG}."
    return Failure(text=words, retryable=cause is None or cause.retryable)


def explain_few_files(allowed: int) -> Failure:
    """Return what to do where the system lets a process open only so many files."""
    words = f"only {allowed:,} open files are allowed, its server needs {OPEN_FILES:,} at least: {MORE_FILES}"
    return Failure(text=f"The local store cannot be opened: {words}.")


def is_heap_exhausted(logs: Path) -> bool:
    """Return whether the server that has just ended did so because its heap was full."""
    return "Terminating due to java.lang.OutOfMemoryError" in _tail(logs / CONSOLE)


def _written(logs: Path) -> str:
    return _without_path("".join(_tail(logs / name) for name in (CONSOLE, LOG)), logs)


def _without_path(text: str, logs: Path) -> str:
    """Return a text without the path of the store, whose words are no cause."""
    return text.replace(str(logs.parent), "")


def _tail(file: Path, *, since: int = 0, most: int = TAIL_BYTES) -> str:
    """Return the end of a file, as far as it lies behind a position; all of it where the file is shorter by now."""
    try:
        with file.open("rb") as content:
            size = content.seek(0, 2)
            content.seek(max(0, size - most, since if since <= size else 0))
            return content.read().decode("utf-8", "replace")
    except OSError:
        return ""
