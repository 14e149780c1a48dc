"""Ending a wait in time, whatever the other side does.

The driver has no read time-out of its own: a frozen server or a black hole would keep a call for ever. Calls therefore run on daemon
threads, and the caller waits for the answer no longer than its deadline. Then it cuts the connection, so that the thread ends too.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
LOOK_SECONDS = 0.5  # between two looks at whether the threads are closed, while all are busy


class OverdueError(TimeoutError):
    """There was no answer in time."""


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


Inbox = queue.SimpleQueue[_Job[Any] | None]


class Threads:
    """A pool of daemon threads that grows when all are busy, up to `limit`, and keeps at most `keep` idle ones."""

    def __init__(self, *, name: str, keep: int = 8, limit: int = 64) -> None:
        self._name = name
        self._keep = keep
        self._limit = limit
        self._count = 0
        self._lock = threading.Lock()
        self._idle: queue.LifoQueue[Inbox] = queue.LifoQueue()

    def call(self, function: Callable[[], T], *, seconds: float) -> T:
        """Run `function` and wait at most `seconds` for it, and for a thread where all are busy.

        Raises:
            OverdueError: There was no answer in time; the function may still be running.
        """
        job = _Job(function)
        try:
            inbox = self._idle.get_nowait()
        except queue.Empty:
            end = time.monotonic() + seconds
            inbox = self._start() or self._wait(end)
            seconds = end - time.monotonic()
        inbox.put(job)
        if not job.done.wait(seconds):
            raise OverdueError
        if job.error is not None:
            raise job.error
        return job.value  # type: ignore[return-value]  # set when there is no error

    def _start(self) -> Inbox | None:
        """Start a thread; return None where there are as many as there may be."""
        with self._lock:
            if self._count >= self._limit:
                return None
            self._count += 1
        inbox: Inbox = queue.SimpleQueue()
        try:
            threading.Thread(target=self._work, args=(inbox,), name=self._name, daemon=True).start()
        except RuntimeError:  # the system lets this process have no more threads
            self._end()
            return None
        return inbox

    def _wait(self, end: float) -> Inbox:
        """Wait for a thread that has become idle."""
        while self._keep and (left := end - time.monotonic()) > 0:
            try:
                return self._idle.get(timeout=min(left, LOOK_SECONDS))
            except queue.Empty:
                if inbox := self._start():
                    return inbox
        raise OverdueError

    def _work(self, inbox: Inbox) -> None:
        while (job := inbox.get()) is not None:
            job.run()
            stays = self._idle.qsize() < self._keep
            if stays:
                self._idle.put(inbox)
                if not self._keep:  # closed meanwhile
                    self.close()
            else:
                self._end()
            job.done.set()
            if not stays:
                return
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._count -= 1

    def close(self) -> None:
        """Let the idle threads end, and the busy ones after what they do."""
        self._keep = 0
        while True:
            try:
                self._idle.get_nowait().put(None)
            except queue.Empty:
                return
