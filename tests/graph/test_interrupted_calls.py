"""A call that was interrupted, for example by Ctrl-C, writes nothing afterwards."""

import os
import signal
import threading

import pytest

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
