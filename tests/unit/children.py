"""Helpers of the tests with forked children."""

import contextlib
import os
import signal
import threading


def in_child(work, seconds=20.0):
    """Return whether `work` returns true in a forked child in time."""
    child = os.fork()
    if child == 0:
        signal.alarm(int(seconds))  # its default action ends the child
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


@contextlib.contextmanager
def held(*locks):
    """Hold locks on another thread."""
    holding, go_on = threading.Event(), threading.Event()

    def hold():
        with contextlib.ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            holding.set()
            go_on.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert holding.wait(30)
        yield
    finally:
        go_on.set()
        holder.join()


def fork_in(work, leave):
    """Return the answer of a child that `work` forks by its callback, and that leaves it so.

    The child writes the error with which `work` ends in it.
    """
    (reading, writing), parent = os.pipe(), os.getpid()
    children = []

    def report(*_):
        if children:
            return
        children.append(os.fork())
        if children[0] == 0:
            leave()
        else:
            os.waitpid(children[0], 0)

    try:
        work(report)
    except BaseException as error:
        if os.getpid() == parent:
            raise
        os.write(writing, f"{type(error).__name__}: {error}".encode())
    finally:
        if os.getpid() != parent:
            os._exit(0)
        os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answer:
        return answer.read()
