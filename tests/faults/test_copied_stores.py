"""A store's folder is copied, moved or restored: nothing that belongs to another folder is signaled, and nothing is shared."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import neo4j
import psutil
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import attachment as attachments
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
    place = tmp_path_factory.mktemp("copies") / "original"
    with stopped_at_the_end(place), local.attach(place, settings=QUICK) as attached:
        run(attached, "CREATE (:Kept {id: 1})")
        yield attached


def look_at(folder):
    """Everything that may be asked and done without opening it."""
    assert not local.status(folder).running
    assert local.running(folder).pid == 0
    local.stop(folder)
    local.stop(folder, force=True)


def test_a_copy_of_a_running_store_has_a_server_and_a_password_of_its_own(
    original, tmp_path, signals
):
    before = state_of(original.store)
    place = copy(original.store, tmp_path / "copy")
    look_at(place)
    with stopped_at_the_end(place):
        with local.attach(place, settings=QUICK) as attached:
            assert run(attached, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
            assert attached.bolt_url != original.bolt_url
            assert attached.password != original.password
            with pytest.raises(neo4j.exceptions.AuthError):
                run(attached, "RETURN 1", password=original.password)
            run(attached, "CREATE (:Kept {id: 2})")
            assert not Store(place).next_secret.exists()
        local.stop(place)
    assert signals == []
    assert state_of(original.store) == before
    assert run(original, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]


def test_what_only_looks_at_a_copy_or_a_restored_folder_signals_nobody(
    original, tmp_path, signals, monkeypatch
):
    before = state_of(original.store)
    for place in (
        copy(original.store, tmp_path / "copy"),
        restore(original.store, tmp_path / "a.tar", tmp_path / "restored"),
    ):
        look_at(place)
    monkeypatch.setattr(attachments.tempfile, "gettempdir", lambda: str(tmp_path))
    stray = copy(original.store, tmp_path / f"{attachments.THROWAWAY}copy")
    for lease in Store(stray).leases.iterdir():
        lease.unlink()
    os.utime(stray, (1, 1))
    attachments._sweep()
    assert not stray.exists()
    assert signals == []
    assert state_of(original.store) == before
    assert is_server_of(original.store, before.pid, before.started)
    assert run(original, "RETURN 1 AS one") == [{"one": 1}]


def test_a_process_is_not_proven_by_its_id_and_birth_alone(original, tmp_path):
    state, me = state_of(original.store), psutil.Process()
    place = copy(original.store, tmp_path / "copy")
    assert is_server_of(original.store, state.pid, state.started)
    assert not is_server_of(place, state.pid, state.started)
    assert not is_server_of(original.store, me.pid, state.started)
    assert not is_server_of(original.store, state.supervisor, state.supervisor_started)


def test_a_folder_knows_a_copy_from_itself(tmp_path):
    (tmp_path / "a").mkdir()
    here = Identity.of(tmp_path / "a")
    moved = (tmp_path / "a").rename(tmp_path / "b")
    assert Identity.of(moved).is_same(here)
    shutil.copytree(moved, tmp_path / "a")
    assert not Identity.of(tmp_path / "a").is_same(here)
    remounted = Identity(path=here.path, device=here.device + 1, inode=here.inode)
    assert remounted.is_same(here)
    elsewhere = Identity(path="/elsewhere", device=here.device + 1, inode=here.inode)
    assert not elsewhere.is_same(here)


def test_a_copy_that_was_never_started_takes_no_password_along(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    store.adopt()
    password = store.password()
    other = Store(copy(store.folder, tmp_path / "copy"))
    other.prepare()
    other.adopt()
    assert other.password() != password
    assert not other.next_secret.exists()
    store.adopt()
    assert store.password() == password


def test_a_store_that_has_lost_its_password_says_so(tmp_path):
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
    store.server.touch()
    subprocess.run(["cp", "-al", store.folder, tmp_path / "linked"], check=True)
    with pytest.raises(DatabaseError, match="hard links"):
        local.attach(tmp_path / "linked")


def client_in(place, code):
    """Another process that has the store open and does as it is told."""
    text = f"from mcp_context_persistence import ContextPersistenceClient\nclient = ContextPersistenceClient('local:{place}')\n{code}"
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
    place = tmp_path / "store"
    process = client_in(place, ASK)
    try:
        assert process.stdout.readline().strip() == "ready"
        yield place, process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        for folder in [path.parent for path in tmp_path.glob("*/server.json")]:
            end_by_force(folder)


def messages(place):
    with ContextPersistenceClient(f"local:{place}", config={"deadline": 120.0}) as client:
        return client.get_conversation_stats().stats.total_messages


@pytest.mark.long
def test_a_store_that_is_moved_while_it_runs_leaves_no_process_and_works_at_its_new_place(
    user, tmp_path, signals
):
    place, process = user
    before = state_of(place)
    moved = place.rename(tmp_path / "moved")
    look_at(moved) if is_gone(before) else None
    assert messages(moved) == 1
    eventually(lambda: is_gone(before))
    assert "is not at" in ask(process)
    assert not place.exists()
    assert signals == []
    local.stop(moved, force=True)


@pytest.mark.long
def test_a_copy_in_the_place_of_a_moved_store_is_not_taken_for_it(user, tmp_path, signals):
    place, process = user
    before = state_of(place)
    moved = place.rename(tmp_path / "moved")
    copy(moved, place)
    eventually(lambda: is_gone(before))
    assert "Another folder is at" in ask(process)
    assert messages(place) == messages(moved) == 1
    assert Store(place).password() != Store(moved).password()
    assert signals == []


@pytest.mark.long
def test_a_deleted_store_ends_its_server_and_its_client_is_told(user):
    place, process = user
    before = state_of(place)
    shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
    eventually(lambda: is_gone(before))
    shutil.rmtree(place, ignore_errors=True)
    assert "is not at" in ask(process)


@pytest.mark.long
def test_a_store_that_is_restored_over_itself_is_served_by_one_server(user, tmp_path, signals):
    place, process = user
    before, lock = state_of(place), Store(place).server.stat().st_ino
    pack(place, tmp_path / "a.tar")
    unpack(tmp_path / "a.tar", place)
    assert Store(place).server.stat().st_ino != lock
    answer = ask(process)
    assert answer == "1" or "Error" in answer
    eventually(lambda: is_gone(before))
    assert messages(place) == 1
    servers = [
        one.pid
        for one in psutil.process_iter(["cmdline"])
        if f"--home-dir={place}" in (one.info["cmdline"] or [])
        and one.status() != psutil.STATUS_ZOMBIE
    ]
    assert servers == [state_of(place).pid]
    assert signals == []


@pytest.mark.long
def test_an_older_state_file_is_corrected_and_harms_nobody(user, signals):
    place, process = user
    now = state_of(place)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        from mcp_context_persistence.kg.local.process import birth

        for pid, started, supervisor in (
            (stranger.pid, birth(stranger.pid), stranger.pid),
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
            Store(place).state.write_text(json.dumps(row))
            eventually(lambda: state_of(place).nonce == now.nonce, 10)
            assert ask(process) == "1"
            row["phase"] = "running"
            Store(place).state.write_text(json.dumps(row))
            assert local.running(place).pid in {0, now.pid}
            assert ask(process) == "1"
        Store(place).state.write_text("{")
        local.stop(place, force=True)
        eventually(lambda: is_gone(now))
        Store(place).state.write_text(
            json.dumps({**now.__dict__, "pid": stranger.pid, "started": birth(stranger.pid)})
        )
        local.stop(place, force=True)
        assert messages(place) == 1
        assert stranger.poll() is None
        assert [pid for pid, _ in signals if pid == stranger.pid] == []
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.long
@pytest.mark.parametrize("how", ["copy", "restore"])
@pytest.mark.parametrize("original_runs", [True, False])
def test_original_and_copy_run_side_by_side_and_end_each_for_itself(
    tmp_path, signals, how, original_runs
):
    place, other = tmp_path / "original", tmp_path / "other"
    with stopped_at_the_end(place, other):
        with local.attach(place, settings=QUICK) as attached:
            run(attached, "CREATE (:Kept {id: 1})")
            first = copy(place, other) if how == "copy" and original_runs else None
            if how == "restore" and original_runs:
                first = restore(place, tmp_path / "a.tar", other)
        if first is None:
            local.stop(place)
            first = (
                copy(place, other) if how == "copy" else restore(place, tmp_path / "a.tar", other)
            )
        with local.attach(place, settings=QUICK) as one, local.attach(other, settings=QUICK) as two:
            states = state_of(place), state_of(other)
            assert states[0].pid != states[1].pid
            assert {states[0].bolt_port, states[0].http_port}.isdisjoint(
                {states[1].bolt_port, states[1].http_port}
            )
            assert one.password != two.password
            assert local.status(place).clients == local.status(other).clients == (os.getpid(),)
            local.stop(other, force=True)
            assert run(one, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
            two.renew()
            local.stop(place, force=True)
            assert run(two, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
        password = Store(other).password()
        with local.attach(other, settings=QUICK) as again:
            assert again.password == password
    assert signals == []


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_copy_whose_first_opener_is_killed_opens_all_the_same(tmp_path, when):
    place, other = tmp_path / "original", tmp_path / "copy"
    with stopped_at_the_end(place, other):
        with local.attach(place, settings=QUICK) as attached:
            run(attached, "CREATE (:Kept {id: 1})")
        local.stop(place)
        copy(place, other)
        code = {
            "before": "import mcp_context_persistence.kg.local.passwords as p, os\np._change = lambda *_: os._exit(9)\n",
            "after": "import mcp_context_persistence.kg.local.passwords as p, os\np.write = lambda *_: os._exit(9)\n",
        }[when]
        code += f"from pathlib import Path\nfrom mcp_context_persistence.kg import local\nlocal.attach(Path({str(other)!r}))\n"
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 9
        assert Store(other).next_secret.exists()
        third = copy(other, tmp_path / "third")
        with stopped_at_the_end(third):
            passwords = set()
            for folder in (other, third):
                with local.attach(folder, settings=QUICK) as attached:
                    assert run(attached, "MATCH (n:Kept) RETURN n.id AS id") == [{"id": 1}]
                    passwords.add(attached.password)
            assert len(passwords | {Store(place).password()}) == 3


@pytest.mark.long
def test_a_server_whose_supervisor_cannot_end_it_is_ended_by_the_next_opener_of_this_folder_only(
    tmp_path, signals
):
    place, other = tmp_path / "store", tmp_path / "copy"
    with stopped_at_the_end(place, other):
        with local.attach(place, settings=QUICK):
            state = state_of(place)
            copy(place, other)
            # The kernel ends a server with its supervisor; where it cannot, the server stays behind: as this one, started by hand.
            line = psutil.Process(state.pid).cmdline()
            local.stop(place, force=True)
            left = subprocess.Popen(
                line, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(2)
        try:
            local.attach(other, settings=QUICK).close()
            assert left.poll() is None
            assert signals == []
            local.attach(place, settings=QUICK).close()
            assert left.wait(30) == -signal.SIGKILL
            assert {pid for pid, _ in signals} == {left.pid}
        finally:
            if left.poll() is None:
                left.kill()
            left.wait()
