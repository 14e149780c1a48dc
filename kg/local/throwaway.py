"""Stores that are deleted with their process."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from mcp_context_persistence.kg.local import leases
from mcp_context_persistence.kg.local.identity import end_servers
from mcp_context_persistence.kg.local.ownership import check_umask
from mcp_context_persistence.kg.local.space import translate_os_error
from mcp_context_persistence.kg.local.store import Store

PREFIX = "context-persistence-throwaway-"
STRAY_SECONDS = 60.0  # a younger store may be in use by a process that has no lease yet


def make_folder() -> Path:
    """Make the folder of a throwaway store, and delete those that killed processes left.

    Raises:
        DatabaseError: No folder can be made in the temporary folder of the system.
    """
    check_umask()
    remove_stray_stores()
    try:
        return Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    except OSError as error:
        raise translate_os_error(error, Path(tempfile.tempdir or os.curdir)) from error


def remove_stray_stores() -> None:
    """Delete throwaway stores that nobody uses, because their supervisor was killed."""
    try:
        now = _read_time()
    except OSError:  # there is room for no file; making the own folder will say so
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        store = Store(folder)
        with contextlib.suppress(OSError):
            if not _is_old_store(store, now):
                continue
            if leases.list_holders(store.leases) or leases.is_locked(store.server_lock):
                continue
            state = store.read_state()
            if end_servers(folder, state.pid if state else 0, state.started if state else "") == 0:
                shutil.rmtree(folder, ignore_errors=True)


def _read_time() -> float:
    """Return the time of the temporary folder's files; the clock of this process may be wrong."""
    with tempfile.TemporaryFile() as file:
        return os.fstat(file.fileno()).st_mtime


def _is_old_store(store: Store, now: float) -> bool:
    """Return whether a folder is a store of this user that is old enough."""
    entry = store.folder.lstat()
    return (
        store.folder.is_dir()
        and not store.folder.is_symlink()
        and entry.st_uid == os.getuid()
        and now - entry.st_mtime > STRAY_SECONDS
        and store.leases.is_dir()
    )
