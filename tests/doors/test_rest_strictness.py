"""What a request has is neither ignored nor replaced, and an error names what it is about.

The database cannot be reached: nothing of this gets as far.
"""

import pytest

from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.rest_service import check_problem, run_service, send_raw


@pytest.fixture(scope="module")
def service():
    with run_service(
        ServiceSettings(database_url="bolt://127.0.0.1:1"), path="/healthz"
    ) as service:
        yield service


@pytest.fixture
def http(service):
    with service.open_client() as client:
        yield client


def call_raw(service, *headers):
    lines = [b"POST /v1/embeddings HTTP/1.1", b"Host: localhost", b"Connection: close", *headers]
    body = b'{"secret": 1}'
    data = b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])
    return int(send_raw(service.port, data).split()[1])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([b"Content-Type: APPLICATION/json ; Charset=UTF-8"], 422),
        ([b'Content-Type: application/json; a="b;c"; charset="utf-8"'], 422),
        ([b"Content-Type: application/json; a=\xff"], 422),
        ([b"Content-Type: application/json; charset=iso-8859-1"], 415),
        ([b"Content-Type: application/json; charset=utf-8; charset=utf-16"], 415),
        ([b"Content-Type: application/json; charset*=iso-8859-1''x"], 415),
        ([b"Content-Type: application/json; charset*0=u; charset*0*=x; charset*=y''z"], 415),
        ([b"Content-Type: application/json; charset"], 422),
        ([b"Content-Type: text/json"], 415),
        ([b"Content-Type: \xff"], 415),
        ([b"Content-Type:"], 415),
        ([], 415),
        ([b"Content-Type: application/json", b"Content-Type: text/plain"], 415),
        ([b"Content-Type: application/json", b"Content-Encoding: identity"], 422),
        ([b"Content-Type: application/json", b"Content-Encoding: gzip"], 415),
        (
            [
                b"Content-Type: application/json",
                b"Content-Encoding: identity",
                b"Content-Encoding: gzip",
            ],
            415,
        ),
    ],
)
def test_a_body_of_another_type_is_refused(service, headers, status):
    assert call_raw(service, *headers) == status  # 422 is about what the body has


def test_what_a_query_has_is_not_replaced_by_other_characters(http):
    for query in (
        "order=%ff",
        "filters=%7B%22project%22:%22%ff%22%7D",
        "%C3=1",
        "cursor=%ED%A0%80",
    ):
        response = http.get(f"/v1/conversations?{query}")
        check_problem(response, 422, "invalid")
        assert response.json()["detail"] == "the query is not in UTF-8"


def test_filters_that_are_not_json_are_named(http):
    for text in ("secret", "{", '{"a": 1, "a": 2}', "[]"):
        response = http.get("/v1/conversations", params={"filters": text})
        check_problem(response, 422, "invalid")
        problem = response.json()
        assert problem["field"] == "filters"
        assert problem["detail"].startswith("filters ")


def test_a_condition_of_a_write_is_not_ignored(http):
    document = http.get("/openapi.json").json()
    writes = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["x-scope"] not in {"read", "metrics"}
        and not any(item["name"] == "If-Match" for item in operation.get("parameters", []))
    ]
    assert len(writes) > 5
    for method, path, _ in writes:
        address = path.replace("{", "").replace("}", "")
        for header in ("If-Match", "If-None-Match"):
            response = http.request(method, address, headers={header: '"secret"'})
            check_problem(response, 422, "invalid")
            assert "If-Match" in response.json()["detail"]


def test_the_open_addresses_name_their_methods(http):
    for path in ("/healthz", "/readyz"):
        for method in ("POST", "DELETE", "OPTIONS"):
            response = http.request(method, path)
            check_problem(response, 405, "method-not-allowed")
            assert response.headers["allow"] == "GET, HEAD"


def test_the_rules_of_fields_have_no_subject_of_another_program(http):
    for body, detail in [
        ({"query": ""}, "query must have at least 1 character"),
        ({"query": "x" * 100_000}, None),
        ({"query": "x", "limit": 0}, "limit must be greater than or equal to 1"),
    ]:
        text = http.post("/v1/search", json=body).json()["detail"]
        assert "should" not in text
        assert detail is None or text == detail
    texts = http.put("/v1/conversations/a", json={"messages": []}).json()["detail"]
    assert texts == "messages must have at least 1 item"
