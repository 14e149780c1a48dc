"""The parts of `contract_cases.yaml` that are no calls of the client.

`http` has whole requests to a service, `wire` has JSON as it is sent, and `tools` has calls of the
small profile of the MCP server.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2

from tests.doors.contract import KINDS, Case, Failure, check_answer, read_file
from tests.doors.contract_doors import McpDoor, read_response

MCP_HEADERS = {"Accept": "application/json, text/event-stream"}
CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call"}
SendText = Callable[[bytes], Any]


def check_requests(base_url: str, keys: Mapping[str, str | None]) -> Iterator[str]:
    """Yield which answers to the requests of the file are not as they must be.

    Args:
        base_url: Address of the service.
        keys: Keys by the names that the file has; requests with others are left out.
    """
    with httpx2.Client(base_url=base_url, timeout=60, trust_env=False) as http:
        for row in read_file()["http"]:
            if row.get("key", "all") not in keys:
                continue
            for path in row["paths"]:
                response = send_request(http, keys, row, path)
                texts = list(check_response(row, response))
                yield from (f"{row['title']}, {row['method']} {path}: {text}" for text in texts)


def send_request(
    http: httpx2.Client, keys: Mapping[str, str | None], row: Mapping[str, Any], path: str
) -> httpx2.Response:
    """Send a request of the file to one of its paths."""
    key = keys[row.get("key", "all")]
    headers: dict[str, str] = {"Authorization": f"Bearer {key}"} if key is not None else {}
    if "json" in row:
        headers["Content-Type"] = "application/json"
    headers |= MCP_HEADERS if path.startswith("/mcp") else {}
    content = json.dumps(row["json"]) if "json" in row else row.get("text")
    return http.request(
        row["method"], path, content=content, headers=headers | row.get("headers", {})
    )


def check_response(row: Mapping[str, Any], response: httpx2.Response) -> Iterator[str]:
    """Yield what is wrong with a response."""
    text = response.text[:300]
    if response.status_code != row["status"]:
        yield f"has the status {response.status_code}: {text}"
    if "hunter2" in response.text:
        yield f"repeats what was written: {text}"
    if "kind" not in row:
        return
    if response.headers["content-type"] != "application/problem+json":
        yield f"is no problem: {text}"
        return
    problem = response.json()
    expected = {
        "type": f"/problems/{row['kind']}",
        "status": row["status"],
        "retryable": row.get("retryable", False),
        "outcome": "not_applied",
        "request_id": response.headers["x-request-id"],
    }
    wrong = {name: problem.get(name) for name in expected if problem.get(name) != expected[name]}
    if wrong:
        yield f"has {wrong}: {text}"


def check_texts(name: str, send: SendText) -> Iterator[str]:
    """Yield which texts of `wire` a door does not refuse as it must.

    Args:
        name: The door.
        send: Sends the JSON of one item of `ingest_items`, and returns the answer or a failure.
    """
    for row in read_file()["wire"]:
        text = row["text"] if isinstance(row["text"], bytes) else row["text"].encode()
        case = Case(call="ingest_items", title=row["title"], error={"invalid": ""})
        yield from (
            f"{name}: {row['title']}: {problem}"
            for problem in check_answer(case, send(text), {}, lambda value: value)
        )


def send_over_rest(http: httpx2.Client) -> SendText:
    """Return how to send an item to a REST service."""
    headers = {"Content-Type": "application/json"}

    def send(text: bytes) -> Any:
        content = b'{"items": [' + text + b"]}"
        return read_response(http.post("/v1/items:ingest", content=content, headers=headers))

    return send


def build_message(text: bytes) -> bytes:
    """Return the call of a tool as the message that a client sends."""
    mark = "the item"
    params = {"name": "ingest_items", "arguments": {"items": [mark]}}
    return json.dumps({**CALL, "params": params}).encode().replace(f'"{mark}"'.encode(), text)


def send_over_http(http: httpx2.Client) -> SendText:
    """Return how to send an item to the MCP server of a service."""

    def send(text: bytes) -> Any:
        headers = {"Content-Type": "application/json", **MCP_HEADERS}
        response = http.post("/mcp/full", content=build_message(text), headers=headers)
        return read_message(response.json())

    return send


def read_message(message: Mapping[str, Any]) -> Any:
    """Return the answer of a message, or the failure that it tells."""
    result = message.get("result", {})
    if "result" in message and not result.get("isError"):
        return result["structuredContent"]
    return Failure(kinds=frozenset(KINDS), text=json.dumps(message, ensure_ascii=False))


def check_tools(door: McpDoor) -> Iterator[str]:
    """Yield which calls of the small profile do not answer as they must."""
    for row in read_file()["tools"]:
        case = Case(arguments=row.pop("with", {}), call=row.pop("tool"), **row)
        answer = door.call(case.call, case.arguments)
        yield from (
            f"{door.name}: {case.call}({case.title or case.arguments}): {text}"
            for text in check_answer(case, answer, {}, lambda value: value)
        )
