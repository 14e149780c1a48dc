"""Public calls: their name, their errors and their time come from a decorator."""

import contextlib
import inspect
from types import SimpleNamespace

import pytest
from pydantic import BaseModel

from mcp_context_persistence.exceptions import (
    DatabaseError,
    GraphError,
    NotFoundError,
    ValidationError,
    VectorDBError,
)
from mcp_context_persistence.runtime.call_scope import CallScope, public_call


class Recorder:
    """Stands for the graph, the memory and the telemetry of an engine."""

    is_forked = False

    def __init__(self):
        self.names, self.tidied = [], []

    @contextlib.contextmanager
    def call(self, name=None, *, tidy=None):
        if name:
            self.names.append(name)
        if tidy is not None:
            self.tidied.append(tidy)
        yield


class Response(BaseModel):
    processing_time: float = -1.0


class Calls:
    def __init__(self):
        self.recorder = Recorder()
        self._engine = SimpleNamespace(call=CallScope(self.recorder, self.recorder, self.recorder))

    @public_call(GraphError, VectorDBError)
    def find(self, error: Exception | None = None) -> Response:
        """Find it."""
        if error:
            raise error
        return Response()

    @public_call(GraphError, tidy=False)
    def count(self) -> int:
        return 3


def test_a_response_gets_the_time_of_the_call():
    assert 0 <= Calls().find().processing_time < 1.0
    assert Calls().count() == 3


def test_a_call_has_the_name_of_its_method_and_may_keep_memory_as_it_is():
    calls = Calls()
    calls.find()
    calls.count()
    assert calls.recorder.names == ["find", "count"]
    assert calls.recorder.tidied == [True, False]


@pytest.mark.parametrize("kind", [GraphError, VectorDBError, ValidationError, NotFoundError])
def test_documented_errors_stay_as_they_are(kind):
    error = kind("why")
    with pytest.raises(kind) as caught:
        Calls().find(error)
    assert caught.value is error


def test_other_errors_become_the_first_documented_one_and_keep_what_they_promise():
    error = DatabaseError("why", retryable=True, outcome="unknown")
    with pytest.raises(GraphError, match=r"^why$") as caught:
        Calls().find(error)
    assert type(caught.value) is GraphError
    assert caught.value.__cause__ is error
    assert (caught.value.retryable, caught.value.outcome) == (True, "unknown")


def test_errors_that_are_not_the_librarys_pass_through():
    with pytest.raises(KeyError):
        Calls().find(KeyError("x"))


def test_a_method_keeps_its_signature_and_documentation():
    assert list(inspect.signature(Calls.find).parameters) == ["self", "error"]
    assert Calls.find.__doc__ == "Find it."
