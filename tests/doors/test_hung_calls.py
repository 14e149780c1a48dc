"""Calls that do not end, over REST and MCP: they leave threads to others, and the service ends.

The database cannot be reached: a call waits, or is refused, where it gets its client.
"""

import contextlib
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx2
import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.service.keys import KeyFile
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.rest_service import check_problem, find_guard, run_service, wait_until

STATUS = {"name": "status", "arguments": {}}
LINE = b'{"conversation_id": "a", "messages": [{"role": "user", "content": "b"}]}\n'
REQUESTS = {
    "REST": ("/v1/search", {"json": {"query": "pump"}}),
    "lines": ("/v1/ingest", {"content": LINE, "headers": {"Content-Type": "application/jsonl"}}),
    "MCP": (
        "/mcp",
        {
            "json": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": STATUS},
            "headers": {"Accept": "application/json, text/event-stream"},
        },
    ),
}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A service with four threads, keys of two namespaces, and calls of the first that hang."""
    keys = KeyFile(tmp_path / "api_keys.json")
    tokens = [keys.create(namespace=name, scopes=["read", "write"])[1] for name in ("a", "b")]
    settings = ServiceSettings(
        database_url="bolt://127.0.0.1:1", keys_file=keys.path, threads=4, waiting=20
    )
    calls = SimpleNamespace(released=threading.Event(), running=0, most=0)
    lock = threading.Lock()

    @contextlib.contextmanager
    def use(namespace):
        if namespace == "a":
            with lock:
                calls.running += 1
                calls.most = max(calls.most, calls.running)
            calls.released.wait(120)
            with lock:
                calls.running -= 1
        raise DatabaseError("of the test", retryable=True)
        yield

    with run_service(settings, path="/healthz") as service:
        monkeypatch.setattr(service.app.state.service.clients, "use", use)
        try:
            yield service, tokens, calls
        finally:
            calls.released.set()


def list_starting():
    """Return the threads that open the stores of services."""
    return [thread for thread in threading.enumerate() if thread.name == "service-start"]


@pytest.fixture
def others():
    """Those of other services, which the test does not end."""
    return list_starting()


def post(client, door):
    path, arguments = REQUESTS[door]
    return client.post(path, **arguments)


@pytest.mark.parametrize("door", REQUESTS)
def test_hung_calls_of_one_namespace_leave_threads_for_the_others(world, door):
    service, tokens, calls = world
    shares = find_guard(service)._shares
    with (
        service.open_client(tokens[0]) as own,
        service.open_client(tokens[1]) as other,
        ThreadPoolExecutor(8) as threads,
    ):
        answers = [threads.submit(post, own, door) for _ in range(8)]
        try:
            wait_until(lambda: calls.running == 2 and shares.requests == 8)  # half of the four
            for each in REQUESTS:
                assert "of the test" in post(other, each).text
            assert calls.most == 2
        finally:
            calls.released.set()
        assert all("of the test" in answer.result().text for answer in answers)


@pytest.mark.parametrize("door", REQUESTS)
def test_clients_that_leave_free_no_thread_that_hangs(world, door):
    service, tokens, calls = world
    shares = find_guard(service)._shares

    def leave(_number):
        with (
            service.open_client(tokens[0]) as own,
            contextlib.suppress(httpx2.TimeoutException),
        ):
            own.timeout = 0.3
            post(own, door)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(leave, range(6)))
    wait_until(lambda: calls.running == 2)
    with service.open_client(tokens[1]) as other:
        assert "of the test" in post(other, door).text
    assert calls.most == 2
    calls.released.set()
    wait_until(lambda: shares.requests == 0)


def test_calls_of_all_doors_have_the_same_threads(world):
    """Those of a caller without a share would take all of them."""
    service, tokens, calls = world
    shares = find_guard(service)._shares
    shares._threads = 100
    with service.open_client(tokens[0]) as own, ThreadPoolExecutor(9) as threads:
        answers = [threads.submit(post, own, door) for door in REQUESTS for _ in range(3)]
        try:
            wait_until(lambda: calls.running == 4 and shares.requests == 9)
            assert own.get("/healthz").status_code == 200
        finally:
            calls.released.set()
        assert all("of the test" in answer.result().text for answer in answers)
    assert calls.most == 4


@pytest.mark.parametrize("door", ["REST", "MCP"])
def test_a_second_interrupt_does_not_wait_for_a_hung_call(others, world, door):
    service, tokens, calls = world
    with service.open_client(tokens[0]) as own, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(post, own, door)
        try:
            wait_until(lambda: calls.running == 1)
            for _ in range(2):
                service.server.handle_exit(signal.SIGINT, None)
            check_problem(answer.result(30), 503, "unavailable")
            service.thread.join(30)
            assert not service.thread.is_alive()
            assert calls.running == 1
            wait_until(lambda: set(list_starting()) <= set(others))
        finally:
            calls.released.set()
