"""Why a server did not start, from what it wrote. Standard library only."""

import contextlib
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from mcp_context_persistence.kg.local.files import open_file
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
        is_final: Whether a server that writes this never gets ready, although it may go on forever.
    """

    pattern: str
    advice: str
    retryable: bool = False
    is_final: bool = False


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a start failed.

    Attributes:
        text: What happened and what to do, for the user.
        retryable: Whether a repeat may work without a change by the caller.
        is_port_taken: Whether another process took the port; other ports may be tried.
        is_known: Whether a known cause was found.
        is_log_unreadable: Whether the end of the transaction log cannot be read.
    """

    text: str
    retryable: bool = False
    is_port_taken: bool = False
    is_known: bool = True
    is_log_unreadable: bool = False


FAILED_DATABASE = re.compile(r"Failed to start DatabaseId\{[^}]*\[(?:neo4j|system)\]")
RECORD = re.compile(r"^(?=\d{4}-\d\d-\d\d )", re.MULTILINE)
PROBLEM = re.compile(r"\S+ \S+ (?:WARN|ERROR) ")  # at the beginning of a record
PORT_TAKEN = re.compile(r"Address already in use|BindException|PortBindException")
DISK_FULL = Cause(
    pattern=r"No space left on device|Disk quota", advice="", retryable=True, is_final=True
)
LOG_UNREADABLE = Cause(
    pattern=r"Error reading transaction logs|Unreadable bytes are encountered",
    advice="the end of its transaction log cannot be read, and nothing proves that only a write "
    "that failed is there: restore a backup, or make an empty file named `panicked` in the store's "
    "folder and open it again, which cuts the unreadable end off and keeps it as a zip file in the "
    "data",
)
CAUSES = (
    DISK_FULL,
    LOG_UNREADABLE,
    Cause(
        pattern=r"while database files are missing|is missing and recovery is not possible|"
        r"Transaction logs are missing",
        advice="files of its data are missing: restore the whole store from a backup",
    ),
    Cause(
        pattern=r"InvalidPathException|unmappable characters",
        advice="the path of the store, of Java or of the cache holds characters that no locale of "
        "this machine can encode: install the locale C.UTF-8 or en_US.UTF-8, or choose a path of "
        "ASCII letters",
    ),
    Cause(
        pattern=r"Too many open files",
        advice="too few open files are allowed: raise the hard limit (`ulimit -Hn`, "
        "`LimitNOFILE=` of systemd), better to 40,000",
        is_final=True,
    ),
    Cause(
        pattern=r"unable to create native thread|pthread_create failed|"
        r"Cannot create worker GC thread",
        advice="too few threads are allowed: raise the limit of processes "
        "(ulimit -u, TasksMax=, pids.max)",
        retryable=True,
        is_final=True,
    ),
    Cause(
        pattern=r"Could not (?:reserve enough space|allocate compressed class space)|"
        r"insufficient memory|OutOfMemoryError|Cannot allocate memory|"
        r"Invalid memory configuration|Invalid maximum heap|exceeds the maximum representable size",
        advice="there is not enough memory: lower the heap (max_memory_usage), free some, or raise "
        "the limits of memory (ulimit -v, ulimit -d)",
        retryable=True,
    ),
    Cause(
        pattern=r"StoreLockException|FileLockException|lock file has been locked|"
        r"already in use by another",
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
        advice="the folder is on a file system that is mounted read-only: mount it for writing, "
        "or choose another folder",
    ),
    Cause(
        pattern=r"failed to map segment from shared object|cannot (?:execute|enable executable)",
        advice="Java or the cache is on a file system that allows no execution (noexec): "
        "set CONTEXT_CACHE_DIR to another folder",
    ),
    Cause(
        pattern=r"Permission denied|AccessDeniedException|Operation not permitted",
        advice="a file of the store may not be written: check its owner and its permissions",
    ),
    Cause(
        pattern=r"UnsupportedClassVersionError|Unrecognized (?:VM )?option|"
        r"Could not create the Java Virtual Machine",
        advice="the Java runtime or its options do not fit: unset CONTEXT_JAVA_HOME, JAVA_HOME and "
        "CONTEXT_JAVA_OPTIONS",
    ),
    Cause(
        pattern=r"Could not find or load main class|NoClassDefFoundError|VerifyError|ZipException",
        advice="a jar is missing or damaged: try again, the next start repairs it",
        retryable=True,
    ),
    Cause(
        pattern=r"upgrade|newer (?:version|format)|UnsupportedFormat|not supported by this version",
        advice="another version of Neo4j has written the data: use that version",
    ),
    Cause(
        pattern=r"RecoveryMonitor.*fail|recovery failed|InvalidLog|"
        r"UnderlyingStorageException|corrupt",
        advice="the data is damaged: restore a backup",
    ),
)


def rotate_logs(logs: Path) -> int:
    """Put the short logs of the last start aside, so that only the next start's are read.

    Returns:
        The size of `debug.log`, which stays.
    """
    with contextlib.suppress(OSError):
        (logs / CONSOLE).replace(logs / LAST_CONSOLE)
    for name in (CONSOLE, LOG, CRASH_REPORT):
        with contextlib.suppress(OSError):
            (logs / name).unlink()
    with contextlib.suppress(OSError):
        return (logs / DEBUG).stat().st_size
    return 0


def truncate_console(logs: Path) -> None:
    """Empty the console's file where it is too large; the server goes on at its beginning."""
    with contextlib.suppress(OSError):
        if (logs / CONSOLE).stat().st_size > CONSOLE_BYTES:
            with (logs / CONSOLE).open("r+b") as file:
                file.truncate(0)


def is_hopeless(logs: Path, since: int) -> bool:
    """Return whether a server that is starting has written that it cannot get ready.

    Args:
        logs: The store's folder of logs.
        since: The size of `debug.log` before the start.
    """
    text = _read_output(logs)
    if any(cause.is_final and re.search(cause.pattern, text) for cause in CAUSES):
        return True
    return explain_database(logs, since) is not None


def explain_start(logs: Path, *, status: int | None) -> Failure:
    """Return why a server did not start, and what to do.

    Args:
        logs: The store's folder of logs.
        status: Exit status of the server, None where it did not end, but was too slow.
    """
    text = _read_output(logs)
    hint = f"See {logs / LOG}, {CONSOLE} and {DEBUG} beside it."
    if PORT_TAKEN.search(text):
        message = f"The local server found its port taken again and again: try once more. {hint}"
        return Failure(text=message, retryable=True, is_port_taken=True)
    cause = next((cause for cause in CAUSES if re.search(cause.pattern, text)), None)
    if cause is DISK_FULL:
        return Failure(text=describe_full_disk(logs.parent), retryable=True)
    event = "did not start in time" if status is None else "ended while it was starting"
    if cause is None and status == 0:  # a server never ends with 0 by itself
        text = (
            "Java has ended without starting the local server, as with the option -version: unset "
            f"CONTEXT_JAVA_OPTIONS. {hint}"
        )
        return Failure(text=text)
    if cause is None:
        event += explain_kill(status)
        return Failure(text=f"The local server {event}. {hint}", retryable=True, is_known=False)
    return Failure(
        text=f"The local server {event}: {cause.advice}. {hint}", retryable=cause.retryable
    )


def explain_kill(status: int | None) -> str:
    """Return who may have killed the server, and what to do; '' where nobody did."""
    if status != -signal.SIGKILL:
        return ""
    return (
        " (it was killed, which the system does where the computer or its container has too little "
        "memory: free some, or lower max_memory_usage)"
    )


def explain_database(logs: Path, since: int) -> Failure | None:
    """Return why the database did not start although its server runs, None where it did.

    Args:
        logs: The store's folder of logs.
        since: The size of `debug.log` before the start.
    """
    log = read_tail(logs / DEBUG, since=since, limit=10 * TAIL_BYTES)  # a start writes 130 KB
    # The other records show options of Java and Neo4j, which have the words of causes.
    problems = [record for record in RECORD.split(log) if PROBLEM.match(record)]
    text = _remove_path("".join(problems), logs)
    if not FAILED_DATABASE.search(text):
        return None
    cause = next((cause for cause in CAUSES if re.search(cause.pattern, text)), None)
    if cause is DISK_FULL:
        return Failure(text=describe_full_disk(logs.parent), retryable=True)
    advice = f": {cause.advice}" if cause else ""
    message = f"The database of the local store did not start{advice}. See {logs / DEBUG}."
    return Failure(
        text=message,
        retryable=cause is None or cause.retryable,
        is_log_unreadable=cause is LOG_UNREADABLE,
    )


def is_heap_exhausted(logs: Path) -> bool:
    """Return whether the server has ended because its heap was full."""
    return "Terminating due to java.lang.OutOfMemoryError" in read_tail(logs / CONSOLE)


def _read_output(logs: Path) -> str:
    """Return the ends of the console output and of the log, without the path of the store."""
    return _remove_path("".join(read_tail(logs / name) for name in (CONSOLE, LOG)), logs)


def _remove_path(text: str, logs: Path) -> str:
    """Return a text without the path of the store, which may contain the words of a cause."""
    return text.replace(str(logs.parent), "")


def read_tail(file: Path, *, since: int = 0, limit: int = TAIL_BYTES) -> str:
    """Return the end of a file.

    Args:
        file: The file.
        since: Nothing before this position is returned, unless the file is shorter by now.
        limit: Bytes at most.
    """
    try:
        with open_file(file) as content:
            size = content.seek(0, 2)
            content.seek(max(0, size - limit, since if since <= size else 0))
            return content.read().decode("utf-8", "replace")
    except OSError:
        return ""
