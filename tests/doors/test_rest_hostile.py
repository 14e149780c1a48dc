"""What a hostile or broken client sends is refused with a problem, and stops nobody else.

The database cannot be reached: nothing of this gets as far.
"""

import contextlib
import json
import resource
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.rest_service import (
    check_problem,
    find_guard,
    run_service,
    send_raw,
    wait_until,
)

SETTINGS = ServiceSettings(database_url="bolt://127.0.0.1:1", body_bytes=100_000)
JSON = {"Content-Type": "application/json"}
SEARCH = b'{"query": "pump"}'


@pytest.fixture(scope="module")
def service():
    with run_service(SETTINGS, path="/healthz") as service:
        yield service


@pytest.fixture
def http(service):
    with service.open_client() as client:
        yield client


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "secret", "query": "secret"}',
        b'{"query": "secret", "filters": {"a": NaN}}',
        b'{"query": "secret", "filters": {"a": -Infinity}}',
        b'{"query": "secret", "filters": {"a": 1e999}}',
        b'{"query": "secret", "filters": {"a": 9223372036854775808}}',
        b'{"query": "secret", "filters": {"a": ' + b"1" * 5_000 + b"}}",
        b'{"query": "secret \\ud800"}',
        b'{"query": "secret", "filters": {"\\udfff": 1}}',
        b'{"query": "secret\xff"}',
        b'{"query": "secret"',
        b'{"query": "secret"} {}',
        b"[" * 100 + b"]" * 100,
        b"[" * 40_000 + b"]" * 40_000,
        b'{"query":' + b'{"a":' * 10_000,
        b"\xef\xbb\xbf" + SEARCH,
        b'["secret"]',
        b'"secret"',
        b"null",
        b"",
        b"{}",
        b'{"query": 5}',
        b'{"query": "secret", "limit": "5"}',
        b'{"query": "secret", "limit": true}',
        b'{"query": "secret", "limit": 5.5}',
        b'{"query": "secret", "limit": 0}',
        b'{"query": "secret", "limit": null}',
        b'{"query": "secret", "mode": "secret"}',
        b'{"query": "secret", "colour": "secret"}',
        b'{"query": "secret", "secret": "secret"}',
    ],
)
def test_json_that_is_not_strict_is_refused(http, body):
    response = http.post("/v1/search", content=body, headers=JSON)
    check_problem(response, 422, "invalid")
    assert response.json()["outcome"] == "not_applied"


def test_a_body_is_refused_from_the_first_byte_over_the_limit(http):
    prefix, size = b'{"query": "', SETTINGS.body_bytes
    for length, status in ((size, 422), (size + 1, 413)):
        body = prefix + b"x" * (length - len(prefix))
        assert http.post("/v1/search", content=body, headers=JSON).status_code == status
        chunks = (body[start : start + 9_000] for start in range(0, length, 9_000))
        response = http.post("/v1/search", content=chunks, headers=JSON)
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"


def test_the_texts_of_a_request_for_vectors_have_a_limit_together(http, monkeypatch):
    monkeypatch.setattr(limits, "EMBEDDED_CHARACTERS", 6)
    response = http.post("/v1/embeddings", json={"texts": ["abc", "abc"]})
    check_problem(response, 503, "unavailable")  # it was let in
    response = http.post("/v1/embeddings", json={"texts": ["abc", "abcd"]})
    check_problem(response, 413, "too-large")
    assert response.json()["field"] == "texts"


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"Host": "memory.example"}, 421, "wrong-host"),
        ({"Host": "127.0.0.1.memory.example:80"}, 421, "wrong-host"),
        ({"Host": "localhost@memory.example"}, 421, "wrong-host"),
        ({"Host": "0.0.0.0"}, 421, "wrong-host"),
        ({"Origin": "https://memory.example"}, 403, "forbidden"),
        ({"Origin": "null"}, 403, "forbidden"),
        ({"Origin": "http://localhost.memory.example"}, 403, "forbidden"),
        ({"Origin": "http://localhost@memory.example:80"}, 403, "forbidden"),
        ({"Origin": "file://localhost"}, 403, "forbidden"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "forbidden"),  # such as an image of a page
        ({"Host": b"localhost:\xb2"}, 421, "wrong-host"),
    ],
)
def test_other_hosts_and_origins_are_refused(http, headers, status, kind):
    for path in ("/v1/stats", "/healthz", "/readyz"):
        check_problem(http.get(path, headers=headers), status, kind)


@pytest.mark.parametrize(
    "name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "X-Client-IP", "Via"]
)
def test_a_proxy_is_not_taken_for_this_machine(http, name):
    check_problem(http.get("/v1/stats", headers={name: "203.0.113.9"}), 403, "forbidden")


def test_two_credentials_are_refused(http):
    for values in (("Bearer a", "Bearer b"), ("Bearer a", "Bearer a")):
        headers = [("Authorization", value) for value in values]
        check_problem(http.get("/v1/stats", headers=headers), 400, "bad-request")


def test_an_answer_says_how_a_key_is_sent(http):
    for value in ("cp_00000000_secret", "Basic c2VjcmV0", "Bearer"):
        response = http.get("/v1/stats", headers={"Authorization": value})
        check_problem(response, 401, "unauthorized")
        says_how = "Authorization: Bearer KEY" in response.json()["detail"]
        assert says_how is (value != "Bearer")


def test_listed_hosts_and_origins_are_let_in():
    settings = replace(
        SETTINGS, hosts=("memory.example",), origins=("https://page.example",), keys_file=None
    )
    headers = {"Host": "Memory.Example:8443", "Origin": "https://page.example"}
    with run_service(settings, path="/healthz") as service, service.open_client() as http:
        assert http.get("/healthz", headers=headers).status_code == 200
        # Without keys, only this machine may call, and the host says that it is not meant.
        check_problem(http.get("/v1/stats", headers=headers), 403, "forbidden")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Host: localhost\r\n",
        b"X-A: b\r\n c\r\n\x00: d\r\n",
    ],
)
def test_a_request_in_a_request_is_not_answered(service, head):
    hidden = b"GET /v1/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
    data = (
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + head + b"\r\n0\r\n\r\n" + hidden
    )  # fmt: skip
    answer = send_raw(service.port, data, seconds=3)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")), answer
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 100_000,
        b"secret\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
def test_what_is_not_http_is_refused(service, data):
    answer = send_raw(service.port, data, seconds=5)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    assert b"secret" not in answer


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://localhost:8000/healthz", b"200"),
        (b"HTTP://LocalHost/healthz?a=b", b"200"),
        (b"https://localhost/healthz", b"200"),
        (b"http://localhost", b"404"),
        (b"http://localhost/v1/stats", b"503"),  # there is no database
        (b"http://memory.example/healthz", b"400"),
        (b"http://memory.example@localhost/healthz", b"400"),
        (b"http://127.0.0.1/healthz", b"400"),
    ],
)
def test_an_address_may_be_a_whole_url_of_the_same_host(service, target, status):
    data = b"GET " + target + b" HTTP/1.1\r\nHost: localhost:8000\r\nConnection: close\r\n\r\n"
    answer = send_raw(service.port, data, seconds=5)
    assert answer.startswith(b"HTTP/1.1 " + status), answer


def test_an_unknown_address_names_the_document_of_all_addresses(http):
    for path in ("/", "/docs", "/v1", "/v1/secret"):
        response = http.get(path)
        check_problem(response, 404, "no-route")
        assert "/openapi.json" in response.json()["detail"]
        assert "secret" not in response.text


def test_an_address_names_all_its_methods(http):
    response = http.post("/v1/conversations/a")
    check_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "DELETE, GET, PUT"
    assert response.json()["detail"].endswith(": DELETE, GET, PUT")
    assert http.post("/metrics").headers["allow"] == "GET"
    assert http.post("/openapi.json").headers["allow"] == "GET, HEAD"


def test_clients_that_leave_in_the_middle_of_a_body_leave_nothing(service, http):
    head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(head + b'Content-Length: 1000\r\n\r\n{"query": "se')
    guard = find_guard(service)
    wait_until(lambda: guard._shares.requests == 0 and guard._bodies.memory.bytes == 0)
    assert http.get("/healthz").status_code == 200


def test_silent_connections_do_not_stop_the_service(service, http):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2_500:
        pytest.skip(f"NO 1,000 CONNECTIONS HERE: a process may open {hard} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2_500), hard))
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(1_000):
                stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            assert http.get("/healthz").status_code == 200
            with service.open_client() as client:  # on a new connection
                assert client.get("/healthz").status_code == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "data", [b"", b"GET /healthz HTTP/1.1\r\nHost: loc", b"GET /healthz HTTP/1.1\r\n" * 2]
)
def test_slow_headers_end_the_connection(service, monkeypatch, data):
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.3)
    assert b" 200 " not in send_raw(service.port, data, seconds=30)


def test_a_slow_body_is_answered_with_408(service, monkeypatch):
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.3)
    head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = send_raw(service.port, head + b"Content-Length: 100\r\n\r\n{", seconds=30)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer


def test_bodies_take_a_limited_amount_of_memory(service, http, monkeypatch):
    monkeypatch.setattr(limits, "REQUEST_BODIES_BYTES", 50_000)
    response = http.post("/v1/search", content=b"x" * 60_000, headers=JSON)
    check_problem(response, 503, "unavailable")
    assert response.json()["retryable"] is True


def test_more_requests_than_a_minute_has_are_refused():
    settings = replace(SETTINGS, requests_per_minute=3)
    with run_service(settings, path="/healthz") as service, service.open_client() as http:
        statuses = [http.get("/v1/nothing").status_code for _ in range(5)]
        assert statuses == [404, 404, 404, 429, 429]
        response = http.get("/v1/nothing")
        check_problem(response, 429, "rate-limited")
        assert response.json()["retryable"] is True
        assert 1 <= int(response.headers["retry-after"]) <= 60
        assert http.get("/healthz").status_code == 200


def test_calls_run_in_threads_and_the_queue_before_them_is_bounded(monkeypatch):
    """While every thread waits, the event loop answers, and requests beyond the queue get 503."""
    released, entered = threading.Event(), threading.Semaphore(0)
    settings = replace(SETTINGS, threads=2, waiting=1)
    with run_service(settings, path="/healthz") as service, service.open_client() as http:
        clients = service.app.state.service.clients

        @contextlib.contextmanager
        def wait(_namespace):
            if threading.current_thread().name == "service-start":  # no call: it tries the store
                raise DatabaseError("of the test")
            entered.release()
            assert released.wait(60)
            raise AssertionError("of the test")
            yield

        monkeypatch.setattr(clients, "use", wait)
        with ThreadPoolExecutor(3) as threads:
            answers = [
                threads.submit(http.post, "/v1/search", content=SEARCH, headers=JSON)
                for _ in range(3)
            ]
            try:
                assert entered.acquire(timeout=30)
                assert entered.acquire(timeout=30)
                wait_until(lambda: find_guard(service)._shares.requests == 3)
                assert http.get("/healthz").status_code == 200
                response = http.post("/v1/search", content=SEARCH, headers=JSON)
                check_problem(response, 503, "unavailable")
                assert response.headers["retry-after"] == "1"
            finally:
                released.set()
            for answer in answers:  # an error that nobody foresaw is a problem too
                check_problem(answer.result(), 500, "failed")
                assert answer.result().json()["outcome"] == "unknown"
                assert answer.result().headers["x-request-id"]


def test_large_bodies_are_read_in_threads(service, http, monkeypatch):
    from mcp_context_persistence.rest import operations, strict_json

    names = []
    load = strict_json.load_json
    monkeypatch.setattr(
        operations,
        "load_json",
        lambda data: (names.append(threading.current_thread().name), load(data))[1],
    )
    for size in (10, 50_000):
        body = json.dumps({"query": "x" * size, "limit": 0})
        assert http.post("/v1/search", content=body, headers=JSON).status_code == 422
    assert "context-persistence-call" in names[1]
    assert names[0] != names[1]
    assert not any(
        asyncio_endpoint(route) for route in service.app.routes if hasattr(route, "endpoint")
    )


def asyncio_endpoint(route):
    import inspect

    return route.path.startswith("/v1") and inspect.iscoroutinefunction(route.endpoint)
