"""Two namespaces with a key for each, over MCP: a matrix of all tools, made from the profiles."""

import json
from urllib.parse import quote

import pytest

from mcp_context_persistence.mcp_server.profiles import PROFILES, select_tools
from mcp_context_persistence.service.keys import SCOPES
from tests.doors.two_namespaces import CANARY, IDS, find_ids, read_all, run_two_namespaces

HEADERS = {"Accept": "application/json, text/event-stream"}
PATHS = {"small": "/mcp"} | {name: f"/mcp/{name}" for name in PROFILES if name != "small"}
TEXT = "A harmless text."
MESSAGE = {"role": "user", "content": TEXT}
OTHER = "OtherValidator"
CITATIONS = {
    "m": "message_id",
    "c": "conversation_id",
    "doc": "document_id",
    "d": "decision_id",
    "e": "entity_id",
    "i": "instruction_id",
}


@pytest.fixture(scope="module")
def world(server, tmp_path_factory):
    with run_two_namespaces(server, tmp_path_factory.mktemp("keys")) as running:
        yield running


def make_arguments(ids, cursor):
    """A value for each argument of a tool that is required or names an item."""
    return ids | {
        "source_entity_id": ids["entity_id"],
        "target_entity_id": ids["entity_id"],
        "source": ids["entity_id"],
        "target": ids["entity_id"],
        "entity": ids["entity_id"],
        "keep_id": ids["entity_id"],
        "duplicate_ids": [OTHER],
        "leaf_id": ids["message_id"],
        "cursor": cursor,
        "query": ids["entity_id"],
        "topic": ids["entity_id"],
        "text": TEXT,
        "texts": [TEXT],
        "content": TEXT,
        "decision": TEXT,
        "reason": TEXT,
        "context": TEXT,
        "outcome": TEXT,
        "decision_type": "technology",
        "relation": "is like",
        "relationship_type": "is like",
        "messages": [MESSAGE],
        "conversations": [{"conversation_id": ids["conversation_id"], "messages": [MESSAGE]}],
        "entities": [{"id": ids["entity_id"], "name": OTHER, "type": "library"}],
        "relationships": [],
        "items": [{"kind": "entity", "id": ids["entity_id"], "name": OTHER, "type": "library"}],
    }


def list_calls(ids, cursor):
    """Yield each tool with its arguments: the required ones, and each that names an item too."""
    values = make_arguments(ids, cursor)
    for profile in PROFILES:
        for tool in sorted(select_tools(profile), key=lambda tool: tool.scope != "read"):
            fields = tool.arguments.model_fields
            required = [name for name, field in fields.items() if field.is_required()]
            if "id" in required:  # of any kind
                for kind, name in CITATIONS.items():
                    yield profile, tool, {"id": f"{kind}:{quote(ids[name], safe='')}"}
                continue
            arguments = {name: values[name] for name in required}
            yield profile, tool, arguments
            for name in fields.keys() & {"cursor", "leaf_id", *ids} - arguments.keys():
                yield profile, tool, arguments | {name: values[name]}


def send(client, path, method, **params):
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    response = client.post(path, json=message, headers=HEADERS)
    assert response.status_code == 200, response.text
    return response.json()


def call(client, profile, tool, arguments):
    return send(client, PATHS[profile], "tools/call", name=tool.name, arguments=arguments)["result"]


def remove(ids, text):
    """Leave out what the caller has named."""
    for value in ids.values():
        text = text.replace(value, "").replace(quote(value, safe=""), "")
    return text.lower()


def find_foreign_cursor(first):
    answer = send(first, PATHS["full"], "tools/call", name="list_entities", arguments={"limit": 1})
    return answer["result"]["structuredContent"]["next_cursor"]


def test_no_tool_reads_counts_or_changes_another_namespace(world):
    service, _, names, tokens = world
    with service.open_client(tokens[0]) as first, service.open_client(tokens[1]) as second:
        before = read_all(first)
        ids, cursor = find_ids(before), find_foreign_cursor(first)
        for profile, tool, arguments in list_calls(ids, cursor):
            answer = json.dumps(call(second, profile, tool, arguments))
            assert CANARY not in remove(ids, answer), (tool.name, arguments)
            assert names[0] not in answer, tool.name
            if tool.scope == "read":  # nothing is stored yet, so there is nothing to count
                assert '"next_cursor": "' not in answer, tool.name
        assert read_all(first) == before


def test_resources_prompts_and_names_of_another_namespace_are_like_none(world):
    service, keys, names, tokens = world
    _, token = keys.create(namespace=f"{names[1]}-empty", scopes=SCOPES)
    with service.open_client(tokens[0]) as first, service.open_client(token) as second:
        ids = find_ids(read_all(first))
        for kind in ("conversation", "document", "decision", "entity"):
            uri = f"memory://{kind}/{quote(ids[f'{kind}_id'], safe='')}"
            assert CANARY in str(send(first, "/mcp", "resources/read", uri=uri)["result"]).lower()
            foreign = send(second, "/mcp", "resources/read", uri=uri)["error"]
            missing = send(second, "/mcp", "resources/read", uri=f"memory://{kind}/x")["error"]
            assert foreign == missing, kind
        status = send(second, "/mcp", "resources/read", uri="memory://status")
        assert names[0] not in str(status)
        for name, argument, value in (
            ("resume", "topic", "lighthouse"),
            ("what_do_we_know", "entity", ids["entity_id"]),
            ("why", "decision", ids["decision_id"]),
        ):
            prompt = send(second, "/mcp", "prompts/get", name=name, arguments={argument: value})
            assert CANARY not in remove(ids, json.dumps(prompt)), name
            completion = {
                "ref": {"type": "ref/prompt", "name": name},
                "argument": {"name": argument, "value": ""},
            }
            answer = send(second, "/mcp", "completion/complete", **completion)
            assert answer["result"]["completion"]["values"] == [], name


def test_each_tool_needs_its_scope_and_no_other(world):
    service, keys, names, _ = world
    namespace = f"{names[1]}-scopes"
    for scope in SCOPES:
        _, token = keys.create(namespace=namespace, scopes=[scope])
        with service.open_client(token) as client:
            ids = {name: f"{name}-x" for name in (*IDS, *CITATIONS.values(), "merge_id")}
            for profile, tool, arguments in list_calls(ids, "x"):
                if tool.scope == scope:
                    continue
                answer = call(client, profile, tool, arguments)
                text = f"the key does not have the scope {tool.scope} (retry: no)"
                assert answer["content"][0]["text"] == text, (scope, tool.name)
            if scope != "read":
                for method, params in (
                    ("resources/read", {"uri": "memory://status"}),
                    ("prompts/get", {"name": "resume", "arguments": {"topic": "x"}}),
                ):
                    error = send(client, "/mcp", method, **params)["error"]
                    assert error["message"] == "the key does not have the scope read"


def test_the_calls_of_the_user_are_not_open_to_a_key(world):
    service, _, _, tokens = world
    with service.open_client(tokens[1]) as second:
        for body in ('["get_conversation_stats", [], {}]', "{}"):
            assert second.post("/call", content=body).status_code == 404
