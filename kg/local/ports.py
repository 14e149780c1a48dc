"""Ports of the loopback interface, and whether a server answers on one. Standard library only."""

import contextlib
import secrets
import socket
from collections.abc import Sequence

from mcp_context_persistence.kg.local.settings import LOOPBACK

STABLE_PORTS = range(20_000, 32_768)  # below the ephemeral ports of Linux and of IANA
PORT_TRIES = 20
HANDSHAKE_SECONDS = 2
# Bolt's magic number and four proposals: 6.0 to 5.0 by range, 5.8, 5.4, 4.4.
HANDSHAKE = bytes.fromhex("6060b017" + "00000006" + "00080805" + "00000405" + "00000404")


def choose_ports(preferred: Sequence[int]) -> list[int]:
    """Choose free ports, the preferred ones where they are free.

    Another port is chosen below those that the kernel gives to outgoing connections, so that it is
    still free at the next start.

    Args:
        preferred: For each port the one of the last start, 0 where there is none.

    Returns:
        As many ports as were preferred, in their order.

    Raises:
        OSError: No port is free.
    """
    with contextlib.ExitStack() as listeners:  # all stay bound until the last one is chosen
        return [listeners.enter_context(_bind(port)).getsockname()[1] for port in preferred]


def _bind(preferred: int) -> socket.socket:
    """Return a socket that is bound to the preferred port, or else to another one."""
    random_ports = (STABLE_PORTS[secrets.randbelow(len(STABLE_PORTS))] for _ in range(PORT_TRIES))
    for port in (*((preferred,) if preferred else ()), *random_ports, 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            listener.close()
            continue
        return listener
    raise OSError("no port of the loopback interface is free")


def answers_bolt(port: int) -> bool:
    """Return whether a server on the port answers Bolt's handshake. No secret is sent."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=HANDSHAKE_SECONDS) as connection:
            connection.sendall(HANDSHAKE)
            return len(connection.recv(4)) > 0
    except OSError:
        return False
