"""The command line, from outside: what it prints and with which status it ends."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import neo4j
import psutil
import pytest

from mcp_context_persistence import cypher
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local.store import Store

COMMAND = [str(Path(sys.executable).parent / "context-persistence")]


def run(*arguments, seconds=240):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("CONTEXT_DB")
    }
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=environment,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "store with spaces"


def test_the_demo_shows_the_main_job(store):
    done = run("demo", "--store", store)
    assert done.returncode == 0, done.stderr
    for words in (
        "orders-pipeline-kickoff",
        "OrderValidator",
        "pydantic",
        "Loading the language models",
        "because: most by ",
        "OrderParser -[uses]-> pandas",
        "DemandModel -[depends_on]-> orders-pipeline project\n",
        "architecture: OrderValidator stays on pydantic",
        "3 conversations, 18 messages",
        "relationships, 1 decision\n",
        f"context-persistence server stop {shlex.quote(str(store))}\n",
    ):
        assert words in done.stdout, words
    assert not re.search(r"\d\.\d{5}|[{}]", done.stdout)  # neither raw floats nor JSON


def test_a_second_demo_changes_nothing(store):
    done = run("demo", "--store", store)
    assert done.returncode == 0, done.stderr
    assert "3 conversations, 18 messages" in done.stdout


def test_every_script_for_people_shows_the_demos_graph_as_it_stands(store):
    with (
        local.attach(store) as server,
        neo4j.GraphDatabase.driver(server.bolt_url, auth=(server.user, server.password)) as driver,
    ):
        for name in (name for name in cypher.list_names() if name.startswith("explore/")):
            script = cypher.load(name)
            assert driver.execute_query(script.text, script.samples).records, name


def test_the_demo_takes_the_users_own_conversations(store, tmp_path):
    file = tmp_path / "own.jsonl"
    lines = [
        {
            "conversation_id": "garden",
            "messages": [
                {
                    "role": "user",
                    "content": "Elena uses the Weathervane library in the greenhouse project.",
                }
            ],
        },
        {
            "conversation_id": "garden-2",
            "messages": [
                {"role": "user", "content": "The PumpController class handles irrigation."}
            ],
        },
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    done = run("demo", file, "--store", store)
    assert done.returncode == 0, done.stderr
    assert "PumpController" in done.stdout
    assert (
        "2 conversations, 2 messages" in done.stdout
    )  # nothing of the demo's, which has another namespace
    assert "0 decisions" in done.stdout
    namespace = re.search(r"Namespace: (own-[0-9a-f]{8})\n", done.stdout)
    assert namespace
    assert f'"{namespace[1]}" instead of "default"' in done.stdout


def test_the_demo_takes_conversations_in_which_nothing_is_recognized(store, tmp_path):
    file = tmp_path / "own.json"
    file.write_text(
        '{"conversation_id": "x", "messages": [{"role": "user", "content": "Well, and then?"}]}'
    )
    done = run("demo", file, "--store", store)
    assert done.returncode == 0, done.stderr
    assert "no entity was recognized" in done.stdout
    assert "1 conversation, 1 message, 0 entities" in done.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no conversation"),
        ("not json", "line 1, column 1: "),
        ('{"conversation_id": "a", "conversation_id": "b"}', "an object has a key twice"),
        ('[\n  {"conversation_id" "x"}\n]', "line 2, column 22: "),
        (
            '{"conversation_id": "x", "messages": [{"role": "user", "content": "Hm."}]}\n{"conv',
            "line 2: ",
        ),
        ("[" * 100_000, "nested too deeply"),
        ('{"conversation_id": "x"}', "conversation 1: messages: "),
        (
            '[{"conversation_id": "x", "messages": [{"role": "user"}]}]',
            "conversation 1: messages.0.content: ",
        ),
        (
            '{"conversation_id": "x", "mode": "all", '
            '"messages": [{"role": "user", "content": "Hm."}]}',
            "conversation 1: mode",
        ),
        (
            '[{"conversation_id": "x", "messages": [{"role": "user", "content": "Hm."}]}, 7]',
            "conversation 2: ",
        ),
        (
            '{"conversation_id": "x", "messages": [{"role": "user", "content": "Hm."}]}\n' * 2,
            "line 2: it has the same conversation_id as line 1",
        ),
    ],
)
def test_a_file_that_holds_no_conversations_is_an_error(tmp_path, text, says):
    file = tmp_path / "own.json"
    file.write_text(text)
    done = run("demo", file, "--store", tmp_path / "store")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists()


def test_wrong_calls_end_with_2():
    for arguments in (["demo", "/nowhere.json"], ["nothing"], ["server", "status", "--nothing"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert "nothing" not in done.stderr  # what the user wrote
    assert run("--help").returncode == 0


def test_the_server_is_shown_and_controlled(store):
    assert json.loads(run("server", "status", store, "--json").stdout)["running"] is False
    assert run("server", "start", store).returncode == 0
    try:
        status = json.loads(run("server", "status", store, "--json").stdout)
        assert status["running"] is True
        assert status["bolt_url"].startswith("bolt://127.0.0.1:")
        assert status["pid"] > 0
    finally:
        assert run("server", "stop", store).returncode == 0
    assert json.loads(run("server", "status", store, "--json").stdout)["running"] is False


def test_a_store_that_is_not_there_is_an_error(tmp_path):
    for command in ("stop", "browser"):
        done = run("server", command, tmp_path / "nothing")
        assert done.returncode == 4
        assert done.stderr.startswith(f"error: there is no store at {tmp_path / 'nothing'}: ")
    assert "there is no store here yet" in run("server", "status", tmp_path / "nothing").stdout
    assert not (tmp_path / "nothing").exists()


def test_who_uses_a_server_is_said_before_it_is_stopped(store):
    with local.attach(store):
        done = run("server", "stop", store)
    assert done.returncode == 1
    assert f"in use by process {os.getpid()}: close it first" in done.stderr


def wait_for_end(pid, seconds=30):
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(seconds)


def test_the_server_of_a_command_waits_for_the_next_one_and_leaves_nothing(tmp_path):
    store = tmp_path / "memory"
    try:
        assert run("append", "talk", "Hello.", "--store", store).returncode == 0
        state = Store(store).read_state()
        assert local.read_status(store).clients == ()
        assert run("load", "talk", "--store", store).stdout == "user: Hello.\n"
        assert Store(store).read_state() == state  # the same server
        assert run("server", "stop", "--store", store).stdout == "stopped\n"
        assert state.pid not in psutil.pids()
        wait_for_end(state.supervisor)  # it may still make the start-up cache
        assert not any(file.exists() for file in Store(store).order_files)
        assert run("append", "talk", "Again.", "--store", store).returncode == 0
        state = Store(store).read_state()
        os.kill(state.supervisor, signal.SIGKILL)
        wait_for_end(state.pid)
    finally:
        local.stop(store, force=True)
