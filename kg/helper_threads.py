"""Threads that work beside a call where the system lets it have any. Standard library only.

The system may refuse another thread, because a limit is reached. Python refuses it after the main
thread has ended, although other threads go on. The call then does the work itself.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from mcp_context_persistence.kg import thread_start

P = ParamSpec("P")
T = TypeVar("T")


class HelperThreads(ThreadPoolExecutor):
    """A pool of threads. Where no thread can be started, `submit` runs the function itself."""

    _was_shut_down = False  # by its owner, not by the end of the main thread

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Run a function on one of the threads, else on this one before the method returns."""
        future: Future[T] = Future()
        # The refused function may be in the queue already, where another thread finds it.
        is_free = threading.Lock()

        def work() -> None:
            if is_free.acquire(blocking=False) and future.set_running_or_notify_cancel():
                _run(future, partial(fn, *args, **kwargs))

        try:
            thread_start.check_memory()
            queued = super().submit(work)
        except RuntimeError:
            if self._was_shut_down:
                raise
            work()
        else:
            queued.add_done_callback(lambda queued: queued.cancelled() and future.cancel())
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; see `ThreadPoolExecutor.shutdown`."""
        self._was_shut_down = True
        super().shutdown(wait, cancel_futures=cancel_futures)


def _run(future: "Future[Any]", function: Callable[[], Any]) -> None:
    try:
        result = function()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
