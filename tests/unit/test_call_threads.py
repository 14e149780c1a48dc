"""The threads of the service make calls, a limited number at the same time."""

import asyncio
import contextlib
import threading
from contextvars import ContextVar

import pytest

from mcp_context_persistence.rest.call_threads import CallThreads

NAME: ContextVar[str] = ContextVar("NAME")


@pytest.fixture
def threads():
    pool = CallThreads(2)
    yield pool
    pool.close()


def test_a_call_returns_what_the_function_returns(threads):
    async def call():
        NAME.set("caller")
        return await threads.run(lambda number, *, plus: (number + plus, NAME.get()), 1, plus=2)

    assert asyncio.run(call()) == (3, "caller")


@pytest.mark.parametrize("error", [ValueError("a"), StopIteration(1), SystemExit(2)])
def test_a_call_raises_what_the_function_raises(threads, error):
    def fail():
        raise error

    async def call():
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - compared below
            await threads.run(fail)
        return caught.value, await threads.run(threading.get_ident)

    raised, thread = asyncio.run(call())
    assert raised is error or raised.__cause__ is error  # no coroutine can raise StopIteration
    assert thread != threading.get_ident()


def test_only_so_many_calls_run_at_the_same_time(threads):
    started, released = threading.Semaphore(0), threading.Event()

    def wait():
        started.release()
        assert released.wait(60)
        return threading.get_ident()

    async def call():
        calls = [asyncio.ensure_future(threads.run(wait)) for _ in range(5)]
        for _ in range(2):
            assert await asyncio.to_thread(started.acquire, timeout=30)
        assert not await asyncio.to_thread(started.acquire, timeout=0.1)
        released.set()
        return await asyncio.gather(*calls)

    assert len(set(asyncio.run(call()))) == 2


def test_nobody_waits_for_a_call_that_was_cancelled(threads):
    released, failures = threading.Event(), []

    async def call():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: failures.append(context))
        task = asyncio.ensure_future(threads.run(released.wait, 60))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        released.set()
        return task.cancelled(), [await threads.run(str, number) for number in range(3)]

    assert asyncio.run(call()) == (True, ["0", "1", "2"])
    assert not failures


def test_a_call_whose_loop_has_ended_ends_no_thread(threads):
    started, released = threading.Event(), threading.Event()

    def wait():
        started.set()
        released.wait(60)

    async def leave():
        task = asyncio.ensure_future(threads.run(wait))
        assert await asyncio.to_thread(started.wait, 30)
        task.cancel()

    asyncio.run(leave())
    released.set()

    async def call():
        return await asyncio.wait_for(threads.run(str, 1), 30)

    assert asyncio.run(call()) == "1"


def test_threads_end_when_they_are_closed():
    threads = CallThreads(2)

    async def call():
        return await threads.run(threading.current_thread)

    thread = asyncio.run(call())
    threads.close()
    thread.join(30)
    assert not thread.is_alive()
