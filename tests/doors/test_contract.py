"""Every door answers the cases of `contract_cases.yaml` as the client does."""

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.service.keys import SCOPES, KeyFile
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.cli_runner import open_commands
from tests.doors.contract import run_cases
from tests.doors.contract_commands import CommandDoor
from tests.doors.contract_doors import RestDoor, SdkDoor, open_http_session, open_session
from tests.doors.mcp_sessions import start_as_assistants_do
from tests.doors.rest_service import run_service


@pytest.fixture(scope="module")
def world(server, tmp_path_factory):
    """Return the namespaces of the doors, a service, and the keys of its namespaces."""
    keys = KeyFile(tmp_path_factory.mktemp("keys") / "api_keys.json")
    settings = ServiceSettings(
        database_url=server.bolt_url, auth=server.auth, keys_file=keys.path
    )
    tokens = {}
    for name in ("client", "rest", "http"):
        tokens[name] = keys.create(namespace=f"test-contract-{name}", scopes=SCOPES)[1]
    with run_service(settings) as service:
        yield service, tokens


def open_client(server, namespace):
    return ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace)


def show(report):
    open("/tmp/runs/failures.txt", "a").write("\n".join(report.failures) + f"\n{len(report.excused)} excused\n\n")
    assert not report.failures


@pytest.fixture(scope="module")
def baseline(server):
    with open_client(server, "test-contract-client") as client:
        report = run_cases(SdkDoor(client))
    return report


def test_client(baseline):
    show(baseline)


def test_rest(server, world, baseline):
    service, tokens = world
    with service.open_client(tokens["rest"]) as http, open_client(server, "test-contract-rest") as helper:
        show(run_cases(RestDoor(http, "test-contract-rest"), SdkDoor(helper), baseline=baseline))


def test_http(server, world, baseline):
    service, tokens = world
    with open_http_session(service.url, tokens["http"], "test-contract-http") as door, open_client(server, "test-contract-http") as helper:
        show(run_cases(door, SdkDoor(helper), baseline=baseline))


def test_stdio(server, baseline, tmp_path):
    start = start_as_assistants_do(
        tmp_path,
        *("--store", server.bolt_url, "--namespace", "test-contract-stdio", "--profile", "full"),
        CONTEXT_DB_USER=server.user,
        CONTEXT_DB_PASSWORD=server.password,
    )
    with open_session(start, "test-contract-stdio", "stdio") as door, open_client(server, "test-contract-stdio") as helper:
        show(run_cases(door, SdkDoor(helper), baseline=baseline))


def test_commands(server, baseline, monkeypatch):
    door = CommandDoor(open_commands(server, "test-contract-commands", monkeypatch))
    with open_client(server, "test-contract-commands") as helper:
        show(run_cases(door, SdkDoor(helper), baseline=baseline))
