"""Faults around a call: replaced pools, foreign listeners, forks with locks, early closes."""

import contextlib
import os
import socket
import threading
import time
from concurrent.futures import Future

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError

COUNT = Statement(name="maintenance/components", parameters={}, read=as_is)


def in_time(work, seconds=30):
    """What `work` returns or raises, which must be in time."""
    done: Future[object] = Future()

    def run():
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done.result(seconds)


def in_child(work, seconds=30):
    """What `work` returns in a forked child, which must end in time."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        text = "no error"
        try:
            text = str(work())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, text.encode())
            os._exit(0)
    os.close(writing)
    until = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > until:
            os.kill(child, 9)
            os.waitpid(child, 0)
            raise AssertionError("the child hangs")
        time.sleep(0.02)
    with os.fdopen(reading, "rb") as answer:
        return answer.read().decode()


def call_on(client, errors):
    """Calls until one fails."""
    try:
        while True:
            client.get_conversation_stats()
    except Exception as error:
        errors.append(error)


def unused_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def foreign(*, speaks):
    """Listen as a foreign program that records its input; it answers the handshake or nothing."""
    heard = []
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()

        def serve(connection):
            with contextlib.suppress(OSError), connection:
                connection.settimeout(60)
                if speaks and connection.recv(20):
                    connection.sendall(b"\x00\x00\x04\x05")
                while data := connection.recv(4096):
                    heard.append(data)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(sock.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"bolt://127.0.0.1:{sock.getsockname()[1]}", heard


@pytest.fixture(scope="module")
def managed(tmp_path_factory):
    store = tmp_path_factory.mktemp("faults") / "store"
    try:
        with ContextPersistenceClient(f"local:{store}", config={"deadline": 20.0}) as client:
            yield client
    finally:
        local.stop(store, force=True)


@pytest.mark.parametrize("speaks", [True, False])
def test_a_listener_that_is_not_the_server_is_told_nothing_while_the_server_lives(managed, speaks):
    graph, address = managed._engine.graph, managed._engine.connection.attachment
    with foreign(speaks=speaks) as (url, heard):
        graph._lifecycle.move(url)
        assert in_time(lambda: managed.get_conversation_stats().success) is True
        assert address.password.encode() not in b"".join(heard)
        assert heard == []
    assert graph._lifecycle.pool.uri == address.bolt_url


def test_a_server_that_lives_but_gave_its_port_up_is_not_trusted_with_that_port(managed):
    address = managed._engine.connection.attachment
    assert address.credentials(address.bolt_url) == (address.user, address.password)
    assert address.credentials(f"bolt://127.0.0.1:{unused_port()}") is None
    state = address._state
    try:
        address._state = type(state)(**{**state.__dict__, "bolt_port": unused_port()})
        assert address.credentials(address.bolt_url) is None
    finally:
        address._state = state


def test_a_password_that_has_changed_is_read_again(managed):
    graph, address = managed._engine.graph, managed._engine.connection.attachment
    right = address.password
    try:
        address.password = "stale"
        graph._lifecycle.move(f"bolt://127.0.0.1:{unused_port()}")
        assert in_time(lambda: managed.get_conversation_stats().success) is True
        assert address.password == right
    finally:
        address.password = right


def test_a_server_that_moved_before_the_first_statement_is_found(server):
    graph = Graph(
        f"bolt://127.0.0.1:{unused_port()}",
        server.auth,
        deadline=10,
        revive=lambda: server.bolt_url,
    )
    try:
        assert in_time(lambda: graph.run(COUNT))
    finally:
        graph.close()


def test_calls_outlive_the_replacement_of_the_pool(server):
    first = server.bolt_url.replace("localhost", "127.0.0.1")
    graph, errors, calls = Graph(first, server.auth, deadline=30), [], []
    over = threading.Event()

    def work():
        while not over.is_set():
            try:
                calls.append(len(graph.run(COUNT)))
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    try:
        for thread in threads:
            thread.start()
        for number in range(30):
            time.sleep(0.05)
            graph._lifecycle.move(first if number % 2 else first.replace("127.0.0.1", "localhost"))
        over.set()
        for thread in threads:
            thread.join(40)
        assert errors == []
        assert calls
    finally:
        over.set()
        graph.close()


def test_a_client_that_is_closed_while_its_server_is_sought_says_so(server):
    def revive():
        graph.close()
        raise DatabaseError("This attachment to the local server is closed: attach again.")

    graph = Graph(f"bolt://127.0.0.1:{unused_port()}", server.auth, deadline=10, revive=revive)
    with pytest.raises(DatabaseError, match="the client is closed") as caught:
        graph.run(COUNT)
    assert not caught.value.retryable


def test_calls_that_run_while_the_client_is_closed_say_so(server, namespace):
    for _ in range(3):
        client, errors = (
            ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace),
            [],
        )
        threads = [threading.Thread(target=call_on, args=(client, errors)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        client.close()
        for thread in threads:
            thread.join(30)
        assert [
            (type(error), "the client is closed" in str(error), error.retryable) for error in errors
        ] == [(DatabaseError, True, False)] * 4


def test_the_pool_of_a_closed_or_forked_graph_is_not_given_out(server):
    graph = Graph(server.bolt_url, server.auth)
    assert "parent" in in_child(lambda: graph.driver)
    graph.close()
    with pytest.raises(DatabaseError, match="the client is closed"):
        _ = graph.driver


def test_a_fork_while_the_first_contact_is_made_does_not_stop_the_child(server):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        graph = Graph(f"bolt://127.0.0.1:{mute.getsockname()[1]}", server.auth, deadline=5)

        def call():
            with contextlib.suppress(DatabaseError):
                graph.run(COUNT)

        caller = threading.Thread(target=call)
        caller.start()
        try:
            with mute.accept()[0]:
                assert "parent" in in_child(lambda: graph.run(COUNT), seconds=3)
        finally:
            graph.close()
            caller.join(30)


def test_a_client_with_metrics_is_closed_in_a_child_without_a_wait(server, namespace):
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=namespace, enable_metrics=True, metrics_port=0
    ) as client:
        assert in_child(client.close, seconds=5) == "None"
        assert client.get_conversation_stats().success


def test_a_managed_client_in_a_child_is_refused_and_its_close_leaves_the_parent_alone(managed):
    before = local.read_status(managed._engine.connection.attachment.store).clients
    assert "belongs to the parent process" in in_child(managed.get_conversation_stats)
    assert in_child(managed.close) == "None"
    assert local.read_status(managed._engine.connection.attachment.store).clients == before
    assert managed.get_conversation_stats().success


def test_a_server_that_took_the_place_of_the_stopped_one_goes_on(managed):
    address = managed._engine.connection.attachment
    now = local.read_size(address.store).pid
    address.restart(now + 1)  # another call has restarted that one already
    assert local.read_size(address.store).pid == now == address.server_pid


def test_calls_that_find_the_server_gone_at_the_same_time_start_it_once(managed, monkeypatch):
    from mcp_context_persistence.kg.local import attachment, joining

    address, joins, errors = managed._engine.connection.attachment, [], []
    join = joining.join_server

    def count(*args, **options):
        joins.append(threading.get_ident())
        time.sleep(1)  # the others come meanwhile
        return join(*args, **options)

    def renew():
        try:
            address.renew()
        except Exception as error:
            errors.append(error)

    monkeypatch.setattr(attachment, "join_server", count)
    threads = [threading.Thread(target=renew) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert len(joins) == 1
    assert managed.get_conversation_stats().success


def test_a_renewal_that_failed_fails_for_all_who_waited_and_the_next_one_is_a_new_try(
    managed, monkeypatch
):
    from mcp_context_persistence.kg.local import attachment

    address, errors = managed._engine.connection.attachment, []

    def fail(*_, **__):
        time.sleep(1)
        raise DatabaseError("no server today")

    def renew():
        try:
            address.renew()
        except DatabaseError as error:
            errors.append(str(error))

    with monkeypatch.context() as patch:
        patch.setattr(attachment, "join_server", fail)
        threads = [threading.Thread(target=renew) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert errors == ["no server today"] * 4
    address.renew()
    assert managed.get_conversation_stats().success


def test_a_server_of_a_faulty_version_is_refused_when_a_client_is_opened(server, monkeypatch):
    class Components:
        def text(self):
            return (
                "RETURN 'Neo4j Kernel' AS name, ['2025.12.1'] AS versions, 'community' AS edition"
            )

    monkeypatch.setattr("mcp_context_persistence.kg.driver.graph.read_components", Components)
    with pytest.raises(DatabaseError, match=r"Neo4j 2025\.12\.1 can match or merge wrong nodes"):
        ContextPersistenceClient(server.bolt_url, auth=server.auth)
