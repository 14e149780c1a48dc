"""Calls where the system or Python refuses a thread or a file, and at the end of the process.

The scripts run in processes of their own, on the managed server of these tests.
"""

import asyncio
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.aio import AsyncContextPersistenceClient
from mcp_context_persistence.exceptions import DatabaseError
from tests.faults.local_stores import eventually
from tests.graph.hashing_model import HashingModel

ROOT = Path(__file__).resolve().parents[2]
WRITE_AT_THE_END = """
import asyncio, atexit, sys, threading
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.aio import AsyncContextPersistenceClient

url, mode = sys.argv[1:]
client = ContextPersistenceClient(url, namespace=mode)
client.get_conversation_stats()

def turns(text):
    return [{"role": "user", "content": text}, {"role": "user", "content": text + " Again."}]

async def write_async():
    async with AsyncContextPersistenceClient(url, namespace=mode) as async_client:
        await async_client.save_conversation("async", turns("Kafka uses Redis."))

def write():
    client.save_conversation("single", turns("The OrderValidator class uses pandas."))
    batch = [{"conversation_id": f"batch{i}", "messages": turns(f"OPS-{i}")} for i in range(3)]
    assert all(answer.success for answer in client.batch_save_conversations(batch))
    answers = client.batch_extract_entities(["Redis uses Linux."], store=True)
    assert all(answer.success for answer in answers)
    asyncio.run(write_async())
    names = ("single", "async", "batch0", "batch1", "batch2")
    print([len(client.load_conversation_history(name).messages) for name in names])
    client.close()

def write_after_main():
    main.join()
    write()

main = threading.main_thread()
if mode == "atexit":
    atexit.register(write)
else:
    threading.Thread(target=write_after_main).start()
"""
CALL_WITHOUT_FILES = """
import os, resource, sys
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ContextPersistenceError

client = ContextPersistenceClient(sys.argv[1], namespace="files", config={"deadline": 5})
client.save_conversation("warm", [{"role": "user", "content": "Kafka is fast."}])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
messages = [{"role": "user", "content": "Kafka uses Redis."}]
batch = [{"conversation_id": "batch", "messages": messages}]
calls = {
    "search": lambda: client.search_hybrid("order"),
    "graph": lambda: client.query_knowledge_graph("Kafka"),
    "decision": lambda: client.save_decision("warm", "technical", "Speed.", "We use Kafka."),
    "document": lambda: client.save_document("d", "Kafka uses Redis."),
    "memory": lambda: client.get_memory_stats(),
    "open": lambda: ContextPersistenceClient(sys.argv[1], namespace="files").close(),
    "new": lambda: ContextPersistenceClient(f"local:{sys.argv[2]}").close(),
}
for name, call in calls.items():
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        call()
    except ContextPersistenceError as error:
        answer = f"{error.retryable} {error.outcome} {'too many open files' in str(error)}"
    except BaseException as error:
        answer = f"raw {type(error).__name__}"
    else:
        answer = "worked"
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(name, answer)
    if name != "new":
        call()
client._engine.graph.reconnect()
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
print("batch", client.batch_save_conversations(batch)[0].success)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print("again", client.batch_save_conversations(batch)[0].success)
client.close()
"""
# The control groups of version 1, and those of version 2.
GROUPS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    (Path("/sys/fs/cgroup"), "memory.max"),
)
START_IN_LITTLE_MEMORY = """
import os, sys
from pathlib import Path
from mcp_context_persistence.kg import local

Path(sys.argv[2]).write_text(str(os.getpid()))
settings = local.ServerSettings(linger_seconds=0.0)
with local.attach(Path(sys.argv[1]), settings=settings) as attached:
    print(settings.heap, local.read_size(attached.store).heap >> 20)
"""
# Ctrl-C at every so many calls of functions while a client is opened.
INTERRUPT_OPENINGS = """
import gc, os, sys
from pathlib import Path
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg.local import leases

url, folder, step = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

def open_client(interrupted_call):
    calls = 0
    def count(frame, event, argument):
        nonlocal calls
        calls += 1
        if calls == interrupted_call:
            sys.settrace(None)
            raise KeyboardInterrupt
    sys.settrace(count)
    try:
        client = ContextPersistenceClient(url, namespace="interrupted")
    finally:
        sys.settrace(None)
    client.close()
    return calls

open_client(0)
interrupted_call, interruptions = 1, 0
while True:
    try:
        if open_client(interrupted_call) < interrupted_call:
            break
    except KeyboardInterrupt:
        interruptions += 1
    gc.collect()  # the error and its frames are gone here, and so is what they referred to
    assert os.getpid() not in leases.list_holders(folder), interrupted_call
    assert not leases._open_locks, interrupted_call
    interrupted_call += step
print(interruptions > 20, flush=True)
"""


def run(script, *arguments):
    """Return what the script printed; it must end by itself."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("mode", ["atexit", "thread"])
def test_everything_is_written_after_the_main_thread_has_ended(managed_target, mode):
    assert run(WRITE_AT_THE_END, f"local:{managed_target.store}", mode) == ["[2, 2, 2, 2, 2]"]


def test_calls_without_files_are_refused_and_the_next_ones_work(managed_target, tmp_path):
    refused = "True not_applied True"
    assert run(CALL_WITHOUT_FILES, f"local:{managed_target.store}", tmp_path / "new") == [
        f"search {refused}",
        f"graph {refused}",
        f"decision {refused}",
        f"document {refused}",
        f"memory {refused}",
        f"open {refused}",
        f"new {refused}",
        "batch False",
        "again True",
    ]


def test_an_opening_that_is_interrupted_leaves_nothing(managed_target):
    url, folder = f"local:{managed_target.store}", Path(managed_target.store) / "leases"
    assert run(INTERRUPT_OPENINGS, url, folder, 89) == ["True"]


def test_a_projection_whose_event_loop_was_closed_is_dropped_by_the_client(managed_target, direct):
    def list_projections():
        records = direct.execute_query("CALL gds.graph.list() YIELD graphName RETURN graphName")
        return records.records

    client = AsyncContextPersistenceClient(f"local:{managed_target.store}", namespace="loop")

    async def open_block():
        await client.save_conversation("c", [{"role": "user", "content": "Kafka uses Redis."}])
        await block.__aenter__()

    block = client.graph_data_science()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(open_block())
    loop.close()
    assert len(list_projections()) == 1
    asyncio.run(client.close())
    assert list_projections() == []


def test_calls_work_where_no_thread_can_be_started(managed_target, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    url, messages = f"local:{managed_target.store}", [{"role": "user", "content": "Kafka is old."}]
    batch = [{"conversation_id": f"batch{i}", "messages": messages} for i in range(3)]
    with ContextPersistenceClient(url, namespace="threads", config={"deadline": 5}) as client:
        client.get_conversation_stats()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            assert client.save_conversation("c", messages).success
            assert all(answer.success for answer in client.batch_save_conversations(batch))
            assert client.batch_extract_entities(["Redis uses Linux."])[0].stored
            with pytest.raises(DatabaseError, match="refuses another thread") as caught:
                ContextPersistenceClient(url, namespace="threads", config={"deadline": 1})
            assert (caught.value.retryable, caught.value.outcome) == (True, "not_applied")
            with pytest.raises(DatabaseError, match="refuses another thread") as caught:
                client.configure_embedding_model(HashingModel(384, 1))
            assert caught.value.retryable
        assert client.configure_embedding_model(HashingModel(384, 1), wait=True).success


@pytest.fixture
def group_of_1_gib() -> Iterator[Path]:
    """The file that takes the processes of a control group with 1 GiB of memory."""
    group = next(filter(None, (_make_group(root, limit) for root, limit in GROUPS)), None)
    if group is None:
        pytest.skip("NO CONTROL GROUP CAN BE MADE HERE: a container's limit is not tried")
    yield group / "cgroup.procs"
    eventually(partial(_has_no_process, group))
    group.rmdir()


def _make_group(root: Path, limit: str) -> Path | None:
    group = root / f"context-{uuid.uuid4().hex}"
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        (group / limit).write_text(str(1 << 30))
    except OSError:  # the groups of version 2 need not have this controller
        group.rmdir()
        return None
    return group


def _has_no_process(group: Path) -> bool:
    return not (group / "cgroup.procs").read_text()


def test_a_server_starts_in_a_container_with_little_memory(
    tmp_path: Path, group_of_1_gib: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START_IN_LITTLE_MEMORY, tmp_path / "store", group_of_1_gib],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.stdout, done.returncode) == ("496m 496\n", 0), done.stderr
