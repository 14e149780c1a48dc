"""Two namespaces with a key for each: a matrix of all routes, made from the application itself."""

import json
import os
import stat
from urllib.parse import quote

import pytest

from mcp_context_persistence.service.keys import SCOPES
from tests.doors.test_rest_calls import example_body, list_operations
from tests.doors.two_namespaces import CANARY, IDS, find_ids, read_all, run_two_namespaces

ARGUMENTS = {
    "delete_relationship": {
        "source_entity_id": IDS["entity_id"],
        "target_entity_id": "pandas",
        "relationship_type": "depends on",
    },
    "find_shortest_paths": {"target_entity_id": "pandas"},
}

CREATE = {"save_conversation", "append_messages", "save_document"}  # whatever the id is


@pytest.fixture(scope="module")
def world(server, tmp_path_factory):
    with run_two_namespaces(server, tmp_path_factory.mktemp("keys")) as running:
        yield running


def call(client, method, path, operation, document, ids):
    """Call an operation with the example of its body, and with these ids."""
    address = path.format(**{key: quote(value, safe="") for key, value in ids.items()})
    name = operation["operationId"]
    if name == "batch_save_conversations":
        line = {"conversation_id": ids["conversation_id"], "messages": [{}]}
        headers = {"Content-Type": "application/jsonl"}
        return client.post(address, content=json.dumps(line), headers=headers)
    body = example_body(operation, document)
    return client.request(method, address, json=body, params=ARGUMENTS.get(name))


def test_no_route_answers_without_a_valid_key(world):
    service, keys, names, _ = world
    expired, token = keys.create(namespace=names[0], scopes=SCOPES, days=0.001)
    from dataclasses import replace

    keys.write(
        [
            replace(key, expires="2020-01-01T00:00:00+00:00") if key.id == expired.id else key
            for key in keys.list_keys()
        ],
        keys.secret,
    )
    for value in (None, "", "secret", "cp_00000000_" + "a" * 43, token, token[:-1], "cl_x.y"):
        with service.open_client(value) as client:
            for method, path, _, _ in list_operations(service.app):
                response = client.request(method, path)
                assert response.status_code == 401, (value, path)
                assert response.headers["www-authenticate"] == "Bearer"
                assert response.json()["type"] == "/problems/unauthorized"
            assert client.get("/openapi.json").status_code == 401
            assert client.get("/healthz").status_code == 200


def test_a_key_does_what_its_scopes_say_and_nothing_else(world):
    service, keys, names, _ = world
    for scope in SCOPES:
        key, token = keys.create(namespace=names[1], scopes=[scope])
        with service.open_client(token) as client:
            for method, path, operation, _ in list_operations(service.app):
                assert operation["x-scope"] in SCOPES
                if operation["x-scope"] != scope:
                    response = client.request(method, path, content=b"not even JSON")
                    assert response.status_code == 403, (scope, path)
                else:  # it gets as far as its body, or its query
                    response = client.request(method, path, content=b"{", params={"x": "y"})
                    assert response.status_code == 422, (scope, path)
        keys.revoke(key.id)
        with service.open_client(token) as client:
            assert client.get("/v1/stats").status_code == 401


def test_no_route_reads_counts_or_changes_another_namespace(world):
    service, _, names, tokens = world
    with service.open_client(tokens[0]) as first, service.open_client(tokens[1]) as second:
        before = read_all(first)
        assert CANARY in str(before)
        ids = find_ids(before)
        cursor = first.get("/v1/entities", params={"limit": 1}).json()["next_cursor"]
        tag = first.get(f"/v1/conversations/{ids['conversation_id']}").headers["etag"]
        foreign = second.get("/v1/entities", params={"limit": 1, "cursor": cursor})
        assert foreign.status_code == 422
        response = second.get(
            f"/v1/conversations/{ids['conversation_id']}", headers={"If-None-Match": tag}
        )
        assert response.status_code == 404
        operations = sorted(
            list_operations(service.app), key=lambda row: row[0] not in {"GET", "DELETE"}
        )
        for method, path, operation, document in operations:
            name = operation["operationId"]
            if name in {"metrics", "delete_namespace"}:
                continue
            response = call(second, method, path, operation, document, ids)
            assert response.status_code in {200, 404, 422}, (name, response.text)
            assert names[0] not in response.text, name
            text = response.text.lower()
            for value in ids.values():  # a receipt names what the caller has named
                text = text.replace(value.lower(), "")
            assert CANARY not in text, name
            if method == "GET" and response.status_code == 200:
                fields = response.json()
                assert not any(fields.get(key) for key in ("next_cursor", "total_merges")), name
        response = second.delete("/v1/namespace", params={"confirm": names[0]})
        assert response.status_code == 422
        assert names[0] not in response.text
        assert read_all(first) == before
        counts = second.get("/metrics").text
        assert names[0] not in counts
        assert CANARY not in counts.lower()


def test_an_item_of_another_namespace_is_like_one_that_does_not_exist(world):
    """The same status and text, so that nobody learns which ids there are."""
    service, keys, names, tokens = world
    _, token = keys.create(namespace=f"{names[1]}-ids", scopes=SCOPES)
    with service.open_client(tokens[0]) as first, service.open_client(token) as second:
        ids = find_ids(read_all(first))
        missing = {name: f"missing {name}" for name in ids}
        for method, path, operation, document in list_operations(service.app):
            if "{" not in path or operation["operationId"] in CREATE:
                continue
            answers = []
            for values in (ids, missing):
                response = call(second, method, path, operation, document, values)
                problem = response.json()
                for key in ("request_id", "processing_time"):
                    problem.pop(key, None)
                text = json.dumps(problem)
                for value in values.values():
                    text = text.replace(value, "")
                answers.append((response.status_code, text))
            assert answers[0] == answers[1], operation["operationId"]


def test_conditions_and_repeated_requests_of_another_namespace_mean_nothing(world):
    service, keys, names, tokens = world
    _, token = keys.create(namespace=f"{names[1]}-tags", scopes=SCOPES)
    path = f"/v1/documents/{IDS['document_id']}"
    with service.open_client(tokens[0]) as first, service.open_client(token) as second:
        before = read_all(first)
        tag = first.get(path).headers["etag"]
        for method, text in (("PUT", {"text": "Of the second."}), ("DELETE", None)):
            response = second.request(method, path, json=text, headers={"If-Match": tag})
            assert response.status_code == 412, method
        made = second.put(path, json={"text": "Of the second."}, headers={"If-None-Match": "*"})
        assert made.status_code == 200
        body = {"messages": [{"role": "user", "content": "A repeated message."}]}
        headers = {"Idempotency-Key": CANARY}
        for client, name in ((first, "one"), (second, "two")):
            conversation = f"/v1/conversations/{name}"
            response = client.post(f"{conversation}/messages", json=body, headers=headers)
            assert len(response.json()["created_ids"]) == 1
        assert first.delete("/v1/conversations/one").status_code == 200
        assert read_all(first) == before


def test_searches_of_another_namespace_find_nothing(world):
    service, keys, names, _ = world
    _, token = keys.create(namespace=f"{names[1]}-empty", scopes=SCOPES)
    with service.open_client(token) as second:
        for mode in ("hybrid", "semantic", "keyword", "graph"):
            body = {"query": f"{CANARY} {IDS['entity_id']}", "mode": mode}
            assert CANARY not in str(second.post("/v1/search", json=body).json().get("results"))
        answer = second.post("/v1/context", json={"query": CANARY}).json()
        assert CANARY not in answer["text"].lower()


def test_the_file_has_no_key_and_only_its_owner_reads_it(world, tmp_path):
    _, keys, _, tokens = world
    text = keys.path.read_text()
    assert all(token not in text and token[12:] not in text for token in tokens)
    assert stat.S_IMODE(os.stat(keys.path).st_mode) == 0o600


def test_a_rotated_key_stays_valid_for_a_while(world):
    service, keys, names, _ = world
    key, token = keys.create(namespace=names[1], scopes=["read"])
    new, new_token = keys.rotate(key.id, hours=1)
    assert (new.namespace, new.scopes) == (key.namespace, key.scopes)
    for value in (token, new_token):
        with service.open_client(value) as client:
            assert client.get("/v1/stats").status_code == 200
    _, ended_token = keys.rotate(new.id, hours=0)
    with service.open_client(new_token) as client:
        assert client.get("/v1/stats").status_code == 401
    with service.open_client(ended_token) as client:
        assert client.get("/v1/stats").status_code == 200


def test_a_damaged_file_of_keys_lets_nobody_in(world):
    service, keys, _, tokens = world
    text = keys.path.read_text()
    with service.open_client(tokens[0]) as client:
        for damaged in ("", "{", '{"secret": "", "keys": [{"id": "a"}]}', "[]", "[" * 100_000):
            keys.path.write_text(damaged)
            response = client.get("/v1/stats")
            assert response.status_code == 503, response.text
        keys.path.unlink()
        os.mkfifo(keys.path)  # to read it would never end
        assert client.get("/v1/stats").status_code == 503
        keys.path.unlink()
        assert client.get("/v1/stats").status_code == 401
        keys.path.write_text(text)
        assert client.get("/v1/stats").status_code == 200
