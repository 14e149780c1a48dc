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

# Memory is left for the stack of another thread and for the caller's own objects alone.
NO_MEMORY = """
import faulthandler, mmap, resource, sys, threading
import psutil
from mcp_context_persistence.kg.driver.daemon_threads import DaemonThreads, OverdueError
from mcp_context_persistence.kg.helper_threads import HelperThreads

pages, kind = int(sys.argv[1]), sys.argv[2]
threading.stack_size(2**20)
helpers, daemons = HelperThreads(1), DaemonThreads(name="daemon")
stack, own = mmap.mmap(-1, 2**20 + pages * mmap.PAGESIZE), [bytes(400) for _ in range(600)]
faulthandler.dump_traceback_later(30, exit=True)
resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms, -1))
held = []
for size in (4096, 480, 256, 128, 64, 40, 16):
    try:
        while True:
            held.append(bytes(size))
    except MemoryError:
        pass
stack.close()
del own
try:
    if kind == "helper":
        answer = helpers.submit(str, 5).result()
    else:
        answer = daemons.call(int, seconds=0.1)
except (MemoryError, OverdueError):
    answer = "refused"
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
del held
print(answer, helpers.submit(str, 6).result(), daemons.call(lambda: 7, seconds=20))
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


@pytest.mark.parametrize("pages", [1, 2, 3, 6])
@pytest.mark.parametrize(("kind", "answer"), [("helper", "5"), ("daemon", "refused")])
def test_no_call_waits_for_a_thread_that_has_no_memory(kind, answer, pages):
    done = subprocess.run(
        [sys.executable, "-c", NO_MEMORY, str(pages), kind],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{answer} 6 7\n", "")


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
