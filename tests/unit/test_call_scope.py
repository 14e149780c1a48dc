"""Public calls: their name, their errors and their time come from a decorator."""

import _imp
import contextlib
import errno
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
from mcp_context_persistence.kg.progress import CallerError, carry_errors
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

    @public_call(VectorDBError)
    def count_with(self, error: Exception) -> int:
        raise error


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


def fail_with_a_chain():
    try:
        int("no number")
    except ValueError as error:
        raise GraphError("second") from error


def test_an_error_of_the_callers_progress_function_is_raised_as_it_was():
    def report(*_):
        raise error

    with pytest.raises(GraphError) as caught:
        fail_with_a_chain()
    error, cause = caught.value, caught.value.__cause__
    with pytest.raises(CallerError) as carrier:
        carry_errors(report)("work", 1, 2)
    with pytest.raises(GraphError) as caught:
        Calls().count_with(carrier.value)
    assert caught.value is error
    assert (error.__cause__, error.__context__) == (cause, cause)
    assert error.__suppress_context__


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_in_the_progress_function_is_not_carried(error):
    def report(*_):
        raise error

    with pytest.raises(error):
        carry_errors(report)("work", 1, 2)


def test_a_method_keeps_its_signature_and_documentation():
    assert list(inspect.signature(Calls.find).parameters) == ["self", "error"]
    assert Calls.find.__doc__ == "Find it."


@pytest.mark.parametrize(
    ("refusal", "retryable"),
    [
        (OSError(errno.EMFILE, "Too many open files", "secret"), True),
        (PermissionError(errno.EACCES, "Permission denied", "secret"), False),
        (MemoryError(), True),
    ],
)
def test_what_the_system_refuses_is_an_error_of_the_call(refusal, retryable):
    with pytest.raises(GraphError) as caught:
        Calls().find(refusal)
    assert caught.value.__cause__ is refusal
    assert (caught.value.retryable, caught.value.outcome) == (retryable, "not_applied")
    assert "secret" not in str(caught.value)


def test_an_interrupt_inside_of_an_import_leaves_its_lock_open():
    class Interrupted(Calls):
        @public_call(GraphError)
        def load(self, error: BaseException) -> None:
            _imp.acquire_lock()
            raise error

    for error in (KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(error)):
            Interrupted().load(error)
        assert not _imp.lock_held()
