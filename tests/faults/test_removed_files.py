"""Files and folders that somebody removes from a store, while its server runs or afterwards."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError
from mcp_context_persistence.kg.local.store import Store
from tests.faults import kills
from tests.faults.local_stores import (
    QUICK,
    eventually,
    is_gone,
    run,
    state_of,
    stopped_at_the_end,
)

ROOT = Path(local.__file__).parents[2]
SETTINGS = "SHOW SETTINGS 'db.logs.query.enabled', 'db.checkpoint' YIELD name, value"
CLIENT = """
import sys
from pathlib import Path
from mcp_context_persistence.kg import local
settings = local.ServerSettings(heap='512m', page_cache='64m', linger_seconds=0.0)
with local.attach(Path(sys.argv[1]), settings=settings) as attached:
    print(attached.server_pid, flush=True)
    sys.stdin.readline()
"""


def kill_server(store):
    """Kill the server, and wait for the next one or for the end of its supervisor."""
    killed = state_of(store)
    os.kill(killed.pid, signal.SIGKILL)

    def is_replaced():
        state = state_of(store)
        return state.phase == "running" and state.pid not in {0, killed.pid}

    eventually(lambda: is_replaced() or is_gone(killed), 120)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A store whose server the tests kill; they leave it running, with all its files."""
    store = tmp_path_factory.mktemp("running") / "store"
    with stopped_at_the_end(store), local.attach(store, settings=QUICK) as attached:
        run(attached, "CREATE (:Kept {id: 1})")
        yield attached


def test_a_server_whose_folders_were_removed_restarts_with_the_settings_of_the_library(running):
    settings = run(running, SETTINGS)
    assert {row["value"] for row in settings} == {"OFF", "VOLUME"}
    for name in ("conf", "logs", "temporary", "run"):
        shutil.rmtree(running.store / name)
    kill_server(running.store)
    running.renew()
    assert run(running, SETTINGS) == settings
    assert run(running, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]


def test_two_processes_keep_one_server_whose_leases_were_removed(tmp_path):
    store = tmp_path / "store"
    with stopped_at_the_end(store):
        with local.attach(store, settings=QUICK) as attached:
            state = state_of(store)
            other = subprocess.Popen(
                [sys.executable, "-c", CLIENT, store],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert int(other.stdout.readline()) == state.pid
            for name in ("leases", "logs"):
                shutil.rmtree(store / name)
            for name in ("leases", "logs"):  # the supervisor has looked at them since
                eventually((store / name).is_dir, 20)
            with local.attach(store, settings=QUICK) as third:
                assert third.server_pid == state.pid
            other.communicate("\n", timeout=60)
            eventually(lambda: local.read_status(store).clients == ())
            assert run(attached, "RETURN 1 AS one") == [{"one": 1}]
            assert state_of(store).pid == state.pid
        eventually(lambda: is_gone(state), 30)


@pytest.mark.parametrize("damage", [pytest.param(b"", marks=pytest.mark.long), b"p\xc3\xa4ss\xff"])
def test_a_client_goes_on_when_the_password_of_its_store_was_damaged(running, damage):
    file = running.store / "password"
    password = file.read_text()
    file.write_bytes(damage)
    kill_server(running.store)
    running.renew()
    assert run(running, "RETURN 1 AS one") == [{"one": 1}]
    assert file.read_text() == password


def test_a_running_store_without_its_mark_is_joined_and_gets_a_new_one(running):
    (running.store / "store.json").unlink()
    with local.attach(running.store, settings=QUICK) as second:
        assert second.server_pid == running.server_pid
    kill_server(running.store)
    running.renew()
    assert Store(running.store).exists()


def test_a_server_whose_data_was_removed_is_not_started_without_it(running, tmp_path):
    store = running.store
    (store / "data").rename(tmp_path / "data")
    kill_server(store)
    with pytest.raises(DatabaseError, match="lost its data") as caught:
        running.renew()
    assert not caught.value.retryable
    shutil.rmtree(store / "data", ignore_errors=True)
    (tmp_path / "data").rename(store / "data")
    running.renew()
    assert run(running, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]


def test_clients_go_on_when_the_identity_and_the_password_of_their_store_were_removed(tmp_path):
    """A folder without an identity counts as a copy, whose data gets another password."""
    store = tmp_path / "store"
    with stopped_at_the_end(store), kills.opened(store) as first, kills.opened(store) as second:
        kills.ask(first, "CREATE (:Kept {id: 1})")
        password = (store / "password").read_text()
        for name in ("identity", "password"):
            (store / name).unlink()
        os.kill(state_of(store).supervisor, signal.SIGKILL)
        for graph in (first, second):
            assert kills.ask(graph, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
        assert (store / "password").read_text() != password


TOP_LEVEL = (
    *("conf", "data", "gate.lock", "identity", "leases", "logs", "password", "run"),
    *("server.json", "server.lock", "store.json", "temporary"),
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The files of a stopped store with one message."""
    store = tmp_path_factory.mktemp("removed") / "store"
    with stopped_at_the_end(store), ContextPersistenceClient(f"local:{store}") as client:
        client.save_conversation("c", [{"role": "user", "content": "kept"}], mode="conversation")
    assert {path.name for path in store.iterdir()} == set(TOP_LEVEL)
    return store


def ask(client):
    """Return the messages of the client's store, or its error."""
    try:
        return client.get_conversation_stats().stats.total_messages
    except ContextPersistenceError as error:
        return error


def open_and_ask(store):
    try:
        with ContextPersistenceClient(f"local:{store}", config={"deadline": 120.0}) as client:
            return ask(client)
    except ContextPersistenceError as error:
        return error


@pytest.mark.long
@pytest.mark.parametrize("name", TOP_LEVEL)
def test_a_stopped_store_opens_without_one_of_its_files_or_says_which_one_is_missing(
    packed, tmp_path, name
):
    aside = tmp_path / name
    with stopped_at_the_end(packed):
        (packed / name).rename(aside)
        answer = open_and_ask(packed)
        if name not in {"data", "password"}:
            assert answer == 1
            return
        assert f"`{name}`" in str(answer)
        assert "backup" in str(answer)
        assert not answer.retryable
        shutil.rmtree(packed / name, ignore_errors=True)
        aside.rename(packed / name)
        assert open_and_ask(packed) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", TOP_LEVEL)
def test_a_running_store_goes_on_without_one_of_its_files_or_says_which_one_is_missing(
    packed, tmp_path, name
):
    store = tmp_path / "store"
    shutil.copytree(packed, store)
    with (
        stopped_at_the_end(store),
        ContextPersistenceClient(f"local:{store}", config={"deadline": 120.0}) as client,
    ):
        state = state_of(store)
        (store / name).rename(tmp_path / name)
        for _ in range(2):
            answer = ask(client)
            assert answer == 1 or (name == "data" and "`data`" in str(answer))
            if psutil.pid_exists(state.pid):
                os.kill(state.pid, signal.SIGKILL)
    eventually(lambda: is_gone(state))


def test_a_store_whose_host_died_after_its_first_start_opens_again(tmp_path):
    """Neo4j writes this file without waiting for the disk, so that it may be empty then."""
    store = tmp_path / "store"
    with stopped_at_the_end(store):
        with local.attach(store, settings=QUICK) as attached:
            run(attached, "CREATE (:Kept {id: 1})")
        local.stop(store, force=True)
        os.truncate(store / "data" / "server_id", 0)
        with local.attach(store, settings=QUICK) as attached:
            assert run(attached, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
