"""The client, the REST service and the MCP server, as doors of the contract."""

import json
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ContextPersistenceError
from tests.doors.contract import KINDS, Failure, NoSuchCallError

# Where REST and MCP have a list that the client returns as such.
REST_LISTS = {
    "batch_extract_entities": "results",
    "detect_communities": "communities",
    "find_central_entities": "entities",
    "find_shortest_paths": "paths",
    "find_similar_entities": "pairs",
    "generate_embeddings": "embeddings",
}
MCP_LISTS = {*REST_LISTS, "batch_save_conversations"}
# Calls of the client that the full profile has no tool for, as docs/mcp.md says.
NO_TOOL = {
    "clear_cache": "configures the client",
    "configure_entity_patterns": "configures the client",
    "delete_namespace": "left out: nobody should lose everything by a call of a model",
    "generate_embeddings": "vectors are of no use to a model",
}
# Arguments that REST has no field for.
REST_LACKS = {
    "append_messages": {"embeddings": "vectors belong to the model of the store"},
    "batch_extract_entities": {"parallel": "of a process", "max_workers": "of a process"},
    "batch_save_conversations": {
        "parallel": "of a process",
        "max_workers": "of a process",
        "replace": "save_conversation has it",
    },
    "save_conversation": {"embeddings": "vectors belong to the model of the store"},
}


@dataclass
class SdkDoor:
    """The client itself."""

    lacks: ClassVar[Collection[str]] = ()
    client: ContextPersistenceClient
    name: str = "client"

    @property
    def namespace(self) -> str:
        return self.client.namespace

    def call(self, call: str, arguments: Mapping[str, Any]) -> Any:
        try:
            answer = getattr(self.client, call)(**arguments)
        except ContextPersistenceError as error:
            names = {base.__name__ for base in type(error).__mro__}
            kinds = frozenset(name for name, kind in KINDS.items() if kind.error in names)
            return Failure(
                kinds=kinds, text=str(error), retryable=error.retryable, outcome=error.outcome
            )
        if answer is None:  # of a call that returns nothing
            return {"success": True}
        if isinstance(answer, BaseModel):
            return json.loads(answer.model_dump_json())
        if hasattr(answer, "tolist"):
            return answer.tolist()
        return [json.loads(item.model_dump_json()) for item in answer]

    def project(self, call: str, arguments: Mapping[str, Any], answer: Any) -> Any:
        return answer


@dataclass
class RestDoor:
    """A REST service: its OpenAPI document says how to call it."""

    lacks: ClassVar[Collection[str]] = ()
    http: httpx2.Client
    namespace: str
    name: str = "REST"
    operations: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        document = self.http.get("/openapi.json").raise_for_status().json()
        self.operations = {
            operation["operationId"]: (method.upper(), path)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    def call(self, call: str, arguments: Mapping[str, Any]) -> Any:
        if set(arguments) & set(REST_LACKS.get(call, ())):
            raise NoSuchCallError
        if call == "batch_save_conversations":
            return self._save_lines(arguments["conversations"])
        is_all = call == "find_similar_entities" and "entity_id" not in arguments
        method, path = self.operations[f"{call}.all" if is_all else call]
        fields = dict(arguments)
        if call == "find_shortest_paths":
            fields["entity_id"] = fields.pop("source_entity_id")
        for name in [name for name in fields if f"{{{name}}}" in path]:
            value = fields.pop(name)
            if not isinstance(value, str) or not value:
                raise NoSuchCallError  # in an address, everything is a text that is not empty
            encoded = quote(value, safe="", errors="surrogatepass")
            path = path.replace(f"{{{name}}}", encoded)
        if method in {"GET", "DELETE"}:
            response = self.http.request(method, path, params=write_query(fields))
        elif not fields and call in {"retire_instruction", "undo_merge", "clear_cache"}:
            response = self.http.request(method, path)
        else:
            headers = {"Content-Type": "application/json"}
            response = self.http.request(method, path, content=json.dumps(fields), headers=headers)
        return read_response(response, REST_LISTS.get(call))

    def _save_lines(self, conversations: Any) -> Any:
        if not isinstance(conversations, list):
            raise NoSuchCallError  # JSON lines are always a list
        response = self.http.post(
            "/v1/ingest",
            content="\n".join(map(json.dumps, conversations)),
            headers={"Content-Type": "application/jsonl"},
        )
        if response.status_code != 200:
            return read_response(response)
        lines = [json.loads(line) for line in response.text.splitlines()]
        return [
            line["result"]
            if "result" in line
            else {"success": False, "error": line["problem"]["detail"]}
            for line in lines
        ]

    def project(self, call: str, arguments: Mapping[str, Any], answer: Any) -> Any:
        if call != "batch_save_conversations" or not isinstance(answer, list):
            return answer
        return [  # what failed has a problem instead of a response
            row
            if row.get("success", True)
            else {name: row[name] for name in ("success", "error") if name in row}
            for row in answer
        ]


def write_query(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return arguments as the query of an address has them."""
    pairs = []
    for name, value in fields.items():
        if value is None:
            raise NoSuchCallError  # a query has no null
        for item in value if isinstance(value, list) else [value]:
            text = item if isinstance(item, str) else json.dumps(item)
            pairs.append((name, text))
    return pairs


def read_response(response: httpx2.Response, list_name: str | None = None) -> Any:
    """Return the answer of a response, or the failure that its problem tells."""
    content = response.json()
    if response.status_code == 200:
        return content[list_name] if list_name else content
    kind = content["type"].removeprefix("/problems/")
    wrong = ""
    expected = KINDS.get(kind)
    if response.headers["content-type"] != "application/problem+json":
        wrong = "has another content type"
    elif expected and response.status_code != expected.status:
        wrong = f"has the status {response.status_code}"
    elif expected and content.get("error", expected.error) != expected.error:
        wrong = f"has the class {content['error']}"
    return Failure(
        kinds=frozenset({kind}),
        text=response.text,
        retryable=content["retryable"],
        outcome=content["outcome"],
        is_wrong=wrong,
    )


@dataclass
class McpDoor:
    """A session with an MCP server that has the full profile."""

    lacks: ClassVar[Collection[str]] = NO_TOOL
    portal: BlockingPortal
    session: Client
    namespace: str
    name: str

    def call(self, call: str, arguments: Mapping[str, Any]) -> Any:
        if call in NO_TOOL or not is_sendable(arguments):
            raise NoSuchCallError
        try:
            result = self.portal.call(self.session.call_tool, call, dict(arguments))
        except MCPError as error:
            return Failure(
                kinds=frozenset(KINDS), text=str(error), is_wrong="is hidden from models"
            )
        if result.is_error:
            return read_tool_error(result)
        content = result.structured_content
        return content["results"] if call in MCP_LISTS else content

    def project(self, call: str, arguments: Mapping[str, Any], answer: Any) -> Any:
        return answer


def is_sendable(value: Any) -> bool:
    """Return whether the SDK's client sends a value as it is: no NaN, no half of a pair."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return False
    return True


def read_tool_error(result: Any) -> Failure:
    """Return the failure that a tool tells a model."""
    text = result.content[0].text
    wrong = ""
    if result.structured_content is not None or len(result.content) != 1:
        wrong = "has more than a text"
    elif not text.endswith((" (retry: no)", " (retry: yes)")):
        wrong = "does not say whether to retry"
    elif "\n" in text or "pydantic" in text:
        wrong = "is not one sentence"
    return Failure(
        kinds=frozenset(KINDS),
        text=text,
        retryable=text.endswith("(retry: yes)"),
        is_wrong=wrong,
    )


@contextmanager
def open_session(server: Any, namespace: str, name: str) -> Iterator[McpDoor]:
    """Open a session with a server that the SDK's client knows how to reach."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(server)) as session,
    ):
        yield McpDoor(portal, session, namespace, name)


@contextmanager
def open_http_session(
    url: str, key: str | None, namespace: str, profile: str = ""
) -> Iterator[McpDoor]:
    """Open a session with the MCP server of a service, with the small profile or another one."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
            Client(
                streamable_http_client(f"{url}/mcp/{profile}".rstrip("/"), http_client=http)
            ) as session,
        ):
            yield session

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(connect()) as session,
    ):
        yield McpDoor(portal, session, namespace, f"MCP over HTTP {profile}".rstrip())
