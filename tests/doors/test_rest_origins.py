"""Pages of listed origins can call with a key from a browser; others cannot (CORS).

The database cannot be reached: nothing of this gets as far.
"""

import json

import pytest

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.service.keys import KeyFile
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.rest_service import check_problem, run_service

PAGE = "https://page.example"
LOCAL = "http://localhost:3000"
QUESTION = {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization,content-type,if-match",
}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A client of a service that lists one origin, and a key."""
    keys = KeyFile(tmp_path_factory.mktemp("keys") / "api_keys.json")
    _, token = keys.create(namespace="pages", scopes=["read"])
    settings = ServiceSettings(
        database_url="bolt://127.0.0.1:1", keys_file=keys.path, origins=(PAGE,)
    )
    with run_service(settings, path="/healthz") as service, service.open_client() as http:
        yield http, {"Authorization": f"Bearer {token}"}


def is_shown(response, origin):
    """Whether a browser shows a response to a page."""
    return response.headers.get("access-control-allow-origin") == origin


def read_names(response, header):
    return {name.strip().lower() for name in response.headers[header].split(",")}


@pytest.mark.parametrize("path", ["/v1/stats", "/v1/documents/a%2Fb", "/mcp", "/mcp/full"])
def test_a_browser_may_send_a_key_for_a_page_of_a_listed_origin(world, path):
    http, _ = world
    response = http.options(path, headers=QUESTION | {"Origin": PAGE})
    assert (response.status_code, response.content) == (204, b"")
    assert is_shown(response, PAGE)
    assert {"get", "post", "put", "patch", "delete"} <= read_names(
        response, "access-control-allow-methods"
    )
    sent = read_names(response, "access-control-allow-headers")
    assert {"authorization", "content-type", "if-match", "if-none-match"} <= sent
    assert {"idempotency-key", "mcp-protocol-version", "mcp-method", "mcp-name"} <= sent
    assert "origin" in read_names(response, "vary")
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/nothing", {}, 404),
        ("GET", "/healthz", {}, 200),
        ("GET", "/v1/stats", {"Authorization": "Bearer wrong"}, 401),
        ("DELETE", "/v1/documents/a", {}, 403),
        ("PUT", "/v1/stats", {}, 405),
        ("GET", "/v1/stats", {"Host": "memory.example"}, 421),
        ("GET", "/v1/stats?x=y", {}, 422),
        ("GET", "/v1/stats", {}, 503),
    ],
)
def test_a_page_of_a_listed_origin_reads_every_answer(world, method, path, headers, status):
    http, key = world
    response = http.request(method, path, headers=key | {"Origin": PAGE} | headers)
    assert response.status_code == status
    assert is_shown(response, PAGE)
    shown = read_names(response, "access-control-expose-headers")
    assert {"etag", "retry-after", "location", "x-request-id"} <= shown
    assert "origin" in read_names(response, "vary")


def test_a_page_of_a_listed_origin_uses_mcp(world):
    http, key = world
    headers = {"Accept": "application/json, text/event-stream", "Origin": PAGE}
    response = http.post("/mcp", json=LIST, headers=headers | key)
    assert len(response.json()["result"]["tools"]) == 8
    assert is_shown(response, PAGE)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://page.example", f"{PAGE}:444", "null"]
)
def test_a_page_of_another_origin_is_refused_and_reads_nothing(world, origin):
    http, key = world
    headers = {"Origin": origin}
    for response in (
        http.options("/v1/stats", headers=headers | QUESTION),
        http.get("/v1/stats", headers=headers | key),
        http.post("/mcp", json=LIST, headers=headers | key),
    ):
        check_problem(response, 403, "forbidden")
        assert not any(name.startswith("access-control-") for name in response.headers)


def test_a_page_of_this_machine_that_is_not_listed_reads_nothing(world):
    http, key = world
    question = http.options("/v1/stats", headers=QUESTION | {"Origin": LOCAL})
    answer = http.get("/v1/stats?x=y", headers=key | {"Origin": LOCAL})
    assert (question.status_code, answer.status_code) == (401, 422)
    for response in (question, answer):
        assert not any(name.startswith("access-control-") for name in response.headers)


def test_two_origins_are_none(world):
    http, key = world
    headers = [*key.items(), ("Origin", PAGE), ("Origin", PAGE)]
    assert not is_shown(http.get("/v1/stats?x=y", headers=headers), PAGE)


@pytest.mark.parametrize(
    "text", ["*", "null", "page.example", "https://page.example/", "https://page.example/x"]
)
def test_what_no_browser_sends_as_an_origin_is_refused(text, tmp_path, monkeypatch):
    monkeypatch.setenv("CONTEXT_API_ORIGINS", f"{PAGE}, {text}")
    with pytest.raises(ValidationError, match="CONTEXT_API_ORIGINS") as caught:
        ServiceSettings.from_environment(database_url=f"local:{tmp_path}")
    assert json.dumps(text) not in str(caught.value)
