"""The supervisor without a server: when it gives up, and that it notices a replaced folder."""

import time

import pytest

from mcp_context_persistence.kg.local import diagnosis, leases
from mcp_context_persistence.kg.local import supervisor as supervisors
from mcp_context_persistence.kg.local.store import Store


def make_supervisor(store, lock):
    specification = {
        "store": str(store.folder),
        "nonce": "n",
        "throwaway": False,
        "ports": [0, 0],
        "cache": None,
        "versions": {},
        "sizes": {"heap": "512m", "page_cache": "64m"},
    }
    return supervisors.Supervisor(specification, lock)


@pytest.mark.parametrize(("pause", "gives_up"), [(1.0, True), (3600.0, False)])
def test_the_supervisor_gives_up_after_many_deaths_in_a_short_time_only(
    tmp_path, monkeypatch, pause, gives_up
):
    store = Store(tmp_path / "s")
    store.prepare()
    lock = leases.lock(store.server_lock)
    supervisor = make_supervisor(store, lock.descriptor)
    now, starts = [0.0], []

    def start():
        starts.append(now[0])
        supervisor.process.java = object()
        now[0] += pause

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(supervisor, "_start", start)
    monkeypatch.setattr(supervisor, "_watch", lambda: False)
    monkeypatch.setattr(supervisor, "_is_needed", lambda: len(starts) <= 20)
    (store.logs / diagnosis.CONSOLE).write_text(
        "Terminating due to java.lang.OutOfMemoryError: Java heap space"
    )
    failure = supervisor._serve()
    lock.close()
    if not gives_up:
        assert failure is None
        assert len(starts) == 21
    else:
        assert len(starts) == supervisors.MAX_DEATHS
        assert failure.retryable
        assert "heap was full" in failure.text


def replace_by_file(store, target):
    store.folder.rename(target)
    store.folder.touch()


def replace_by_store(store, target):
    store.folder.rename(target)
    Store(store.folder).prepare()
    store.server_lock.touch()


def replace_lock(store, target):
    store.server_lock.unlink()
    store.server_lock.touch()


def move(store, target):
    store.folder.rename(target)


@pytest.mark.parametrize("change", [move, replace_lock, replace_by_file, replace_by_store])
def test_the_supervisor_notices_that_its_folder_was_replaced(tmp_path, change):
    store = Store(tmp_path / "s")
    store.prepare()
    lock = leases.lock(store.server_lock)
    supervisor = make_supervisor(store, lock.descriptor)
    assert supervisor._is_in_place()
    change(store, tmp_path / "target")
    assert not supervisor._is_in_place()
    assert not supervisor._is_needed()
    lock.close()
