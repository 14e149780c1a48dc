"""Indexes that failed while a server started: an open client creates them again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.limits import FREE_FILES
from mcp_context_persistence.kg.schema import indexes, migrations
from tests.faults.local_stores import (
    eventually,
    is_gone,
    small_disk,
    state_of,
    stopped_at_the_end,
)

DEADLINE = 120.0  # a busy machine takes its time to start a server
TEXT = [{"role": "user", "content": "Irrigation of the garden."}]


def unfinished(graph: Graph) -> dict[str, str]:
    """Return the indexes that are not ready, with what they are instead."""
    existing = indexes.read_indexes(graph)
    verdicts = {
        index.name: index.assess(existing)
        for index in migrations.list_required_indexes(graph, vector_size=384)
    }
    return {name: verdict for name, verdict in verdicts.items() if verdict != "ready"}


def fail_lucene_indexes(store: Path) -> int:
    """Note a failure in each fulltext and vector index of a stopped store, as the server does."""
    folders = (store / "data/databases/neo4j/schema/index").glob("[fv]*/*/")
    files = [folder / "failure-message" for folder in folders]
    for file in files:
        file.write_bytes(b"\x01no space was left".ljust(100, b"\0"))
    return len(files)


def test_indexes_that_failed_at_a_start_are_created_again_for_an_open_client(tmp_path):
    store = tmp_path / "store"
    with (
        stopped_at_the_end(store),
        ContextPersistenceClient(f"local:{store}", config={"deadline": DEADLINE}) as client,
    ):
        client.save_conversation("talk", TEXT)
        state = state_of(store)
        os.kill(state.supervisor, signal.SIGKILL)
        os.kill(state.pid, signal.SIGKILL)
        eventually(lambda: is_gone(state))
        assert fail_lucene_indexes(store) == 2
        for mode in ("keyword", "semantic"):
            filters = {"content_types": "message"}
            found = client.search_hybrid("irrigation of the garden", mode, filters).results
            assert [result.conversation_id for result in found] == ["talk"]
        assert unfinished(client._engine.graph) == {}


@contextmanager
def no_free_files(disk: Path, *, leave: int) -> Iterator[None]:
    """Use up the files that a small disk may have during the block."""
    folder = disk / "files"
    folder.mkdir()
    try:
        with suppress(OSError):
            for number in range(1_000_000):
                (folder / str(number)).touch()
        for file in list(folder.iterdir())[:leave]:
            file.unlink()
        yield
    finally:
        for file in folder.iterdir():
            file.unlink()


@pytest.mark.long
def test_a_disk_without_free_files_is_named_and_harms_no_index(tmp_path):
    with small_disk(tmp_path / "disk", "300m,nr_inodes=1000") as disk:
        store = disk / "store"
        with (
            stopped_at_the_end(store),
            ContextPersistenceClient(f"local:{store}", config={"deadline": DEADLINE}) as client,
        ):
            client.save_conversation("talk", TEXT)
            with no_free_files(disk, leave=20):
                os.kill(state_of(store).pid, signal.SIGKILL)
                with pytest.raises(DatabaseError, match=f"{FREE_FILES} are needed") as caught:
                    client.save_conversation("other", TEXT)
                assert caught.value.retryable
            assert client.save_conversation("other", TEXT).success
            found = client.search_hybrid("irrigation of the garden").results
            assert {result.conversation_id for result in found} == {"talk", "other"}
            assert unfinished(client._engine.graph) == {}
