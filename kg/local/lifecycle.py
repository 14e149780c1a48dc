"""Attach to the server of a store, start it and stop it."""

import shutil
from pathlib import Path

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.fork_safety import refuse_children
from mcp_context_persistence.kg.local import leases, throwaway
from mcp_context_persistence.kg.local.attachment import Attachment
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.identity import end_servers
from mcp_context_persistence.kg.local.joining import join_server
from mcp_context_persistence.kg.local.orders import order_stop
from mcp_context_persistence.kg.local.settings import ServerSettings
from mcp_context_persistence.kg.local.space import translated_errors
from mcp_context_persistence.kg.local.status import ServerStatus, read_status, resolve_path
from mcp_context_persistence.kg.local.store import Store
from mcp_context_persistence.kg.progress import ReportProgress


def attach(
    store: Path | None,
    *,
    settings: ServerSettings | None = None,
    progress: ReportProgress | None = None,
) -> Attachment:
    """Attach to the server of a store, and start it where it does not run.

    Args:
        store: The store's folder, which is made where it is missing. None means a throwaway store.
        settings: For a server that must be started.
        progress: Called with ``(stage, done, total)``: bytes while jars are verified and
            downloaded, seconds while the server starts.

    Raises:
        ValidationError: The path holds something that is no store; it is untouched.
        DatabaseError: The server cannot be started or reached; the text says what to do. Nothing is
            left running. It is raised within `kg.limits.OPEN_SECONDS` in any case; a first download
            of jars is not counted.
    """
    settings = settings or ServerSettings()
    progress = refuse_children(progress) if progress else None
    is_throwaway = store is None
    folder = throwaway.make_folder() if store is None else resolve_path(store)
    files = Store(folder)
    lease: tuple[Path, leases.Lock] | None = None
    try:
        files.prepare()
        lease = leases.take_lease(files.leases)
        state = join_server(files, settings, progress, is_throwaway=is_throwaway)
        return Attachment(files, state, lease, settings, is_throwaway=is_throwaway)
    except BaseException:
        is_child = lease is not None and not lease[1].is_open  # that `progress` has forked
        if lease is not None:
            leases.give_back(lease)
        if is_throwaway and not is_child and not leases.is_locked(files.server_lock):
            shutil.rmtree(folder, ignore_errors=True)
        with translated_errors(folder):
            raise


def start(
    store: Path, *, settings: ServerSettings | None = None, progress: ReportProgress | None = None
) -> ServerStatus:
    """Start the server of a store like `attach`; it then runs until `stop`, without clients too."""
    with attach(store, settings=settings, progress=progress) as attachment:
        files = Store(attachment.store)
        state = files.read_state()
        if state is not None:
            replace_file(files.keep_order_file, state.nonce)
        return read_status(store)


def stop(store: Path, *, force: bool = False) -> None:
    """Stop the server of a store in order, and wait for it. Nothing happens where it does not run.

    Args:
        store: The store's folder.
        force: Stop it even though processes use it; their calls fail then.

    Raises:
        DatabaseError: Processes use it, it does not end, or its folder cannot be read.
    """
    files = Store(resolve_path(store))
    with translated_errors(files.folder):
        if not leases.is_locked(files.server_lock) and (
            not files.folder.is_dir() or _end_unsupervised(files)
        ):
            return
        pids = sorted(set(leases.list_holders(files.leases)))
        if pids and not force:
            clients, pronoun = ("process", "it") if len(pids) == 1 else ("processes", "them")
            raise DatabaseError(
                f"The local server is in use by {clients} {', '.join(map(str, pids))}: "
                f"close {pronoun} first, or stop it with force (--force)."
            )
        order_stop(files)


def _end_unsupervised(files: Store) -> bool:
    """End the servers of a folder that no supervisor serves.

    Returns:
        False where a supervisor has started meanwhile; its server is not touched.
    """
    lock = leases.lock(files.server_lock) if files.server_lock.exists() else None
    if lock is None and files.server_lock.exists():
        return False
    try:
        state = files.read_state()
        pid = end_servers(files.folder, state.pid if state else 0, state.started if state else "")
    finally:
        if lock is not None:
            lock.close()
    if pid:
        raise DatabaseError(
            f"The local server does not end: end process {pid} yourself.", retryable=True
        )
    return True
