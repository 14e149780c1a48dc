"""Entity tags and conditions, signed cursors, JSON lines, and metrics."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

LINES = {"Content-Type": "application/jsonl"}


def save(rest, conversation_id, count=1, **headers):
    messages = [
        {"id": f"{conversation_id}-{number}", "role": "user", "content": f"The pump {number} runs."}
        for number in range(count)
    ]
    return rest.put(
        f"/v1/conversations/{conversation_id}", json={"messages": messages}, headers=headers
    )


def append(rest, conversation_id, text, **headers):
    body = {"messages": [{"role": "user", "content": text}]}
    return rest.post(f"/v1/conversations/{conversation_id}/messages", json=body, headers=headers)


def test_an_item_that_has_not_changed_is_not_sent_again(rest):
    save(rest, "tag-1")
    read = rest.get("/v1/conversations/tag-1")
    tag = read.headers["etag"]
    same = rest.get("/v1/conversations/tag-1", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    append(rest, "tag-1", "The valve is open.")
    changed = rest.get("/v1/conversations/tag-1", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    page = rest.get("/v1/conversations/tag-1", params={"limit": 1})
    assert page.headers["etag"] != changed.headers["etag"]


def test_a_write_is_refused_where_the_item_has_changed(rest):
    save(rest, "tag-2")
    tag = rest.get("/v1/conversations/tag-2", params={"limit": 1}).headers["etag"]
    assert append(rest, "tag-2", "First.", **{"If-Match": tag}).status_code == 200
    refused = append(rest, "tag-2", "Second.", **{"If-Match": tag})
    assert refused.status_code == 412
    assert refused.json()["type"] == "/problems/precondition-failed"
    assert refused.json()["outcome"] == "not_applied"
    assert rest.get("/v1/conversations/tag-2").json()["total_messages"] == 2
    for method in ("DELETE", "PUT"):
        body = {"messages": [{"role": "user", "content": "x"}]} if method == "PUT" else None
        response = rest.request(
            method, "/v1/conversations/tag-2", json=body, headers={"If-Match": tag}
        )
        assert response.status_code == 412
    tag = rest.get("/v1/conversations/tag-2").headers["etag"]
    deleted = rest.delete("/v1/conversations/tag-2", headers={"If-Match": tag})
    assert deleted.json()["existed"] is True


def test_one_of_several_writers_with_the_same_condition_writes(rest):
    save(rest, "tag-6")
    for turn in range(5):
        tag = rest.get("/v1/conversations/tag-6").headers["etag"]
        with ThreadPoolExecutor(6) as threads:
            responses = threads.map(
                lambda text, tag=tag: append(rest, "tag-6", text, **{"If-Match": tag}),
                [f"The pump {turn} of {writer} runs." for writer in range(6)],
            )
        statuses = sorted(response.status_code for response in responses)
        assert statuses == [200, *[412] * 5]
    assert rest.get("/v1/conversations/tag-6").json()["total_messages"] == 6


def test_an_item_is_made_only_where_there_is_none(rest):
    assert save(rest, "tag-3", **{"If-None-Match": "*"}).status_code == 200
    assert save(rest, "tag-3", **{"If-None-Match": "*"}).status_code == 412
    assert save(rest, "tag-4", **{"If-Match": "*"}).status_code == 412
    assert rest.get("/v1/conversations/tag-4").status_code == 404


@pytest.mark.parametrize("value", ["tag", '"a" "b"', '"a', "W/a", "é", "", '"a",'])
def test_a_condition_that_is_no_entity_tag_is_not_taken_for_none(rest, value):
    save(rest, "tag-5")
    for name in ("If-Match", "If-None-Match"):
        headers = {name: value.encode()}
        for method in ("GET", "DELETE"):
            response = rest.request(method, "/v1/conversations/tag-5", headers=headers)
            assert response.status_code == 422
    assert rest.get("/v1/conversations/tag-5").status_code == 200


def test_pages_follow_each_other_by_signed_cursors(rest):
    for number in range(3):
        save(rest, f"page-{number}", count=3)
    seen, cursor = [], None
    while True:
        arguments = {"limit": 2, "order": "id"} | ({"cursor": cursor} if cursor else {})
        answer = rest.get("/v1/conversations", params=arguments).json()
        seen += [row["conversation_id"] for row in answer["conversations"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert {"page-0", "page-1", "page-2"} <= set(seen)
    assert len(seen) == len(set(seen))
    history = rest.get("/v1/conversations/page-0", params={"limit": 1}).json()
    older = rest.get(
        "/v1/conversations/page-0", params={"limit": 1, "cursor": history["next_cursor"]}
    ).json()
    assert [message["id"] for message in older["messages"]] == ["page-0-1"]


def test_other_cursors_are_refused(rest):
    for number in range(2):
        save(rest, f"page-{number}")
    cursor = rest.get("/v1/conversations", params={"limit": 1}).json()["next_cursor"]
    unsigned = cursor[22:]
    for path, other in (
        ("/v1/conversations", unsigned),
        ("/v1/conversations", "x" + cursor[1:]),
        ("/v1/conversations", cursor[:-1]),
        ("/v1/entities", cursor),
        ("/v1/conversations", "é" * 30),
    ):
        response = rest.get(path, params={"limit": 1, "cursor": other})
        assert response.status_code == 422
        assert response.json()["field"] == "cursor"


def test_a_repeated_append_with_a_key_adds_nothing(rest):
    save(rest, "once")
    key = {"Idempotency-Key": "request-1"}
    first = append(rest, "once", "The valve is open.", **key).json()
    again = append(rest, "once", "The valve is open.", **key).json()
    assert (first["created"], again["created"]) == (1, 0)
    assert first["created_ids"] == again["unchanged_ids"]
    assert rest.get("/v1/conversations/once").json()["total_messages"] == 2
    other = append(rest, "once", "The valve is shut.", **key)
    assert other.status_code == 409
    assert other.json()["type"] == "/problems/conflict"
    assert append(rest, "elsewhere", "The valve is open.", **key).status_code == 409
    assert rest.get("/v1/conversations/elsewhere").status_code == 404
    two = [{"role": "user", "content": text} for text in ("The valve is open.", "More.")]
    path = "/v1/conversations/once/messages"
    assert rest.post(path, json={"messages": two}, headers=key).status_code == 409
    pair = {"Idempotency-Key": "request-2"}
    assert rest.post(path, json={"messages": two}, headers=pair).json()["created"] == 2
    assert rest.post(path, json={"messages": two[:1]}, headers=pair).status_code == 409
    assert rest.get("/v1/conversations/once").json()["total_messages"] == 4
    for value in ("", "a b", "x" * 256):
        response = append(rest, "once", "The valve is open.", **{"Idempotency-Key": value})
        assert response.status_code == 422


def test_a_key_covers_the_messages_without_an_id(rest):
    def send(*messages):
        return rest.post(
            "/v1/conversations/mixed/messages",
            json={"messages": [{"role": "user", **message} for message in messages]},
            headers={"Idempotency-Key": "mixed"},
        )

    own, other = {"id": "mixed-1", "content": "One."}, {"id": "mixed-2", "content": "Two."}
    assert send(own, {"content": "Three."}).json()["created"] == 2
    assert send(own, {"content": "Three."}).json()["created"] == 0
    # Where the own ids stand does not matter; what has none is another request or the same one.
    for messages in (
        [{"content": "Four."}, own],
        [{"content": "Four."}, other],
        [other, {"content": "Three.", "role": "assistant"}],
        [other, {"content": "Three."}, {"content": "Four."}],
        [other],
    ):
        response = send(*messages)
        assert response.status_code == 409
        assert response.json()["outcome"] == "not_applied"
        assert rest.get("/v1/conversations/mixed").json()["total_messages"] == 2
    assert send({"content": "Three."}, own).json()["created"] == 0


@pytest.mark.parametrize("differs_in", ["texts", "number", "conversation"])
def test_one_of_several_requests_with_the_same_key_writes(rest, differs_in):
    def send(turn, writer):
        number = writer + 1 if differs_in == "number" else 1
        text = f"The pump {writer} runs." if differs_in == "texts" else "The pump runs."
        name = f"at-once-{differs_in}" + (f"-{writer}" if differs_in == "conversation" else "")
        return rest.post(
            f"/v1/conversations/{name}/messages",
            json={"messages": [{"role": "user", "content": text}] * number},
            headers={"Idempotency-Key": f"at-once-{differs_in}-{turn}"},
        )

    for turn in range(3):
        with ThreadPoolExecutor(8) as threads:
            responses = list(threads.map(partial(send, turn), range(8)))
        statuses = sorted(response.status_code for response in responses)
        assert statuses == [200, *[409] * 7], [response.text for response in responses]


def test_each_line_has_its_answer_in_order(rest):
    rows = [
        {"conversation_id": "line-1", "messages": [{"role": "user", "content": "One."}]},
        {"conversation_id": "line-2", "messages": []},
        {"conversation_id": "line-3", "messages": [{"role": "user", "content": "Three."}]},
        {"conversation_id": "line-4", "messages": [{"role": "secret", "content": "Four."}]},
        {
            "conversation_id": "line-5",
            "messages": [{"id": "line-0-0", "role": "user", "content": "secret"}],
        },
    ]
    save(rest, "line-0")  # whose message cannot be another conversation's too
    lines = [json.dumps(row) for row in rows]
    lines[2:2] = ["", "{", '{"a": 1, "a": 2}', "[]", '{"conversation_id": "x", "secret": 1}']
    for kind in ("application/jsonl", "application/x-ndjson"):
        response = rest.post("/v1/ingest", content="\n".join(lines), headers={"Content-Type": kind})
        answers = [json.loads(line) for line in response.text.splitlines()]
        assert response.headers["content-type"] == "application/jsonl"
        assert [answer["line"] for answer in answers] == list(range(1, 10))
        assert [answer["line"] for answer in answers if "result" in answer] == [1, 7]
        problems = [answer["problem"] for answer in answers if "problem" in answer]
        assert {problem["status"] for problem in problems} == {422}
        assert "secret" not in response.text
    assert rest.get("/v1/conversations/line-3").status_code == 200
    assert rest.get("/v1/conversations/x").status_code == 404


def test_ingest_has_a_limit_of_lines(rest, monkeypatch):
    from mcp_context_persistence.kg import limits

    monkeypatch.setattr(limits, "INGESTED_LINES", 2)
    for count, status in ((2, 200), (3, 413)):
        response = rest.post("/v1/ingest", content="{}\n" * count, headers=LINES)
        assert response.status_code == status
    assert rest.post("/v1/ingest", content="\n\n", headers=LINES).status_code == 422
    assert rest.post("/v1/ingest", json={}).status_code == 415


def test_metrics_count_operations(rest):
    rest.get("/v1/stats")
    text = rest.get("/metrics").text
    assert 'context_persistence_http_requests_total{operation="get_conversation_stats",' in text
    assert "context_persistence_http_running" in text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/v1", "/v1/graph:other"])
def test_there_are_no_pages(rest, path):
    assert rest.get(path).status_code == 404
