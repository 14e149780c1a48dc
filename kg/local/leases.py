"""Who uses a store, by locks that the kernel frees at any death. Standard library only.

A lease is a file that its process holds locked. Whoever can lock it knows that the process is gone.
"""

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from mcp_context_persistence.kg.deadline import Deadline

if sys.platform == "win32":
    raise ImportError(
        "The managed local server needs Linux or macOS: "
        "give bolt://HOST:PORT of a Neo4j of your own instead."
    )

import fcntl

PAUSE_SECONDS = 0.02


def lock(path: Path, *, seconds: float = 0.0, shared: bool = False) -> int | None:
    """Lock a file, which is made where it is missing.

    Args:
        path: The lock file.
        seconds: How long to wait for it.
        shared: Whether others may hold it too.

    Returns:
        The descriptor that holds the lock until it is closed, None where others held it all the
        time.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = Deadline.after(seconds)
    while True:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            if deadline.has_passed:
                os.close(descriptor)
                return None
            time.sleep(PAUSE_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        else:
            return descriptor


@contextlib.contextmanager
def locked_file(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold the lock during the block.

    Raises:
        TimeoutError: Others held it all the time. It is an `OSError`.
    """
    descriptor = lock(path, seconds=seconds)
    if descriptor is None:
        raise TimeoutError(None, "another process holds it locked", str(path))
    try:
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether a process holds the file locked exclusively.

    The lock that this takes is shared, so that two callers at the same time do not see each other.
    """
    if not path.exists():
        return False
    descriptor = lock(path, shared=True)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def find_owner(path: Path) -> int:
    """Return the id of a process that holds the file locked, 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        entry = path.stat()
        inode = f"{os.major(entry.st_dev):02x}:{os.minor(entry.st_dev):02x}:{entry.st_ino}"
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            words = line.split()  # "1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF"
            if words[1] == "FLOCK" and words[5] == inode:
                return int(words[4])
    return 0


def take_lease(folder: Path) -> tuple[Path, int]:
    """Make a lease of this process.

    Returns:
        Its file, and the descriptor that holds it.
    """
    name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    draft, lease = folder / f"{name}.new", folder / f"{name}.lease"
    descriptor = lock(draft)
    if descriptor is None:
        raise OSError(f"{draft} is locked by another process")
    draft.rename(lease)  # it becomes visible only now that it is locked
    return lease, descriptor


def list_holders(folder: Path) -> list[int]:
    """Return the process id of every lease in use, and remove the other leases."""
    pids = []
    for lease in sorted(folder.glob("*.lease")):
        if is_locked(lease):
            pids.append(int(lease.name.split("-", 1)[0]))
        else:
            lease.unlink(missing_ok=True)
    return pids
