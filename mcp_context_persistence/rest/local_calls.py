"""Answer any call of the client for other processes of the same user.

They hold the secret of the lease, and could open the store themselves. So they get what the client
returns and raises, unchanged: the same models, texts of errors and cursors.
"""

import inspect
import json
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.models import SaveConversationResponse
from mcp_context_persistence.rest.call_threads import CallThreads
from mcp_context_persistence.rest.problems import ProblemError, find_class
from mcp_context_persistence.service.calls import ERROR, PLAIN, RESULT_HEADER, is_served
from mcp_context_persistence.service.clients import ClientPool

JSON_TYPE = "application/json"


@dataclass(frozen=True)
class _Operation:
    operation_id: str


class LocalCalls:
    """An ASGI application behind the guard, which has put the caller into the scope."""

    def __init__(self, clients: ClientPool, threads: CallThreads) -> None:
        """Take the clients of the service, and the threads in which calls run."""
        self._clients, self._threads = clients, threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call.

        Raises:
            ProblemError: Nothing was called.
            ContextPersistenceError: The client could not be opened, so nothing was called.
        """
        request = Request(scope, receive)
        caller = request.state.caller
        if not caller.is_local or request.method != "POST":
            raise ProblemError("no-route", "there is no such address")
        body = await request.body()
        response = await self._threads.run(self._answer, scope, caller.namespace, body)
        await response(scope, receive, send)

    def _answer(self, scope: Scope, namespace: str, body: bytes) -> Response:
        try:
            name, args, kwargs = json.loads(body)
        except (ValueError, RecursionError, TypeError) as error:
            raise ProblemError("invalid", "the call cannot be read") from error
        method = getattr(ContextPersistenceClient, name, None) if is_served(name) else None
        if not inspect.isfunction(method):
            raise ProblemError("no-route", "there is no such call")
        try:
            _read_signature(method).bind(None, *args, **kwargs)
        except TypeError as error:
            raise ProblemError("invalid", "the call does not take these arguments") from error
        scope["route"] = _Operation(name)  # the metrics name it
        with self._clients.use(namespace) as client:
            try:
                return _write_result(method(client, *args, **kwargs))
            except ContextPersistenceError as error:
                return _write_error(error)


@cache
def _read_signature(method: FunctionType) -> inspect.Signature:
    return inspect.signature(method)


def _write_result(result: Any) -> Response:
    if isinstance(result, BaseModel):
        content = result.model_dump_json(warnings=False)
        return _respond(type(result).__name__, content)
    if isinstance(result, list) and all(isinstance(item, BaseModel) for item in result):
        items = ",".join(item.model_dump_json(warnings=False) for item in result)
        truncated = json.dumps(getattr(result, "truncated", None))
        failures = json.dumps([_describe_failure(item) for item in result])
        name = type(result[0]).__name__ if result else "BaseModel"
        content = f'{{"items":[{items}],"truncated":{truncated},"failures":{failures}}}'
        return _respond(f"{name}[]", content)
    return _respond(PLAIN, json.dumps(result))


def _write_error(error: ContextPersistenceError) -> Response:
    return _respond(ERROR, json.dumps(_describe_error(error)))


def _describe_failure(item: BaseModel) -> dict[str, Any] | None:
    """Return the error of an item of a batch, which is no part of its JSON."""
    failure = item.failure if isinstance(item, SaveConversationResponse) else None
    return None if failure is None else _describe_error(failure)


def _describe_error(error: ContextPersistenceError) -> dict[str, Any]:
    return {
        "class": find_class(error),
        "text": str(error),
        "retryable": error.retryable,
        "outcome": error.outcome,
    }


def _respond(kind: str, content: str) -> Response:
    return Response(content, headers={RESULT_HEADER: kind}, media_type=JSON_TYPE)
