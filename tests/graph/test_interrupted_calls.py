"""A call that was interrupted, for example by Ctrl-C, writes nothing afterwards.

A signal handler may raise any error, such as `TimeoutError` after `signal.alarm`.
"""

import os
import signal
import threading

import pytest

from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.kg.writes import instructions

SECONDS = 30


@pytest.mark.skipif(os.name == "nt", reason="LOUD: Windows has no signals for threads")
def test_the_thread_of_an_interrupted_call_commits_nothing(client):
    saved = client.save_instruction("Use tables.").instruction
    statement = instructions.retire(client.namespace, saved.id, now=0)
    is_interrupted, has_ended, errors = threading.Event(), threading.Event(), []

    def write_late(run):
        try:
            run(statement)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            is_interrupted.wait(SECONDS)
            run(statement)
        except BaseException as error:
            errors.append(error)
            raise
        finally:
            has_ended.set()

    with pytest.raises(KeyboardInterrupt):
        client._engine.graph.transact(write_late, name="late")
    is_interrupted.set()
    assert has_ended.wait(SECONDS)
    assert errors
    assert [entry.status for entry in client.list_instructions(status=None).instructions] == [
        "active"
    ]
    assert client.retire_instruction(saved.id).changed


@pytest.mark.skipif(os.name == "nt", reason="LOUD: Windows has no signals for threads")
@pytest.mark.parametrize("kind", [TimeoutError, LookupError])
def test_an_error_of_a_signal_handler_ends_the_call_and_stays_as_it_is(client, monkeypatch, kind):
    error, is_raised = kind("late"), threading.Event()
    threads = client._engine.graph._lifecycle.threads
    main, call = threading.main_thread().ident, threads.call

    def interrupt(*_):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        raise error

    def call_late(function, **options):
        def work():
            for _ in range(SECONDS * 10):
                # Python handles a signal that comes just before it waits only after the wait.
                signal.pthread_kill(main, signal.SIGUSR1)
                if is_raised.wait(0.1):
                    break
            return function()

        return call(work, **options)

    old = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(threads, "call", call_late)
            with pytest.raises(kind) as caught:
                client.save_document("late", "We use tables.")
    finally:
        is_raised.set()
        signal.signal(signal.SIGUSR1, old)
    assert caught.value is error
    with pytest.raises(NotFoundError):
        client.get_document("late")
