"""Run each public call with one deadline, its documented errors, telemetry and its time."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from pydantic import BaseModel

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    NotFoundError,
    ValidationError,
)
from mcp_context_persistence.kg.fork_safety import PARENTS_CLIENT
from mcp_context_persistence.kg.import_lock import release_import_lock
from mcp_context_persistence.kg.progress import CallerError, raise_original
from mcp_context_persistence.kg.system_errors import translated_system_errors
from mcp_context_persistence.runtime.process_memory import ClientMemory
from mcp_context_persistence.runtime.telemetry.call_telemetry import CallTelemetry

if TYPE_CHECKING:
    from mcp_context_persistence.runtime.engine import Engine

TIME_FIELD = "processing_time"

P = ParamSpec("P")
R = TypeVar("R")


class CallScope:
    """Opens the scope of a public call."""

    def __init__(self, graph: Graph, memory: ClientMemory, telemetry: CallTelemetry) -> None:
        """Take what a call needs.

        Args:
            graph: Gives the call its deadline.
            memory: Frees memory after the call where a limit is near.
            telemetry: Records how the call ended.
        """
        self._graph, self._memory, self._telemetry = graph, memory, telemetry

    @contextmanager
    def __call__(
        self, name: str, *errors: type[ContextPersistenceError], tidy: bool = True
    ) -> Iterator[None]:
        """Run the block as one public call.

        Args:
            name: Name of the method.
            errors: The classes of errors that the method documents. Any other error of the library
                or of the system is raised as the first of them, except `ValidationError` and
                `NotFoundError`, which stay as they are. An error of the caller's progress function
                or signal handler is raised as it is.
            tidy: Whether memory may be freed after the call.
        """
        if self._graph.is_forked:  # before anything that the parent's threads work on
            raise errors[0](PARENTS_CLIENT)
        with self._telemetry.call(name):
            try:
                with (
                    self._memory.call(tidy=tidy),
                    self._graph.call(),
                    translated_system_errors(errors[0]),
                ):
                    yield
            except CallerError as carrier:
                raise_original(carrier)
            except ContextPersistenceError as error:
                if isinstance(error, (ValidationError, NotFoundError, *errors)):
                    raise
                raise errors[0](
                    str(error), retryable=error.retryable, outcome=error.outcome
                ) from error
            except (KeyboardInterrupt, SystemExit):
                release_import_lock()
                raise


class HasEngine(Protocol):
    """A class whose methods may be public calls."""

    _engine: "Engine"


C = TypeVar("C", bound=HasEngine)


def public_call(
    *errors: type[ContextPersistenceError], tidy: bool = True
) -> Callable[[Callable[Concatenate[C, P], R]], Callable[Concatenate[C, P], R]]:
    """Make a method a public call: run it in a `CallScope` and write its time into the response.

    Args:
        errors: See `CallScope.__call__`; at least one.
        tidy: See `CallScope.__call__`.
    """

    def decorate(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
        @functools.wraps(method)
        def call(self: C, *args: P.args, **kwargs: P.kwargs) -> R:
            start = time.perf_counter()
            with self._engine.call(method.__name__, *errors, tidy=tidy):
                response = method(self, *args, **kwargs)
                if isinstance(response, BaseModel) and TIME_FIELD in type(response).model_fields:
                    setattr(response, TIME_FIELD, time.perf_counter() - start)
            return response

        return cast("Any", call)  # type: ignore[no-any-return]  # mypy has its own class for what `wraps` returns

    return decorate
