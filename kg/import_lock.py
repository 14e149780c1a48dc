"""The lock of Python's imports, which an interrupt may leave locked. Standard library only.

An import takes the lock for a moment, by Python code. If Ctrl-C comes just then, the lock stays
locked, and no other thread can import anything any more.
"""

import _imp


def release_import_lock() -> None:
    """Release the lock if this thread has left it locked; not inside of the import system."""
    try:
        while _imp.lock_held():
            _imp.release_lock()
    except RuntimeError:  # another thread has it
        return
