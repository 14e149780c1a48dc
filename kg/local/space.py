"""Free space on the disk of a store, and the errors of the system. Standard library only."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.limits import FREE_BYTES, FREE_FILES
from mcp_context_persistence.kg.system_errors import describe_exhaustion

DISK_FULL_CODES = frozenset({errno.ENOSPC, errno.EDQUOT})


def has_space(folder: Path) -> bool:
    """Return whether the folder's disk has space for a server, as far as the system reports it."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return True
    has_files = disk.f_files == 0 or disk.f_favail >= FREE_FILES  # 0: there is no limit
    return has_files and disk.f_bavail * disk.f_frsize >= FREE_BYTES


def describe_full_disk(folder: Path) -> str:
    """Return the error text of a full disk, with the folder, the free bytes and the free files."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        space = "the system does not tell how much is free"
    else:
        space = f"{disk.f_bavail * disk.f_frsize:,} bytes are free, {FREE_BYTES:,} are needed"
        if disk.f_files:
            space += f"; {disk.f_favail:,} more files are possible, {FREE_FILES:,} are needed"
    return (
        f"The disk of the local store {folder} is full ({space}): free some space. The next call "
        "then works, nothing needs to be closed or restarted."
    )


def check_space(folder: Path) -> None:
    """Refuse to start a server on a full disk.

    Raises:
        DatabaseError: Too little space is free, or too few files can be made.
    """
    if not has_space(folder):
        raise DatabaseError(describe_full_disk(folder), retryable=True)


def translate_os_error(error: OSError, folder: Path) -> DatabaseError:
    """Return the library's error for one of the system, which names the file.

    Args:
        error: What the system said.
        folder: The store's folder.
    """
    if error.errno in DISK_FULL_CODES:
        return DatabaseError(describe_full_disk(folder), retryable=True)
    if text := describe_exhaustion(error):
        return DatabaseError(
            f"The local store {folder} cannot be used now: {text}.", retryable=True
        )
    return DatabaseError(
        f"The local store cannot use {error.filename2 or error.filename or folder} "
        f"({error.strerror}): check its "
        "owner, its permissions and the free space, then try again.",
        retryable=isinstance(error, FileNotFoundError),  # what is missing is made again
    )


@contextmanager
def translated_errors(folder: Path) -> Iterator[None]:
    """Raise a `DatabaseError` for an `OSError` of the block."""
    try:
        yield
    except OSError as error:
        raise translate_os_error(error, folder) from error
