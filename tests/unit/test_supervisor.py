"""The supervisor without a server: when it gives up, and how it knows that its folder is not there any more."""

import os
import shutil

import pytest

from mcp_context_persistence.kg.local import diagnosis, leases
from mcp_context_persistence.kg.local import supervisor as supervisors
from mcp_context_persistence.kg.local.store import Store


@pytest.mark.parametrize(("pause", "gives_up"), [(1.0, True), (3600.0, False)])
def test_a_server_is_given_up_for_many_deaths_in_a_short_time_and_not_for_many_in_a_long_life(
    tmp_path, monkeypatch, pause, gives_up
):
    store = Store(tmp_path / "s")
    store.prepare()
    lock = leases.lock(store.server)
    given = {
        "store": str(store.folder),
        "nonce": "n",
        "throwaway": False,
        "ports": [0, 0],
        "cache": None,
        "versions": {},
    }
    supervisor = supervisors.Supervisor(given, lock)
    now, starts = [0.0], []

    def start():
        starts.append(now[0])
        supervisor.java = object()
        now[0] += pause

    monkeypatch.setattr(supervisors.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(supervisor, "_start", start)
    monkeypatch.setattr(supervisor, "_watch", lambda: False)
    monkeypatch.setattr(supervisor, "_wanted", lambda: len(starts) <= 20)
    (store.logs / diagnosis.CONSOLE).write_text(
        "Terminating due to java.lang.OutOfMemoryError: Java heap space"
    )
    failure = supervisor._serve()
    os.close(lock)
    if not gives_up:
        assert failure is None
        assert len(starts) == 21
    else:
        assert len(starts) == supervisors.DEATHS
        assert failure.retryable
        assert "heap was full" in failure.text


def test_a_supervisor_whose_folder_is_not_its_own_any_more_knows(tmp_path):
    for change in (
        lambda store: store.folder.rename(tmp_path / "moved"),
        lambda store: (store.server.unlink(), store.server.touch()),
        lambda store: (store.folder.rename(tmp_path / "kept"), store.folder.touch()),
        lambda store: (
            store.folder.rename(tmp_path / "other"),
            Store(store.folder).prepare(),
            store.server.touch(),
        ),
    ):
        store = Store(tmp_path / "s")
        store.prepare()
        lock = leases.lock(store.server)
        given = {
            "store": str(store.folder),
            "nonce": "n",
            "throwaway": False,
            "ports": [0, 0],
            "cache": None,
            "versions": {},
        }
        supervisor = supervisors.Supervisor(given, lock)
        assert supervisor._is_at_home()
        change(store)
        assert not supervisor._is_at_home()
        assert not supervisor._wanted()
        os.close(lock)
        shutil.rmtree(store.folder) if store.folder.is_dir() else store.folder.unlink(
            missing_ok=True
        )
