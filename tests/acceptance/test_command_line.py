"""The command line, from outside: what it prints and with which status it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import neo4j
import pytest

import cypher
from kg import local

COMMAND = [str(Path(sys.executable).parent / "context-persistence")]


def run(*arguments, seconds=240):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONTEXT_DB")}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=seconds, check=False, env=environment
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
        "because",
        "-[uses]->",
        "conversations,",
        "server browser",
    ):
        assert words in done.stdout, words


def test_a_second_demo_changes_nothing(store):
    done = run("demo", "--store", store)
    assert done.returncode == 0, done.stderr
    assert "3 conversations, 18 messages" in done.stdout


def test_every_script_for_people_shows_the_demos_graph_as_it_stands(store):
    with local.attach(store) as server, neo4j.GraphDatabase.driver(server.bolt_url, auth=(server.user, server.password)) as driver:
        for name in (name for name in cypher.names() if name.startswith("explore/")):
            script = cypher.load(name)
            assert driver.execute_query(script.text, script.samples).records, name


def test_the_demo_takes_the_users_own_conversations(store, tmp_path):
    file = tmp_path / "own.jsonl"
    lines = [
        {
            "conversation_id": "garden",
            "messages": [{"role": "user", "content": "Elena uses the Weathervane library in the greenhouse project."}],
        },
        {"conversation_id": "garden-2", "messages": [{"role": "user", "content": "The PumpController class handles irrigation."}]},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    done = run("demo", file, "--store", f"{store}-own")
    assert done.returncode == 0, done.stderr
    assert "PumpController" in done.stdout


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[" * 100_000, '{"conversation_id": "x"}', '[{"conversation_id": "x", "messages": [{"role": "user"}]}]'],
)
def test_a_file_that_holds_no_conversations_is_an_error(tmp_path, text):
    file = tmp_path / "own.json"
    file.write_text(text)
    done = run("demo", file, "--store", tmp_path / "store")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists()


def test_wrong_calls_end_with_2():
    for arguments in (["demo", "/nowhere.json"], ["nothing"], ["server", "status", "--nothing"]):
        assert run(*arguments).returncode == 2
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
