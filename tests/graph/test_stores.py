"""Stores as the client uses them: data outlives the server, and throwaway graphs are isolated."""

import contextlib
import os
import signal
import socket
import threading
import time

import psutil
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store whose server the tests kill; the next test opens it with what is there."""
    store = tmp_path_factory.mktemp("stores") / "store"
    yield store
    local.stop(store, force=True)


def test_saved_data_outlives_a_killed_server_and_the_client(store):
    with ContextPersistenceClient(f"local:{store}", config={"deadline": 120.0}) as client:
        client.save_conversation(
            "c", [{"role": "user", "content": "remember me"}], mode="knowledge"
        )
        os.kill(local.read_status(store).pid, signal.SIGKILL)
        assert client.load_conversation_history("c").messages[0].content == "remember me"
        client.save_conversation("d", [{"role": "user", "content": "after"}], mode="knowledge")
        assert client.get_conversation_stats().stats.total_conversations == 2
    local.stop(store)
    with ContextPersistenceClient(f"local:{store}") as client:
        assert client.load_conversation_history("d").total_messages == 1


def test_memory_clients_share_a_server_but_no_data():
    with (
        ContextPersistenceClient(":memory:") as first,
        ContextPersistenceClient(":memory:") as second,
    ):
        first.save_conversation("c", [{"role": "user", "content": "mine"}], mode="knowledge")
        assert second.get_conversation_stats().stats.total_conversations == 0
        assert first._engine.connection.attachment is second._engine.connection.attachment


def listener(port):
    """Start a foreign server, which records what it receives."""
    heard: list[bytes] = []
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen()

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = sock.accept()
                connection.settimeout(2)
                with contextlib.suppress(OSError):
                    connection.sendall(b"\x00\x00\x04\x05" if connection.recv(20) else b"")
                    heard.append(connection.recv(4096))
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return sock, heard


def test_a_foreign_server_on_the_old_port_gets_no_password(store):
    with ContextPersistenceClient(
        f"local:{store}", namespace="foreign", config={"deadline": 120.0}
    ) as client:
        client.save_conversation(
            "c", [{"role": "user", "content": "remember me"}], mode="conversation"
        )
        address = client._engine.connection.attachment
        assert address is not None
        before, port = address.bolt_url, int(address.bolt_url.rsplit(":", 1)[1])
        state = Store(store).read_state()
        os.kill(state.supervisor, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while psutil.pid_exists(state.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        sock, heard = listener(port)
        try:
            assert client.load_conversation_history("c").messages[0].content == "remember me"
        finally:
            sock.close()
        assert address.bolt_url != before
        assert address.password.encode() not in b"".join(heard)


@pytest.mark.long
def test_threads_can_open_a_store_and_restart_its_server_at_the_same_time(tmp_path):
    store = tmp_path / "store"
    results, errors = [], []

    def run(work):
        def once():
            try:
                results.append(work())
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=once) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    try:
        run(lambda: ContextPersistenceClient(f"local:{store}", config={"deadline": 120.0}))
        assert errors == []
        client, clients = results[0], list(results)
        os.kill(Store(store).read_state().supervisor, signal.SIGKILL)
        results.clear()
        run(lambda: client.get_conversation_stats().stats.total_messages)
        assert (errors, results) == ([], [0] * 8)
        for open_client in clients:
            open_client.close()
    finally:
        local.stop(store, force=True)


def test_a_forked_child_refuses_the_parents_client_and_opens_its_own(server, namespace):
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as client:
        client.save_conversation("c", [{"role": "user", "content": "mine"}], mode="conversation")
        child = os.fork()
        if child == 0:
            code = 1
            with contextlib.suppress(BaseException):
                try:
                    client.get_conversation_stats()
                except DatabaseError as error:
                    code = 0 if "parent" in str(error) else 2
                client.close()
                with ContextPersistenceClient(
                    server.bolt_url, auth=server.auth, namespace=namespace
                ) as own:
                    code += own.get_conversation_stats().stats.total_messages - 1
            os._exit(code)
        for _ in range(20):
            assert client.load_conversation_history("c").messages[0].content == "mine"
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.load_conversation_history("c").messages[0].content == "mine"


def test_a_closed_client_raises_a_database_error(server, namespace):
    client = ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace)
    client.close()
    with pytest.raises(DatabaseError, match="closed") as caught:
        client.get_conversation_stats()
    assert not caught.value.retryable
