"""Who listens where a store's server should be, so that nobody else is told the password."""

import os
from pathlib import Path

from mcp_context_persistence.kg.local.identity import serves
from mcp_context_persistence.kg.local.settings import LOOPBACK
from mcp_context_persistence.kg.local.store import State

# Of stores and processes with their ports: the file of the socket, and the socket.
_proven: dict[tuple[Path, int, str, int], tuple[str, str]] = {}


def url(state: State) -> str:
    """Such as ``bolt://127.0.0.1:40001``."""
    return f"bolt://{LOOPBACK}:{state.bolt_port}"


def is_ours(folder: Path, state: State) -> bool:
    """Return whether the listener on the port is the very server of this folder, so that it may have the password.

    To find the socket takes 30 ms, to see that the process still holds it takes 0.1 ms: while it does, nobody else has the port.

    Args:
        folder: The store's folder.
        state: What its supervisor wrote.
    """
    process = (folder, state.pid, state.started, state.bolt_port)
    if not serves(folder, state.pid, state.started):
        _proven.pop(process, None)
        return False
    file, socket = _proven.get(process, ("", ""))
    if socket and _link(file) == socket:
        return True
    import psutil  # noqa: PLC0415  60 ms, and the supervisor imports this package without site packages

    try:
        connections = psutil.Process(state.pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    except (psutil.AccessDenied, NotImplementedError):
        return True  # the system does not let us look into our own child; its identity must do
    for one in connections:
        if one.status == psutil.CONN_LISTEN and one.laddr[1] == state.bolt_port:
            file = f"/proc/{state.pid}/fd/{one.fd}"
            _proven[process] = (file, _link(file))
            return True
    return False


def _link(file: str) -> str:
    """Where a link of `/proc` leads to, empty where there is none."""
    try:
        return os.readlink(file)
    except OSError:
        return ""
