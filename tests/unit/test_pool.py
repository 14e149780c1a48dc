"""Connections of the driver that were not made to the end."""

import errno
import gc
import sys

import pytest
from neo4j import Address
from neo4j._sync.io._bolt6 import Bolt6x0

import mcp_context_persistence.kg.driver.pool  # noqa: F401 - closes what the driver cannot


class LostSocket:
    """The socket of a server that died after the handshake."""

    is_closed = False

    def getsockname(self):
        return ("127.0.0.1", 1)

    def getpeername(self):
        raise OSError(errno.ENOTCONN, "not connected")

    def close(self):
        self.is_closed = True


def test_a_server_that_dies_while_a_connection_is_made_prints_nothing(monkeypatch):
    printed, sock = [], LostSocket()
    monkeypatch.setattr(sys, "unraisablehook", lambda event: printed.append(event.exc_value))
    with pytest.raises(OSError, match="not connected"):
        Bolt6x0(Address(("127.0.0.1", 7687)), sock, -1)
    gc.collect()
    assert printed == []
    assert sock.is_closed
