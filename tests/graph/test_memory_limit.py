"""The memory limit with managed servers: their sizes, restarts, and batches near the limit."""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import neo4j
import psutil
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.store import Store
from mcp_context_persistence.runtime import batch_throttle, process_memory
from mcp_context_persistence.runtime.memory_limit import MemoryLimit

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
TALK = [{"role": "user", "content": "The OrderValidator class uses pydantic."}]
HEAP = (
    'CALL dbms.queryJmx("java.lang:type=Memory") YIELD attributes '
    "RETURN attributes.HeapMemoryUsage.value.properties.max AS heap"
)
PAGES = 'SHOW SETTINGS YIELD name, value WHERE name = "server.memory.pagecache.size" RETURN value'
# Attaches to a store, says so, and leaves when told to.
OTHER = """
import sys
from pathlib import Path
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.store import Store
with local.attach(Path(sys.argv[1])):
    print("attached", flush=True)
    sys.stdin.readline()
"""


def server_settings(client):
    """Return heap and page cache of the server and of its command line, in MiB."""
    attached = client._engine.connection.attachment
    with neo4j.GraphDatabase.driver(
        attached.bolt_url, auth=(attached.user, attached.password)
    ) as driver:
        heap = driver.execute_query(HEAP).records[0]["heap"]
        pages = driver.execute_query(PAGES).records[0]["value"]
    line = psutil.Process(local.read_size(attached.store).pid).cmdline()
    flag = next(int(word[4:-1]) for word in line if word.startswith("-Xmx"))
    assert 0.95 * flag <= heap >> 20 <= flag + 8  # a collector counts a part out, or rounds it
    return flag, round(float(re.match(r"[\d.]+", pages)[0]))


@pytest.fixture
def place(tmp_path):
    yield tmp_path / "store"
    local.stop(tmp_path / "store", force=True)


@pytest.fixture
def client_and_store(place):
    """A server that was started again plans all statements again: long, on a busy machine."""
    with ContextPersistenceClient(f"local:{place}", config={"deadline": 120.0}) as client:
        yield client


def test_a_running_server_is_restarted_within_the_limit_with_its_data_and_url(
    client_and_store, place
):
    client_and_store.save_conversation("a", TALK)
    before, url = (
        client_and_store.get_memory_stats(),
        client_and_store._engine.connection.attachment.bolt_url,
    )
    assert server_settings(client_and_store) == (1024, 256)
    assert (before.max_usage, before.pending_restart, before.database_heap) == (
        None,
        False,
        1 << 30,
    )
    pid = local.read_size(place).pid
    stats = client_and_store.configure_memory_management(
        max_memory_usage="2GB", cleanup_threshold=0.8, auto_cleanup=True
    )
    heap, page_cache = server_settings(client_and_store)
    assert (
        (heap, page_cache)
        == (stats.database_heap >> 20, stats.database_page_cache >> 20)
        == (496, 32)
    )
    assert not stats.pending_restart
    assert stats.parts.database_server < before.parts.database_server
    assert stats.current_usage == stats.parts.process + stats.parts.database_server
    assert stats.parts.models >= 90_000_000
    assert client_and_store._engine.connection.attachment.bolt_url == url
    assert local.read_size(place).pid not in {0, pid}
    assert client_and_store.load_conversation_history("a").messages[0].content == TALK[0]["content"]
    assert client_and_store.save_conversation("b", TALK).success
    pid = local.read_size(place).pid
    client_and_store.configure_memory_management("2GB")  # nothing is left to do
    client_and_store.configure_memory_management("9GB")
    client_and_store.configure_memory_management(None)
    assert local.read_size(place).pid == pid
    with pytest.raises(ValidationError, match=r"2,000,000,000 bytes"):
        client_and_store.configure_memory_management("1.8GB")


def test_a_store_opened_with_a_limit_starts_with_the_limited_sizes(place):
    with ContextPersistenceClient(f"local:{place}", config={"max_memory_usage": "2GB"}) as client:
        stats = client.get_memory_stats()
        assert (stats.max_usage, stats.pending_restart, stats.auto_cleanup) == (
            2_000_000_000,
            False,
            True,
        )
        assert server_settings(client) == (496, 32)
    assert process_memory.current_limit() is None
    with pytest.raises(ValidationError, match="max_memory_usage"):
        ContextPersistenceClient(f"local:{place}", config={"max_memory_usage": "1.1GB"})


def test_a_server_in_use_by_another_process_is_not_restarted(client_and_store, place, monkeypatch):
    pid = local.read_size(place).pid
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(place)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "attached\n"
        assert client_and_store.configure_memory_management("2GB").pending_restart
        assert local.read_size(place).pid == pid
        with (
            monkeypatch.context() as grown
        ):  # the server counts as its share then, and truly in the statistics
            grown.setattr(client_and_store._engine.memory, "_server_bytes", lambda: 1_500_000_000)
            assert (
                client_and_store._engine.memory.used_bytes(process_memory.current_limit())
                - process_memory.process_bytes()
                < 1_100_000_000
            )
            assert client_and_store.get_memory_stats().parts.database_server == 1_500_000_000
        other.communicate("\n")
    assert client_and_store.get_memory_stats().pending_restart
    assert client_and_store.configure_memory_management("2GB", restart_server=False).pending_restart
    psutil.Process(pid).kill()  # the supervisor starts it as it was
    until = time.monotonic() + 60
    while local.read_size(place).pid in {0, pid} and time.monotonic() < until:
        time.sleep(0.1)
    assert not client_and_store.configure_memory_management("2GB").pending_restart
    assert server_settings(client_and_store) == (496, 32)


def test_a_restart_request_for_another_server_is_ignored(managed_store):
    place = managed_store.store
    pid = local.read_size(place).pid
    for text in ("", "{", "[]", '{"nonce": "another", "heap": "400m", "page_cache": "32m"}'):
        replace_file(Store(place).size_order_file, text)
        until = time.monotonic() + 20
        while Store(place).size_order_file.exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert not Store(place).size_order_file.exists()
    assert local.read_size(place).pid == pid


def test_concurrent_calls_survive_a_restart(client_and_store):
    client_and_store.save_conversation("warm", TALK)
    failed, saved, ended = [], [], threading.Event()

    def save(name):
        number = 0
        while not ended.is_set():
            try:
                client_and_store.save_conversation(f"{name}-{number}", TALK)
                saved.append(f"{name}-{number}")
            except Exception as error:
                failed.append(error)
            number += 1

    writers = [threading.Thread(target=save, args=(str(number),)) for number in range(3)]
    for one in writers:
        one.start()
    try:
        assert client_and_store.configure_memory_management(
            "2GB"
        ).pending_restart  # they are at work
        client_and_store._engine.memory._calls -= (
            100  # now as if the server had been started again under them
        )
        assert not client_and_store.configure_memory_management("2GB").pending_restart
        client_and_store._engine.memory._calls += 100
        until = time.monotonic() + 240
        count = len(saved)
        while len(saved) < count + 6 and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        ended.set()
        for one in writers:
            one.join()
    assert failed == []
    assert len(saved) >= count + 6
    assert client_and_store.get_conversation_stats().stats.total_conversations >= len(saved)


def test_a_batch_without_memory_fails_items_and_a_second_run_saves_them(client, monkeypatch):
    monkeypatch.setattr(batch_throttle, "WAIT_SECONDS", 0.2)
    talks = [{"conversation_id": f"c{number}", "messages": TALK} for number in range(30)]
    client.configure_parallel_processing(chunk_size=10)
    client._engine.memory.own_limit = MemoryLimit(size=process_memory.process_bytes() // 2)
    for answers in (
        client.batch_save_conversations(talks),
        client.batch_extract_entities(["The Reader class."] * 30),
    ):
        assert len(answers) == 30
        assert all(
            not answer.success and "bytes of memory are in use" in answer.error
            for answer in answers
        )
    assert client.get_conversation_stats().stats.total_conversations == 0
    client._engine.memory.own_limit = MemoryLimit(size=3 * process_memory.process_bytes())
    assert all(answer.success for answer in client.batch_save_conversations(talks))
    assert all(
        answer.success for answer in client.batch_extract_entities(["The Reader class."] * 30)
    )


def test_a_batch_near_the_limit_uses_small_groups(client):
    talks = [{"conversation_id": f"c{number}", "messages": TALK} for number in range(40)]
    client.save_conversation("warm", TALK)
    client._engine.memory.own_limit = MemoryLimit(
        size=2 * process_memory.process_bytes(), threshold=0.0
    )
    for parallel in (True, False):
        assert all(
            answer.success for answer in client.batch_save_conversations(talks, parallel=parallel)
        )
    assert all(
        answer.success
        for answer in client.batch_extract_entities(["The Reader class."] * 30, parallel=True)
    )


def test_a_clean_up_empties_caches_and_responses_are_computed_again(client):
    client.save_conversation("a", TALK)
    client.configure_cache("memory")
    first = client.search_hybrid("who uses pydantic?")
    before = client.get_memory_stats()
    found = client.cleanup_memory()
    assert before.parts.caches > found.after.parts.caches == 0
    assert found.after.parts.models == before.parts.models > 90_000_000
    again = client.search_hybrid("who uses pydantic?")
    assert [one.id for one in again.results] == [one.id for one in first.results]
    assert client.get_memory_stats().parts.database_server is None  # it is known by its address


THROWAWAY = """
from mcp_context_persistence import ContextPersistenceClient
with ContextPersistenceClient(":memory:") as client:
    client.save_conversation("a", [{"role": "user", "content": "Kept."}])
    stats = client.configure_memory_management("2GB")
    message = client.load_conversation_history("a").messages[0]
print(stats.database_heap >> 20, stats.pending_restart, message.content)
"""


@pytest.mark.long
def test_a_throwaway_server_keeps_its_data_when_it_is_restarted():
    done = subprocess.run(
        [sys.executable, "-c", THROWAWAY],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    assert done.stdout == "496 False Kept.\n"
    assert "defunct" not in done.stderr


@pytest.mark.long
def test_real_messages_are_saved_within_the_limit():
    if not (DATA / "sgd").is_dir():
        pytest.skip(f"LOUD: the SGD data set is not at {DATA}")
    command = [
        sys.executable,
        "-m",
        "bench.speed.memory_usage",
        "--data",
        str(DATA),
        "--messages",
        "300",
        "--limit",
        "2.2GB",
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "peak" in done.stdout
