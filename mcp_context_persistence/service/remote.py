"""The client's calls, answered by a running service: its models are loaded already."""

import http.client
import json
import os
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    DatabaseError,
    ValidationError,
)
from mcp_context_persistence.service.folders import service_folder
from mcp_context_persistence.service.lease import ServiceAddress, find_service
from mcp_context_persistence.service.routes import ROUTES, Route

ANSWER_SECONDS = 300.0  # longer than any call waits for the database
SUCCESS = 200
# Arguments that may be an object with all the other ones.
OBJECTS = {"conversation_id": "Conversation", "query": "HybridSearchParams"}


class RemoteClient:
    """Calls of `ContextPersistenceClient` by the same names, with the same arguments.

    They return the same models and raise the same errors. `ROUTES` lists them; other calls, and
    arguments that cannot be sent (functions, arrays), need a client of one's own. Threads may share
    it.

    Attributes:
        namespace: The namespace of all calls.
    """

    def __init__(self, address: ServiceAddress, namespace: str = "default") -> None:
        """Take the address of a service that has proven itself, see `find_service`."""
        self.namespace = namespace
        self._address = address
        self._headers = {"Authorization": address.authorization(namespace)}
        self._connections: dict[tuple[int, int], http.client.HTTPConnection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address.url!r}, namespace={self.namespace!r})"

    def __getattr__(self, name: str) -> Any:
        if name not in ROUTES:
            raise AttributeError(f"the service does not answer {name!r}: open the store yourself")
        return partial(self._call, name)

    def close(self) -> None:
        """Close the connections; the service goes on."""
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            connection.close()

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        request = _build_request(name, args, kwargs)
        status, content = self._exchange(name, request)
        if status != SUCCESS:
            raise _read_problem(content)
        return _read_response(ROUTES[name], json.loads(content))

    def _exchange(self, name: str, request: "_Request") -> tuple[int, bytes]:
        """Send a request; once more where the connection was closed while nobody used it."""
        headers = {**self._headers, **request.headers}
        key = os.getpid(), threading.get_ident()
        for is_last in (False, True):
            connection = self._connections.pop(key, None)
            is_new = connection is None
            if connection is None:
                address = self._address
                connection = http.client.HTTPConnection(
                    address.host, address.port, timeout=ANSWER_SECONDS
                )
            try:
                connection.request(request.method, request.target, request.body, headers)
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if is_new or is_last:
                    raise DatabaseError(
                        f"{name}: the service at {self._address.url} does not answer",
                        retryable=True,
                        outcome="not_applied" if request.method == "GET" else "unknown",
                    ) from error
            else:
                self._connections[key] = connection
                return response.status, content
        raise AssertionError("the second attempt ends the loop")


def connect(database_url: str | None = None, namespace: str = "default") -> RemoteClient | None:
    """Return a client of the service of a database, None where none runs.

    Args:
        database_url: As `ContextPersistenceClient` takes it; None means the configured one.
        namespace: The namespace of all calls.
    """
    address = find_service(service_folder(database_url))
    return None if address is None else RemoteClient(address, namespace)


@dataclass(frozen=True, kw_only=True)
class _Request:
    method: str
    target: str
    body: bytes | None
    headers: Mapping[str, str]


def _build_request(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Request:
    route = ROUTES[name]
    if len(args) > len(route.positional):
        raise TypeError(f"{name}() takes at most {len(route.positional)} arguments by position")
    arguments = dict(zip(route.positional, args, strict=False)) | kwargs
    for field, model in OBJECTS.items():
        if type(arguments.get(field)).__name__ == model:
            arguments = arguments.pop(field).model_dump(mode="json", exclude_unset=True) | arguments
    arguments = {key: value for key, value in arguments.items() if value is not None}
    path = route.path
    if name == "find_similar_entities" and "entity_id" not in arguments:
        path = "/similar-entities"
    for field in [field for field in arguments if f"{{{field}}}" in path]:
        value = arguments.pop(field)
        if not isinstance(value, str) or not value:
            raise ValidationError(f"{field} must be a string that is not empty")
        path = path.replace(f"{{{field}}}", quote(value, safe="", errors="surrogatepass"))
    if "{" in path:
        raise ValidationError(f"{name} lacks an argument")
    headers = {"Idempotency-Key": uuid.uuid4().hex} if name == "append_messages" else {}
    if route.method in {"GET", "DELETE"}:
        query = urlencode(_write_query(arguments), doseq=True)
        target = f"/v1{path}{'?' if query else ''}{query}"
        return _Request(method=route.method, target=target, body=None, headers=headers)
    has_body = bool(arguments) or name not in {"retire_instruction", "undo_merge"}
    body = _dump(arguments).encode() if has_body else None
    headers |= {"Content-Type": "application/json"} if has_body else {}
    return _Request(method=route.method, target=f"/v1{path}", body=body, headers=headers)


def _write_query(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as the query of an address has them."""
    query: dict[str, Any] = {}
    for name, value in arguments.items():
        if isinstance(value, bool):
            query[name] = "true" if value else "false"
        elif name == "filters":
            query[name] = _dump(value)
        elif isinstance(value, date):
            query[name] = value.isoformat()
        else:
            query[name] = value
    return query


def _dump(value: Any) -> str:
    try:
        return json.dumps(value, default=_to_plain, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(
            "an argument cannot be sent to the service: open the store yourself"
        ) from error


def _to_plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _read_response(route: Route, content: dict[str, Any]) -> Any:
    models = import_module("mcp_context_persistence.models")
    model = getattr(models, route.response)
    if not route.items:
        return model.model_validate(content)
    items = [model.model_validate(item) for item in content[route.items]]
    if route.items == "communities":
        items = models.Communities(items)
        items.truncated = content["truncated"]
    return items


def _read_problem(content: bytes) -> ContextPersistenceError:
    """Return the error that the client in the service has raised."""
    try:
        problem = json.loads(content)
        name = str(problem.get("error", ""))
        detail, retryable = str(problem["detail"]), bool(problem["retryable"])
        outcome, is_invalid = problem["outcome"], problem["status"] in {413, 422}
    except (ValueError, KeyError, TypeError, AttributeError):
        return DatabaseError("the answer of the service cannot be read", outcome="unknown")
    exceptions = import_module("mcp_context_persistence.exceptions")
    usual = "ValidationError" if is_invalid else "DatabaseError"
    error = getattr(exceptions, name if name in exceptions.__all__ else usual)
    return error(detail, retryable=retryable, outcome=outcome)  # type: ignore[no-any-return]
