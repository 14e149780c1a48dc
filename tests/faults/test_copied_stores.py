"""A store's folder is copied, moved or restored: it shares nothing with the original."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import neo4j
import psutil
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import throwaway
from mcp_context_persistence.kg.local.identity import Identity, is_server_of
from mcp_context_persistence.kg.local.store import Store
from tests.faults.local_stores import (
    QUICK,
    copy,
    end_by_force,
    eventually,
    is_gone,
    pack,
    restore,
    run,
    signals,
    state_of,
    stopped_at_the_end,
    unpack,
)

__all__ = ["signals"]
ROOT = Path(local.__file__).parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    store = tmp_path_factory.mktemp("copies") / "original"
    with stopped_at_the_end(store), local.attach(store, settings=QUICK) as attached:
        run(attached, "CREATE (:Kept {id: 1})")
        yield attached


def look_at(folder):
    """Do everything that does not open the store."""
    assert not local.read_status(folder).running
    assert local.read_size(folder).pid == 0
    local.stop(folder)
    local.stop(folder, force=True)


def test_a_copy_of_a_running_store_has_a_server_and_a_password_of_its_own(
    original, tmp_path, signals
):
    before = state_of(original.store)
    store = copy(original.store, tmp_path / "copy")
    look_at(store)
    with stopped_at_the_end(store):
        with local.attach(store, settings=QUICK) as attached:
            assert run(attached, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
            assert attached.bolt_url != original.bolt_url
            assert attached.password != original.password
            with pytest.raises(neo4j.exceptions.AuthError):
                run(attached, "RETURN 1", password=original.password)
            run(attached, "CREATE (:Kept {id: 2})")
            assert not Store(store).next_secret.exists()
        local.stop(store)
    assert signals == []
    assert state_of(original.store) == before
    assert run(original, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]


def test_reading_the_status_of_a_copy_signals_no_process(original, tmp_path, signals, monkeypatch):
    before = state_of(original.store)
    for store in (
        copy(original.store, tmp_path / "copy"),
        restore(original.store, tmp_path / "a.tar", tmp_path / "restored"),
    ):
        look_at(store)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    stray = copy(original.store, tmp_path / f"{throwaway.PREFIX}copy")
    for lease in Store(stray).leases.iterdir():
        lease.unlink()
    os.utime(stray, (1, 1))
    throwaway.remove_stray_stores()
    assert not stray.exists()
    assert signals == []
    assert state_of(original.store) == before
    assert is_server_of(original.store, before.pid, before.started)
    assert run(original, "RETURN 1 AS one") == [{"one": 1}]


def test_a_process_is_not_identified_by_id_and_start_alone(original, tmp_path):
    state, me = state_of(original.store), psutil.Process()
    store = copy(original.store, tmp_path / "copy")
    assert is_server_of(original.store, state.pid, state.started)
    assert not is_server_of(store, state.pid, state.started)
    assert not is_server_of(original.store, me.pid, state.started)
    assert not is_server_of(original.store, state.supervisor, state.supervisor_started)


def test_a_moved_folder_is_the_same_and_a_copy_is_not(tmp_path):
    (tmp_path / "a").mkdir()
    identity = Identity.of(tmp_path / "a")
    moved = (tmp_path / "a").rename(tmp_path / "b")
    assert Identity.of(moved).is_same(identity)
    shutil.copytree(moved, tmp_path / "a")
    assert not Identity.of(tmp_path / "a").is_same(identity)
    remounted = Identity(path=identity.path, device=identity.device + 1, inode=identity.inode)
    assert remounted.is_same(identity)
    elsewhere = Identity(path="/elsewhere", device=identity.device + 1, inode=identity.inode)
    assert not elsewhere.is_same(identity)


def test_a_copy_of_a_store_without_data_gets_its_own_password(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    store.adopt()
    password = store.password()
    duplicate = Store(copy(store.folder, tmp_path / "copy"))
    duplicate.prepare()
    duplicate.adopt()
    assert duplicate.password() != password
    assert not duplicate.next_secret.exists()
    store.adopt()
    assert store.password() == password


def test_the_error_names_a_lost_password_file(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    store.password()
    (store.data / "databases").mkdir()
    store.secret.unlink()
    with pytest.raises(DatabaseError, match="restore it from the same backup"):
        store.password()


def test_a_copy_with_hard_links_is_refused(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    store.server_lock.touch()
    subprocess.run(["cp", "-al", store.folder, tmp_path / "linked"], check=True)
    with pytest.raises(DatabaseError, match="hard links"):
        local.attach(tmp_path / "linked")


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
            Store(store).state.write_text(json.dumps(row))
            eventually(lambda: state_of(store).nonce == now.nonce, 10)
            assert ask(process) == "1"
            row["phase"] = "running"
            Store(store).state.write_text(json.dumps(row))
            assert local.read_size(store).pid in {0, now.pid}
            assert ask(process) == "1"
        Store(store).state.write_text("{")
        local.stop(store, force=True)
        eventually(lambda: is_gone(now))
        started = read_start_time(stranger.pid)
        Store(store).state.write_text(
            json.dumps({**now.__dict__, "pid": stranger.pid, "started": started})
        )
        local.stop(store, force=True)
        assert messages(store) == 1
        assert stranger.poll() is None
        assert [pid for pid, _ in signals if pid == stranger.pid] == []
    finally:
        stranger.kill()
        stranger.wait()


def duplicate_store(method, store, duplicate):
    if method == "copy":
        copy(store, duplicate)
    else:
        restore(store, duplicate.with_name("a.tar"), duplicate)


@pytest.mark.long
@pytest.mark.parametrize("method", ["copy", "restore"])
@pytest.mark.parametrize("original_runs", [True, False])
def test_original_and_copy_run_at_the_same_time_and_end_separately(
    tmp_path, signals, method, original_runs
):
    store, duplicate = tmp_path / "original", tmp_path / "duplicate"
    with stopped_at_the_end(store, duplicate):
        with local.attach(store, settings=QUICK) as attached:
            run(attached, "CREATE (:Kept {id: 1})")
            if original_runs:
                duplicate_store(method, store, duplicate)
        if not original_runs:
            local.stop(store)
            duplicate_store(method, store, duplicate)
        with (
            local.attach(store, settings=QUICK) as first_server,
            local.attach(duplicate, settings=QUICK) as second_server,
        ):
            states = state_of(store), state_of(duplicate)
            assert states[0].pid != states[1].pid
            assert {states[0].bolt_port, states[0].http_port}.isdisjoint(
                {states[1].bolt_port, states[1].http_port}
            )
            assert first_server.password != second_server.password
            for folder in (store, duplicate):
                assert local.read_status(folder).clients == (os.getpid(),)
            local.stop(duplicate, force=True)
            assert run(first_server, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
            second_server.renew()
            local.stop(store, force=True)
            assert run(second_server, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
        password = Store(duplicate).password()
        with local.attach(duplicate, settings=QUICK) as again:
            assert again.password == password
    assert signals == []


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_copy_whose_first_opener_was_killed_still_opens(tmp_path, when):
    store, duplicate = tmp_path / "original", tmp_path / "copy"
    with stopped_at_the_end(store, duplicate):
        with local.attach(store, settings=QUICK) as attached:
            run(attached, "CREATE (:Kept {id: 1})")
        local.stop(store)
        copy(store, duplicate)
        code = {
            "before": "passwords._change_password = lambda *_: os._exit(9)\n",
            "after": "passwords.replace_file = lambda *_: os._exit(9)\n",
        }[when]
        code = f"import os\nfrom mcp_context_persistence.kg.local import passwords\n{code}"
        code += "from pathlib import Path\nfrom mcp_context_persistence.kg import local\n"
        code += f"local.attach(Path({str(duplicate)!r}))\n"
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 9
        assert Store(duplicate).next_secret.exists()
        third = copy(duplicate, tmp_path / "third")
        with stopped_at_the_end(third):
            passwords = set()
            for folder in (duplicate, third):
                with local.attach(folder, settings=QUICK) as attached:
                    assert run(attached, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
                    passwords.add(attached.password)
            assert len(passwords | {Store(store).password()}) == 3


@pytest.mark.long
def test_the_next_opener_of_this_folder_only_ends_a_server_without_supervisor(tmp_path, signals):
    store, duplicate = tmp_path / "store", tmp_path / "copy"
    with stopped_at_the_end(store, duplicate):
        with local.attach(store, settings=QUICK):
            state = state_of(store)
            copy(store, duplicate)
            # The kernel ends a server with its supervisor. A server that it could not end stays
            # behind, like this one, which is started by hand.
            line = psutil.Process(state.pid).cmdline()
            local.stop(store, force=True)
            left = subprocess.Popen(
                line, cwd=store, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(2)
        try:
            local.attach(duplicate, settings=QUICK).close()
            assert left.poll() is None
            assert signals == []
            local.attach(store, settings=QUICK).close()
            assert left.wait(30) == -signal.SIGKILL
            assert {pid for pid, _ in signals} == {left.pid}
        finally:
            if left.poll() is None:
                left.kill()
            left.wait()
