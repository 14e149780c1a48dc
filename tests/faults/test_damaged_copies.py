"""A folder is copied while its server writes: the copy is checked before it is used."""

import json
import logging
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ContextPersistenceError, DatabaseError
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local.store import Store
from tests.faults.local_stores import copy, stopped_at_the_end

log = logging.getLogger(__name__)

VALUES = Path("data/databases/neo4j/neostore.propertystore.db.strings")
STAGES: list[str] = []


def write(client, number):
    """Give some entities long metadata that say which write they are of."""
    letters = "".join(random.Random(number).choices("abcdefghijklmnopqrstuvwxyz", k=30_000))
    metadata = {"number": number, "letters": letters}
    client.update_knowledge_graph(
        [{"id": f"e{place}", "type": "thing", "metadata": metadata} for place in range(4)], []
    )


def stored_numbers(client):
    """Return the numbers of the writes whose metadata are stored."""
    rows = client._engine.graph.driver.execute_query(
        "MATCH (e:Entity {namespace: $n}) WHERE e.metadata IS NOT NULL RETURN e.metadata AS text",
        n=client._engine.namespace,
    ).records
    return {json.loads(row["text"])["number"] for row in rows}


def open_copy(store):
    STAGES.clear()
    return ContextPersistenceClient(
        f"local:{store}",
        config={"deadline": 120.0},
        progress=lambda stage, *_: STAGES.append(stage),
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Return a stopped store with the second write, and its values as they were after the first."""
    store, older = tmp_path_factory.mktemp("copies") / "store", []
    with stopped_at_the_end(store):
        for number in (1, 2):
            with ContextPersistenceClient(f"local:{store}") as client:
                write(client, number)
            local.stop(store, force=True)
            older.append((store / VALUES).read_bytes())
        yield store, older[0]


def set_phase(store, phase):
    """Make a copy look as if it was made in another phase of its server."""
    row = json.loads(Store(store).state_file.read_text())
    Store(store).state_file.write_text(json.dumps({**row, "phase": phase}))


def test_a_copy_of_a_stopped_store_is_not_checked(original, tmp_path):
    store = copy(original[0], tmp_path / "copy")
    with stopped_at_the_end(store), open_copy(store) as client:
        assert stored_numbers(client) == {2}
    assert "check" not in STAGES


def test_a_copy_of_a_running_store_is_checked_once(original, tmp_path):
    store = copy(original[0], tmp_path / "copy")
    set_phase(store, "running")
    with stopped_at_the_end(store):
        with open_copy(store) as client:
            assert stored_numbers(client) == {2}
        assert "check" in STAGES
        assert not Store(store).unchecked.exists()
        with open_copy(store) as client:
            assert stored_numbers(client) == {2}
        assert "check" not in STAGES


def test_a_copy_with_older_and_newer_files_is_refused(original, tmp_path):
    store = copy(original[0], tmp_path / "copy")
    set_phase(store, "running")
    (store / VALUES).write_bytes(original[1])
    with stopped_at_the_end(store):
        for _ in range(2):
            with pytest.raises(DatabaseError, match="its data is damaged: stop the") as caught:
                open_copy(store)
            assert not caught.value.retryable
        assert not list(Store(store).temporary.glob("*.report"))
        Store(store).unchecked.unlink()  # as the error says
        with open_copy(store) as client, pytest.raises(ContextPersistenceError):
            client.query_knowledge_graph("e0")


SLOW_COPY = """
import os, shutil, sys, time
def copy(source, target):
    if os.path.isdir(source):
        os.mkdir(target)
        for name in os.listdir(source):
            try:
                copy(os.path.join(source, name), os.path.join(target, name))
            except FileNotFoundError:
                pass
    else:
        with open(source, "rb") as old, open(target, "wb") as new:
            while block := old.read(1 << 20):
                new.write(block)
                time.sleep(0.02)
        time.sleep(0.05)
    shutil.copystat(source, target)
copy(*sys.argv[1:])
"""


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_copy_made_during_writes_is_refused_or_raises_documented_errors_only(tmp_path):
    store, ends = tmp_path / "store", threading.Event()
    refusals, readable = [], []
    with stopped_at_the_end(store), ContextPersistenceClient(f"local:{store}") as client:

        def write_on():
            number = 0
            while not ends.is_set():
                number += 1
                write(client, number)

        writer = threading.Thread(target=write_on)
        writer.start()
        try:
            time.sleep(5)
            for number in range(8):
                target = tmp_path / f"copy{number}"
                subprocess.run([sys.executable, "-c", SLOW_COPY, store, target], check=True)
                with stopped_at_the_end(target):
                    try:
                        with open_copy(target) as copied:
                            readable.append(is_readable(copied))
                    except DatabaseError as error:
                        refusals.append(str(error))
                shutil.rmtree(target)
        finally:
            ends.set()
            writer.join()
    assert all("its data is damaged" in text for text in refusals), refusals
    log.info("%d copies refused, readable: %s", len(refusals), readable)


def is_readable(client):
    """Call what reads the metadata; return whether none of them is damaged."""
    try:
        client.query_knowledge_graph("e0")
        client.search_hybrid("e1")
        write(client, 0)
    except ContextPersistenceError:
        return False
    return True
