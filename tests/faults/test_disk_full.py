"""The disk of a store is full: the error names it, and calls work again once there is space."""

import os
import shutil
import signal
import time

import neo4j
import psutil
import pytest
from neo4j.exceptions import Neo4jError

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.limits import FREE_BYTES, OPEN_SECONDS
from mcp_context_persistence.kg.local.store import Store
from tests.faults.local_stores import (
    QUICK,
    eventually,
    fill,
    is_gone,
    run,
    small_disk,
    state_of,
    stopped_at_the_end,
)

DEADLINE = 120.0  # a busy machine takes its time to start a server
TEXT = "a text of some length, so that the disk has no room for it. " * 150


def save(client, name, size=1):
    return client.save_conversation(
        name, [{"role": "user", "content": TEXT}] * size, mode="conversation"
    )


def save_until_full(client):
    for number in range(100):
        save(client, f"during{number}", size=5)


def create_until_full(attached):
    """Write without our client, which handles full disks; return the acknowledged ids."""
    acknowledged = set()
    auth = (attached.user, attached.password)
    with (
        neo4j.GraphDatabase.driver(attached.bolt_url, auth=auth) as driver,
        driver.session() as session,
    ):
        for number in range(5_000):
            try:
                session.run(
                    "CREATE (:Kept {id: $id, text: $text})", id=number, text=TEXT * 5
                ).consume()
            except Neo4jError:
                return acknowledged
            acknowledged.add(number)
    return pytest.fail("the disk was never full")


def test_the_error_names_a_full_disk_and_calls_work_again_with_free_space(tmp_path):
    with small_disk(tmp_path / "disk", "60m") as disk, stopped_at_the_end(disk / "store"):
        with ContextPersistenceClient(
            f"local:{disk / 'store'}", config={"deadline": DEADLINE}
        ) as client:
            save(client, "before")
            server = state_of(disk / "store").pid
            fill(disk)
            with pytest.raises(DatabaseError, match="is full") as caught:
                save_until_full(client)
            assert caught.value.retryable
            assert str(disk / "store") in str(caught.value)
            assert "bytes are free" in str(caught.value)
            for call in (
                client.get_conversation_stats,
                lambda: client.load_conversation_history("before"),
            ):
                began = time.monotonic()
                with pytest.raises(DatabaseError, match="is full") as caught:
                    call()
                assert caught.value.retryable
                assert time.monotonic() - began < 10
            (disk / "ballast").unlink()
            assert client.load_conversation_history("before").total_messages == 1
            assert save(client, "after").success
            assert state_of(disk / "store").pid != server
        assert not Store(disk / "store").restart_order_file.exists()


def test_a_store_without_free_space_is_refused_at_once(tmp_path):
    with small_disk(tmp_path / "disk", "20m") as disk:
        for leave in (1 << 20, 0):
            fill(disk, leave=leave)
            began = time.monotonic()
            with pytest.raises(DatabaseError, match="is full") as caught:
                local.attach(disk / "store", settings=QUICK)
            assert caught.value.retryable
            assert str(disk / "store") in str(caught.value)
            assert f"{FREE_BYTES:,}" in str(caught.value)
            assert time.monotonic() - began < 15
            (disk / "ballast").unlink()
            shutil.rmtree(disk / "store", ignore_errors=True)


@pytest.mark.long
@pytest.mark.parametrize("leave", [0, 200_000, 1 << 20])
def test_a_disk_that_becomes_full_during_a_start_fails_the_start_early(
    tmp_path, monkeypatch, leave
):
    from mcp_context_persistence.kg.local import joining

    with small_disk(tmp_path / "disk", "60m") as disk, stopped_at_the_end(disk / "store"):
        monkeypatch.setattr(joining, "check_space", lambda folder: fill(disk, leave=leave))
        began = time.monotonic()
        failures = []
        try:
            with local.attach(disk / "store", settings=QUICK) as attached:
                run(attached, "RETURN 1")
        except DatabaseError as error:
            failures.append(error)
        assert [(error.retryable, "is full" in str(error)) for error in failures] in (
            [],
            [(True, True)],
        ), failures
        assert time.monotonic() - began < OPEN_SECONDS / 2
        monkeypatch.undo()
        (disk / "ballast").unlink()
        with local.attach(disk / "store", settings=QUICK) as attached:
            run(attached, "CREATE (:Kept)")


@pytest.mark.long
def test_stop_works_on_a_full_disk(tmp_path):
    with (
        small_disk(tmp_path / "disk", "60m") as disk,
        stopped_at_the_end(disk / "store"),
        local.attach(disk / "store", settings=QUICK),
    ):
        state = state_of(disk / "store")
        fill(disk)
        local.stop(disk / "store", force=True)
        eventually(lambda: is_gone(state))
        assert not local.read_status(disk / "store").running


@pytest.mark.long
def test_two_clients_continue_with_one_server_after_a_full_disk(tmp_path):
    with small_disk(tmp_path / "disk", "60m") as disk, stopped_at_the_end(disk / "store"):
        url = f"local:{disk / 'store'}"
        with (
            ContextPersistenceClient(url, config={"deadline": DEADLINE}) as first,
            ContextPersistenceClient(
                url, config={"deadline": DEADLINE}, namespace="other"
            ) as second,
        ):
            save(first, "a"), save(second, "a")
            for _ in range(2):
                fill(disk)
                with pytest.raises(DatabaseError, match="is full"):
                    save_until_full(first)
                (disk / "ballast").unlink()
                assert second.load_conversation_history("a").total_messages == 1
                pid = state_of(disk / "store").pid
                assert first.load_conversation_history("a").total_messages == 1
                assert state_of(disk / "store").pid == pid
        eventually(lambda: not local.read_status(disk / "store").clients)


@pytest.mark.long
@pytest.mark.parametrize("freed", ["before the last user leaves", "after it"])
def test_acknowledged_data_survives_when_the_last_client_leaves_on_a_full_disk(tmp_path, freed):
    with small_disk(tmp_path / "disk", "60m") as disk, stopped_at_the_end(disk / "store"):
        with ContextPersistenceClient(
            f"local:{disk / 'store'}", config={"deadline": DEADLINE}
        ) as client:
            save(client, "before")
            fill(disk)
            with pytest.raises(DatabaseError, match="is full"):
                save_until_full(client)
            state = state_of(disk / "store")
            if freed.startswith("before"):
                (disk / "ballast").unlink()
        eventually(lambda: is_gone(state))
        (disk / "ballast").unlink(missing_ok=True)
        with ContextPersistenceClient(
            f"local:{disk / 'store'}", config={"deadline": DEADLINE}
        ) as client:
            assert client.load_conversation_history("before").total_messages == 1
            assert save(client, "after").success
        assert not Store(disk / "store").panicked.exists()


@pytest.mark.long
@pytest.mark.parametrize("whom", ["the server alone", "the server and its supervisor"])
def test_a_store_opens_again_after_its_server_was_terminated_on_a_full_disk(tmp_path, whom):
    with small_disk(tmp_path / "disk", "60m") as disk, stopped_at_the_end(disk / "store"):
        with local.attach(disk / "store", settings=QUICK) as attached:
            fill(disk, leave=8 << 20)
            acknowledged = create_until_full(attached)
            state = state_of(disk / "store")
            for pid in (state.pid, state.supervisor)[: 1 if whom.endswith("alone") else 2]:
                os.kill(pid, signal.SIGTERM)
            time.sleep(3)  # its database is ended first, and may hang in that for ever
        eventually(lambda: is_gone(state))
        (disk / "ballast").unlink()
        with local.attach(disk / "store", settings=QUICK) as attached:
            stored = {row["id"] for row in run(attached, "MATCH (n:Kept) RETURN n.id AS id")}
            assert acknowledged <= stored
            run(attached, "CREATE (:Kept {id: -1})")
        assert not Store(disk / "store").panicked.exists()


@pytest.mark.long
def test_an_unreadable_end_of_the_log_is_reported_and_cut_off_on_demand(tmp_path):
    store = tmp_path / "store"
    with stopped_at_the_end(store):
        with local.attach(store, settings=QUICK) as attached:
            run(attached, "CREATE (:Kept {id: 1})")
            run(attached, "CREATE (:Kept {id: 2})")
            state = state_of(store)
            for pid in (state.supervisor, state.pid):
                if psutil.pid_exists(pid):
                    psutil.Process(pid).kill()
            eventually(lambda: is_gone(state))
        log = store / "data" / "transactions" / "neo4j" / "neostore.transaction.db.0"
        content = log.read_bytes().rstrip(b"\0")
        log.write_bytes(content + content[-300:-40] + bytes(range(1, 250)) * 8)
        with pytest.raises(
            DatabaseError, match="end of its transaction log cannot be read"
        ) as caught:
            local.attach(store, settings=QUICK)
        assert not caught.value.retryable
        Store(store).panicked.touch()
        with local.attach(store, settings=QUICK) as attached:
            assert run(attached, "MATCH (n:Kept) RETURN n.id AS id ORDER BY id") == [
                {"id": 1},
                {"id": 2},
            ]
        assert not Store(store).panicked.exists()
        assert list(Store(store).data.glob("**/corrupted-*.zip"))
