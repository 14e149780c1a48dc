"""The MCP server in the service: one address, and the keys of the REST service."""

import asyncio
import uuid

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_context_persistence.service.keys import SCOPES, KeyFile
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.mcp_sessions import ERAS
from tests.doors.rest_service import run_service

QUESTION = "Where is the lighthouse?"


@pytest.fixture(scope="module")
def world(server, tmp_path_factory):
    """A service, with keys for two namespaces: all scopes, reading alone, and the other one."""
    keys = KeyFile(tmp_path_factory.mktemp("keys") / "api_keys.json")
    own, other = (f"test-mcp-{side}-{uuid.uuid4().hex[:8]}" for side in ("own", "other"))
    tokens = {
        "all": keys.create(namespace=own, scopes=SCOPES)[1],
        "read": keys.create(namespace=own, scopes=("read",))[1],
        "write": keys.create(namespace=own, scopes=("read", "write"))[1],
        "other": keys.create(namespace=other, scopes=SCOPES)[1],
    }
    settings = ServiceSettings(
        database_url=server.bolt_url, auth=server.auth, keys_file=keys.path, namespace=other
    )
    with run_service(settings) as service:
        yield service, tokens
        for name, token in ((own, tokens["all"]), (other, tokens["other"])):
            with service.open_client(token) as client:
                client.delete("/v1/namespace", params={"confirm": name})


def call(world, key, name, era="auto", **arguments):
    """Call a tool with a key; return its result."""
    service, tokens = world

    async def main():
        headers = {"Authorization": f"Bearer {tokens[key]}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(
                streamable_http_client(f"{service.url}/mcp", http_client=http), mode=era
            ) as session,
        ):
            return await session.call_tool(name, arguments)

    return asyncio.run(main())


@pytest.mark.parametrize("era", ERAS)
def test_an_assistant_and_a_program_use_the_same_namespace(world, era):
    service, tokens = world
    text = f"The lighthouse is on the island of {era}."
    stored = call(world, "all", "remember", era, content=text)
    assert not stored.is_error
    with service.open_client(tokens["read"]) as client:
        answer = client.post("/v1/search", json={"query": QUESTION}).json()
    assert text in [result["content"] for result in answer["results"]]
    recalled = call(world, "read", "recall", era, query=QUESTION).structured_content
    assert stored.structured_content["id"] in [result["id"] for result in recalled["results"]]
    assert call(world, "other", "recall", era, query=QUESTION).structured_content["results"] == []


def test_a_key_calls_only_the_tools_of_its_scopes(world):
    stored = call(world, "write", "remember", content="Ships need the lighthouse.")
    assert not stored.is_error
    document = stored.structured_content["id"]
    for key, name, arguments, scope in (
        ("read", "remember", {"content": "Not allowed."}, "write"),
        ("write", "forget", {"id": document}, "forget"),
    ):
        refused = call(world, key, name, **arguments)
        assert refused.is_error
        assert refused.content[0].text == f"the key does not have the scope {scope} (retry: no)"
    assert not call(world, "all", "forget", id=document).is_error


def test_other_methods_hold_no_place_among_the_requests(world):
    """A GET would be a stream without an end."""
    service, _ = world
    headers = {"Accept": "application/json, text/event-stream"}
    with service.open_client(world[1]["read"]) as client:
        for version in (None, "2025-06-18", "2026-07-28"):
            names = {"MCP-Protocol-Version": version} if version else {}
            for method in ("GET", "HEAD", "DELETE", "PUT"):
                response = client.request(method, "/mcp", headers=headers | names)
                assert response.status_code == 405
                assert response.headers["allow"] == "POST"


def test_many_unknown_arguments_are_not_all_explained(world):
    arguments = {f"name_{number}": number for number in range(1_000)}
    refused = call(world, "read", "recall", query="lighthouse", **arguments)
    assert refused.is_error
    assert "name_4" in refused.content[0].text
    assert len(refused.content[0].text) < 2_000


def test_the_guard_stands_before_it(world):
    service, tokens = world
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    key = {"Authorization": f"Bearer {tokens['read']}"}
    with httpx2.Client(base_url=service.url, trust_env=False) as client:
        assert client.post("/mcp", json=message).status_code == 401
        forged = client.post("/mcp", json=message, headers=key | {"Host": "evil.example"})
        assert forged.status_code == 421
        foreign = client.post(
            "/mcp", json=message, headers=key | {"Origin": "https://evil.example"}
        )
        assert foreign.status_code == 403
