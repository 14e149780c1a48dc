"""Ending a wait in time, whatever the other side does.

The driver has no read time-out of its own: a frozen server or a black hole would keep a call for ever. Calls therefore run on daemon
threads, and the caller waits for the answer no longer than its deadline. A thread whose server never answers stays behind until the
operating system gives its socket up; it holds nothing but one connection.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Job(Generic[T]):
    """One call and its outcome."""

    def __init__(self, function: Callable[[], T]) -> None:
        self.function = function
        self.done = threading.Event()
        self.value: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self.function()
        except BaseException as error:
            self.error = error


class Threads:
    """A pool of daemon threads that grows when all of its threads are busy and keeps at most `keep` idle ones."""

    def __init__(self, *, name: str, keep: int = 8) -> None:
        self._name = name
        self._keep = keep
        self._idle: queue.LifoQueue[queue.SimpleQueue[_Job[Any] | None]] = queue.LifoQueue()

    def call(self, function: Callable[[], T], *, seconds: float) -> T:
        """Run `function` and wait at most `seconds` for it.

        Raises:
            TimeoutError: There was no answer in time; the function may still be running.
        """
        job = _Job(function)
        try:
            inbox = self._idle.get_nowait()
        except queue.Empty:
            inbox = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(inbox,), name=self._name, daemon=True).start()
        inbox.put(job)
        if not job.done.wait(seconds):
            raise TimeoutError
        if job.error is not None:
            raise job.error
        return job.value  # type: ignore[return-value]  # set when there is no error

    def _work(self, inbox: "queue.SimpleQueue[_Job[Any] | None]") -> None:
        while (job := inbox.get()) is not None:
            job.run()
            stays = self._idle.qsize() < self._keep
            if stays:
                self._idle.put(inbox)
            job.done.set()
            if not stays:
                return

    def close(self) -> None:
        """Let the idle threads end, and the busy ones after what they do."""
        self._keep = 0
        while True:
            try:
                self._idle.get_nowait().put(None)
            except queue.Empty:
                return
