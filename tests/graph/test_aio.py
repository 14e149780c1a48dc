"""The client for asyncio on a real server: what is cancelled leaves nothing behind."""

import asyncio
import threading
import time

import neo4j
import pytest

from mcp_context_persistence import AsyncContextPersistenceClient
from mcp_context_persistence.kg import limits
from mcp_context_persistence.models import HybridSearchParams

MESSAGES = [{"role": "user", "content": "The DataProcessor class uses pandas."}]
NAMES = ("context-persistence-async", "context-persistence-database", "context-persistence-close")


def threads():
    return sum(one.name.startswith(NAMES) for one in threading.enumerate())


def settles(count, most, *, seconds=40):
    """Whether `count()` falls to `most` in time."""
    end = time.monotonic() + seconds
    while count() > most:
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def connections(server, monkeypatch):
    """Counts the connections that the server has from this test's clients."""
    agent = f"context-persistence-{time.time_ns()}"
    real = neo4j.GraphDatabase.driver
    monkeypatch.setattr(
        neo4j.GraphDatabase, "driver", lambda *a, **k: real(*a, **{**k, "user_agent": agent})
    )
    with real(server.bolt_url, auth=server.auth) as driver:
        question = (
            "CALL dbms.listConnections() YIELD userAgent WITH userAgent "
            "WHERE userAgent STARTS WITH $agent RETURN count(*) AS n"
        )
        yield lambda: driver.execute_query(question, agent=agent).records[0]["n"]


def test_calls_run_at_the_same_time_and_answer_like_the_synchronous_ones(server, namespace, client):
    async def main():
        async with AsyncContextPersistenceClient(
            server.bolt_url, auth=server.auth, namespace=namespace
        ) as aio:
            await asyncio.gather(*(aio.save_conversation(f"c{n}", MESSAGES) for n in range(8)))
            asked = HybridSearchParams(query="pandas", limit=3, explain=True)
            return await aio.search_hybrid(asked), await aio.get_conversation_stats()

    found, stats = asyncio.run(main())
    assert stats.stats.total_conversations == 8
    assert [one.id for one in found.results] == [
        one.id for one in client.search_hybrid("pandas", limit=3).results
    ]
    assert all({"path", "statements"} <= one.explanation.keys() for one in found.results)


def test_two_hundred_cancelled_calls_leave_no_connection_and_no_thread(
    server, namespace, connections
):
    before = threads()
    cancelled_searches: list[int] = []

    async def cancelled(aio, number):
        if number % 2:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.0005 * (number % 9)):
                    await aio.save_conversation(
                        f"c{number % 10}", [{"role": "user", "content": f"Text {number}"}]
                    )
            return
        task = asyncio.create_task(aio.search_hybrid(f"pandas {number}"))
        await asyncio.sleep(0.0005 * (number % 7))
        if task.cancel():  # on a busy machine, the call may have ended before
            cancelled_searches.append(number)
            with pytest.raises(asyncio.CancelledError):
                await task

    async def main():
        async with AsyncContextPersistenceClient(
            server.bolt_url, auth=server.auth, namespace=namespace
        ) as aio:
            await asyncio.gather(
                *(aio.save_conversation(f"c{n}", MESSAGES) for n in range(2 * limits.ASYNC_THREADS))
            )
            assert connections() > 1
            for number in range(200):
                await cancelled(aio, number)
            assert len(cancelled_searches) > 50
            graph = aio._client.result()._engine.graph
            await asyncio.gather(
                *(aio.get_conversation_stats() for _ in range(limits.ASYNC_THREADS))
            )
            assert settles(aio._threads._work_queue.qsize, 0)
            assert (
                threads() <= before + 2 * limits.ASYNC_THREADS
            )  # one for the call, and one that asks the database
            assert connections() <= limits.ASYNC_THREADS + 1
            pool = graph.driver._pool
            busy = lambda: sum(one.in_use for held in pool.connections.values() for one in held)  # noqa: E731
            assert settles(busy, 0)
            assert (await aio.load_conversation_history("c1")).message_count == 1

    asyncio.run(main())
    assert settles(threads, before)
    assert settles(connections, 0)


def test_a_cancelled_opening_leaves_nothing(server, namespace, connections):
    before = threads()

    async def main():
        for number in range(20):
            aio = AsyncContextPersistenceClient(
                server.bolt_url, auth=server.auth, namespace=namespace
            )
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(aio.__aenter__(), 0.0005 * (number % 5))

    asyncio.run(main())
    assert settles(threads, before)
    assert settles(connections, 0)
