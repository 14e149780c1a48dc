"""A client of the service has the same calls, responses and errors as a client of the store."""

import contextlib
import json
import os
import socket
import threading
import time
from datetime import UTC, datetime

import httpx2
import pytest

from mcp_context_persistence import ContextPersistenceClient, exceptions, models
from mcp_context_persistence.service import calls, lease
from mcp_context_persistence.service import remote as remote_client
from mcp_context_persistence.service.folders import service_folder
from mcp_context_persistence.service.remote import RemoteClient, connect
from mcp_context_persistence.service.server import KEEP_ALIVE_SECONDS


@pytest.fixture(autouse=True)
def _use_service(server, service_home, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(service_home))
    monkeypatch.setenv("CONTEXT_DB_USER", server.user)
    monkeypatch.setenv("CONTEXT_DB_PASSWORD", server.password)


@pytest.fixture
def remote(server, client):
    """A client of the service, in the namespace of a client of the store."""
    with connect(server.bolt_url, client.namespace) as remote:
        yield remote


def test_the_calls_are_those_of_the_client(remote):
    names = {name for name in dir(ContextPersistenceClient) if not name.startswith("_")}
    assert names >= calls.OWN_CALLS
    for name in names:
        if calls.is_served(name):
            assert callable(getattr(remote, name))
        elif name != "close":
            with pytest.raises(AttributeError, match="open the store"):
                getattr(remote, name)
    for name in ("no_such_call", "__class__", "_engine"):
        address = lease.find_service(remote._folder, credentials=remote._credentials)
        headers = {"Authorization": address.authorization("default")}
        body = json.dumps([name, [], {}])
        refused = httpx2.post(f"{address.url}/call", content=body, headers=headers)
        assert refused.status_code == 404


def test_only_processes_of_the_same_user_may_call(remote):
    address = lease.find_service(remote._folder, credentials=remote._credentials)
    body = json.dumps(["get_conversation_stats", [], {}])
    for headers in ({}, {"Authorization": address.authorization("default")[:-1] + "!"}):
        refused = httpx2.post(f"{address.url}/call", content=body, headers=headers)
        assert refused.status_code in {401, 404}


def test_the_answers_are_those_of_a_client(client, remote):
    time = datetime(2026, 1, 31, 12, tzinfo=UTC)
    messages = [
        {
            "id": "r-1",
            "role": "user",
            "content": "The OrderValidator uses pandas.",
            "timestamp": time,
        },
        models.Message(id="r-2", role="assistant", content="We decided to use pydantic."),
    ]
    saved = remote.save_conversation("a/b", messages, metadata={"project": "orders"})
    assert isinstance(saved, models.SaveConversationResponse)
    talk = models.Conversation(conversation_id="object", messages=messages[:1])
    with pytest.raises(exceptions.ValidationError):
        remote.save_conversation(talk)  # the id of its message belongs to another conversation
    remote.append_messages("a/b", [{"role": "user", "content": "Thanks."}])
    remote.save_document("runbook", "Restart PostgreSQL first.")
    remote.save_decision("a/b", "technology", "We compared.", "Use pydantic.", 0.8)
    remote.create_relationship("OrderValidator", "pandas", "depends on", confidence=0.9)
    reads = {
        "load_conversation_history": (("a/b",), {"after": datetime(2020, 1, 1, tzinfo=UTC)}),
        "list_conversations": (({"project": "orders"},), {"limit": 1}),
        "get_message": (("r-1",), {}),
        "get_document": (("runbook",), {}),
        "list_documents": ((), {"order": "id"}),
        "list_decisions": ((), {"status": ["accepted", "proposed"]}),
        "get_entity": (("OrderValidator",), {}),
        "query_knowledge_graph": (("OrderValidator",), {"include_unasserted": True}),
        "find_shortest_paths": (("OrderValidator", "pandas"), {"weighted": False}),
        "find_central_entities": (("degree",), {"top_k": 3}),
        "detect_communities": ((), {}),
        "find_similar_entities": ((), {}),
        "search_hybrid": (("pandas",), {"filters": models.SearchFilters(project="orders")}),
        "build_context": (("pandas",), {}),
        "get_conversation_stats": ((), {}),
        "find_duplicate_entities": ((), {"limit": 5}),
    }
    for name, (args, kwargs) in reads.items():
        answers = [strip(getattr(side, name)(*args, **kwargs)) for side in (client, remote)]
        assert answers[0] == answers[1], name
    params = models.HybridSearchParams(query="pandas", limit=1)
    assert strip(remote.search_hybrid(params)) == strip(client.search_hybrid(params))
    assert remote.detect_communities().truncated is False


def strip(answer):
    """An answer without the time that it took; cursors of the service are signed."""
    if isinstance(answer, list):
        return [strip(item) for item in answer]
    return answer.model_dump(exclude={"processing_time", "next_cursor"})


def test_the_errors_are_those_of_a_client(client, remote):
    calls_with_errors = {
        "load_conversation_history": ("missing",),
        "get_entity": ("missing",),
        "search_hybrid": ("",),
        "create_relationship": ("missing", "missing too", "uses"),
        "save_document": ("long", "x" * 1_000_001),
        "query_knowledge_graph": ("missing", 9),
        "list_entities": ({"no such filter": 1},),
        "append_messages": ("a", [{"role": "nobody", "content": "\ud800"}]),
        "get_message": ("",),
    }
    for name, args in calls_with_errors.items():
        errors = []
        for side in (client, remote):
            with pytest.raises(exceptions.ContextPersistenceError) as raised:
                getattr(side, name)(*args)
            errors.append(raised.value)
        public = next(
            base for base in type(errors[0]).__mro__ if base.__name__ in exceptions.__all__
        )
        assert type(errors[1]) is public, name
        for field in ("retryable", "outcome"):
            assert getattr(errors[0], field) == getattr(errors[1], field), name
        assert str(errors[0]) == str(errors[1]), name


def test_what_cannot_be_sent_is_done_by_a_client_of_ones_own(server, client, remote, monkeypatch):
    with pytest.raises(exceptions.DatabaseError, match="cannot be sent"):
        remote.build_context("x", count_tokens=len)
    monkeypatch.setattr("mcp_context_persistence.kg.limits.REQUEST_BODY_BYTES", 1_000)
    with connect(server.bolt_url, client.namespace, open_store=lambda: Own(client)) as both:
        assert both.build_context("x", count_tokens=len).tokens == 0
        assert both.save_document("d", "word " * 1_000).document_id == "d"
        assert both._own.used == ["build_context", "save_document"]


class Own:
    """A client of one's own that notes its calls, and leaves the shared one open."""

    def __init__(self, client):
        self._client, self.used = client, []

    def __getattr__(self, name):
        self.used.append(name)
        return getattr(self._client, name)

    def close(self):
        self.used.append("close")


def is_used(url):
    remote = connect(url)
    if remote is not None:
        remote.close()
    return remote is not None


def test_another_version_or_other_settings_are_not_used(server, monkeypatch):
    url = server.bolt_url
    assert is_used(url)
    monkeypatch.setenv("MAX_SEARCH_RESULTS", "7")
    assert not is_used(url)
    monkeypatch.delenv("MAX_SEARCH_RESULTS")
    monkeypatch.setenv("CONTEXT_DB_POOL_SIZE", "7")  # changes no answer
    assert is_used(url)
    monkeypatch.setattr("mcp_context_persistence.service.folders.__version__", "0.0.1")
    assert not is_used(url)


@pytest.mark.parametrize("settings", ["", "no"])
def test_wrong_settings_are_left_to_whoever_opens_the_store(server, monkeypatch, settings):
    monkeypatch.setenv("CONTEXT_DB_POOL_SIZE", settings or "no")
    assert connect(server.bolt_url if settings else None) is None
    assert connect("nothing://like-this") is None


def test_the_service_is_for_those_who_have_its_credentials(server, monkeypatch):
    with connect(server.bolt_url) as remote:
        assert remote.get_conversation_stats()
    in_url = server.bolt_url.replace("://", f"://{server.user}:{server.password}@")
    with connect(in_url) as remote:
        assert remote.get_conversation_stats()
    for name, value in (("PASSWORD", "hunter2"), ("USER", "somebody"), ("PASSWORD", "")):
        with monkeypatch.context() as patch:
            patch.setenv(f"CONTEXT_DB_{name}", value)
            assert connect(server.bolt_url) is None
    address = lease.read_address(service_folder(server.bolt_url))
    body = json.dumps(["get_conversation_stats", [], {}])
    headers = {"Authorization": address.authorization("default")}  # the secret of the file alone
    refused = httpx2.post(f"{address.url}/call", content=body, headers=headers)
    assert refused.status_code in {401, 404}


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


def test_a_connection_that_the_service_may_close_is_not_used(remote, monkeypatch):
    assert remote_client.KEEP_SECONDS < KEEP_ALIVE_SECONDS
    assert remote.get_conversation_stats()
    [first] = remote._idle
    assert remote.get_conversation_stats()
    assert remote._idle[0].connection is first.connection
    monkeypatch.setattr(remote_client, "KEEP_SECONDS", 0.0)
    assert remote.get_conversation_stats()
    assert remote._idle[0].connection is not first.connection


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


def test_an_interrupted_call_leaves_no_answer_for_the_next(remote, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    remote.save_document("a", "b")
    with monkeypatch.context() as patch:
        patch.setattr(remote_client, "_wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            remote.get_document("a")
    assert remote.list_conversations().conversations == []


def test_a_forked_child_has_connections_of_its_own(remote):
    remote.save_document("a", "b")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.write(writing, remote.get_document("a").text.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 9) == b"b"
    assert remote.get_document("a").text == "b"
    os.close(reading)
    os.close(writing)
