"""The bytes of a reply are damaged: the call ends with a documented error, and the next one works.

The driver raises any class of Python where it cannot read a reply.
"""

import struct
import sys

import pytest

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Statement
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError, NotFoundError
from tests.faults.local_stores import eventually
from tests.faults.proxy import Proxy


def chunk(message: bytes) -> bytes:
    return struct.pack(">H", len(message)) + message + b"\0\0"


DAMAGES = {
    "no message": chunk(b"\x84"),
    "an unknown message": chunk(b"\xb1\x01\xa0"),
    "no text": chunk(b"\xb1\x70\xa1\x86server\x84\xff\xfe\xfd\xfc"),
    # The driver's code in Rust panics: that is no `Exception`.
    "a cut text": chunk(b"\xb1\x70\xa1\x86server\xd2\x00\x00\xff\xff"),
    "a huge text": chunk(b"\xb1\x70\xa1\x86server\xd2\x7f\xff\xff\xff"),
    "cut bytes": chunk(b"\xb1\x70\xa1\x86server\xce\x7f\xff\xff\xff"),
    "a cut list": chunk(b"\xb1\x70\xd6\x7f\xff\xff\xff"),
    "a list in lists": chunk(b"\xb1\x70" + b"\x91" * 5_000),
    "a list for a map": chunk(b"\xb1\x70\x91\x01"),
    "no metadata": chunk(b"\xb0\x70"),
    "a failure without a code": chunk(b"\xb1\x7f\xa2\x84code\x01\x87message\x02"),
    "an answer to nothing": chunk(b"\xb0\x7e"),
}
# The driver waits for the rest of some damaged replies until the deadline of the call.
DEADLINE = 5.0
READ, WRITE = "read", "write"
STATEMENTS = {READ: ("conversation/load", "not_applied"), WRITE: ("conversation/extend", "unknown")}


@pytest.fixture(scope="module")
def proxy(bolt_target):
    with Proxy.to(bolt_target.bolt_url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def client(bolt_target, proxy):
    with bolt_target.client("damaged-replies", proxy) as client:
        client.save_conversation("kept", [{"role": "user", "content": "Hello."}])
        yield client


def damage_reply(proxy, kind, statement, damage):
    """Damage the reply to the RUN of a statement, or to the PULL that follows it."""
    seen = []

    def note(message):
        seen.append(message.statement)
        return kind == "RUN" and message.statement == statement

    def is_next(_message):
        return kind == "PULL" and seen[-1:] == [statement]

    cuts = {
        "RUN": proxy.cut("RUN", matches=note, reply=True, damage=damage),
        "PULL": proxy.cut("PULL", matches=is_next, reply=True, damage=damage),
    }
    return cuts[kind]


def list_running_attempts():
    """Return where the threads are that run statements."""
    attempts = []
    for frame in sys._current_frames().values():
        stack = [frame]
        while stack[-1].f_back:
            stack.append(stack[-1].f_back)
        if any(caller.f_code.co_name == "make_attempt" for caller in stack):
            attempts.append(frame.f_code.co_qualname)
    return attempts


@pytest.mark.parametrize("request_kind", ["RUN", "PULL"])
@pytest.mark.parametrize("call", [READ, WRITE])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_reply_is_a_documented_error(
    proxy, client, damage, call, request_kind, monkeypatch
):
    name = f"{damage} {call} {request_kind}"
    messages = [{"role": "user", "content": "Hello again."}]
    statement, outcome = STATEMENTS[call]
    damaged = damage_reply(proxy, request_kind, statement, DAMAGES[damage])
    errors = []
    with monkeypatch.context() as impatient:
        impatient.setattr(client._engine.graph._budget, "seconds", DEADLINE)
        try:
            if call == READ:
                client.load_conversation_history("kept")
            else:
                client.save_conversation(name, messages)
        except ContextPersistenceError as error:
            errors.append(error)
        finally:
            proxy.heal()
    assert damaged.fired == 1
    if [error.outcome for error in errors] == ["not_applied"]:  # the server said so: prove it
        with pytest.raises(NotFoundError):
            client.load_conversation_history(name)
    else:
        assert [error.outcome for error in errors] in ([], [outcome])
    assert None not in [error.__cause__ for error in errors]
    assert client.load_conversation_history("kept").total_messages == 1
    client.save_conversation(name, messages)
    assert client.load_conversation_history(name).total_messages == 1
    # The driver reads on after some damages, without an end.
    eventually(lambda: not list_running_attempts())


@pytest.mark.parametrize(
    "failure", [ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError]
)
@pytest.mark.parametrize("is_transaction", [False, True])
def test_what_a_reader_of_rows_raises_becomes_a_database_error(
    bolt_target, failure, is_transaction
):
    def read(row):
        raise failure(row["name"])

    write = Statement(name="maintenance/components", read=read, writes=True)
    graph = Graph(bolt_target.bolt_url, bolt_target.auth, pool_size=1)
    try:
        with pytest.raises(DatabaseError, match="could not be read") as caught:
            graph.transact(lambda run: run(write), name="a") if is_transaction else graph.run(write)
        assert isinstance(caught.value.__cause__, failure)
        assert caught.value.retryable
        assert caught.value.outcome == ("not_applied" if is_transaction else "unknown")
        assert graph.run(Statement(name="maintenance/components", read=dict))
    finally:
        graph.close()


def test_an_interruption_passes(bolt_target):
    def read(row):
        raise KeyboardInterrupt(row["name"])

    graph = Graph(bolt_target.bolt_url, bolt_target.auth)
    try:
        with pytest.raises(KeyboardInterrupt):
            graph.run(Statement(name="maintenance/components", read=read))
    finally:
        graph.close()
