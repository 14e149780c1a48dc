"""Run the contract against a service, wherever it runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2

from tests.doors.contract import Report, run_cases
from tests.doors.contract_doors import RestDoor, open_http_session
from tests.doors.contract_wire import (
    check_requests,
    check_texts,
    check_tools,
    send_over_http,
    send_over_rest,
)

WRONG_KEY = f"cp_00000000_{'a' * 43}"


@contextmanager
def open_http(base_url: str, key: str) -> Iterator[httpx2.Client]:
    """Open a client of a service with a key."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=base_url, headers=headers, timeout=60, trust_env=False) as http:
        yield http


def find_namespace(http: httpx2.Client) -> str:
    """Return the namespace of a key: the status of the small profile tells it."""
    params = {"name": "status", "arguments": {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {"Accept": "application/json, text/event-stream"}
    response = http.post("/mcp", json=message, headers=headers).raise_for_status()
    namespace: str = response.json()["result"]["structuredContent"]["namespace"]
    return namespace


def run_contract(
    base_url: str,
    key: str,
    *,
    read_key: str | None = None,
    baseline: Report | None = None,
) -> list[str]:
    """Run the cases through REST and MCP over HTTP.

    Args:
        base_url: Address of the service, such as `http://127.0.0.1:8000`.
        key: A key with all scopes for a namespace without content, which has none afterwards.
        read_key: A key of the namespace with the scope `read` alone; without it, the requests that
            need one are left out.
        baseline: What the client answers, see `run_cases`; None compares with the cases alone.

    Returns:
        What is not as it must be.
    """
    base_url = base_url.rstrip("/")
    keys = {"all": key, "none": None, "wrong": WRONG_KEY} | ({"read": read_key} if read_key else {})
    with ExitStack() as stack:
        http = stack.enter_context(open_http(base_url, key))
        namespace = find_namespace(http)
        rest = RestDoor(http, namespace)
        session = stack.enter_context(open_http_session(base_url, key, namespace, "full"))
        small = stack.enter_context(open_http_session(base_url, key, namespace))
        failures = run_cases(rest, session, baseline).failures
        failures += run_cases(session, rest, baseline).failures
        failures += check_tools(small)
        failures += check_requests(base_url, keys)
        failures += check_texts("REST", send_over_rest(http))
        failures += check_texts("MCP over HTTP", send_over_http(http))
        rest.call("delete_namespace", {"confirm": namespace})
    return failures
