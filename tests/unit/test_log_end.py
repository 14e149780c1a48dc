"""Whether the last bytes of a transaction log are proven to be of a write that failed."""

import os
from datetime import datetime

import pytest

from mcp_context_persistence.kg.local.log_end import is_of_stopped_database
from mcp_context_persistence.kg.local.store import Store

START = "2026-03-01 10:00:00.000+0000 INFO  [o.n.g.f.m.GlobalModule] Logging config in use: x\n"
STOPPING = (
    "2026-03-01 10:05:00.000+0000 INFO  [o.n.d.d.DatabaseLifecycles] "
    "Stopping 'DatabaseId{18c4f43b[neo4j]}'.\n"
)
CHECKPOINT = (
    "2026-03-01 10:05:00.100+0000 INFO  [o.n.k.i.t.l.c.CheckPointerImpl] [neo4j/18c4f43b] "
    'Checkpoint triggered by "Database shutdown" @ txId: 9 checkpoint started...\n'
)
STOPPED = (
    "2026-03-01 10:05:00.500+0000 INFO  [o.n.d.d.DatabaseLifecycles] "
    "Stopped 'DatabaseId{18c4f43b[neo4j]}' successfully.\n"
)
SYSTEM = (STOPPING + CHECKPOINT + STOPPED).replace("neo4j", "system")
AT_THE_STOP = "2026-03-01 10:05:00.300+0000"


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.logs.mkdir()
    (store.data / "transactions" / "neo4j").mkdir(parents=True)
    return store


def write(store, records, *, log_written):
    (store.logs / "debug.log").write_text(records)
    for number, time in enumerate(("2026-03-01 09:00:00+0000", log_written)):
        log = store.data / "transactions" / "neo4j" / f"neostore.transaction.db.{number}"
        log.touch()
        os.utime(log, (0, datetime.fromisoformat(time).timestamp()))


@pytest.mark.parametrize(
    ("records", "log_written", "is_proven"),
    [
        (START + STOPPING + STOPPED + SYSTEM, AT_THE_STOP, True),
        (START + STOPPING + STOPPED + SYSTEM + START + START, AT_THE_STOP, True),
        (START + STOPPING + CHECKPOINT + STOPPED + SYSTEM, AT_THE_STOP, False),
        # it was written later, or is an older one that somebody restored
        (START + STOPPING + STOPPED, "2026-03-01 10:06:00+0000", False),
        (START + STOPPING + STOPPED, "2026-03-01 10:04:00+0000", False),
        # it was killed while it stopped, and another run stopped later
        (START + STOPPING + START + STOPPED, AT_THE_STOP, False),
        (START + STOPPING, AT_THE_STOP, False),
        (START + SYSTEM, AT_THE_STOP, False),
        ("", AT_THE_STOP, False),
        ((STOPPING + STOPPED).replace("2026-03-01", "yesterday"), AT_THE_STOP, False),
    ],
)
def test_only_the_stop_of_a_stopped_database_proves_it(store, records, log_written, is_proven):
    write(store, records, log_written=log_written)
    assert is_of_stopped_database(store) is is_proven


def test_a_store_without_logs_proves_nothing(store):
    assert not is_of_stopped_database(store)
