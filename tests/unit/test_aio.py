"""The client for asyncio has the calls of the synchronous one."""

import asyncio
import inspect
import threading
import time
from contextlib import contextmanager

import pytest

from mcp_context_persistence import AsyncContextPersistenceClient, ContextPersistenceClient
from mcp_context_persistence.exceptions import DatabaseError, ValidationError


def public(kind):
    return {
        name: one for name, one in inspect.getmembers(kind, callable) if not name.startswith("_")
    }


def test_every_call_is_there_with_the_same_signature_and_documentation():
    """A new call of the client needs a line `NAME = _make_async(Client.NAME)` in `aio.py`."""
    theirs, ours = public(ContextPersistenceClient), public(AsyncContextPersistenceClient)
    assert ours.keys() == theirs.keys()
    assert inspect.signature(AsyncContextPersistenceClient) == inspect.signature(
        ContextPersistenceClient
    )
    for name, method in theirs.items():
        assert inspect.iscoroutinefunction(ours[name]) or name == "graph_data_science", (
            name
        )  # which is for `async with`
        assert inspect.signature(ours[name]) == inspect.signature(method), name
        if name != "close":
            assert ours[name].__doc__ == method.__doc__, name


def test_a_wrong_argument_is_refused_at_once():
    with pytest.raises(TypeError, match="colour"):
        AsyncContextPersistenceClient(colour="red")  # type: ignore[call-arg]


def test_what_could_not_be_opened_is_closed_and_stays_closed():
    async def main():
        client = AsyncContextPersistenceClient("nonsense")
        with pytest.raises(ValidationError):
            await client.search_hybrid("x")
        with pytest.raises(ValidationError):
            async with client:
                pass
        await client.close()
        await client.close()
        with pytest.raises(DatabaseError, match="closed"):
            await client.search_hybrid("x")

    asyncio.run(main())


def test_a_client_closes_where_no_thread_can_be_started(monkeypatch):
    client = AsyncContextPersistenceClient("nonsense")

    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    async def main():
        await asyncio.wait_for(client.close(), 10)
        await asyncio.wait_for(client.close(), 10)

    asyncio.run(main())


class SlowBlocks:
    """A client whose blocks take a while to begin and to end."""

    def __init__(self):
        self.began, self.entered, self.leaving = (threading.Event() for _ in range(3))
        self.open_blocks = 0

    @contextmanager
    def graph_data_science(self):
        self.began.set()
        time.sleep(0.2)
        self.open_blocks += 1
        yield "library", "graph"
        self.leaving.set()
        time.sleep(0.2)
        self.open_blocks -= 1

    def close(self):
        pass


@pytest.mark.parametrize("cancel_after", [["began"], ["entered"], ["entered", "leaving"]])
def test_a_canceled_block_is_left_although_its_error_is_kept(cancel_after):
    """An error refers to the frames of the call, so that nothing is collected meanwhile."""
    blocks = SlowBlocks()

    async def use_block(client):
        async with client.graph_data_science():
            blocks.entered.set()
            await asyncio.sleep(60)

    async def main():
        client = AsyncContextPersistenceClient("nonsense")
        client._open_client = lambda: blocks  # type: ignore[assignment]
        task = asyncio.create_task(use_block(client))
        for moment in cancel_after:
            await asyncio.to_thread(getattr(blocks, moment).wait, 10)
            task.cancel()
        errors = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(errors[0], asyncio.CancelledError)
        assert await asyncio.to_thread(becomes_zero, lambda: blocks.open_blocks)
        await client.close()
        return errors

    asyncio.run(main())


def becomes_zero(count):
    """Return whether a count is zero within 10 s, after a while in which it may still grow."""
    time.sleep(0.5)
    return any(count() == 0 or time.sleep(0.1) for _ in range(100))
