"""The server that runs: which process it is, how large it is, who uses it, and another size for it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import leases, sizes
from mcp_context_persistence.kg.local.identity import is_server_of
from mcp_context_persistence.kg.local.settings import ServerSettings
from mcp_context_persistence.kg.local.store import State, Store, write

POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Running:
    """What is known of a server.

    Attributes:
        pid: Its process id, 0 while none runs.
        heap: Bytes of its heap.
        page_cache: Bytes of its page cache.
    """

    pid: int
    heap: int
    page_cache: int


def running(store: Path) -> Running:
    """The server of a store as it runs now. One that an older version started has the usual sizes."""
    state, usual = Store(store).read_state(), ServerSettings()
    heap, page_cache = (state.heap, state.page_cache) if state is not None else ("", "")
    return Running(
        pid=state.pid if state is not None and is_server_of(store, state.pid, state.started) else 0,
        heap=sizes.number(heap or usual.heap),
        page_cache=sizes.number(page_cache or usual.page_cache),
    )


def users(store: Path) -> set[int]:
    """Process ids of all that use the server of a store."""
    return set(leases.holders(Store(store).leases))


def resize(files: Store, settings: ServerSettings) -> None:
    """Has the supervisor stop the server in order and start it with the heap and the page cache of the settings; waits for that.

    Nothing happens where no server runs: the next one has the sizes of whoever starts it.

    Raises:
        DatabaseError: It was not done in time.
    """
    state = files.read_state()
    if state is None or not leases.is_locked(files.server):
        return
    wanted = (settings.heap, settings.page_cache)

    def is_done(now: State) -> bool:
        return (now.heap, now.page_cache) == wanted

    write(
        files.sizes,
        json.dumps(
            {"nonce": state.nonce, "heap": settings.heap, "page_cache": settings.page_cache}
        ),
    )
    _wait(files, settings, is_done)


def restart(files: Store, pid: int, settings: ServerSettings) -> None:
    """Have the supervisor start the server again, whose database has stopped; wait for that.

    Nothing happens where no server runs, or another process serves the store already.

    Args:
        files: The store.
        pid: The process of the server that must not go on.
        settings: How long a start and a stop may take.

    Raises:
        DatabaseError: It was not done in time.
    """
    state = files.read_state()
    if state is None or not leases.is_locked(files.server) or state.pid != pid:
        return

    def is_done(now: State) -> bool:
        return now.pid != pid

    write(files.restart, json.dumps({"nonce": state.nonce, "pid": pid}))
    _wait(files, settings, is_done)


def _wait(files: Store, settings: ServerSettings, is_done: Callable[[State], bool]) -> None:
    """Wait until the server runs as ordered, or its supervisor has ended."""
    until = time.monotonic() + settings.stop_seconds + settings.start_seconds
    while leases.is_locked(files.server):
        state = files.read_state()
        if state is not None and state.phase == "running" and is_done(state):
            return
        if time.monotonic() > until:
            raise DatabaseError(
                f"The local server was not started again in time: see {files.logs}.", retryable=True
            )
        time.sleep(POLL_SECONDS)
