"""A write of the transaction log fails once, with free space: the database stops, the store opens.

The limit of the size of a file stands for a quota or an error of the device.
"""

import os
import resource
import signal
from dataclasses import replace
from functools import partial

import neo4j
import pytest
from neo4j.exceptions import Neo4jError

from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local import leases
from mcp_context_persistence.kg.local.database_check import check_databases
from mcp_context_persistence.kg.local.store import Store
from tests.faults.local_stores import (
    QUICK,
    eventually,
    is_gone,
    run,
    state_of,
    stopped_at_the_end,
)

MANY_NODES = "UNWIND range(1, 400) AS number CREATE (:Lost {number: number, text: 'x' + number})"


def write_after_log_error(attached, store, size):
    """Let the database write only so many bytes of its next transaction, once."""
    log = store / "data" / "transactions" / "neo4j" / "neostore.transaction.db.0"
    pid = attached.server_pid
    auth = (attached.user, attached.password)
    with neo4j.GraphDatabase.driver(attached.bolt_url, auth=auth) as driver:
        driver.verify_connectivity()
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (log.stat().st_size + size, limits[1]))
        try:
            with driver.session() as session, pytest.raises(Neo4jError, match="append"):
                session.run(MANY_NODES).consume()
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def check_stored(attached, count):
    """Check that the acknowledged writes are there, and write one more."""
    assert run(attached, "MATCH (n:Kept) RETURN n.id AS id ORDER BY id") == [
        {"id": number} for number in range(count)
    ]
    run(attached, f"CREATE (:Kept {{id: {count}}})")
    return count + 1


@pytest.mark.parametrize(
    "sizes",
    [(3_000,), pytest.param((100, 700, 3_000, 9_000, 20_000), marks=pytest.mark.long)],
    ids=["once", "sizes"],
)
def test_a_store_opens_again_after_its_last_user_left_a_stopped_database(tmp_path, sizes):
    store, count = tmp_path / "store", 0
    with stopped_at_the_end(store):
        for size in sizes:
            with local.attach(store, settings=QUICK) as attached:
                count = check_stored(attached, count)
                state = state_of(store)
                assert check_databases(state.bolt_port, attached.password) == "begins"
                assert check_databases(state.bolt_port, "wrong") == "unknown"
                write_after_log_error(attached, store, size)
                assert check_databases(state.bolt_port, attached.password) == "stopped"
            eventually(partial(is_gone, state))
            assert check_databases(state.bolt_port, attached.password) == "absent"
        with local.attach(store, settings=QUICK) as attached:
            check_stored(attached, count)
        assert not Store(store).panicked.exists()


@pytest.mark.long
@pytest.mark.parametrize("whom", ["the server alone", "the server and its supervisor"])
def test_a_store_opens_again_after_its_stopped_database_was_terminated(tmp_path, whom):
    store, count = tmp_path / "store", 0
    with stopped_at_the_end(store):
        for size in (3_000, 9_000)[: 1 if whom.endswith("alone") else 2]:
            with local.attach(store, settings=QUICK) as attached:
                count = check_stored(attached, count)
                write_after_log_error(attached, store, size)
                state = state_of(store)
                os.kill(state.pid, signal.SIGTERM)
                if not whom.endswith("alone"):
                    os.kill(state.supervisor, signal.SIGTERM)
                eventually(partial(is_gone, replace(state, supervisor=0)))
                attached.renew()
                count = check_stored(attached, count)
        eventually(lambda: not leases.is_locked(Store(store).server_lock))
        assert not Store(store).panicked.exists()
