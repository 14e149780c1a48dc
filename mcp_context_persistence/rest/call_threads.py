"""The threads in which the service makes calls of the client."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from anyio import CancelScope

from mcp_context_persistence.kg import thread_start

T = TypeVar("T")
_Result = tuple[Any, BaseException | None]


class CallThreads:
    """A fixed number of threads with one queue, for one event loop.

    Those of `anyio` take two more rounds of the event loop for each call. In each round the loop
    waits for Python's global lock, which threads that compute have.
    """

    def __init__(self, count: int) -> None:
        """Take how many threads there are at most; each starts when it is first needed."""
        self._count = count
        self._started = self._running = 0
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function in a thread, and return or raise what it does."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Result] = loop.create_future()
        call = partial(copy_context().run, function, *args, **kwargs)
        self._running += 1
        try:
            if self._started < min(self._running, self._count):
                self._start()
            self._queue.put(partial(_answer, call, loop, answer))
            with CancelScope(shield=True):  # who leaves has the thread until the call ends
                result, error = await answer
        finally:
            self._running -= 1
        if error is not None:
            try:
                raise error
            finally:
                del error  # it refers to this frame
        return result  # type: ignore[no-any-return]  # what the function returned

    async def iterate(self, items: Iterator[T]) -> AsyncIterator[T]:
        """Yield the items of an iterator, each of which is made in a thread."""
        end = object()
        while (item := await self.run(next, items, end)) is not end:
            yield cast("T", item)

    def close(self) -> None:
        """End the threads when they have made the calls that wait."""
        for _ in range(self._started):
            self._queue.put(None)
        self._started = 0

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="context-persistence-call", daemon=True)
        try:
            thread_start.start(thread)
        except RuntimeError:  # the system lets this process have no more threads
            if not self._started:
                raise
        else:
            self._started += 1

    def _work(self) -> None:
        while (call := self._queue.get()) is not None:
            call()
            del call  # and with it the request, while there is no other one


def _answer(
    call: Callable[[], Any], loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[_Result]"
) -> None:
    result: _Result
    try:
        result = call(), None
    except BaseException as error:
        result = None, error
    try:
        loop.call_soon_threadsafe(_set_result, answer, result)
    except RuntimeError:  # the loop has ended, so that nobody waits
        return


def _set_result(answer: "asyncio.Future[_Result]", result: _Result) -> None:
    if not answer.done():  # as it is after a cancellation
        answer.set_result(result)
