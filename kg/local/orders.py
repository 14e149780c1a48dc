"""Orders of a client to the supervisor of a store: stop, another size, start again.

An order is a file in the store's folder. It holds the nonce of the run that it is meant for, so
that a later run does not obey it. Standard library only, for the supervisor.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import leases, sizes
from mcp_context_persistence.kg.local.files import read_file, replace_file
from mcp_context_persistence.kg.local.identity import has_file_open
from mcp_context_persistence.kg.local.settings import ServerSettings
from mcp_context_persistence.kg.local.space import DISK_FULL_CODES
from mcp_context_persistence.kg.local.store import State, Store

POLL_SECONDS = 0.05
STOP_POLL_SECONDS = 0.02
STOP_SECONDS = 60.0
T = TypeVar("T")


# What a client does.


def order_resize(store: Store, settings: ServerSettings) -> None:
    """Have the server stopped in order and started with another size, and wait for that.

    Nothing happens where no server runs: the next one has the size of whoever starts it.

    Args:
        store: The store.
        settings: Heap and page cache of the server, and how long a stop and a start may take.

    Raises:
        DatabaseError: It was not done in time.
    """
    state = store.read_state()
    if state is None or not leases.is_locked(store.server_lock):
        return
    size = {"heap": settings.heap, "page_cache": settings.page_cache}
    replace_file(store.size_order_file, json.dumps({"nonce": state.nonce, **size}))
    _wait(store, settings, lambda now: {"heap": now.heap, "page_cache": now.page_cache} == size)


def order_restart(store: Store, pid: int, settings: ServerSettings) -> None:
    """Have the server started again, whose database has stopped, and wait for that.

    Nothing happens where no server runs, or another process serves the store already.

    Args:
        store: The store.
        pid: The process of the server that must not go on.
        settings: How long a start and a stop may take.

    Raises:
        DatabaseError: It was not done in time.
    """
    state = store.read_state()
    if state is None or not leases.is_locked(store.server_lock) or state.pid != pid:
        return
    replace_file(store.restart_order_file, json.dumps({"nonce": state.nonce, "pid": pid}))
    _wait(store, settings, lambda now: now.pid != pid)


def order_stop(store: Store) -> None:
    """Have the supervisor stop the server and end, and wait for that.

    Raises:
        DatabaseError: It does not end in time.
    """
    deadline, ordered = Deadline.after(STOP_SECONDS), ""
    while leases.is_locked(store.server_lock):
        state = store.read_state()
        # The file may have been restored from a backup: then the supervisor corrects it.
        if state is not None and state.nonce != ordered:
            ordered = state.nonce
            _write_stop(store, state)
        if deadline.has_passed:
            pid = leases.find_owner(store.server_lock) or (state.supervisor if state else 0)
            raise DatabaseError(
                f"The local server does not end: end process {pid} yourself.", retryable=True
            )
        time.sleep(STOP_POLL_SECONDS)


def _write_stop(store: Store, state: State) -> None:
    try:
        replace_file(store.stop_order_file, state.nonce)
    except OSError as error:
        is_ours = has_file_open(state.supervisor, state.supervisor_started, store.server_lock)
        if error.errno not in DISK_FULL_CODES or not is_ours:
            raise
        os.kill(state.supervisor, signal.SIGTERM)  # the disk is full: no order can be written


def _wait(store: Store, settings: ServerSettings, is_done: Callable[[State], bool]) -> None:
    """Wait until the server runs as ordered, or its supervisor has ended."""
    deadline = Deadline.after(settings.stop_seconds + settings.start_seconds)
    while leases.is_locked(store.server_lock):
        state = store.read_state()
        if state is not None and state.phase == "running" and is_done(state):
            return
        if deadline.has_passed:
            raise DatabaseError(
                f"The local server was not started again in time: see {store.logs}.", retryable=True
            )
        time.sleep(POLL_SECONDS)


# What the supervisor does.


def holds_nonce(file: Path, nonce: str) -> bool:
    """Return whether a file holds the nonce of this run."""
    try:
        return read_file(file, encoding="ascii").strip() == nonce
    except (OSError, ValueError):
        return False


def take_size(store: Store, nonce: str) -> dict[str, str] | None:
    """Take the order for another size: heap and page cache, None where there is none."""
    size = _take(
        store.size_order_file,
        nonce,
        lambda row: {"heap": str(row["heap"]), "page_cache": str(row["page_cache"])},
    )
    return size if size and all(map(sizes.parse_size, size.values())) else None


def take_restart(store: Store, nonce: str) -> int:
    """Take the order to start again: the process that must not go on, 0 where there is none."""
    return _take(store.restart_order_file, nonce, lambda row: int(row["pid"])) or 0


def _take(file: Path, nonce: str, parse: Callable[[dict[str, Any]], T]) -> T | None:
    """Read an order and remove it, None where there is none for this run."""
    if not file.exists():
        return None
    order = None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        row = json.loads(read_file(file))
        order = parse(row) if row["nonce"] == nonce else None
    file.unlink(missing_ok=True)
    return order
