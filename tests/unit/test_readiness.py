"""The service is ready after everything was prepared, and a store that hangs holds up no probe."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from mcp_context_persistence.kg.driver import plans
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.rest import readiness
from mcp_context_persistence.rest.readiness import Readiness

READY = {"database": "ready", "models": "ready", "plans": "ready"}
WAIT = 30


class Client:
    """A client whose statements and whose answers can be held up."""

    def __init__(self):
        self.may_plan, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()
        self.is_asked = threading.Event()
        self.planned, self.calls = [], []
        self.is_broken = False
        self._engine = SimpleNamespace(
            graph=SimpleNamespace(server=SimpleNamespace(dialect="25"), run=self.run)
        )

    def run(self, statement, *, deadline):
        self.may_plan.wait(WAIT)
        assert statement.text().startswith("EXPLAIN ")
        self.planned.append(statement.name)

    def extract_entities(self, text, *, store):
        assert not store

    def generate_embeddings(self, texts):
        self.calls.append("generate_embeddings")

    def search_hybrid(self, query):
        self.calls.append("search_hybrid")

    def get_embedding_status(self):
        self.is_asked.set()
        self.may_answer.wait(WAIT)
        if self.is_broken:
            raise DatabaseError("gone")


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def ready(client, monkeypatch):
    """A started object; the answer of the store is not used again."""

    @contextmanager
    def use(namespace):
        yield client

    monkeypatch.setattr(readiness, "CHECK_SECONDS", 0.0)
    started = Readiness(SimpleNamespace(use=use), "default")
    started.start()
    yield started
    client.may_plan.set()
    client.may_answer.set()
    started.stop()


def wait_until_ready(ready):
    pause = threading.Event()
    for _ in range(WAIT * 100):
        if ready.check() == (True, READY):
            return
        pause.wait(0.01)
    pytest.fail(str(ready.check()))


def test_it_is_ready_after_the_frequent_statements_were_planned(ready, client):
    while "generate_embeddings" not in client.calls:
        threading.Event().wait(0.01)
    is_ready, parts = ready.check()
    assert not is_ready
    assert parts["plans"] == "preparing"
    assert "search_hybrid" not in client.calls
    client.may_plan.set()
    wait_until_ready(ready)
    folders = {name.partition("/")[0] for name in client.planned}
    assert set(plans.FREQUENT) <= folders
    assert client.calls[-1] == "search_hybrid"


def test_it_is_ready_after_a_while_although_statements_are_still_planned(client, monkeypatch):
    monkeypatch.setattr(readiness, "READY_SECONDS", 0.0)

    @contextmanager
    def use(namespace):
        yield client

    started = Readiness(SimpleNamespace(use=use), "default")
    started.start()
    try:
        wait_until_ready(started)
        assert not client.planned
    finally:
        client.may_plan.set()
        started.stop()


def test_a_store_that_hangs_cannot_be_reached(ready, client, monkeypatch):
    client.may_plan.set()
    wait_until_ready(ready)
    monkeypatch.setattr(readiness, "ANSWER_SECONDS", 0.05)
    client.may_answer.clear()
    for _ in range(5):
        assert ready.check() == (False, READY | {"database": "unreachable"})
    assert not client.may_answer.is_set()  # it still hangs
    client.may_answer.set()
    monkeypatch.setattr(readiness, "ANSWER_SECONDS", WAIT)
    wait_until_ready(ready)


def test_a_store_that_fails_cannot_be_reached(ready, client):
    client.may_plan.set()
    wait_until_ready(ready)
    client.is_broken = True
    assert ready.check() == (False, READY | {"database": "unreachable"})


def test_an_answer_is_used_again_for_a_while(ready, client, monkeypatch):
    client.may_plan.set()
    wait_until_ready(ready)
    monkeypatch.setattr(readiness, "CHECK_SECONDS", WAIT)
    client.is_asked.clear()
    assert ready.check() == (True, READY)
    assert not client.is_asked.is_set()


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        ("no answer", "begin: no answer"),
        ("reset", "begin: no answer (reset)"),
        (None, "begin: no answer"),
    ],
)
def test_a_cause_is_named_once(cause, text):
    error = DatabaseError("begin: no answer")
    error.__cause__ = None if cause is None else OSError(cause)
    assert readiness._describe(error) == text
