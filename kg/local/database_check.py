"""Whether the databases of a server begin a transaction. Standard library only."""

import socket
from typing import Any, Literal

from mcp_context_persistence import cypher
from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.errors import STOPPED_CODE
from mcp_context_persistence.kg.local.settings import APPLICATION, DATABASE, LOOPBACK, USER

CHECK_SECONDS = 5.0
SYSTEM = "system"
RECEIVED_BYTES = 65_536
HANDSHAKE = bytes.fromhex("6060b017" + "00070805" + 3 * "00000000")  # Bolt 5.8 to 5.1
HELLO, LOGON, RUN, DISCARD = 0x01, 0x6A, 0x10, 0x2F
ALL = {"n": -1}  # rows
SUCCESS = 0x70

Answer = Literal["begins", "stopped", "absent", "unknown"]


def check_databases(port: int, password: str) -> Answer:
    """Run a statement in a transaction that may write, in each of the server's databases.

    The server begins a transaction only with its first statement.

    Args:
        port: Where the server listens.
        password: Of the user `USER`.

    Returns:
        ``begins`` where each gave one, ``stopped`` where one refuses everything until it is
        restarted, ``absent`` where nobody listens. Else ``unknown``.
    """
    text = cypher.load("maintenance/components").text
    requests = (
        _request(HELLO, {"user_agent": APPLICATION, "bolt_agent": {"product": APPLICATION}}),
        _request(LOGON, {"scheme": "basic", "principal": USER, "credentials": password}),
        *(
            request
            for database in (DATABASE, SYSTEM)
            for request in (_request(RUN, text, {}, {"db": database}), _request(DISCARD, ALL))
        ),
    )
    deadline = Deadline.after(CHECK_SECONDS)
    try:
        with socket.create_connection((LOOPBACK, port), timeout=CHECK_SECONDS) as connection:
            connection.sendall(HANDSHAKE + b"".join(requests))
            replies = _receive(connection, len(requests), deadline)
    except ConnectionRefusedError:
        return "absent"
    except OSError:
        return "unknown"
    if any(STOPPED_CODE.encode() in reply for reply in replies):
        return "stopped"
    has_begun = [reply[1] for reply in replies] == [SUCCESS] * len(requests)
    return "begins" if has_begun else "unknown"


def _request(kind: int, *fields: str | dict[str, Any]) -> bytes:
    """Return a message in one chunk."""
    message = bytes([0xB0 + len(fields), kind]) + b"".join(map(_encode, fields))
    return len(message).to_bytes(2, "big") + message + bytes(2)


def _encode(value: int | str | dict[str, Any]) -> bytes:
    if isinstance(value, dict):
        items = (_encode(key) + _encode(member) for key, member in value.items())
        return bytes([0xA0 + len(value)]) + b"".join(items)
    if isinstance(value, int):  # a small one
        return value.to_bytes(1, "big", signed=True)
    text = value.encode()
    return b"\xd1" + len(text).to_bytes(2, "big") + text


def _receive(connection: socket.socket, count: int, deadline: Deadline) -> list[bytes]:
    """Return so many replies, fewer where the server ends the connection."""
    received, replies = bytearray(), list[bytes]()
    while len(replies) < count and not deadline.has_passed:
        connection.settimeout(deadline.seconds_left + 0.001)
        data = connection.recv(RECEIVED_BYTES)
        if not data:
            break
        received += data
        replies = _split(bytes(received[4:]))  # the first bytes are the version
    return replies


def _split(data: bytes) -> list[bytes]:
    """Return the messages that are complete. A chunk without content ends a message."""
    replies, reply, place = [], b"", 0
    while place + 2 <= len(data):
        end = place + 2 + int.from_bytes(data[place : place + 2], "big")
        if end > len(data):
            break
        chunk, place = data[place + 2 : end], end
        if not chunk and len(reply) > 1:  # else it only keeps the connection alive
            replies.append(reply)
            reply = b""
        reply += chunk
    return replies
