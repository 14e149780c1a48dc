"""Forked children: what they get of their parent's locks, calls, clients and files."""

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from mcp_context_persistence import aio
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.cached_property import cached_property
from mcp_context_persistence.kg.errors import DatabaseError, SearchError
from mcp_context_persistence.kg.fork_safety import refuse_children, removed_afterwards
from mcp_context_persistence.kg.local import leases, lifecycle
from mcp_context_persistence.kg.local.store import State
from mcp_context_persistence.runtime import connection
from mcp_context_persistence.runtime.call_scope import CallScope
from tests.unit.children import fork_in, in_child

ROOT = Path(local.__file__).parents[2]


class Graph:
    is_forked = True


def test_a_call_of_the_parents_client_is_refused_before_it_waits_for_anything():
    scope = CallScope(Graph(), memory=None, telemetry=None)
    with pytest.raises(SearchError, match="belongs to the parent process"), scope("c", SearchError):
        pass


LEAVES = pytest.mark.parametrize(
    ("leave", "answer"),
    [
        (lambda: None, "DatabaseError: this client belongs to the parent process"),
        (lambda: sys.exit(3), "SystemExit: 3"),
    ],
    ids=["returns", "exits"],
)


@LEAVES
@pytest.mark.parametrize("is_throwaway", [True, False])
def test_a_child_that_leaves_an_opening_deletes_nothing_of_its_parent(
    tmp_path, monkeypatch, leave, answer, is_throwaway
):
    joined = []

    def join(files, _settings, progress, **_options):
        progress("verify", 1, 2)
        joined.append(files.folder)
        assert leases.list_holders(files.leases) == [os.getpid()]
        files.password()
        return State(phase="running", nonce="n")

    monkeypatch.setattr(lifecycle, "join_server", join)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = None if is_throwaway else tmp_path / "store"
    assert answer in fork_in(lambda report: lifecycle.attach(store, progress=report).close(), leave)
    assert [folder.is_dir() for folder in joined] == [True]


@LEAVES
def test_a_child_that_leaves_a_download_deletes_no_file_of_its_parent(tmp_path, leave, answer):
    draft = tmp_path / "draft"

    def download(report):
        report = refuse_children(report)
        with removed_afterwards(draft):
            draft.write_text("half")
            report("download", 1, 2)
            assert draft.read_text() == "half"

    assert answer in fork_in(download, leave)
    assert not draft.exists()


def test_an_asyncio_client_that_was_open_is_refused_in_a_child_and_another_one_opens(monkeypatch):
    class Client:
        def __init__(self, namespace="n"):
            self.process = os.getpid()

        def close(self):
            """Nothing."""

    monkeypatch.setattr(aio, "Client", Client)
    opened, unused = aio.AsyncContextPersistenceClient(), aio.AsyncContextPersistenceClient()

    async def ask(client):
        async with asyncio.timeout(10):
            return await client._run(lambda opened_client: opened_client.process)

    async def close(client):
        async with asyncio.timeout(10):
            await client.close()

    def work():
        with pytest.raises(DatabaseError, match="belongs to the parent process"):
            asyncio.run(ask(opened))
        asyncio.run(close(opened))
        is_own = asyncio.run(ask(unused)) == os.getpid()
        asyncio.run(close(unused))
        return is_own

    assert asyncio.run(ask(opened)) == os.getpid()
    assert in_child(work)
    assert asyncio.run(ask(opened)) == os.getpid()
    asyncio.run(close(opened))
    asyncio.run(close(unused))


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


END = """
import os, sys
from mcp_context_persistence.ingest.models.embedder import Embedder
Embedder().load()
child = os.fork()
if child == 0:
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_ends_by_itself_after_its_parent_has_loaded_the_embedding_model():
    done = subprocess.run(
        [sys.executable, "-c", END], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["3"], done.stderr
