"""A server that cannot be reached: the client says so within its deadline, whatever the scheme."""

import socket
import threading

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import DatabaseError

SCHEMES = ("bolt", "bolt+ssc", "neo4j", "neo4j+ssc")
# On a slow machine, the deadline ends before the attempts do.
UNREACHABLE = r"could not be reached|of 2 s; is the server alive\?"


@pytest.fixture
def listener():
    """A socket that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening


def open_client(scheme, port):
    url = f"{scheme}://127.0.0.1:{port}"
    ContextPersistenceClient(url, auth=("neo4j", "x"), config={"deadline": 2}).close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nobody_listens(scheme):
    with pytest.raises(DatabaseError, match="could not be reached") as caught:
        open_client(scheme, 1)
    assert caught.value.retryable


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_server_is_silent(scheme, listener):
    with pytest.raises(DatabaseError, match=UNREACHABLE):
        open_client(scheme, listener.getsockname()[1])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_server_closes_every_connection(scheme, listener):
    def close_all():
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return

    thread = threading.Thread(target=close_all, daemon=True)
    thread.start()
    with pytest.raises(DatabaseError, match=UNREACHABLE):
        open_client(scheme, listener.getsockname()[1])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_name_of_the_server_is_unknown(scheme):
    with pytest.raises(DatabaseError, match="could not be reached"):
        ContextPersistenceClient(f"{scheme}://nowhere.invalid", config={"deadline": 2})
