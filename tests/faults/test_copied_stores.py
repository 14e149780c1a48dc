"""A copied or restored folder of a store shares nothing with the original."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import neo4j
import psutil
import pytest

from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import throwaway
from mcp_context_persistence.kg.local.identity import Identity, is_server_of
from mcp_context_persistence.kg.local.store import Store
from tests.faults.local_stores import (
    QUICK,
    copy,
    look_at,
    restore,
    run,
    signals,
    small_disk,
    state_of,
    stopped_at_the_end,
)

__all__ = ["signals"]
ROOT = Path(local.__file__).parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    store = tmp_path_factory.mktemp("copies") / "original"
    with stopped_at_the_end(store), local.attach(store, settings=QUICK) as attached:
        run(attached, "CREATE (:Kept {id: 1})")
        yield attached


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
    remounted = replace(identity, device=identity.device + 1)
    assert remounted.is_same(identity)
    assert replace(remounted, file_system=0).is_same(identity)  # written by an older version
    assert not replace(remounted, path="/elsewhere").is_same(identity)
    assert not replace(remounted, file_system=identity.file_system + 1).is_same(identity)


def test_a_folder_of_another_disk_with_the_same_inode_is_another_one(tmp_path):
    identities = []
    for _ in range(2):
        with small_disk(tmp_path / "disk", "1m") as disk:
            (disk / "store").mkdir()
            identities.append(Identity.of(disk / "store"))
        (tmp_path / "disk").rmdir()
    first, second = identities
    assert (first.path, first.inode) == (second.path, second.inode)
    assert not first.is_same(second)


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
