"""The limit on memory: its values, its owner, its division, and what clean-up frees."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.ingest.models import registry
from mcp_context_persistence.ingest.models.embedder import Embedder
from mcp_context_persistence.kg import limits, local
from mcp_context_persistence.kg.local import sizes
from mcp_context_persistence.kg.local.settings import ServerSettings
from mcp_context_persistence.kg.local.store import State, Store
from mcp_context_persistence.runtime import batch_throttle, process_memory
from mcp_context_persistence.runtime.batch_throttle import BatchThrottle
from mcp_context_persistence.runtime.cache.response_cache import ResponseCache
from mcp_context_persistence.runtime.cache.stores import FileStore, MemoryStore
from mcp_context_persistence.runtime.memory_limit import MemoryLimit, parse_limit, server_settings
from mcp_context_persistence.runtime.process_memory import ClientMemory

ROOT = Path(__file__).resolve().parents[2]
ALONE, BOTH = limits.MEMORY_PROCESS_BYTES, limits.MEMORY_PROCESS_BYTES + limits.MEMORY_SERVER_BYTES


class NoGraph:
    """Stands where connections would be; a client without a managed server never touches them."""


@pytest.fixture
def member():
    """Makes open clients without a server, and closes them."""
    clients = []

    def make(size=None):
        client = ClientMemory(size, managed=False)
        client.open(None, NoGraph())
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("2GB", 2_000_000_000),
        ("2 gib", 2 << 30),
        (3_000_000_000, 3_000_000_000),
        ("2000MB", BOTH),
        (BOTH, BOTH),
    ],
)
def test_a_limit_is_bytes_or_a_text(value, size):
    assert parse_limit(value, managed=True) == size


@pytest.mark.parametrize(
    "value", [None, True, 2e9, "", "much", "2XB", "-2GB", -1, [2], b"2GB", "nan", "inf"]
)
def test_other_values_than_sizes_are_refused(value):
    with pytest.raises(ValidationError, match="max_memory_usage"):
        parse_limit(value, managed=False)


def test_a_limit_below_what_is_needed_is_refused_and_the_error_says_how_much_that_is():
    assert parse_limit(ALONE, managed=False) == ALONE
    with pytest.raises(ValidationError, match=r"1,000,000,000 bytes"):
        parse_limit(ALONE - 1, managed=False)
    with pytest.raises(
        ValidationError, match=r"2,000,000,000 bytes.*1,000,000,000 for the managed server"
    ):
        parse_limit(BOTH - 1, managed=True)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, "0.8", None, True, float("nan")])
def test_a_threshold_is_a_share(member, threshold):
    with pytest.raises(ValidationError, match="cleanup_threshold"):
        member().configure("9GB", threshold, auto_cleanup=True, restart=False)


def test_a_process_that_is_larger_than_the_limit_is_refused(member, monkeypatch):
    monkeypatch.setattr(process_memory, "process_bytes", lambda: 2 * ALONE)
    with pytest.raises(ValidationError, match="this process alone uses 2,000,000,000 bytes"):
        member().configure(ALONE, 0.8, auto_cleanup=True, restart=False)
    assert process_memory.current_limit() is None


@pytest.mark.parametrize(
    "share", [0, limits.MEMORY_SERVER_BYTES, 1_100_000_000, 1_200_000_000, 1_500_000_000, 10**10]
)
def test_a_server_stays_within_its_share(share):
    heap, page_cache = sizes.split_memory(share)
    assert (heap + page_cache) * sizes.MIB + sizes.OVERHEAD <= max(
        share, limits.MEMORY_SERVER_BYTES
    )
    assert sizes.LEAST_HEAP <= heap <= sizes.HEAP
    assert sizes.LEAST_PAGE_CACHE <= page_cache <= sizes.PAGE_CACHE


def test_a_large_share_gives_the_usual_server():
    assert server_settings(10**10) == server_settings(None) == ServerSettings()
    assert sizes.split_memory(10**10) == (1024, 256)


def test_sizes_are_read_and_the_heap_of_a_command_line_is_changed():
    assert [sizes.parse_size(size) for size in ("1g", "1024m", "5k", "7", "", "x")] == [
        1 << 30,
        1 << 30,
        5 << 10,
        7,
        0,
        0,
    ]
    assert sizes.replace_heap(["-Xms1g", "-Xmx1g", "-XX:+UseG1GC"], "400m") == [
        "-Xms256m",
        "-Xmx400m",
        "-XX:+UseG1GC",
    ]


def test_a_server_of_an_older_version_has_the_usual_sizes_and_a_dead_one_no_process(tmp_path):
    store = Store(tmp_path)
    assert local.read_size(tmp_path) == local.ServerSize(pid=0, heap=1 << 30, page_cache=256 << 20)
    store.write_state(
        State(
            phase="running",
            nonce="n",
            pid=os.getpid(),
            started="another time",
            heap="400m",
            page_cache="32m",
        )
    )
    assert local.read_size(tmp_path) == local.ServerSize(pid=0, heap=400 << 20, page_cache=32 << 20)


def test_the_lowest_limit_of_the_open_clients_counts(member):
    first, second, _ = member(5 * ALONE), member(4 * ALONE), member()
    assert process_memory.current_limit() == MemoryLimit(size=4 * ALONE)
    second.close()
    assert process_memory.current_limit() == MemoryLimit(size=5 * ALONE)
    first.configure(None, 0.8, auto_cleanup=True, restart=False)
    assert process_memory.current_limit() is None


def test_a_client_that_nobody_holds_has_no_limit(member):
    forgotten = ClientMemory(3 * ALONE, managed=False)
    forgotten.open(None, NoGraph())
    assert process_memory.current_limit()
    del forgotten
    assert process_memory.current_limit() is None


def test_caches_in_memory_share_a_sixteenth(member):
    limit = 4 * ALONE  # the process of a whole test run has 2 GB
    first, second = member(), member()
    stores = [MemoryStore(entries=100_000, seconds=60), MemoryStore(entries=100_000, seconds=60)]
    for client, store in zip((first, second), stores, strict=True):
        client.set_responses(ResponseCache(store, lambda: None))
    first.configure(limit, 0.8, auto_cleanup=True, restart=False)
    value = b"v" * 1_000_000
    for number in range(150):
        for store in stores:
            store.put(number.to_bytes(16), value)
    share = limit // 16 // 2
    assert [share - len(value) < store.size()[1] <= share for store in stores] == [True, True]
    second.set_responses(None)
    assert stores[0].put(b"x" * 16, value) == 0  # it has the whole part now
    first.configure(None, 0.8, auto_cleanup=True, restart=False)
    for number in range(1000, 1300):
        stores[0].put(number.to_bytes(16), value)
    assert stores[0].size()[1] > 2 * share


def test_a_store_that_may_keep_nothing_keeps_nothing():
    store = MemoryStore(entries=3, seconds=60)
    store.bound(2)
    assert store.put(b"k" * 16, b"long") == 0
    assert store.size() == (0, 0)


def test_remembered_vectors_are_bounded_in_bytes_and_counted():
    embedder = Embedder()
    vector = np.zeros(384, np.float32)
    for number in range(2_000):
        embedder._short_texts.put(str(number), vector.copy())
        embedder._short_texts.put(str(number), vector.copy())
        embedder._queries.put(str(number), vector.copy())
    assert embedder.cache_bytes == (2_000 + 1_024) * vector.nbytes
    embedder.limit_cache(80 * vector.nbytes)
    assert embedder.cache_bytes == 80 * vector.nbytes
    assert embedder._short_texts.get("1999") is not None
    embedder.free()
    assert embedder.cache_bytes == 0


def test_an_embedder_that_is_made_under_a_limit_is_bounded_too(member):
    member(2 * ALONE).set_responses(None)
    assert Embedder()._short_texts._max_bytes == 2 * ALONE // 16 - 2 * ALONE // 16 // 8


def test_clean_up_frees_resident_memory(member, tmp_path):
    client, second = member(), member()
    store, embedder = MemoryStore(entries=100_000, seconds=60), Embedder()
    file = FileStore(tmp_path, group=b"g", entries=10, seconds=60)
    file.put(b"k", b"v")
    client.set_responses(ResponseCache(store, lambda: None))
    second.set_responses(ResponseCache(file, lambda: None))
    for number in range(8_000):
        store.put(number.to_bytes(16), os.urandom(10_000))
        embedder._short_texts.put(str(number), np.ones(384, np.float32))
    before, parts = process_memory.process_bytes(), client.stats().parts
    assert parts.caches >= 80_000_000 + 8_000 * 1_536
    response = client.cleanup()
    assert response.freed >= 60_000_000
    assert before - process_memory.process_bytes() >= 60_000_000
    assert response.before.parts.caches - response.after.parts.caches >= 80_000_000 + 8_000 * 1_536
    assert response.after.freed >= response.freed
    assert file.get(b"k") == b"v"


def test_memory_is_freed_after_a_call_where_the_limit_is_near_and_not_again_at_once(
    member, monkeypatch
):
    client = member()
    monkeypatch.setattr(process_memory._process, "cleaned_at", float("-inf"))
    client.own_limit = MemoryLimit(size=process_memory.process_bytes(), is_automatic=False)
    before = process_memory._process.cleanups
    for auto, tidy, expected in [
        (False, True, 0),
        (True, False, 0),
        (True, True, 1),
        (True, True, 1),
    ]:
        client.own_limit = MemoryLimit(size=process_memory.process_bytes(), is_automatic=auto)
        with client.call(tidy=tidy):
            pass
        assert process_memory._process.cleanups - before == expected
    client.own_limit = MemoryLimit(size=100 * process_memory.process_bytes())
    monkeypatch.setattr(process_memory._process, "cleaned_at", float("-inf"))
    with client.call(tidy=True):
        pass
    assert process_memory._process.cleanups - before == 1


def test_a_batch_waits_for_memory_and_then_gives_its_items_an_error(member, monkeypatch):
    monkeypatch.setattr(batch_throttle, "WAIT_SECONDS", 0.3)
    client = member()
    throttle = BatchThrottle(client)
    assert (throttle.is_near_limit(), throttle.wait_for_memory()) == (False, None)
    client.own_limit = MemoryLimit(size=process_memory.process_bytes() // 2)
    start = time.monotonic()
    assert throttle.is_near_limit()
    error = throttle.wait_for_memory()
    assert error is not None
    assert error.retryable
    assert f"the limit is {client.own_limit.size:,}" in str(error)
    assert time.monotonic() - start >= 0.3
    start = time.monotonic()
    assert (
        throttle.wait_for_memory() is not None
    )  # nobody waits for each of a hundred thousand items
    assert time.monotonic() - start < 0.2
    client.own_limit = MemoryLimit(size=3 * process_memory.process_bytes())
    assert (throttle.is_near_limit(), throttle.wait_for_memory()) == (False, None)


def test_a_batch_goes_on_as_soon_as_there_is_memory(member):
    client = member()
    client.own_limit = MemoryLimit(size=process_memory.process_bytes() // 2)
    raised = threading.Timer(
        0.3,
        lambda: setattr(client, "own_limit", MemoryLimit(size=3 * process_memory.process_bytes())),
    )
    raised.start()
    assert BatchThrottle(client).wait_for_memory() is None
    raised.join()


def test_groups_are_smaller_where_the_limit_is_near(member):
    client = member()
    assert [client.is_group_full(100, items, 10**9) for items in (99, 100)] == [False, True]
    client.own_limit = MemoryLimit(size=100 * process_memory.process_bytes())
    assert [
        client.is_group_full(100, 99, count)
        for count in (process_memory.BATCH_CHARACTERS - 1, process_memory.BATCH_CHARACTERS)
    ] == [False, True]
    client.own_limit = MemoryLimit(size=process_memory.process_bytes())
    assert [client.is_group_full(100, items, 0) for items in (24, 25)] == [False, True]
    assert client.is_group_full(1, 1, 0)


def test_stats_without_a_limit_or_a_server(member):
    stats = member().stats()
    assert stats.current_usage == stats.parts.process > 0
    assert (
        stats.max_usage,
        stats.auto_cleanup,
        stats.parts.database_server,
        stats.database_heap,
    ) == (None, False, None, None)
    assert (stats.cleanup_threshold, stats.pending_restart) == (0.8, False)
    assert f"{stats.current_usage}".isdigit()


FORK = """
import os, threading, warnings
warnings.simplefilter("ignore")
from mcp_context_persistence.ingest.models import registry
from mcp_context_persistence.runtime import process_memory
from mcp_context_persistence.runtime.process_memory import ClientMemory
client = ClientMemory(10**9, managed=False)
client.open(None, None)
held_up = threading.Event()
model = registry.Lazy(lambda: 7, lambda _: 0)
def hold():
    process = process_memory._process
    with process.lock, process.cleaning, process.sizing, registry._lock, model.using():
        held_up.set()
        threading.Event().wait(60)
threading.Thread(target=hold, daemon=True).start()
held_up.wait()
child = os.fork()
if not child:
    with model.using() as loaded:
        limit, freed = process_memory.current_limit(), process_memory.free_memory()
        print(limit, freed >= 0, registry._max_cache_bytes, loaded, flush=True)
    os._exit(0)
os.waitpid(child, 0)
os._exit(0)
"""


def test_a_forked_child_begins_without_a_limit_and_without_locks():
    done = subprocess.run(
        [sys.executable, "-c", FORK],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["None", "True", "None", "7"]


def test_many_threads_measure_and_clean(member):
    client = member(9 * ALONE)
    client.set_responses(ResponseCache(MemoryStore(entries=10, seconds=60), lambda: None))
    failed = []

    def work():
        try:
            for _ in range(5):
                client.stats()
                process_memory.free_memory()
                with client.call(tidy=True):
                    registry.free_all()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
