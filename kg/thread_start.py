"""Start threads where memory is short. Standard library only.

`threading.Thread.start` waits until the new thread runs. One that finds no memory for its first
objects ends without a word, and the caller would wait for ever.
"""

import mmap
import sys
import threading

if sys.platform != "win32":
    import resource

# More than the stack of a thread and its first objects need: other threads take memory meanwhile.
RESERVE_BYTES = 64 << 20


def check_memory() -> None:
    """Refuse another thread where too little address space is left for it.

    Raises:
        RuntimeError: As `threading.Thread.start` raises it where the system refuses a thread.
    """
    if not _is_limited():
        return
    try:
        mmap.mmap(-1, RESERVE_BYTES).close()
    except OSError as error:
        raise RuntimeError("can't start new thread: too little memory") from error


def start(thread: threading.Thread) -> None:
    """Start a thread.

    Raises:
        RuntimeError: The system refuses another thread, or there is too little memory for it.
    """
    check_memory()
    thread.start()


def _is_limited() -> bool:
    return sys.platform != "win32" and (
        resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
    )
