"""The client for asyncio has the calls of the synchronous one."""

import asyncio
import inspect
import threading

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
