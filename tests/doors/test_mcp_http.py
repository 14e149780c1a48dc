"""The server over HTTP, on a real socket, as a service mounts it."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference
from starlette.applications import Starlette
from starlette.routing import Mount

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import limits
from mcp_context_persistence.mcp_server.http import build_http_app, run_http_app
from mcp_context_persistence.mcp_server.memory import OpenMemory
from tests.doors.mcp_sessions import ERAS, call

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
}


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Serve an application on a free port of the loopback address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class FakeKeys:
    """A middleware that puts the client of a key into the request, as the service does."""

    def __init__(self, app: Any, clients: dict[str, Any]) -> None:
        self.app, self.clients = app, clients

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            scope.setdefault("state", {})["client"] = self.clients[headers["authorization"]]
        await self.app(scope, receive, send)


@pytest.fixture
def other(server, namespace):
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=f"{namespace}-other"
    ) as client:
        yield client


@pytest.fixture
def url(client, other):
    """A service that mounts the server, with a namespace for each of two keys."""
    mcp = build_http_app(lambda request: OpenMemory(client=request.state.client))

    @asynccontextmanager
    async def lifespan(_app):
        async with run_http_app(mcp):
            yield

    service = Starlette(routes=[Mount("/", app=mcp)], lifespan=lifespan)
    with serve(FakeKeys(service, {"Bearer one": client, "Bearer two": other})) as address:
        yield address


def use_as(key, url, era, use):
    """Open a session with a key; return what the function returns."""

    async def main():
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=era) as session,
        ):
            return await use(session)

    return asyncio.run(main())


def call_as(key, url, era, name, **arguments):
    """Call a tool with a key; return its data."""
    result = use_as(key, url, era, lambda session: session.call_tool(name, arguments))
    assert not result.is_error, result.content[0].text
    return result.structured_content


@pytest.mark.parametrize("era", ERAS)
def test_each_key_has_its_own_memory(url, era):
    stored = call_as("one", url, era, "remember", content="The lighthouse is on the island.")
    found = call_as("one", url, era, "recall", query="Where is the lighthouse?")
    assert stored["id"] in [result["id"] for result in found["results"]]
    assert call_as("two", url, era, "recall", query="Where is the lighthouse?")["results"] == []
    assert call_as("two", url, era, "status")["stored"]["documents"] == 0


@pytest.mark.parametrize("era", ERAS)
def test_resources_prompts_and_names_are_those_of_the_key(url, client, era):
    client.save_document("keeper", "The keeper of the lighthouse is Solveig.")
    client.update_knowledge_graph([{"name": "Solveig"}], [])
    reference = PromptReference(type="ref/prompt", name="what_do_we_know")

    async def use(session):
        completion = await session.complete(reference, {"name": "entity", "value": "Sol"})
        prompt = await session.get_prompt("resume", {"topic": "the keeper of the lighthouse"})
        try:
            contents = (await session.read_resource("memory://document/keeper")).contents
        except MCPError as error:
            contents = error.code
        return completion.completion.values, prompt.messages[0].content.text, contents

    names, text, contents = use_as("one", url, era, use)
    assert names == ["Solveig"]
    assert "Solveig" in text
    assert "Solveig" in contents[0].text
    names, text, contents = use_as("two", url, era, use)
    assert names == []
    assert "Solveig" not in text
    assert contents == -32602


def test_the_token_of_a_preview_is_of_its_namespace(url, client, other):
    for owner in (client, other):
        owner.save_document("same", "The same text in two namespaces.")
    preview = call_as("one", url, "auto", "forget", id="doc:same")
    with pytest.raises(AssertionError, match="confirm"):
        call_as("two", url, "auto", "forget", id="doc:same", confirm=preview["confirm"])
    assert other.get_document("same").text


@pytest.fixture(scope="module")
def plain():
    """A service without a memory: what is refused here needs none."""
    with serve(build_http_app(lambda _: OpenMemory(client=None))) as address:
        yield address


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Content-Type": "text/plain"}, 400),
    ],
)
def test_foreign_hosts_and_origins_are_refused(plain, headers, status):
    response = httpx2.post(f"{plain}/mcp", json=LIST, headers=HEADERS | headers)
    assert response.status_code == status, response.text


def test_large_bodies_are_refused(plain):
    body = json.dumps(LIST).encode()
    for size, status in ((limits.MCP_REQUEST_BYTES, 200), (limits.MCP_REQUEST_BYTES + 1, 413)):
        content = body.ljust(size)
        response = httpx2.post(f"{plain}/mcp", content=content, headers=HEADERS, timeout=60)
        assert response.status_code == status
        chunks = (content[at : at + 65536] for at in range(0, size, 65536))
        response = httpx2.post(f"{plain}/mcp", content=chunks, headers=HEADERS, timeout=60)
        assert response.status_code == status


@pytest.mark.parametrize(
    ("body", "request_id", "code"),
    [
        (b'{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": {"a": 1, "a": 2}}', 9, -32600),
        (b'{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": ["hunter2"]}', 9, -32600),
        (b'{"jsonrpc": "2.0", "id": 9, "method": "\xff"}', 9, -32700),
        (b'{"jsonrpc": "2.0", "method": 5}', None, -32600),
        (b"{", None, -32700),
    ],
)
def test_what_is_no_request_is_refused(plain, body, request_id, code):
    for content in (body, body.ljust(100_000)):
        response = httpx2.post(f"{plain}/mcp", content=content, headers=HEADERS)
        answer = response.json()
        assert response.status_code == 400
        assert (answer["id"], answer["error"]["code"]) == (request_id, code)
        assert "hunter2" not in response.text


def test_answers_are_json_and_there_is_no_session(plain):
    response = httpx2.post(f"{plain}/mcp", json=LIST, headers=HEADERS)
    assert response.headers["content-type"].startswith("application/json")
    assert "mcp-session-id" not in response.headers
    assert len(response.json()["result"]["tools"]) == 8


def test_other_paths_are_not_served(plain):
    for path in ("/", "/mcp/x", "/sse", "/messages"):
        assert httpx2.post(f"{plain}{path}", json=LIST, headers=HEADERS).status_code == 404


def test_a_server_in_this_process_answers_like_the_service(url, client):
    from tests.doors.mcp_sessions import serve_client

    client.save_document("bells", "The tower has nine bells.")
    over_http = call_as("one", url, "auto", "recall", query="How many bells?")
    assert over_http == call(serve_client(client), "recall", query="How many bells?")
