"""A process's share in a store's server, without the server."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import attachment, leases
from mcp_context_persistence.kg.local.attachment import Attachment
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.joining import join_server
from mcp_context_persistence.kg.local.process import read_start_time
from mcp_context_persistence.kg.local.settings import ServerSettings
from mcp_context_persistence.kg.local.store import State, Store
from tests.unit.children import in_child


def attach(store, phase):
    """An attachment with a lease of its own, whose server has this phase."""
    store.prepare()
    state = State(phase=phase, nonce="n")
    lease = leases.take_lease(store.leases)
    return Attachment(store, state, lease, ServerSettings(), is_throwaway=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_the_server_of_another_user_is_named_at_once(tmp_path, monkeypatch):
    user = 65_534
    monkeypatch.chdir(tmp_path)  # whose path the other user cannot go
    store = Store(Path())
    store.make_folders()
    for folder in (store.folder, store.leases, store.conf, store.logs, store.data):
        os.chown(folder, user, user)  # the server of root has made the other one
    own = {"supervisor": os.getpid(), "supervisor_started": read_start_time(os.getpid())}
    store.write_state(State(phase="running", nonce="n", **own))
    lock = leases.lock(store.server_lock)

    def is_refused():
        os.setgid(user)
        os.setuid(user)
        store.prepare()
        with pytest.raises(DatabaseError, match="belongs to another user") as caught:
            join_server(store, ServerSettings(), None, is_throwaway=False)
        return caught.value.retryable

    assert in_child(is_refused)
    lock.close()


def test_concurrent_calls_replace_a_lost_lease_once(tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    store.prepare()
    store.password()
    attached = Attachment(
        store,
        State(phase="running", nonce="n"),
        leases.take_lease(store.leases),
        ServerSettings(),
        is_throwaway=False,
    )
    attached._lease[0].unlink()
    take_lease, leases_taken = leases.take_lease, []

    def slowly(folder):
        time.sleep(0.05)
        leases_taken.append(take_lease(folder))
        return leases_taken[-1]

    monkeypatch.setattr(leases, "take_lease", slowly)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: attached._check_folder(), range(4)))
    assert leases_taken == [attached._lease]
    attached.close()
    assert leases.list_holders(store.leases) == []
    with pytest.raises(DatabaseError, match="closed"):
        attached._check_folder()


def test_an_interrupted_renewal_interrupts_no_other_thread(tmp_path, monkeypatch):
    attached = attach(Store(tmp_path / "s"), "running")
    with ThreadPoolExecutor(1) as pool:
        others = []

        def interrupt(*_, **__):
            others.append(pool.submit(attached.renew))
            while not attached._renewal._condition._waiters:
                time.sleep(0.01)
            raise KeyboardInterrupt

        monkeypatch.setattr(attachment, "join_server", interrupt)
        with pytest.raises(KeyboardInterrupt):
            attached.renew()
        assert others[0].result(30) is False  # its call looks for the server again
    attached.close()


def test_a_system_error_during_a_renewal_is_a_database_error(tmp_path, monkeypatch):
    attached = attach(Store(tmp_path / "s"), "stopped")

    def refuse(*_, **__):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(attachment, "join_server", refuse)
    try:
        with pytest.raises(DatabaseError, match="No such file"):
            attached.renew()
    finally:
        attached.close()


@pytest.fixture
def attached(tmp_path):
    store = Store(tmp_path / "s")
    store.prepare()
    state = State(phase="running", nonce="n")
    lease = leases.take_lease(store.leases)
    attached = Attachment(store, state, lease, ServerSettings(), is_throwaway=False)
    yield attached
    attached.close()


def test_a_password_and_a_lease_that_were_removed_are_written_again(attached):
    files = Store(attached.store)
    files.secret.unlink()
    shutil.rmtree(files.leases)
    attached._check_folder()
    assert files.password() == attached.password
    assert leases.list_holders(files.leases) == [os.getpid()]


def test_a_new_connection_gets_the_password_that_another_process_has_changed(attached, monkeypatch):
    monkeypatch.setattr(attachment, "is_own_server", lambda *_: True)
    files = Store(attached.store)
    replace_file(files.secret, "changed")
    assert attached.credentials(attached.bolt_url) == ("neo4j", "changed")
    files.secret.unlink()
    assert attached.credentials(attached.bolt_url) == ("neo4j", "changed")
    assert not files.secret.exists()


def test_a_suspicion_is_noted_in_the_store_that_was_opened_and_in_no_other(attached, tmp_path):
    store = Store(tmp_path / "s")
    attached.mark_stopped_database()
    attached.mark_stopped_database()
    assert store.panicked.is_file()
    store.folder.rename(tmp_path / "moved")
    attached.mark_stopped_database()
    Store(tmp_path / "s").prepare()
    attached.mark_stopped_database()
    assert not store.panicked.exists()
