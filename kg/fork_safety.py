"""What a process owes to a child that it forks. Standard library only.

The child has only the thread that forked. Locks that the other threads held would stay locked for
ever, and what they work on, such as files and connections, belongs to the parent.
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.progress import ReportProgress

PARENTS_CLIENT = "this client belongs to the parent process; open another one in this process"

_LOCKS: dict[type, Callable[[], object]] = {
    type(threading.Lock()): threading.Lock,
    type(threading.RLock()): threading.RLock,
}
_owners: "weakref.WeakSet[object]" = weakref.WeakSet()


def renew_locks_in_children(owner: object) -> None:
    """Give an object or a module new locks and events in each forked child.

    Args:
        owner: Has them as attributes. A `with` statement of the thread that forks leaves the lock
            that it has entered.
    """
    _owners.add(owner)


def _renew_locks() -> None:
    for owner in list(_owners):
        for name, value in list(vars(owner).items()):
            if make_lock := _LOCKS.get(type(value)):
                setattr(owner, name, make_lock())
            elif isinstance(value, threading.Event):
                event = threading.Event()
                if value.is_set():
                    event.set()
                setattr(owner, name, event)


@contextmanager
def removed_afterwards(*files: Path) -> Iterator[None]:
    """Remove files at the end of the block, but not where a child leaves it that was forked in it.

    Args:
        files: They may be missing.
    """
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == process:
            for file in files:
                file.unlink(missing_ok=True)


def refuse_children(progress: ReportProgress) -> ReportProgress:
    """Return a progress function for which a child that it forks cannot go on with the call."""

    def report(stage: str, done: int, total: int) -> None:
        process = os.getpid()
        progress(stage, done, total)
        if os.getpid() != process:
            raise DatabaseError(PARENTS_CLIENT)

    return report


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
