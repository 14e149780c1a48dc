"""Processes by identity, and a child that dies with its parent. Only the standard library, for the supervisor."""

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mcp_context_persistence.kg.local.settings import LOOPBACK

PR_SET_PDEATHSIG = 1
STABLE_PORTS = range(20_000, 32_768)  # below the ephemeral ports of Linux and of IANA
PORT_TRIES = 20
# Bolt's magic number and four proposals: 6.0 to 5.0 by range, 5.8, 5.4, 4.4.
HANDSHAKE = bytes.fromhex("6060b017" + "00000006" + "00080805" + "00000405" + "00000404")


def birth(pid: int) -> str:
    """When the process began, as an opaque text that no later process with the same id has. Empty where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _birth_by_ps(pid)
    fields = stat.rpartition(")")[2].split()
    if fields[0] in {"Z", "X"}:  # dead, and only not yet collected
        return ""
    return fields[19]  # clock ticks since boot, which no change of the clock moves


def _birth_by_ps(pid: int) -> str:
    if sys.platform.startswith("linux"):
        return ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return answer.stdout.strip()


def is_alive(pid: int, started: str) -> bool:
    """Whether the very process lives that began then."""
    return pid > 0 and started != "" and birth(pid) == started


def is_frozen(pid: int) -> bool:
    """Return whether the process is stopped by a signal, so that it does nothing until it is let go on."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in {"T", "t"}


def kill(pid: int, started: str, *, seconds: float = 10.0) -> bool:
    """Kills the process if it is the one that began then, and waits for its end; returns whether it is gone."""
    until = time.monotonic() + seconds
    while is_alive(pid, started):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def dying_with_parent(*, nice: int = 0) -> Callable[[], None]:
    """A function for the child, before it becomes another program: the kernel kills it when the parent's thread ends.

    Only Linux can do that. Elsewhere a server whose supervisor was killed ends at the next attach to its store.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform.startswith("linux") else None

    def prepare() -> None:
        if nice:
            os.nice(nice)
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it ended before the kernel knew
                os._exit(1)

    return prepare


def choose_ports(preferred: Sequence[int]) -> list[int]:
    """Choose as many free ports of the loopback interface as are preferred, the preferred ones where they are free.

    Another port is chosen below those that the kernel gives to outgoing connections: there it is still free at the next start.

    Args:
        preferred: For each port the one of the last start, 0 where there is none.

    Raises:
        OSError: No port is free.
    """
    with contextlib.ExitStack() as listeners:  # all stay bound until the last one is chosen
        return [listeners.enter_context(_bind(port)).getsockname()[1] for port in preferred]


def _bind(preferred: int) -> socket.socket:
    """Return a socket that is bound to the preferred port, or else to another one."""
    usual = (STABLE_PORTS[secrets.randbelow(len(STABLE_PORTS))] for _ in range(PORT_TRIES))
    for port in (*((preferred,) if preferred else ()), *usual, 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            listener.close()
            continue
        return listener
    raise OSError("no port of the loopback interface is free")


def speaks_bolt(port: int) -> bool:
    """Whether something on the port answers Bolt's handshake. No secret is sent."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(HANDSHAKE)
            return len(connection.recv(4)) > 0
    except OSError:
        return False
