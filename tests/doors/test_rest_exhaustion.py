"""A caller, with a key or without one, cannot take the service from the others.

The database cannot be reached: nothing of this gets as far.
"""

import contextlib
import http.client
import resource
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import anyio
import pytest
from starlette.responses import Response

from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.app import MountedApp
from mcp_context_persistence.rest.problems import ProblemError
from mcp_context_persistence.rest.strict_json import check_containers
from mcp_context_persistence.service import protocol
from mcp_context_persistence.service.keys import KeyFile
from mcp_context_persistence.service.lease import LocalSecret
from mcp_context_persistence.service.protocol import TimedProtocol
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.rest_service import check_problem, find_guard, run_service, send_raw, wait_until

SETTINGS = ServiceSettings(database_url="bolt://127.0.0.1:1")
HEAD = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A service whose calls wait at an address, and keys of two namespaces."""
    keys = KeyFile(tmp_path_factory.mktemp("keys") / "api_keys.json")
    # More keys of a namespace do not get more of the service.
    tokens = [keys.create(namespace=name, scopes=["read"])[1] for name in ("a", "b", "a")]
    released = threading.Event()

    async def wait(scope, receive, send):
        with anyio.move_on_after(60):
            while not released.is_set():
                await anyio.sleep(0.01)
        await Response("done")(scope, receive, send)

    settings = replace(SETTINGS, keys_file=keys.path, threads=4, waiting=4)
    with run_service(
        settings,
        path="/healthz",
        build_mounted_apps=lambda _service: [MountedApp(path="/wait", app=wait)],
    ) as service:
        yield service, tokens, released


@contextlib.contextmanager
def connect(service, data):
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(data)
        yield connection


def authorize(token):
    return HEAD + f"Authorization: Bearer {token}\r\n".encode()


def is_closed(connection):
    """Read what the service sends, and return whether it ends the connection."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65_536):
            pass
    return True


def test_half_requests_of_one_namespace_leave_places_for_the_others(world):
    service, tokens, _ = world
    shares = find_guard(service)._shares
    with contextlib.ExitStack() as stack:
        half = authorize(tokens[0]) + b"Content-Length: 100\r\n\r\n{"
        for token in (tokens[0], tokens[2]) * 6:
            stack.enter_context(connect(service, half.replace(tokens[0].encode(), token.encode())))
        wait_until(lambda: shares.requests == 4)  # half of the 8
        with service.open_client(tokens[0]) as own, service.open_client(tokens[1]) as other:
            check_problem(own.get("/v1/nothing"), 503, "unavailable")
            check_problem(other.get("/v1/nothing"), 404, "no-route")
    wait_until(lambda: shares.requests == 0)
    assert not shares._groups


def test_slow_calls_of_one_namespace_leave_threads_for_the_others(world):
    service, tokens, released = world
    shares = find_guard(service)._shares
    with service.open_client(tokens[0]) as own, ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(own.get, "/wait") for _ in range(4)]
        try:
            wait_until(lambda: shares.requests == 4)
            requests = next(iter(shares._groups.values()))
            wait_until(requests.threads.locked)  # two of the four run, two wait
        finally:
            released.set()
        assert [answer.result().text for answer in answers] == ["done"] * 4
    released.clear()


def test_bodies_of_one_namespace_leave_memory_for_the_others(world, monkeypatch):
    service, tokens, _ = world
    monkeypatch.setattr(limits, "REQUEST_BODIES_BYTES", 100_000)
    memory = find_guard(service)._bodies.memory
    half = authorize(tokens[0]) + b"Content-Length: 60000\r\n\r\n" + b"x" * 45_000
    with connect(service, half):
        wait_until(lambda: memory.bytes == 45_000)
        with service.open_client(tokens[0]) as own, service.open_client(tokens[1]) as other:
            check_problem(own.post("/v1/nothing", content=b"x" * 10_000), 503, "unavailable")
            check_problem(other.post("/v1/nothing", content=b"x" * 45_000), 404, "no-route")
    wait_until(lambda: memory.bytes == 0)
    assert not memory._by_group


def test_chunks_of_some_bytes_are_refused(world):
    service, tokens, _ = world
    for head in (CHUNKED, authorize(tokens[0]) + b"Transfer-Encoding: chunked\r\n\r\n"):
        answer = send_raw(service.port, head + b"1\r\n[\r\n" * 2_000)
        assert answer.startswith(b"HTTP/1.1 400")
    body = authorize(tokens[0]) + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunks = b"80\r\n" + b" " * 128 + b"\r\n"
    answer = send_raw(service.port, body + chunks * 2_000 + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 422")


def test_a_body_after_its_answer_ends_in_time(world, monkeypatch, caplog):
    service, _, _ = world
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.3)
    with connect(service, CHUNKED + b"1\r\nx\r\n") as connection:
        assert connection.recv(4_096).startswith(b"HTTP/1.1 401")
        end = time.monotonic() + 30
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < end:
                connection.sendall(b"100\r\n" + b"x" * 256 + b"\r\n")
                time.sleep(0.05)
        assert time.monotonic() < end
    with connect(service, CHUNKED + b"1\r\nx\r\n") as connection:
        assert connection.recv(4_096).startswith(b"HTTP/1.1 401")
        connection.sendall(b"not a chunk\r\n")
        assert is_closed(connection)
    assert not caplog.records  # anybody can send this: it must not fill the log


def test_an_answer_that_nobody_reads_ends_with_its_connection(monkeypatch):
    """It is sent in pieces: what lies in the buffer of a connection is counted by nobody."""
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.5)
    lost, sizes = threading.Event(), {}
    end, write = TimedProtocol.connection_lost, TimedProtocol.pause_writing

    async def send_long(scope, receive, send):
        await Response(b"x" * 8_000_000)(scope, receive, send)

    def note_end(self, error):
        end(self, error)
        if self in sizes:
            lost.set()

    def note_size(self):
        sizes[self] = self.transport.get_write_buffer_size()
        write(self)

    with run_service(
        SETTINGS,
        path="/healthz",
        build_mounted_apps=lambda _: [MountedApp(path="/long", app=send_long)],
    ) as service:
        with service.open_client() as http:
            assert http.get("/long").content == b"x" * 8_000_000
        monkeypatch.setattr(TimedProtocol, "connection_lost", note_end)
        monkeypatch.setattr(TimedProtocol, "pause_writing", note_size)
        with connect(service, b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100):
            assert lost.wait(30)
    assert max(sizes.values()) < 150_000


def test_connections_that_rest_make_room_for_new_ones(world, monkeypatch):
    service, tokens, _ = world
    monkeypatch.setattr(limits, "SERVICE_CONNECTIONS", 20)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(service, b"GET "))
        with service.open_client(tokens[0]) as http:
            check_problem(http.get("/v1/nothing"), 404, "no-route")


def test_a_connection_of_the_same_user_is_kept(monkeypatch):
    secret = LocalSecret()
    token = f"Bearer {secret.make_token('default')}"
    with run_service(SETTINGS, secret=secret, path="/healthz") as service:
        monkeypatch.setattr(limits, "SERVICE_CONNECTIONS", 20)
        with contextlib.ExitStack() as stack:
            local = http.client.HTTPConnection("127.0.0.1", service.port)
            stack.callback(local.close)
            request = ("POST", "/call", b'["no_such_call", [], {}]', {"Authorization": token})
            local.request(*request)
            assert local.getresponse().read()
            local.auto_open = 0  # it is the same connection to the end
            for _ in range(100):
                stack.enter_context(connect(service, b"GET "))
            local.request(*request)
            assert local.getresponse().status == 404


def test_a_connection_with_a_request_on_the_way_does_not_rest():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = object.__new__(TimedProtocol)
        vars(connection)["transport"] = SimpleNamespace(get_extra_info=lambda _name: ours)
        assert not connection._has_unread
        theirs.send(b"POST")
        assert connection._has_unread


def test_connections_leave_files_for_the_rest(monkeypatch):
    for soft, expected in ((1_024, 512), (100, 1), (100_000, 4_096), (-1, 4_096)):
        monkeypatch.setattr(resource, "getrlimit", lambda _kind, soft=soft: (soft, soft))
        assert protocol._max_connections() == expected


def test_json_of_brackets_is_refused_before_it_is_parsed(world):
    service, tokens, _ = world
    body = b'{"query": "a", "filters": {"a": [' + b"[]," * 200_000 + b"1]}}"
    with service.open_client(tokens[0]) as http:
        check_problem(http.post("/v1/search", content=body), 413, "too-large")
    text = b'{"query": "' + b"[{" * 200_000 + b'\\""}'
    check_containers(text)
    for data in (
        b"[" * 200_000,
        text[:-1] + b"," + b"[]," * 200_000,
        b'""' * 2_000_000 + b"[" * 200_000,
    ):
        with pytest.raises(ProblemError):
            check_containers(data)
    check_containers(b'"' + b"[" * 200_000)  # not JSON, but the parser sees it at once


def test_small_packets_are_sent_at_once(world, monkeypatch):
    """Without this, a client waits 40 ms for each answer."""
    service, _, _ = world
    states, begin = [], TimedProtocol.connection_made

    def note(self, transport):
        begin(self, transport)
        connection = transport.get_extra_info("socket")
        states.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(TimedProtocol, "connection_made", note)
    with service.open_client() as http:
        assert http.get("/healthz").status_code == 200
    assert states == [1]


def test_half_of_a_body_does_not_hold_up_the_end_of_the_service(monkeypatch):
    monkeypatch.setattr(protocol, "DRAIN_BODY_SECONDS", 0.2)
    with contextlib.ExitStack() as stack:
        with run_service(SETTINGS, path="/healthz") as service:
            half = stack.enter_context(connect(service, HEAD + b"Content-Length: 100\r\n\r\n{"))
            wait_until(lambda: find_guard(service)._shares.requests == 1)
        received = b"closed"
        with contextlib.suppress(ConnectionResetError):
            received = half.recv(4_096)
        assert b"408" not in received  # which comes only after 30 s
