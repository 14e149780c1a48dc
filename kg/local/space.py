"""Free space on the disk of a store, and the errors of the system. Standard library only."""

import errno
import shutil
from pathlib import Path

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.limits import FREE_BYTES

DISK_FULL_CODES = frozenset({errno.ENOSPC, errno.EDQUOT})


def free_bytes(folder: Path) -> int:
    """Return how many bytes are free on the folder's disk, -1 where the system does not tell."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return -1


def describe_full_disk(folder: Path) -> str:
    """Return the error text of a full disk, with the folder and the free bytes."""
    return (
        f"The disk of the local store {folder} is full ({max(0, free_bytes(folder)):,} bytes are "
        f"free, {FREE_BYTES:,} are needed): free some space. The next call then works, nothing "
        "needs to be closed or restarted."
    )


def check_space(folder: Path) -> None:
    """Refuse to start a server on a full disk.

    Raises:
        DatabaseError: Too little space is free.
    """
    if 0 <= free_bytes(folder) < FREE_BYTES:
        raise DatabaseError(describe_full_disk(folder), retryable=True)


def translate_os_error(error: OSError, folder: Path) -> DatabaseError:
    """Return the library's error for one of the system, which names the file.

    Args:
        error: What the system said.
        folder: The store's folder.
    """
    if error.errno in DISK_FULL_CODES:
        return DatabaseError(describe_full_disk(folder), retryable=True)
    return DatabaseError(
        f"The local store cannot use {error.filename or folder} ({error.strerror}): check who owns "
        "it, and the free space, then try again.",
        retryable=isinstance(error, FileNotFoundError),  # what is missing is made again
    )
