"""A process's share in a store's server, without the server."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import attachment, leases
from mcp_context_persistence.kg.local.attachment import Attachment
from mcp_context_persistence.kg.local.settings import ServerSettings
from mcp_context_persistence.kg.local.store import State, Store


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


def test_a_system_error_during_a_renewal_is_a_database_error(tmp_path, monkeypatch):
    store = Store(tmp_path / "s")
    store.prepare()
    state = State(phase="stopped", nonce="n")
    attached = Attachment(
        store, state, leases.take_lease(store.leases), ServerSettings(), is_throwaway=False
    )

    def refuse(*_, **__):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(attachment, "join_server", refuse)
    try:
        with pytest.raises(DatabaseError, match="No such file"):
            attached.renew()
    finally:
        attached.close()
