"""Who uses a store, by locks that the kernel frees at any death. Standard library only.

A lease is a file that its process holds locked. Whoever can lock it knows that the process is gone.
The kernel frees a lock when its process says so, or when the last copy of its descriptor is closed.
A forked child inherits copies and closes them at once, also that of a lock which a thread of the
parent is just taking. A child that is to run another program holds copies until it does so.
"""

import contextlib
import os
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.local.ownership import give_file_to_owner

if sys.platform == "win32":
    raise ImportError(
        "The managed local server needs Linux or macOS: "
        "give bolt://HOST:PORT of a Neo4j of your own instead."
    )

import fcntl

PAUSE_SECONDS = 0.02
# Raised for a file of another user and for a folder. Neither is the lease of a process.
NO_LEASE = (PermissionError, IsADirectoryError)
STANDARD_ERROR = 2  # its descriptor, the last one of the standard streams

_registry_lock = threading.RLock()  # reentrant: a signal handler may fork
_open_locks: "weakref.WeakSet[Lock]" = weakref.WeakSet()
_own_leases: "set[Lock]" = set()  # they end with the process, where nobody gives them back


class Lock:
    """An open lock file. In a forked child it is closed.

    One that nobody refers to is closed too: an interruption may reach the code that would close it.

    Attributes:
        descriptor: Holds the lock until it is closed, -1 from then on.
        starting_thread: The thread that starts a program which gets a copy, 0 while none does. With
            gevent, and with a `preexec_fn`, the child runs Python code before the program.
    """

    descriptor = -1
    starting_thread = 0

    def __init__(self, path: Path) -> None:
        """Open the file, which is made where it is missing; it is not locked yet."""
        with _registry_lock:  # no fork between the two
            self.descriptor = _open_file(path)
            _open_locks.add(self)

    @property
    def is_open(self) -> bool:
        """Whether it was neither closed nor inherited by this forked child."""
        return self.descriptor >= 0

    def close(self) -> None:
        """Free the lock, whoever has inherited a copy; may be called again."""
        with _registry_lock:
            if self.is_open:
                with contextlib.suppress(OSError):  # closing frees it where nobody has a copy
                    fcntl.flock(self.descriptor, fcntl.LOCK_UN)
            self.close_copy()

    def close_copy(self) -> None:
        """Close the descriptor alone: the process that has another copy still holds the lock."""
        with _registry_lock:  # no fork between the two
            _open_locks.discard(self)
            _own_leases.discard(self)
            self.__del__()

    @contextlib.contextmanager
    def passed_to_program(self) -> Iterator[None]:
        """Let a program that this thread starts in the block have a copy of the descriptor."""
        self.starting_thread = threading.get_ident()
        try:
            yield
        finally:
            self.starting_thread = 0

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse a copy, whose end would close the descriptor of this lock."""
        raise TypeError("the lock of a file cannot be copied")

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            close(descriptor)


def _open_file(path: Path) -> int:
    """Open a lock file with a descriptor that is none of the standard streams.

    These may be closed. A child that is to run another program would get its own streams there, and
    would not inherit the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_file_to_owner(descriptor, path)
    if descriptor > STANDARD_ERROR:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, STANDARD_ERROR + 1)
    finally:
        os.close(descriptor)


def lock(path: Path, *, seconds: float = 0.0, shared: bool = False) -> Lock | None:
    """Lock a file, which is made where it is missing.

    Args:
        path: The lock file.
        seconds: How long to wait for it.
        shared: Whether others may hold it too.

    Returns:
        The lock, to be closed by the caller; None where others held it all the time.
    """
    taken = Lock(path)
    deadline = Deadline.after(seconds)
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    try:
        while True:
            try:
                fcntl.flock(taken.descriptor, how)
            except BlockingIOError:
                if deadline.has_passed:
                    taken.close()
                    return None
                time.sleep(PAUSE_SECONDS)
            else:
                return taken
    except BaseException:
        taken.close()
        raise


@contextlib.contextmanager
def locked_file(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold the lock during the block.

    Raises:
        TimeoutError: Others held it all the time. It is an `OSError`.
    """
    taken = lock(path, seconds=seconds)
    if taken is None:
        raise TimeoutError(None, "another process holds it locked", str(path))
    try:
        yield
    finally:
        taken.close()


def is_locked(path: Path) -> bool:
    """Return whether a process holds the file locked exclusively.

    The lock that this takes is shared, so that two callers at the same time do not see each other.
    """
    if not path.exists():
        return False
    taken = lock(path, shared=True)
    if taken is None:
        return True
    taken.close()
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


def take_lease(folder: Path) -> tuple[Path, Lock]:
    """Make a lease of this process, and the folder of leases where it is missing.

    Returns:
        Its file, and the lock that holds it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    draft, lease = folder / f"{name}.new", folder / f"{name}.lease"
    taken = lock(draft)
    if taken is None:
        raise OSError(f"{draft} is locked by another process")
    try:
        _own_leases.add(taken)
        draft.rename(lease)  # it becomes visible only now that it is locked
    except BaseException:  # also where it is interrupted
        taken.close()
        raise
    return lease, taken


def give_back(lease: tuple[Path, Lock]) -> None:
    """Remove a lease of this process; a forked child does not remove its parent's."""
    file, taken = lease
    if taken.is_open:
        try:
            _remove(file)
        finally:
            taken.close()


def _remove(lease: Path) -> None:
    """Remove the file of a lease; where the system refuses that, its lock alone counts."""
    with contextlib.suppress(OSError):
        lease.unlink(missing_ok=True)


def list_holders(folder: Path) -> list[int]:
    """Return the process id of every lease in use, and remove the other leases."""
    pids = []
    for lease in sorted(folder.glob("*.lease")):
        if not is_locked(lease):
            _remove(lease)
        elif (
            pid := lease.name.split("-", 1)[0]
        ).isdecimal():  # otherwise it is not named by a process
            pids.append(int(pid))
    return pids


class LeaseWatch:
    """The leases of a store, as its supervisor sees them.

    A lease counts as long as its process lives, also where somebody has removed its file.
    """

    def __init__(self, folder: Path) -> None:
        """Watch the leases in a folder, which may be missing."""
        self._folder = folder
        self._leases: dict[Path, Lock] = {}

    def has_holders(self) -> bool:
        """Return whether a lease is in use, and remove the files of the other leases."""
        with contextlib.suppress(FileNotFoundError):  # removed just now
            for file in self._folder.glob("*.lease"):
                if file not in self._leases:
                    with contextlib.suppress(*NO_LEASE):
                        self._leases[file] = Lock(file)
        for file, lease in list(self._leases.items()):
            try:
                fcntl.flock(lease.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its process lives
            lease.close()
            del self._leases[file]
            _remove(file)
        return bool(self._leases)


def _begin_fork() -> None:
    _registry_lock.acquire()


def _end_fork() -> None:
    _registry_lock.release()


def _close_parents_locks() -> None:
    """Close a forked child's copies, without an effect on the parent."""
    global _registry_lock  # noqa: PLW0603 - one per process
    _registry_lock = threading.RLock()  # the fork took the old one
    for inherited in list(_open_locks):
        if inherited.starting_thread != threading.get_ident():
            inherited.close_copy()


os.register_at_fork(
    before=_begin_fork,
    after_in_parent=_end_fork,
    after_in_child=_close_parents_locks,
)
