"""A store whose folder is moved, deleted or restored while a client has it open."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local.store import Store
from tests.faults.local_stores import (
    copy,
    end_by_force,
    eventually,
    is_gone,
    look_at,
    pack,
    signals,
    state_of,
    unpack,
)

__all__ = ["signals"]
ROOT = Path(local.__file__).parents[2]


def client_in(store, code):
    """Start another process that opens the store and runs the code."""
    text = (
        "from mcp_context_persistence import ContextPersistenceClient\n"
        f"client = ContextPersistenceClient('local:{store}')\n{code}"
    )
    return subprocess.Popen(
        [sys.executable, "-c", text],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


ASK = """
client.save_conversation('c', [{'role': 'user', 'content': 'kept'}], mode='conversation')
print('ready', flush=True)
while input():
    try:
        print(client.get_conversation_stats().stats.total_messages, flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""


def ask(process):
    process.stdin.write("go\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.fixture
def user(tmp_path):
    """A store with a user in another process."""
    store = tmp_path / "store"
    process = client_in(store, ASK)
    try:
        assert process.stdout.readline().strip() == "ready"
        yield store, process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        for folder in [path.parent for path in tmp_path.glob("*/server.json")]:
            end_by_force(folder)


def messages(store):
    with ContextPersistenceClient(f"local:{store}", config={"deadline": 120.0}) as client:
        return client.get_conversation_stats().stats.total_messages


@pytest.mark.long
def test_a_store_that_is_moved_while_it_runs_leaves_no_process_and_works_at_its_new_place(
    user, tmp_path, signals
):
    store, process = user
    before = state_of(store)
    moved = store.rename(tmp_path / "moved")
    look_at(moved) if is_gone(before) else None
    assert messages(moved) == 1
    eventually(lambda: is_gone(before))
    assert "is not at" in ask(process)
    assert not store.exists()
    assert signals == []
    local.stop(moved, force=True)


@pytest.mark.long
def test_a_copy_at_the_old_path_is_not_confused_with_the_moved_store(user, tmp_path, signals):
    store, process = user
    before = state_of(store)
    moved = store.rename(tmp_path / "moved")
    copy(moved, store)
    eventually(lambda: is_gone(before))
    assert "Another folder is at" in ask(process)
    assert messages(store) == messages(moved) == 1
    assert Store(store).password() != Store(moved).password()
    assert signals == []


@pytest.mark.long
def test_a_deleted_store_ends_its_server_and_its_client_gets_an_error(user):
    store, process = user
    before = state_of(store)
    shutil.rmtree(store, ignore_errors=True)
    shutil.rmtree(store, ignore_errors=True)
    eventually(lambda: is_gone(before))
    shutil.rmtree(store, ignore_errors=True)
    assert "is not at" in ask(process)


@pytest.mark.long
def test_a_store_that_is_restored_over_itself_is_served_by_one_server(user, tmp_path, signals):
    store, process = user
    before, lock = state_of(store), Store(store).server_lock.stat().st_ino
    pack(store, tmp_path / "a.tar")
    unpack(tmp_path / "a.tar", store)
    assert Store(store).server_lock.stat().st_ino != lock
    answer = ask(process)
    assert answer == "1" or "Error" in answer
    eventually(lambda: is_gone(before))
    assert messages(store) == 1
    servers = [
        server.pid
        for server in psutil.process_iter(["cmdline"])
        if f"--home-dir={store}" in (server.info["cmdline"] or [])
        and server.status() != psutil.STATUS_ZOMBIE
    ]
    assert servers == [state_of(store).pid]
    assert signals == []


@pytest.mark.long
def test_an_older_state_file_is_corrected_and_no_process_is_harmed(user, signals):
    store, process = user
    now = state_of(store)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        from mcp_context_persistence.kg.local.process import read_start_time

        for pid, started, supervisor in (
            (stranger.pid, read_start_time(stranger.pid), stranger.pid),
            (now.pid, "1", now.supervisor),
        ):
            row = {
                **now.__dict__,
                "nonce": "old",
                "pid": pid,
                "started": started,
                "supervisor": supervisor,
                "phase": "stopped",
            }
            Store(store).state_file.write_text(json.dumps(row))
            eventually(lambda: state_of(store).nonce == now.nonce, 10)
            assert ask(process) == "1"
            row["phase"] = "running"
            Store(store).state_file.write_text(json.dumps(row))
            assert local.read_size(store).pid in {0, now.pid}
            assert ask(process) == "1"
        Store(store).state_file.write_text("{")
        local.stop(store, force=True)
        eventually(lambda: is_gone(now))
        started = read_start_time(stranger.pid)
        Store(store).state_file.write_text(
            json.dumps({**now.__dict__, "pid": stranger.pid, "started": started})
        )
        local.stop(store, force=True)
        assert messages(store) == 1
        assert stranger.poll() is None
        assert [pid for pid, _ in signals if pid == stranger.pid] == []
    finally:
        stranger.kill()
        stranger.wait()
