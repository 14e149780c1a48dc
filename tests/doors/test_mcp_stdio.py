"""The server over standard input and output, in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from mcp_context_persistence.service.folders import find_credentials
from mcp_context_persistence.service.lease import find_service
from tests.doors.mcp_sessions import (
    COMMAND,
    ERAS,
    call,
    environment,
    run_session,
    start_as_assistants_do,
)
from tests.doors.rest_service import wait_until_ready
from tests.doors.test_rest_serve import serving

LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
# A server whose client prints when it is opened and when it answers.
NOISY = """
from mcp_context_persistence.mcp_server import memory, stdio
class Client:
    namespace = "default"
    def get_conversation_stats(self):
        print("stray", end="")
        raise RuntimeError("the password of the user")
    def close(self):
        print("closed", end="")
def open_client(self):
    print("no end of line", end="")
    return Client()
memory.LazyMemory._open = open_client
stdio.serve()
"""

# A server whose calls never end, as when a store is being opened.
BUSY = """
import threading
from mcp_context_persistence.mcp_server import memory, stdio
memory.LazyMemory._open = lambda self: threading.Event().wait()
stdio.RUNNING_SECONDS = 1.0
stdio.serve()
"""


@pytest.fixture
def process():
    """Start commands with pipes; kill those that still run afterwards."""
    processes = []

    def start(*command: str) -> subprocess.Popen[str]:
        processes.append(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(),
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def send(process, *messages):
    for message in messages:
        process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def initialize(process):
    send(process, INITIALIZE)
    assert json.loads(process.stdout.readline())["result"]["serverInfo"]["version"]
    send(process, INITIALIZED)


@pytest.mark.parametrize("era", ERAS)
def test_a_session_recalls_what_an_earlier_session_remembered(server, namespace, tmp_path, era):
    """The folder has the configuration of another program."""
    (tmp_path / "config.yaml").write_text("servers: [other]\n")
    (tmp_path / ".env").write_text("CONTEXT_DB_URL=bolt://127.0.0.1:1\n")
    start = start_as_assistants_do(
        tmp_path,
        *("--store", server.bolt_url, "--namespace", namespace),
        CONTEXT_DB_USER=server.user,
        CONTEXT_DB_PASSWORD=server.password,
    )
    stored = call(
        start, "remember", era, content="The harbor office moved to Tromso.", project="ships"
    )
    assert stored["created"]
    found = call(start, "recall", era, query="Where is the harbor office?")
    assert [found["results"][0][key] for key in ("id", "project")] == [stored["id"], "ships"]


def test_a_session_uses_the_service_as_long_as_it_lives(server, namespace, tmp_path):
    variables = {"CONTEXT_DB_USER": server.user, "CONTEXT_DB_PASSWORD": server.password}
    variables["XDG_DATA_HOME"] = str(tmp_path)
    options = ("--store", server.bolt_url, "--namespace", namespace)
    start = start_as_assistants_do(tmp_path, *options, **variables)
    remembered = {"content": "The harbor office moved to Tromso."}

    async def use(session):
        first = await session.call_tool("remember", remembered)
        [folder] = (tmp_path / "context-persistence").glob("services/*")
        address = find_service(
            folder, credentials=find_credentials(server.bolt_url, auth=server.auth)
        )
        headers = {"Authorization": address.authorization(namespace)}
        metrics = httpx2.get(f"{url}/metrics", headers=headers).text
        service.kill()
        service.wait()
        return first, metrics, await session.call_tool("recall", {"query": "harbor office"})

    with serving("--store", server.bolt_url, "--port", "0", **variables) as (service, url):
        with httpx2.Client(base_url=url) as client:
            wait_until_ready(client, "/readyz")
        first, metrics, second = run_session(start, use)
    assert {"save_document", "get_document"} <= set(re.findall(r"operation=.(\w+)", metrics))
    assert second.structured_content["results"][0]["id"] == first.structured_content["id"]


def test_every_line_of_the_output_is_a_message(process):
    noisy = process(sys.executable, "-c", NOISY)
    initialize(noisy)
    status = {"name": "status", "arguments": {}}
    send(noisy, {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": status})
    answer = json.loads(noisy.stdout.readline())
    assert answer["result"]["isError"]
    output, log = noisy.communicate(timeout=60)
    assert [json.loads(line) for line in output.splitlines()] == []
    assert "password of the user" not in json.dumps(answer)
    assert "password of the user" in log


def test_the_server_ends_when_its_input_ends(process):
    server = process(COMMAND, "mcp")
    initialize(server)
    server.stdin.close()
    assert server.wait(timeout=60) == 0
    assert server.stderr.read() == ""


def test_the_end_of_the_input_does_not_wait_for_ever_for_calls(process):
    busy = process(sys.executable, "-c", BUSY)
    initialize(busy)
    status = {"name": "status", "arguments": {}}
    send(busy, {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": status}, LIST)
    assert json.loads(busy.stdout.readline())["id"] == LIST["id"]
    busy.stdin.close()
    assert busy.wait(timeout=60) == 0


def test_the_server_ends_when_nobody_reads_its_output(process):
    server = process(COMMAND, "mcp")
    initialize(server)
    server.stdout.close()
    send(server, LIST)
    assert server.wait(timeout=60) == 0
    assert "Traceback" not in server.stderr.read()


def test_the_server_ends_without_standard_error(process):
    server = process("sh", "-c", f"exec '{COMMAND}' mcp 2>&-")
    initialize(server)
    server.stdin.close()
    assert server.wait(timeout=60) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_at_a_signal(process, number):
    server = process(COMMAND, "mcp")
    initialize(server)
    server.send_signal(number)
    assert server.wait(timeout=60) == 0


def test_the_server_ends_when_its_parent_dies(process):
    """The input stays open: another process holds its other end."""
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([{COMMAND!r}, 'mcp'])\n"
        "print(child.pid, file=sys.stderr, flush=True)\n"
        "time.sleep(600)"
    )
    parent = process(sys.executable, "-c", program)
    child = int(parent.stderr.readline())
    initialize(parent)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and not is_zombie(child):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_broken_line_does_not_end_the_session(process):
    server = process(COMMAND, "mcp")
    initialize(server)
    server.stdin.write('{"jsonrpc": "2.0", "id": 9, "method": \n')
    send(server, LIST)
    answers = [json.loads(server.stdout.readline())]
    if answers[-1].get("id") != LIST["id"]:
        answers.append(json.loads(server.stdout.readline()))
    assert len(answers[-1]["result"]["tools"]) == 8


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (
            '{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": {"_meta": {"k": "\\ud83d"}}}',
            -32700,
        ),
        (
            f'{{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": {"[" * 300 + "]" * 300}}}',
            -32700,
        ),
        ('{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": {"a": 1, "a": 2}}', -32600),
        ('{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": ["hunter2"]}', -32600),
        ('{"jsonrpc": "2.0", "id": 9, "method": 5}', -32600),
        ('{"id": 9, "method": "ping"}', -32600),
        ('[{"jsonrpc": "2.0", "id": 9, "method": "ping"}]', -32600),
    ],
)
def test_a_request_that_cannot_be_read_is_answered(process, message, code):
    server = process(COMMAND, "mcp")
    initialize(server)
    server.stdin.write(message + "\n")
    send(server, LIST)
    answers = [json.loads(server.stdout.readline()) for _ in range(2)]
    broken, tools = sorted(answers, key=lambda answer: "result" in answer)
    assert (broken["id"], broken["error"]["code"]) == (9, code)
    assert "hunter2" not in json.dumps(broken)
    assert len(tools["result"]["tools"]) == 8


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "5",
        '{"jsonrpc": "2.0", "method": 5}',
        '{"jsonrpc": "2.0", "id": 9, "result": 5}',
        '{"jsonrpc": "2.0", "id": "\\udc00", "method": "ping"}',
    ],
)
def test_what_is_no_request_is_not_answered(process, message):
    server = process(COMMAND, "mcp")
    initialize(server)
    server.stdin.write(message + "\n")
    send(server, LIST)
    assert json.loads(server.stdout.readline())["id"] == LIST["id"]


def test_a_store_that_cannot_be_opened_is_an_error_for_the_model(tmp_path):
    start = start_as_assistants_do(tmp_path, "--store", "bolt://127.0.0.1:1")

    async def use(session):
        assert len((await session.list_tools()).tools) == 8
        return await session.call_tool("status", {})

    result = run_session(start, use)
    assert result.is_error
    assert "(retry: yes)" in result.content[0].text


def test_the_client_is_not_imported_before_the_tools_are_listed():
    program = """
import sys
from mcp_context_persistence.mcp_server.memory import LazyMemory
from mcp_context_persistence.mcp_server.server import build_server
build_server(lambda _: LazyMemory())
assert not {"mcp_context_persistence.client", "neo4j", "numpy", "spacy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=dict(os.environ))
