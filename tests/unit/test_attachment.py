"""A process's share in a store's server, without the server."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import leases
from mcp_context_persistence.kg.local.attachment import Attachment
from mcp_context_persistence.kg.local.settings import ServerSettings
from mcp_context_persistence.kg.local.store import State, Store


def test_a_lease_that_is_gone_is_taken_again_once_however_many_calls_see_it(tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    store.prepare()
    store.password()
    attached = Attachment(
        store,
        State(phase="running", nonce="n"),
        leases.take(store.leases),
        ServerSettings(),
        throwaway=False,
    )
    attached._lease[0].unlink()
    take, taken = leases.take, []

    def slowly(folder):
        time.sleep(0.05)
        taken.append(take(folder))
        return taken[-1]

    monkeypatch.setattr(leases, "take", slowly)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: attached._check_folder(), range(4)))
    assert taken == [attached._lease]
    attached.close()
    assert leases.holders(store.leases) == []
    with pytest.raises(DatabaseError, match="closed"):
        attached._check_folder()
