"""Threads that work beside a call, where the system or Python refuses another one."""

import subprocess
import sys
import threading
from concurrent.futures import CancelledError

import pytest

from mcp_context_persistence.kg.helper_threads import HelperThreads

AFTER_MAIN = """
import threading
from mcp_context_persistence.kg.helper_threads import HelperThreads

threads = HelperThreads(2)
threads.submit(str).result()

def work():
    main.join()
    with threads:
        print(threads.submit(str, 5).result(), list(threads.map(str, range(3))))

main = threading.main_thread()
threading.Thread(target=work).start()
"""


def refuse(_):
    raise RuntimeError("can't start new thread")


@pytest.fixture
def no_threads(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_the_caller_does_the_work_where_no_thread_can_be_started(no_threads):
    with HelperThreads(2) as threads:
        assert threads.submit(threading.get_ident).result() == threading.get_ident()
        assert list(threads.map(str, range(3))) == ["0", "1", "2"]
        with pytest.raises(ZeroDivisionError):
            threads.submit(lambda: 1 // 0).result()


def test_the_caller_does_the_work_after_the_main_thread_has_ended():
    done = subprocess.run(
        [sys.executable, "-c", AFTER_MAIN], capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr) == ("5 ['0', '1', '2']", "")


def test_work_that_was_refused_but_queued_runs_once(monkeypatch):
    """The only thread is busy, and a second one is refused after the work was queued."""
    began, go_on, calls = threading.Event(), threading.Event(), []

    def wait():
        began.set()
        go_on.wait()

    with HelperThreads(2) as threads:
        busy = threads.submit(wait)
        began.wait()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            threads.submit(calls.append, 1).result()
        go_on.set()
        busy.result()
    assert calls == [1]


def test_a_pool_that_was_shut_down_takes_no_work():
    threads = HelperThreads(1)
    threads.shutdown()
    with pytest.raises(RuntimeError):
        threads.submit(str, 5)


def test_cancelled_work_is_reported_as_cancelled():
    began, go_on = threading.Event(), threading.Event()
    threads = HelperThreads(1)
    threads.submit(lambda: (began.set(), go_on.wait()))
    began.wait()
    waiting = threads.submit(str, 5)
    threads.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    with pytest.raises(CancelledError):
        waiting.result(10)
