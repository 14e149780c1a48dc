"""Every door answers the cases of `contract_cases.yaml` as the client does."""

import inspect
import json
import os
import subprocess
from contextlib import ExitStack
from functools import partial

import pytest
from pydantic_core import from_json

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.mcp_server.profiles import select_tools
from mcp_context_persistence.service.keys import SCOPES, KeyFile
from tests.conftest import RUN
from tests.doors.cli_runner import open_commands
from tests.doors.contract import NoSuchCallError, load_cases, run_cases
from tests.doors.contract_command_table import COMMANDS, NO_COMMAND
from tests.doors.contract_commands import CommandDoor
from tests.doors.contract_doors import NO_TOOL, REST_LACKS, SdkDoor, open_session
from tests.doors.contract_runner import run_contract
from tests.doors.contract_wire import build_message, check_texts, check_tools, read_message
from tests.doors.mcp_sessions import COMMAND, start_as_assistants_do
from tests.doors.test_rest_calls import NOT_CALLS
from tests.doors.test_rest_serve import serving

URL, KEY = os.environ.get("CONTEXT_TEST_SERVICE_URL"), os.environ.get("CONTEXT_TEST_SERVICE_KEY")
CALLS = {name for name in dir(ContextPersistenceClient) if not name.startswith("_")} - NOT_CALLS


def check(failures):
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="module")
def open_sdk(server):
    """Open the client of a namespace, as a door."""
    with ExitStack() as stack:

        def open_door(namespace):
            client = ContextPersistenceClient(
                server.bolt_url, auth=server.auth, namespace=namespace
            )
            return SdkDoor(stack.enter_context(client))

        yield open_door


@pytest.fixture(scope="module")
def run_name():
    return f"{RUN}contract-{os.urandom(4).hex()}"


@pytest.fixture(scope="module")
def baseline(open_sdk, run_name):
    return run_cases(open_sdk(f"{run_name}-client"))


def test_the_client(baseline):
    check(baseline.failures)


def test_a_service(server, run_name, baseline, tmp_path):
    """REST, and MCP over HTTP."""
    keys = KeyFile(tmp_path / "api_keys.json")
    namespace = f"{run_name}-http"
    key, read_key = (
        keys.create(namespace=namespace, scopes=scopes)[1] for scopes in (SCOPES, ("read",))
    )
    variables = {
        "CONTEXT_DB_URL": server.bolt_url,
        "CONTEXT_DB_USER": server.user,
        "CONTEXT_DB_PASSWORD": server.password,
        "CONTEXT_API_KEYS_FILE": str(keys.path),
        "XDG_DATA_HOME": str(tmp_path),
    }
    with serving("--port", "0", **variables) as (_, url):
        check(run_contract(url, key, read_key=read_key, baseline=baseline))


@pytest.mark.skipif(not URL, reason="CONTEXT_TEST_SERVICE_URL names no service")
def test_the_service_of_the_environment(baseline):
    check(run_contract(URL, KEY, baseline=baseline))


def test_mcp_over_standard_input_and_output(server, run_name, open_sdk, baseline, tmp_path):
    namespace = f"{run_name}-stdio"
    options = ("--store", server.bolt_url, "--namespace", namespace)
    variables = {"CONTEXT_DB_USER": server.user, "CONTEXT_DB_PASSWORD": server.password}
    names = [tool.name for profile in ("small", "full") for tool in select_tools(profile)]
    start = start_as_assistants_do(tmp_path, *options, "--tools", ",".join(names), **variables)
    with open_session(start, namespace, "MCP over stdio") as door:
        failures = run_cases(door, open_sdk(namespace), baseline).failures
        failures += check_tools(door)
    command = [COMMAND, "mcp", *options, "--tools", "ingest_items"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | variables
    ) as process:
        failures += check_texts("MCP over stdio", partial(send_over_stdio, process))
        process.stdin.close()
    check(failures)


def send_over_stdio(process, text):
    """What is not JSON gets no answer: it has no id. The next message does."""
    message = build_message(text)
    try:
        from_json(message.decode(errors="replace"))
    except ValueError:
        message += b'\n{"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": "x"}}'
    process.stdin.write(message + b"\n")
    process.stdin.flush()
    return read_message(json.loads(process.stdout.readline()))


def test_the_command_line(server, run_name, open_sdk, baseline, monkeypatch):
    door = CommandDoor(open_commands(server, f"{run_name}-commands", monkeypatch))
    failures = run_cases(door, open_sdk(door.namespace), baseline).failures
    failures += check_texts("the command line", door.send)
    check(failures)


class Excused:
    """A door that finds a reason for each call not to make it."""

    name, namespace, lacks = "excused", "nowhere", frozenset({"export_items"})

    def call(self, call, arguments):
        raise NoSuchCallError

    def project(self, call, arguments, answer):
        return answer


class Helper(Excused):
    def call(self, call, arguments):
        return {}


def test_a_door_must_make_each_call_that_it_has():
    failures = run_cases(Excused(), Helper()).failures
    excused = {text.split()[4] for text in failures if text.endswith(" are excused")}
    assert excused == CALLS - Excused.lacks


def test_every_call_has_cases_that_succeed():
    assert {case.call for case in load_cases() if case.error is None} == CALLS


def test_what_a_door_cannot_do_is_in_its_tables():
    assert COMMANDS.keys() | NO_COMMAND.keys() == CALLS
    assert not COMMANDS.keys() & NO_COMMAND.keys()
    assert set(NO_TOOL) <= CALLS
    for call, command in COMMANDS.items():
        method = getattr(ContextPersistenceClient, call)
        parameters = set(inspect.signature(method).parameters) - {"self"}
        assert command.list_arguments() == parameters, call
        assert set(REST_LACKS.get(call, ())) <= parameters, call
