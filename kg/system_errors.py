"""Errors of the operating system, as the errors of this library. Standard library only.

Most of them say that something is exhausted, which passes: the same call may succeed later.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError

SYSTEM_ERRORS = (OSError, MemoryError, RuntimeError)

_MEMORY = "this computer or this process has too little memory; free some, then call again"
_EXHAUSTED = {
    errno.EMFILE: "this process has too many open files; close some or raise its limit (ulimit "
    "-n), then call again",
    errno.ENFILE: "too many files are open on this computer; close some, then call again",
    errno.EAGAIN: "the system refuses another thread or process; end some or raise the limit "
    "(ulimit -u, or pids.max of the control group), then call again",
    errno.ENOMEM: _MEMORY,
    errno.ENOBUFS: _MEMORY,
}
_INCOMPLETE = (
    "the import of a module of this library failed, probably in another thread; call again"
)
OWN_PACKAGE = __name__.partition(".")[0]
NO_THREAD = _EXHAUSTED[errno.EAGAIN]


def describe_exhaustion(error: BaseException) -> str:
    """Return what is exhausted and what to do, '' where the error does not say that.

    Args:
        error: An error of the system, or one that was caused by such an error.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return _MEMORY
        if isinstance(cause, OSError) and cause.errno in _EXHAUSTED:
            return _EXHAUSTED[cause.errno]
        cause = cause.__cause__
    return ""


@contextmanager
def translated_system_errors(
    error_type: type[ContextPersistenceError] = DatabaseError,
) -> Iterator[None]:
    """Raise an error of this class for an error of the system in the block."""
    try:
        yield
    except ImportError as error:
        # Another thread cannot make a module missing.
        is_missing = isinstance(error, ModuleNotFoundError)
        if is_missing or (error.name or "").partition(".")[0] != OWN_PACKAGE:
            raise
        # Probably, this thread waited for another thread's import of the module, which failed.
        raise error_type(_INCOMPLETE, retryable=True) from error
    except SYSTEM_ERRORS as error:
        if text := describe_exhaustion(error):
            raise error_type(text, retryable=True) from error
        reason = (error.strerror if isinstance(error, OSError) else "") or type(error).__name__
        raise error_type(
            f"the system, or a library that is used here, refused the call ({reason}); see the "
            "cause of this error"
        ) from error
