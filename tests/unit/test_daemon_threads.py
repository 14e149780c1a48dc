"""Calls on daemon threads end in time."""

import contextlib
import queue
import signal
import threading
import time
from typing import NoReturn

import pytest

from mcp_context_persistence.kg.driver.daemon_threads import (
    DaemonThreads,
    OverdueError,
    PanicError,
)
from mcp_context_persistence.kg.progress import CallerError


def test_a_call_returns_its_value_or_raises_its_error():
    threads = DaemonThreads(name="test")
    assert threads.call(lambda: 7, seconds=5) == 7
    with pytest.raises(KeyError):
        threads.call(lambda: {}["x"], seconds=5)
    threads.close()


def test_a_panic_of_code_in_rust_is_an_exception():
    class PanicException(BaseException):
        """As that of pyo3, which can be caught but not imported."""

    def panic():
        raise PanicException("range end index 2147483654 out of range")

    with pytest.raises(PanicError) as caught:
        DaemonThreads(name="test").call(panic, seconds=5)
    assert isinstance(caught.value.__cause__, PanicException)


def test_a_call_that_never_returns_is_abandoned():
    threads, never = DaemonThreads(name="test"), threading.Event()
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        threads.call(never.wait, seconds=0.2)
    assert time.monotonic() - start < 2
    assert threads.call(lambda: "next", seconds=5) == "next"
    never.set()
    threads.close()


def test_threads_are_used_again():
    threads = DaemonThreads(name="test")
    seen = {threads.call(threading.get_ident, seconds=5) for _ in range(50)}
    assert len(seen) == 1
    threads.close()


def test_a_thread_that_was_busy_at_the_close_ends_too():
    threads, going, free = DaemonThreads(name="busy-at-close"), threading.Event(), threading.Event()
    caller = threading.Thread(
        target=lambda: threads.call(lambda: going.set() or free.wait(), seconds=5)
    )
    caller.start()
    going.wait(5)
    threads.close()
    free.set()
    caller.join(5)
    until = time.monotonic() + 5
    while any(thread.name == "busy-at-close" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_there_are_no_more_threads_than_the_limit():
    threads, free = DaemonThreads(name="few", limit=2), threading.Event()
    for _ in range(2):
        with pytest.raises(OverdueError):
            threads.call(free.wait, seconds=0.05)
    start = time.monotonic()
    with pytest.raises(OverdueError):
        threads.call(lambda: "no thread", seconds=0.2)
    assert time.monotonic() - start < 5
    assert sum(thread.name == "few" for thread in threading.enumerate()) == 2
    free.set()
    assert threads.call(lambda: "a thread", seconds=5) == "a thread"
    threads.close()


class LateQueue:
    """A queue that waits for ever once its timeout is over, as one of Python 3.11 and 3.12 may."""

    def get_nowait(self):
        raise queue.Empty

    def get(self, timeout=None):
        threading.Event().wait(30)
        raise queue.Empty


def test_a_call_that_waits_for_a_thread_ends_in_time_whatever_the_queue_does(monkeypatch):
    threads, free = DaemonThreads(name="busy", keep=1, limit=1), threading.Event()
    with pytest.raises(OverdueError):
        threads.call(free.wait, seconds=0.05)
    with monkeypatch.context() as patch:
        patch.setattr(threads, "_idle", LateQueue())
        ended = threading.Event()

        def call():
            with contextlib.suppress(OverdueError):
                threads.call(int, seconds=0.05)
            ended.set()

        threading.Thread(target=call, daemon=True).start()
        assert ended.wait(20)
    free.set()
    threads.close()


def test_a_waiting_call_gets_the_first_free_thread():
    threads, free, results = DaemonThreads(name="busy", keep=1, limit=1), threading.Event(), []
    callers = [
        threading.Thread(target=lambda: results.append(threads.call(free.wait, seconds=5)))
        for _ in range(5)
    ]
    for caller in callers:
        caller.start()
    free.set()
    for caller in callers:
        caller.join(10)
    assert results == [True] * 5
    threads.close()


def test_a_thread_that_cannot_be_started_is_waited_for_and_does_not_count(monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    threads = DaemonThreads(name="none", limit=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(OverdueError):
            threads.call(lambda: 1, seconds=0.1)
    assert threads.call(lambda: 1, seconds=5) == 1
    threads.close()


def test_a_task_whose_caller_is_interrupted_while_its_thread_starts_keeps_no_thread(monkeypatch):
    started, start = [], threading.Thread.start

    def interrupt(thread):
        start(thread)
        started.append(thread)
        raise KeyboardInterrupt

    threads = DaemonThreads(name="test")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            threads.call(int, seconds=5)
    assert threads.call(lambda: 7, seconds=5) == 7
    threads.close()
    started[0].join(10)
    assert not started[0].is_alive()


@pytest.mark.parametrize("kind", [TimeoutError, ConnectionError, RuntimeError, LookupError])
def test_an_error_of_a_signal_handler_is_carried_past_handlers_of_its_class(kind):
    threads, error, is_raised = DaemonThreads(name="test"), kind("late"), threading.Event()
    main = threading.main_thread().ident or 0

    def interrupt(*_: object) -> NoReturn:
        raise error

    def interrupt_the_wait() -> None:
        time.sleep(0.1)  # Python only sees a signal that comes just before a wait when it is over
        signal.pthread_kill(main, signal.SIGUSR1)
        is_raised.wait(30)

    old = signal.signal(signal.SIGUSR1, interrupt)
    try:
        assert threads.call(lambda: 7, seconds=5) == 7
        with pytest.raises(CallerError) as carrier:
            threads.call(interrupt_the_wait, seconds=30)
    finally:
        signal.signal(signal.SIGUSR1, old)
        is_raised.set()
    assert carrier.value.error is error
    assert threads.call(lambda: 7, seconds=5) == 7
    threads.close()


def test_an_error_of_a_signal_handler_is_carried_while_a_thread_starts(monkeypatch):
    error, start = TimeoutError("late"), threading.Thread.start

    def interrupt(thread: threading.Thread) -> NoReturn:
        start(thread)
        raise error

    threads = DaemonThreads(name="test")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(CallerError) as carrier:
            threads.call(int, seconds=5)
    assert carrier.value.error is error
    assert threads.call(lambda: 7, seconds=5) == 7
    threads.close()


def test_an_interrupt_at_any_moment_leaves_no_lock_behind():
    """The interrupts come while the Python code of the call runs, wherever that is."""
    threads, old = DaemonThreads(name="interrupted"), signal.getsignal(signal.SIGALRM)

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    try:
        for step in range(1000):
            with contextlib.suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 1e-4 + 1e-6 * step)
                end = time.monotonic() + 1  # an interrupt in a destructor is not raised
                while time.monotonic() < end:
                    threads.call(int, seconds=5)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    done: list[int] = []
    caller = threading.Thread(target=lambda: done.append(threads.call(int, seconds=5)), daemon=True)
    caller.start()
    caller.join(20)
    assert done == [0]
    threads.close()
