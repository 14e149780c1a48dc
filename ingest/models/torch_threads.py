"""Torch's number of threads. It belongs to the process, and calls that change it may overlap."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_context_persistence.kg.fork_safety import renew_locks_in_children

_lock = threading.Lock()
renew_locks_in_children(sys.modules[__name__])
# The process's number, once for each call that uses another one. A forked child keeps it: the
# thread that would set it again is not there, so the child's next call does.
_configured: list[int] = []


@contextmanager
def all_threads() -> Iterator[int]:
    """Yield the number of threads, for a call that sets other numbers; set it again afterwards.

    Each thread begins with the number that was set last, so a call beside another one would read
    that one's number.
    """
    import torch  # noqa: PLC0415 - takes seconds to import

    with _lock:
        thread_count = _configured[0] if _configured else torch.get_num_threads()
        _configured.append(thread_count)
    try:
        yield thread_count
    finally:
        torch.set_num_threads(thread_count)
        with _lock:
            _configured.pop()


@contextmanager
def half_of_threads() -> Iterator[None]:
    """Use half of the threads.

    A database works on the same cores, and torch waits for its slowest thread at each step.
    """
    import torch  # noqa: PLC0415 - takes seconds to import

    with all_threads() as thread_count:
        torch.set_num_threads(max(1, thread_count // 2))
        yield
