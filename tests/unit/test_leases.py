"""Leases, locks, and processes by identity."""

import copy
import errno
import gc
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcp_context_persistence.kg.local import leases, orders, process
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.store import Store
from tests.unit.children import in_child


def test_a_lease_ends_with_its_process(tmp_path):
    mine = leases.take_lease(tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path; "
        "from mcp_context_persistence.kg.local import leases; "
        "leases.take_lease(Path(sys.argv[1]))"
    )
    root = str(Path(leases.__file__).parents[2])
    subprocess.run([sys.executable, "-S", "-c", code, str(tmp_path), root], check=True)
    assert len(list(tmp_path.glob("*.lease"))) == 2
    assert leases.list_holders(tmp_path) == [os.getpid()]
    assert list(tmp_path.glob("*.lease")) == [mine[0]]
    mine[1].close()
    assert leases.list_holders(tmp_path) == []


def test_a_lease_that_is_interrupted_holds_no_lock(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        leases.take_lease(tmp_path)
    assert not any(map(leases.is_locked, tmp_path.iterdir()))


def test_what_is_no_lease_of_this_user_keeps_no_server_and_stops_none(tmp_path, monkeypatch):
    def open_file(path, *arguments):
        if Path(path).name == "1-foreign.lease":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return open_any(path, *arguments)

    open_any = os.open
    locked = leases.lock(tmp_path / "nameless.lease")
    lease = leases.take_lease(tmp_path)
    assert leases.list_holders(tmp_path) == [os.getpid()]
    locked.close()
    (tmp_path / "1-foreign.lease").touch()
    (tmp_path / "2-folder.lease").mkdir()
    monkeypatch.setattr(os, "open", open_file)
    watch = leases.LeaseWatch(tmp_path)
    assert watch.has_holders()
    leases.give_back(lease)
    assert not watch.has_holders()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
def test_files_of_root_in_the_store_of_another_user_belong_to_that_user(tmp_path, monkeypatch):
    user = 65_534
    monkeypatch.chdir(tmp_path)  # whose path the other user cannot go
    store = Store(Path())
    store.make_folders()
    for folder in (store.folder, store.leases):
        os.chown(folder, user, user)
    lease = leases.take_lease(store.leases)
    replace_file(store.stop_order_file, "nonce")
    outside = tmp_path.with_name("outside")
    outside.touch()
    os.link(outside, "link")
    Path("symbolic").symlink_to(outside)
    for name in ("link", "symbolic"):
        leases.lock(Path(name)).close()
    assert outside.stat().st_uid == 0

    def is_obeyed():
        os.setgid(user)
        os.setuid(user)
        watch = leases.LeaseWatch(store.leases)
        return watch.has_holders() and orders.holds_nonce(store.stop_order_file, "nonce")

    assert in_child(is_obeyed)
    leases.give_back(lease)


def test_a_lease_ends_on_a_read_only_file_system(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    lease = leases.take_lease(tmp_path)
    watch = leases.LeaseWatch(tmp_path)
    assert watch.has_holders()
    monkeypatch.setattr(Path, "unlink", refuse)
    leases.give_back(lease)
    assert not watch.has_holders()
    assert leases.list_holders(tmp_path) == []


def test_a_lock_that_others_hold_cannot_be_taken(tmp_path):
    taken = leases.lock(tmp_path / "a")
    assert leases.lock(tmp_path / "a") is None
    assert leases.is_locked(tmp_path / "a")
    with pytest.raises(TimeoutError), leases.locked_file(tmp_path / "a", seconds=0.05):
        pass
    taken.close()
    assert not leases.is_locked(tmp_path / "a")


def test_a_lock_is_free_once_it_is_closed_although_a_child_has_a_copy(tmp_path):
    lease = leases.take_lease(tmp_path)
    copy = os.dup(lease[1].descriptor)  # as a child has until it runs its program
    lease[1].close()
    assert leases.list_holders(tmp_path) == []
    os.close(copy)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_a_program_inherits_a_lock_although_standard_streams_were_closed(tmp_path, closed):
    """Check a daemon that has closed them: its next file gets the descriptor of a stream."""
    wait = "import sys; sys.stdin.read()"

    def pass_on():
        for descriptor in closed:
            os.close(descriptor)
        taken = leases.lock(tmp_path / "lock")
        program = subprocess.Popen(
            [sys.executable, "-S", "-c", wait],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(taken.descriptor,),
        )
        taken.close_copy()
        is_held = leases.is_locked(tmp_path / "lock")
        program.communicate(b"")
        return is_held and not leases.is_locked(tmp_path / "lock")

    assert in_child(pass_on)


def test_a_program_inherits_a_lock_although_its_child_runs_python_code_first(tmp_path):
    """Check gevent, which forks so; a fork of another thread keeps no lock."""
    taken = leases.lock(tmp_path / "lock")

    def start():
        subprocess.run(
            [sys.executable, "-S", "-c", f"import os; os.fstat({taken.descriptor})"],
            pass_fds=(taken.descriptor,),
            preexec_fn=int,  # the handlers of forks run, too
            check=True,
        )

    with taken.passed_to_program(), ThreadPoolExecutor(1) as other:
        start()
        with pytest.raises(OSError, match="Bad file descriptor"):
            other.submit(start).result()
    with pytest.raises(OSError, match="Bad file descriptor"):
        start()
    taken.close()


def test_the_owner_of_a_lock_is_found(tmp_path):
    taken = leases.lock(tmp_path / "lock")
    assert leases.find_owner(tmp_path / "lock") in {os.getpid(), 0}
    taken.close()
    assert leases.find_owner(tmp_path / "lock") == 0


def test_a_process_is_identified_by_its_start_time():
    me = process.read_start_time(os.getpid())
    assert process.is_alive(os.getpid(), me)
    assert not process.is_alive(os.getpid(), me + "0")
    assert not process.is_alive(0, "")
    assert process.kill_process(os.getpid(), "long ago")  # another process, not ours to end


def test_a_lease_makes_its_folder(tmp_path):
    lease = leases.take_lease(tmp_path / "leases")
    assert leases.list_holders(tmp_path / "leases") == [os.getpid()]
    leases.give_back(lease)


def test_a_lease_whose_file_was_removed_counts_while_its_process_lives(tmp_path):
    folder = tmp_path / "leases"
    watch = leases.LeaseWatch(folder)
    assert not watch.has_holders()
    first, second = leases.take_lease(folder), leases.take_lease(folder)
    assert watch.has_holders()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert watch.has_holders()
    leases.give_back(first)
    assert watch.has_holders()
    leases.give_back(second)
    assert not watch.has_holders()


def test_leases_of_ended_processes_are_removed(tmp_path):
    (tmp_path / "1-dead.lease").touch()
    lease = leases.take_lease(tmp_path)
    watch = leases.LeaseWatch(tmp_path)
    assert watch.has_holders()
    assert list(tmp_path.iterdir()) == [lease[0]]
    leases.give_back(lease)
    assert not watch.has_holders()


def test_a_lock_that_an_interruption_keeps_open_is_closed_as_soon_as_nobody_refers_to_it(
    tmp_path, monkeypatch
):
    def interrupt(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(leases.Lock, "close", interrupt)
        with pytest.raises(KeyboardInterrupt), leases.locked_file(tmp_path / "a", seconds=1):
            pass
    gc.collect()
    assert not leases.is_locked(tmp_path / "a")


def test_a_wait_for_a_lock_that_is_interrupted_leaves_no_file_open(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    taken = leases.lock(tmp_path / "a")
    files = len(leases._open_locks)
    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        leases.lock(tmp_path / "a", seconds=10)
    assert len(leases._open_locks) == files, caught
    taken.close()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_lock_is_not_copied_because_the_end_of_a_copy_would_free_it(tmp_path, duplicate):
    lock = leases.lock(tmp_path / "lock")
    with pytest.raises(TypeError, match="cannot be copied"):
        duplicate(lock)
    gc.collect()
    assert leases.is_locked(tmp_path / "lock")
    lock.close()
