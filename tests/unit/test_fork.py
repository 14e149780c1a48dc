"""Forked children: no lock that a thread of the parent holds stays held in them."""

import importlib
import os
import re
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import mcp_context_persistence
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.cached_property import cached_property
from mcp_context_persistence.kg.local import leases
from mcp_context_persistence.runtime import connection

PACKAGE = Path(mcp_context_persistence.__file__).parent
MODULE_LOCK = re.compile(r"^(\w+) = threading\.Lock\(\)", re.MULTILINE)


def in_child(work, seconds=20.0):
    """Return whether `work` returns true in a forked child in time."""
    child = os.fork()
    if child == 0:
        signal.alarm(int(seconds))  # its default action ends the child
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def module_locks():
    """Yield the module and the name of each lock; links to the other folders are followed."""
    for folder in (PACKAGE, *filter(Path.is_dir, sorted(PACKAGE.iterdir()))):
        for file in sorted(folder.glob("*.py") if folder == PACKAGE else folder.rglob("*.py")):
            module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
            for name in MODULE_LOCK.findall(file.read_text(encoding="utf-8")):
                yield module, name


@pytest.mark.parametrize(("module", "name"), list(module_locks()))
def test_a_lock_of_a_module_is_free_in_a_child(module, name):
    holder = importlib.import_module(module)
    with getattr(holder, name):
        assert in_child(lambda: getattr(holder, name).acquire(timeout=1))


def test_a_child_opens_its_throwaway_server_while_the_parent_opens_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "_throwaways", {})
    opening, go_on = threading.Event(), threading.Event()
    parent = os.getpid()

    def attach(*_args, **_options):
        if os.getpid() == parent:
            opening.set()
            go_on.wait(30)
        return SimpleNamespace(store=tmp_path, close=lambda: None, server_pid=os.getpid())

    monkeypatch.setattr(local, "attach", attach)
    opener = threading.Thread(target=connection.attach_throwaway, args=(None,))
    opener.start()
    try:
        assert opening.wait(30)
        assert in_child(
            lambda: connection.attach_throwaway(None).server_pid == os.getpid(), seconds=3
        )
    finally:
        go_on.set()
        opener.join()


def test_a_child_computes_what_a_thread_of_the_parent_is_computing():
    computing, go_on = threading.Event(), threading.Event()

    class Slow:
        def __init__(self, *, waits):
            self.waits = waits

        @cached_property
        def value(self):
            """Text."""
            if self.waits:
                computing.set()
                go_on.wait(30)
            return [1]

    slow, quick = Slow(waits=True), Slow(waits=False)
    worker = threading.Thread(target=lambda: slow.value)
    worker.start()
    try:
        assert computing.wait(30)
        assert in_child(lambda: quick.value == [1], seconds=3)
    finally:
        go_on.set()
        worker.join()
    assert slow.value is slow.value
    assert Slow.value.__doc__ == "Text."


def test_a_child_holds_none_of_its_parents_locks(tmp_path):
    taken = leases.lock(tmp_path / "a")
    lease = leases.take_lease(tmp_path)
    (reading, writing), (begun, begin) = os.pipe(), os.pipe()
    with leases.locked_file(tmp_path / "b", seconds=0):
        child = os.fork()
        if child == 0:
            os.write(begin, b"x")
            os.close(writing)
            os.read(reading, 1)  # until the parent closes its end
            os._exit(0)
    try:
        os.read(begun, 1)
        assert leases.list_holders(tmp_path) == [os.getpid()]
        assert leases.is_locked(tmp_path / "a")
        taken.close()
        leases.give_back(lease)
        assert not leases.is_locked(tmp_path / "a")
        assert not leases.is_locked(tmp_path / "b")
        assert leases.list_holders(tmp_path) == []
    finally:
        for number in (reading, writing, begun, begin):
            os.close(number)
        os.waitpid(child, 0)


def test_a_child_that_closes_its_parents_lock_closes_no_other_file(tmp_path):
    taken, lease = leases.lock(tmp_path / "a"), leases.take_lease(tmp_path)

    def work():
        own = [leases.lock(tmp_path / f"own{number}") for number in range(60)]
        assert own  # kept open; the system gives them the same numbers again
        taken.close()
        leases.give_back(lease)
        return all(leases.is_locked(tmp_path / f"own{number}") for number in range(60))

    assert in_child(work)
    assert leases.is_locked(tmp_path / "a")
    assert lease[0].exists()
    taken.close()
    leases.give_back(lease)
    assert not lease[0].exists()


def test_no_fork_falls_between_the_opening_of_a_lock_and_its_registration(tmp_path, monkeypatch):
    open_file, opened = os.open, threading.Event()

    def open_slowly(*arguments, **options):
        descriptor = open_file(*arguments, **options)
        opened.set()
        time.sleep(0.2)
        return descriptor

    taken = []
    monkeypatch.setattr(os, "open", open_slowly)
    locker = threading.Thread(target=lambda: taken.append(leases.lock(tmp_path / "a")))
    locker.start()
    assert opened.wait(30)
    inode = os.stat(tmp_path / "a").st_ino

    def holds_none():
        for number in range(256):
            try:
                if os.fstat(number).st_ino == inode:
                    return False
            except OSError:
                continue
        return True

    assert in_child(holds_none)
    locker.join()
    taken[0].close()
