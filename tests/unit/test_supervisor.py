"""The supervisor without a server: when it gives up, and that it notices a replaced folder."""

import time
from types import SimpleNamespace

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


def set_clock(monkeypatch, monotonic):
    """Give supervisors another clock; the event loops of other threads keep theirs."""
    clock = SimpleNamespace(monotonic=monotonic, sleep=time.sleep)
    monkeypatch.setattr(supervisors, "time", clock)


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
        supervisor.process.java = SimpleNamespace(poll=lambda: -9)
        now[0] += pause

    set_clock(monkeypatch, lambda: now[0])
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
        (store.logs / diagnosis.CONSOLE).unlink()
        assert "too little memory" in supervisor._describe_deaths().text


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


@pytest.mark.parametrize(
    ("ordered", "is_throwaway", "seconds"),
    [("n", False, 20.0), ("another run", False, 3.0), (None, False, 3.0), ("n", True, 0.01)],
)
def test_a_server_waits_for_the_next_command(tmp_path, monkeypatch, ordered, is_throwaway, seconds):
    now = [0.0]
    set_clock(monkeypatch, lambda: now[0])
    store = Store(tmp_path / "s")
    store.prepare()
    lock = leases.lock(store.server_lock)
    supervisor = make_supervisor(store, lock.descriptor)
    supervisor.specification |= {"linger": 3.0 * (not is_throwaway), "throwaway": is_throwaway}
    if ordered:
        store.linger_order_file.write_text(ordered)
    now[0] = 100.0
    lease = leases.take_lease(store.leases)
    assert supervisor._is_needed()
    leases.give_back(lease)
    now[0] += seconds - 0.005
    assert supervisor._is_needed()
    store.stop_order_file.write_text("another run")
    assert supervisor._is_needed()
    now[0] += 0.01
    assert not supervisor._is_needed()
    lock.close()


def test_a_server_that_waits_stops_at_once_when_it_is_told(tmp_path):
    store = Store(tmp_path / "s")
    store.prepare()
    lock = leases.lock(store.server_lock)
    supervisor = make_supervisor(store, lock.descriptor)
    supervisor.specification["linger"] = 3.0
    store.linger_order_file.write_text("n")
    assert supervisor._is_needed()
    store.stop_order_file.write_text("n")
    assert not supervisor._is_needed()
    lock.close()


@pytest.mark.parametrize(("idle", "seconds"), [(0.0, 29.0), (20.0, 9.0), (60.0, 5.0)])
def test_no_server_outlives_its_last_user_for_long(tmp_path, monkeypatch, idle, seconds):
    store = Store(tmp_path / "s")
    store.prepare()
    lock = leases.lock(store.server_lock)
    supervisor = make_supervisor(store, lock.descriptor)
    last_use = supervisor._last_use
    ends = []
    set_clock(monkeypatch, lambda: last_use + idle)
    monkeypatch.setattr(supervisor.process, "end", lambda **options: ends.append(options))
    supervisor._end(None)
    assert ends == [{"is_orderly": True, "max_seconds": pytest.approx(seconds)}]
    assert not leases.is_locked(store.server_lock)
    lock.descriptor = -1  # the supervisor has closed it
