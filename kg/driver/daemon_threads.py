"""Daemon threads, on which calls run that may never return.

The driver has no read time-out: with a frozen server, or a network that drops everything, a call
would wait for ever. Calls therefore run on daemon threads, and the caller waits for the result no
longer than its deadline. Then it cuts the connection, so that the thread ends too.

Callers may be interrupted anywhere, for example by Ctrl-C. The locks of `queue.LifoQueue` and
`threading.Event`, which are Python code, may stay locked then, and the next call would wait for
ever. So callers use only `threading.Lock` and `queue.SimpleQueue`, which are not Python code.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from mcp_context_persistence.kg import thread_start
from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.progress import CallerError
from mcp_context_persistence.kg.system_errors import NO_THREAD

T = TypeVar("T")
CHECK_SECONDS = 0.005  # between two checks whether a thread is idle, while all are busy


class OverdueError(TimeoutError):
    """The call did not return in time; its text says what the reason is, if that is known."""


class PanicError(Exception):
    """Code in Rust, such as the driver's, has panicked; that is no `Exception` of Python."""


class _Task(Generic[T]):
    """One call and its result."""

    def __init__(self, function: Callable[[], T]) -> None:
        self.function = function
        self._running = threading.Lock()
        self._running.acquire()
        self.value: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self.function()
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            self.error = error
        except BaseException as panic:
            self.error = PanicError()
            self.error.__cause__ = panic

    def end(self) -> None:
        self._running.release()

    def wait(self, seconds: float) -> bool:
        return self._running.acquire(timeout=seconds)


Inbox = queue.SimpleQueue[_Task[Any] | None]


class DaemonThreads:
    """A pool of daemon threads: it grows when all are busy, and keeps some of the idle ones."""

    def __init__(self, *, name: str, keep: int = 8, limit: int = 64) -> None:
        """Create the pool; the first call starts a thread.

        Args:
            name: Name of each thread.
            keep: Idle threads that are kept.
            limit: Threads at most.
        """
        self._name = name
        self._keep = keep
        self._limit = limit
        self._count = 0
        self._lock = threading.Lock()
        self._idle: queue.SimpleQueue[Inbox] = queue.SimpleQueue()
        renew_locks_in_children(self)

    def call(
        self,
        function: Callable[[], T],
        *,
        seconds: float,
        abandon: Callable[[], None] = lambda: None,
    ) -> T:
        """Run a function and wait at most `seconds` for a thread and for the result.

        Args:
            function: The function.
            seconds: The longest wait.
            abandon: Makes the function stop; called when nobody waits for it any more, also because
                the waiting thread was interrupted.

        Raises:
            OverdueError: It did not return in time; the function may still be running.
            CallerError: A signal handler raised an error while this thread waited.
        """
        task, deadline = _Task(function), Deadline.after(seconds)
        is_done = False
        try:
            self._begin(task, deadline)
            is_done = task.wait(deadline.seconds_left)
        except (OverdueError, MemoryError):
            raise
        except Exception as error:  # of a signal handler: the function's own errors are in the task
            raise CallerError(error) from None
        finally:
            if not is_done:
                abandon()
        if not is_done:
            raise OverdueError
        if task.error is not None:
            raise task.error
        return task.value  # type: ignore[return-value]  # set when there is no error

    def _begin(self, task: _Task[Any], deadline: Deadline) -> None:
        """Give the task to an idle thread or a new one; wait for one where there may be no more."""
        try:
            self._idle.get_nowait().put(task)
        except queue.Empty:
            if not self._start(task):
                self._wait(task, deadline)

    def _start(self, task: _Task[Any]) -> bool:
        """Start a thread with its first task; return False where no more are allowed."""
        with self._lock:
            if self._count >= self._limit:
                return False
            self._count += 1
        inbox: Inbox = queue.SimpleQueue()
        inbox.put(task)  # before the start, where an interruption may end this
        try:
            thread_start.start(
                threading.Thread(target=self._work, args=(inbox,), name=self._name, daemon=True)
            )
        except RuntimeError:  # the system lets this process have no more threads
            self._end()
            return False
        return True

    def _wait(self, task: _Task[Any], deadline: Deadline) -> None:
        """Wait for a thread that has become idle, and give it the task.

        `SimpleQueue.get` with a timeout would wait for ever in Python 3.11 and 3.12, where the time
        is over before it begins to wait (cpython, `_queuemodule.c`).
        """
        while self._keep and (seconds := deadline.seconds_left) > 0:
            try:
                self._idle.get_nowait().put(task)
            except queue.Empty:
                if self._start(task):
                    return
                time.sleep(min(seconds, CHECK_SECONDS))
            else:
                return
        raise OverdueError("" if self._count >= self._limit else NO_THREAD)

    def _work(self, inbox: Inbox) -> None:
        while (task := inbox.get()) is not None:
            task.run()
            is_kept = self._idle.qsize() < self._keep
            if is_kept:
                self._idle.put(inbox)
                if not self._keep:  # closed meanwhile
                    self.close()
            else:
                self._end()
            task.end()
            if not is_kept:
                return
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._count -= 1

    def close(self) -> None:
        """End the idle threads now, and the busy ones when their calls return."""
        self._keep = 0
        while True:
            try:
                self._idle.get_nowait().put(None)
            except queue.Empty:
                return
