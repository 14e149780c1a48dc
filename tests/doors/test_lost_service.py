"""A client of the service whose service does not answer, ends or comes back."""

import contextlib
import socket
import threading
import time

import pytest

from mcp_context_persistence import exceptions
from mcp_context_persistence.service import lease
from mcp_context_persistence.service import remote as remote_client
from mcp_context_persistence.service.remote import RemoteClient
from tests.doors.own_client import Own


class Service(threading.Thread):
    """A service that proves itself, and then answers as a test wants."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.held = lease.ServiceLease(folder)
        assert self.held.take()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.held.publish("127.0.0.1", self.socket.getsockname()[1])
        self.answer: bytes | None = b""
        self.called, self.may_end = 0, threading.Event()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as file:
            while request := file.readline():
                headers = dict(
                    line.decode().strip().lower().split(": ", 1)
                    for line in iter(file.readline, b"\r\n")
                )
                file.read(int(headers.get("content-length", 0)))
                if request.startswith(b"POST"):
                    self.called += 1
                    if self.answer is None:
                        self.may_end.wait(60)
                    connection.sendall(self.answer or b"")
                    return
                if self.answer is None and self.called:
                    self.may_end.wait(60)
                proof = self.held.secret.prove(headers[lease.CHALLENGE_HEADER])
                connection.sendall(
                    f"HTTP/1.1 200 OK\r\n{lease.PROOF_HEADER}: {proof}\r\n"
                    "Content-Length: 0\r\n\r\n".encode()
                )


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    service.start()
    yield service
    service.may_end.set()
    service.socket.close()
    service.held.give_back()


def write_answer(status, body="{}"):
    headers = f"Content-Length: {len(body)}\r\nConnection: close"
    return f"HTTP/1.1 {status} X\r\n{headers}\r\n\r\n{body}".encode()


LOST = {
    "nothing": b"",
    "a half": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half of a body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    "failed": write_answer(500),
    "silence": None,
}
REFUSED = {"unavailable": write_answer(503), "other keys": write_answer(401)}


@pytest.mark.parametrize("end", [*LOST, *REFUSED])
def test_a_call_that_the_service_does_not_answer(service, client, tmp_path, monkeypatch, end):
    monkeypatch.setattr(remote_client, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(lease.is_hanging, "__kwdefaults__", {"seconds": 0.1})
    service.answer = (LOST | REFUSED)[end]
    with RemoteClient(tmp_path) as remote:
        with pytest.raises(exceptions.DatabaseError) as raised:
            remote.get_conversation_stats()
        assert (raised.value.retryable, raised.value.outcome) == (True, "not_applied")
        service.called = 0
        with pytest.raises(exceptions.DatabaseError) as raised:
            remote.save_document("a", "b")
        outcome = "unknown" if end in LOST else "not_applied"
        assert (raised.value.retryable, raised.value.outcome) == (True, outcome)
    own, service.called = Own(client), 0
    with RemoteClient(tmp_path, open_store=lambda: own) as remote:
        if end in LOST:
            with pytest.raises(exceptions.DatabaseError):
                remote.save_document("a", "b")
            assert own.used == []
        assert remote.get_conversation_stats().stats.total_documents == 0
        called = service.called
        assert remote.save_document("a", "b").document_id == "a"  # the service is not asked again
        assert service.called == called
    assert own.used == ["get_conversation_stats", "save_document", "close"]


@pytest.fixture
def lost(service, client, tmp_path, monkeypatch):
    """A client that has lost the service to a client of its own, and the latter."""
    own = Own(client)
    with RemoteClient(tmp_path, open_store=lambda: own) as remote:
        service.answer = REFUSED["unavailable"]
        assert remote.save_document("a", "b").document_id == "a"
        monkeypatch.setattr(remote_client, "RETURN_SECONDS", 0.0)
        remote._look_at = 0.0  # it is time to look again
        service.called, own.used = 0, []
        service.answer = write_answer(200)
        yield remote, own


def test_a_service_that_is_back_is_used_again(service, lost):
    remote, own = lost
    with pytest.raises(exceptions.DatabaseError):  # it answers, though not as a service does
        remote.save_document("a", "b")
    assert service.called == 1
    assert own.used == ["close"]


def test_a_service_that_is_not_back_is_left_alone(service, lost):
    remote, own = lost
    service.socket.close()
    service.held.give_back()
    assert remote.save_document("a", "b").document_id == "a"
    assert own.used == ["save_document"]


def test_a_client_of_ones_own_stays_while_it_is_used_or_where_it_is_configured(service, lost):
    remote, own = lost
    with remote._use_own():
        assert remote.save_document("a", "b").document_id == "a"
    assert "close" not in own.used
    assert remote.configuration
    remote._look_at = 0.0
    assert remote.save_document("a", "b").document_id == "a"
    assert "close" not in own.used
    assert service.called == 0


def test_a_service_that_has_gone_is_not_asked(service, client, tmp_path):
    service.answer = write_answer(200)
    own = Own(client)
    with RemoteClient(tmp_path, open_store=lambda: own) as remote:
        assert remote.is_answered()
        service.socket.close()
        service.held.give_back()
        remote._idle[0].connection.sock.shutdown(socket.SHUT_RDWR)
        assert remote.save_document("a", "b").document_id == "a"
    assert service.called == 0


def test_a_service_that_says_nothing_is_not_waited_for(tmp_path):
    held = lease.ServiceLease(tmp_path)
    assert held.take()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held.publish("127.0.0.1", silent.getsockname()[1])
        start = time.monotonic()
        assert not RemoteClient(tmp_path).is_answered()
        assert time.monotonic() - start < 60
    held.give_back()
