"""Check that a store's own server listens on its port, before the password is sent there."""

import os
from pathlib import Path

from mcp_context_persistence.kg.local.identity import is_serving
from mcp_context_persistence.kg.local.store import State

# Sockets that were checked, by store, process id, its start and its port: the descriptor's file
# below `/proc` and the socket that it links to.
_checked_sockets: dict[tuple[Path, int, str, int], tuple[str, str]] = {}


def is_own_server(folder: Path, state: State) -> bool:
    """Return whether the listener on the port is the server of this folder.

    Finding the socket takes 30 ms. Seeing that the process still has it open takes 0.1 ms, and
    while it does, nobody else has the port.

    Args:
        folder: The store's folder.
        state: What its supervisor wrote.
    """
    process = (folder, state.pid, state.started, state.bolt_port)
    if not is_serving(folder, state.pid, state.started):
        _checked_sockets.pop(process, None)
        return False
    file, socket = _checked_sockets.get(process, ("", ""))
    if socket and _read_link(file) == socket:
        return True
    import psutil  # noqa: PLC0415 - takes 60 ms

    try:
        connections = psutil.Process(state.pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    except (psutil.AccessDenied, NotImplementedError):
        return True  # the system hides the sockets of the process; its identity must do
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1] == state.bolt_port:
            file = f"/proc/{state.pid}/fd/{connection.fd}"
            _checked_sockets[process] = (file, _read_link(file))
            return True
    return False


def _read_link(file: str) -> str:
    """Return where a link below `/proc` leads to, empty where there is none."""
    try:
        return os.readlink(file)
    except OSError:
        return ""
