"""Old connections are silent while new ones work, as after a restarted host or a lost NAT entry."""

import logging
import threading
import time

import pytest

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.pool import IDLE_SECONDS
from mcp_context_persistence.kg.driver.statement import Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError
from tests.faults.attack import Attack
from tests.faults.proxy import Proxy

log = logging.getLogger(__name__)

LOOK = Statement(name="maintenance/components", read=as_is)
WRITE = Statement(
    name="namespace/touch",
    parameters={"batch": {"namespace": "dead-connections", "expected_state": None}},
    read=as_is,
    writes=True,
)
POOL = 30
DEADLINE = 20.0
SHORT_REST = 0.2
THREADS = "context-persistence-database"


def threads():
    return sum(thread.name == THREADS for thread in threading.enumerate())


def wait_until(is_true, seconds=20.0):
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.05)


def at_once(count, work):
    """Run `work` on so many threads at the same time; returns what each raised or returned."""
    results = []

    def run():
        try:
            results.append(work())
        except DatabaseError as error:
            results.append(error)

    callers = [threading.Thread(target=run) for _ in range(count)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    assert len(results) == count
    return results


def fill(graph, count=POOL):
    """Have so many connections in the pool: all are in use at the same time."""
    barrier = threading.Barrier(count)

    def work(run):
        run(LOOK)
        barrier.wait(60)

    return at_once(count, lambda: graph.transact(work, name="fill", deadline=60))


@pytest.fixture
def short_probe(monkeypatch):
    """Connections count as idle soon, and must answer within a second: these tests are short."""
    monkeypatch.setattr("mcp_context_persistence.kg.driver.pool.IDLE_SECONDS", SHORT_REST)
    monkeypatch.setattr("mcp_context_persistence.kg.driver.pool_lifecycle.PROBE_SECONDS", 1.0)


@pytest.fixture
def proxy(bolt_target):
    with Proxy.to(bolt_target.bolt_url) as proxy:
        yield proxy


@pytest.fixture
def graph(bolt_target, proxy):
    graph = Graph(proxy.url, bolt_target.auth, pool_size=POOL, deadline=DEADLINE)
    yield graph
    graph.close()


def test_the_next_call_works_after_all_idle_connections_have_died(short_probe, graph, proxy):
    assert fill(graph) == [None] * POOL
    assert proxy.open_connections == POOL
    time.sleep(SHORT_REST + 0.1)
    proxy.silence()
    assert graph.run(LOOK)
    wait_until(lambda: proxy.open_connections == 1)
    assert graph.run(WRITE)
    assert proxy.counts["connections"] == POOL + 1


def test_many_callers_at_once_find_new_connections(short_probe, graph, proxy):
    fill(graph)
    time.sleep(SHORT_REST + 0.1)
    proxy.silence()
    results = at_once(POOL + 10, lambda: graph.run(LOOK))
    assert [one for one in results if isinstance(one, DatabaseError)] == []


def test_calls_that_time_out_let_go_of_their_connections_and_threads(graph, proxy):
    graph.run(LOOK)
    before = threads()
    proxy.silence()
    proxy.cut("PULL", times=POOL, silent=True)  # also on connections that are new
    results = at_once(POOL, lambda: graph.run(WRITE, deadline=2))
    assert {one.outcome for one in results} == {"unknown"}
    assert all(one.retryable for one in results)
    proxy.heal()
    assert graph.run(LOOK)
    wait_until(lambda: threads() <= before + 8)
    assert graph.run(WRITE)


def test_calls_that_wait_for_a_connection_in_vain_sent_nothing(bolt_target, proxy):
    graph = Graph(proxy.url, bolt_target.auth, pool_size=1, deadline=DEADLINE)
    try:
        graph.run(LOOK)
        proxy.cut("PULL", silent=True)
        results = at_once(4, lambda: graph.run(WRITE, deadline=2))
        assert sorted(one.outcome for one in results) == ["not_applied"] * 3 + ["unknown"]
        assert graph.run(WRITE)
    finally:
        graph.close()


def test_a_black_hole_ends_in_time_and_its_threads_are_few(bolt_target, proxy):
    before = threads()  # those of other graphs may still wait for dead connections
    graph = Graph(proxy.url, bolt_target.auth, pool_size=3, deadline=DEADLINE)
    try:
        graph.run(LOOK)
        proxy.silence(new=True)
        start = time.monotonic()
        for _ in range(2):
            results = at_once(12, lambda: graph.run(LOOK, deadline=1))
            assert all(isinstance(one, DatabaseError) and one.retryable for one in results)
        assert time.monotonic() - start < 15
        assert threads() - before <= graph._lifecycle._thread_limit == 10
        proxy.heal()
        proxy.drop()
        assert graph.run(LOOK)
    finally:
        graph.close()


@pytest.mark.long
def test_the_next_call_works_with_the_usual_settings(bolt_target, proxy):
    graph = Graph(proxy.url, bolt_target.auth)
    try:
        fill(graph)
        time.sleep(IDLE_SECONDS + 0.1)
        proxy.silence()
        start = time.monotonic()
        assert graph.run(LOOK)
        assert time.monotonic() - start < 30
        log.warning("the next call took %.1f s", time.monotonic() - start)
    finally:
        graph.close()


def test_a_healthy_connection_is_used_again_after_a_rest(graph, proxy):
    graph.run(LOOK)
    time.sleep(IDLE_SECONDS + 0.1)
    resets = proxy.counts["RESET"]
    graph.run(LOOK)
    graph.run(LOOK)
    assert proxy.counts["RESET"] == resets + 1
    assert proxy.counts["connections"] == 1


@pytest.mark.parametrize("kind", ["bolt", "managed"])
def test_a_client_goes_on_after_its_connections_have_died(
    short_probe, kind, bolt_target, managed_target, direct, proxy
):
    target = bolt_target if kind == "bolt" else managed_target
    with target.client(Attack.namespace(), proxy) as client:
        client.save_conversation(
            "talk", [{"role": "user", "content": "We use pandas."}], mode="knowledge"
        )
        time.sleep(SHORT_REST + 0.1)
        proxy.silence()
        assert client.save_decision("talk", "style", "Tables are slow.", "Use pandas.").success
        assert client.load_conversation_history("talk").message_count == 1
        assert proxy.counts["swallowed requests"] >= 1
