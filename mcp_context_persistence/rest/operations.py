"""How a call of the client becomes a route: scope, strict request, thread, response."""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from pydantic import ValidationError as PydanticValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.rest import etags
from mcp_context_persistence.rest.call_threads import CallThreads
from mcp_context_persistence.rest.callers import Caller
from mcp_context_persistence.rest.cursors import CursorSigner
from mcp_context_persistence.rest.item_locks import ItemLocks
from mcp_context_persistence.rest.problems import (
    MEDIA_TYPE,
    ProblemError,
    from_validation_errors,
)
from mcp_context_persistence.rest.strict_json import load_json
from mcp_context_persistence.service.clients import ClientPool
from mcp_context_persistence.service.keys import SCOPES

PREFIX = "/v1"
SCOPE_KEY = "x-scope"
JSON_TYPE = "application/json"
LINES_TYPE = "application/jsonl"
LINE_TYPES = (LINES_TYPE, "application/x-ndjson", "application/json-lines")
# A parameter of a content type, also in the form `charset*`, which means another character set.
_CHARSET = re.compile(r"""\bcharset\s*\*?\s*=\s*"?([^\s;"]*)""", re.IGNORECASE)
INLINE_BYTES = 16_384  # of a body that is parsed on the event loop; that takes less than 1 ms
PROBLEM_SCHEMA = {"$ref": "#/components/schemas/ProblemDetails"}
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": PROBLEM_SCHEMA}}}
    for status, text in {
        "4XX": "The request was refused; nothing was changed",
        "5XX": "The call failed; `retryable` and `outcome` tell what to do",
    }.items()
}

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The item has not changed"}}
HEADERS = {
    "If-Match": "`ETag` of the item as it must be stored, or `*`; else the status is 412",
    "If-None-Match": "`ETag` of the item that the caller has, or `*`",
    "Idempotency-Key": "A name of this request; a repeated request with it adds no message again",
}
HEADER_FORMS = {"Idempotency-Key": {"maxLength": 255, "pattern": "^[!-~]+$"}}
READ_HEADERS = ("If-None-Match",)
WRITE_HEADERS = ("If-Match", "If-None-Match")

T = TypeVar("T", bound=BaseModel)


class Body(BaseModel):
    """The body of a request: arguments of a call, of exactly their types."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    def arguments(self) -> dict[str, Any]:
        """Return the fields that were sent; the client has the defaults of the others."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class QueryArguments(BaseModel):
    """The arguments of a call in the query of the address."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    MULTIPLE: ClassVar[frozenset[str]] = frozenset()  # those that may be there several times

    def arguments(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


@dataclass(frozen=True, kw_only=True)
class Service:
    """What the routes share.

    Attributes:
        clients: A client for each namespace.
        threads: In which calls run.
        cursors: Signs cursors.
        items: Locks of the items that conditional requests write.
    """

    clients: ClientPool
    threads: CallThreads
    cursors: CursorSigner
    items: ItemLocks

    @classmethod
    def create(cls, clients: ClientPool, threads: CallThreads, secret: bytes | None) -> "Service":
        """Return the service; without a secret, its cursors are valid until it ends."""
        cursors = CursorSigner(secret or secrets.token_bytes(32))
        return cls(clients=clients, threads=threads, cursors=cursors, items=ItemLocks())


@dataclass(frozen=True, kw_only=True)
class Session:
    """One request: its caller and what answers it.

    Attributes:
        caller: Names the namespace.
        service: What the routes share.
        request: For its headers.
    """

    caller: Caller
    service: Service
    request: Request

    def answer(
        self,
        call: Callable[[ContextPersistenceClient], T],
        *,
        stored: Callable[[ContextPersistenceClient], BaseModel] | None = None,
        has_tag: bool = False,
        operation: str | None = None,
    ) -> Response:
        """Call the client of the caller's namespace, and return the response.

        Args:
            call: The call.
            stored: Reads the item that the call writes, for `If-Match` and `If-None-Match`.
            has_tag: Whether the response has an `ETag`.
            operation: Name of a call that returns pages, for its cursors.
        """
        has_conditions = (has_tag or stored is not None) and etags.has_conditions(
            self.request.headers
        )
        with self.service.clients.use(self.caller.namespace) as client:
            if stored is not None and has_conditions:
                with self.service.items.hold(self.caller.namespace, self.request.url.path):
                    self._check_stored(client, stored)
                    result = call(client)
            else:
                result = call(client)
        tag = etags.make_tag(result) if has_tag else None
        condition = self.request.headers.get("if-none-match")
        if tag and condition is not None and etags.has_match(tag, condition):
            return Response(status_code=304, headers={"ETag": tag})
        if operation is not None and getattr(result, "next_cursor", None):
            cursor = self.service.cursors.sign(
                result.next_cursor,  # type: ignore[attr-defined]  # as was just read
                namespace=self.caller.namespace,
                operation=operation,
            )
            result = result.model_copy(update={"next_cursor": cursor})
        return Response(
            result.model_dump_json(),
            media_type=JSON_TYPE,
            headers={"ETag": tag} if tag else None,
        )

    def read_cursor(self, arguments: dict[str, Any], operation: str) -> dict[str, Any]:
        """Return arguments with the client's cursor instead of the signed one."""
        cursor = arguments.get("cursor")
        if cursor is None:
            return arguments
        return arguments | {
            "cursor": self.service.cursors.read(
                cursor, namespace=self.caller.namespace, operation=operation
            )
        }

    def _check_stored(
        self,
        client: ContextPersistenceClient,
        stored: Callable[[ContextPersistenceClient], BaseModel],
    ) -> None:
        try:
            tag = etags.make_tag(stored(client))
        except NotFoundError:
            tag = None
        etags.check_conditions(self.request.headers, tag)


# The route gives it to the endpoint; the framework must not look for it in the request.
CurrentSession = Annotated[Session, Depends(lambda: None)]


def operation(
    method: str,
    *,
    scope: str,
    response: type[BaseModel],
    summary: str | None = None,
    headers: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the options of a route that is a call of the client.

    Args:
        method: Name of the client's method, which is the id of the operation.
        scope: What a key needs for it.
        response: Model of the response.
        summary: One sentence; None means the first line of the method's documentation.
        headers: Names in `HEADERS` that the route reads.
    """
    if scope not in SCOPES:
        raise ValueError("a route has one of the scopes of keys")
    documentation = (
        getattr(ContextPersistenceClient, method.split(".", maxsplit=1)[0]).__doc__ or ""
    )
    return {
        "operation_id": method,
        "summary": summary or documentation.strip().partition("\n")[0],
        "description": _describe(documentation),
        "response_model": response,
        "responses": PROBLEM_RESPONSES | (UNCHANGED if tuple(headers) == READ_HEADERS else {}),
        "openapi_extra": {
            SCOPE_KEY: scope,
            "parameters": [_describe_header(name) for name in headers],
        },
    }


def _describe_header(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": HEADERS[name],
        "schema": {
            "type": "string",
            **HEADER_FORMS.get(name, {"pattern": etags.CONDITION_PATTERN}),
        },
    }


def _describe(documentation: str) -> str:
    """Return what the documentation says between its first line and its arguments."""
    lines = [line.strip() for line in documentation.strip().splitlines()[1:]]
    if "Args:" in lines:
        lines = lines[: lines.index("Args:")]
    if "Raises:" in lines:
        lines = lines[: lines.index("Raises:")]
    return "\n".join(lines).strip()


class StrictRoute(APIRoute):
    """A route with a scope, which refuses what the framework would ignore or let pass.

    The framework finds the route and describes it. The route reads the request itself.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create it, as the framework does.

        Raises:
            ValueError: It has no scope.
        """
        super().__init__(*args, **kwargs)
        self._scope = (self.openapi_extra or {}).get(SCOPE_KEY)
        if self._scope not in SCOPES:
            raise ValueError(f"{self.path} has no scope")
        has_conditions = any(
            header["name"] in WRITE_HEADERS
            for header in (self.openapi_extra or {}).get("parameters", ())
        )
        self._ignores_conditions = self._scope not in {"read", "metrics"} and not has_conditions
        self._query_model = _find_query_model(self)
        self._body_model: Any = self.body_field.field_info.annotation if self.body_field else None
        self._has_session = bool(self.dependant.dependencies)
        self.app = self._answer

    async def read_body(self, request: Request) -> dict[str, Any]:
        """Return the arguments that the body has."""
        data = await request.body()
        if self._body_model is None:
            if data:
                raise ProblemError("invalid", "this call takes no body")
            return {}
        check_content_type(request, JSON_TYPE)
        if len(data) > INLINE_BYTES:
            threads: CallThreads = request.app.state.service.threads
            return {"body": await threads.run(_read_body, data, self._body_model)}
        return {"body": _read_body(data, self._body_model)}

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        caller: Caller = request.state.caller
        if self._scope not in caller.scopes:
            raise ProblemError("forbidden", f"the key needs the scope {self._scope}")
        if self._ignores_conditions and any(name in request.headers for name in etags.NAMES):
            raise ProblemError(
                "invalid", "this call has no entity tag: leave If-Match and If-None-Match out"
            )
        arguments = self._read_address(request) | await self.read_body(request)
        service: Service = request.app.state.service
        if self._has_session:
            arguments["session"] = Session(caller=caller, service=service, request=request)
        response = await service.threads.run(self.endpoint, **arguments)
        await response(scope, receive, send)

    def _read_address(self, request: Request) -> dict[str, Any]:
        """Return the arguments in path and query."""
        arguments: dict[str, Any] = {}
        for field in self.dependant.path_params:
            text = request.path_params[field.name]
            arguments[field.name], errors = field.validate(text, loc=(field.name,))
            if errors:
                raise from_validation_errors(errors, source="path")
        _check_query(request)
        model, query = self._query_model, request.query_params
        if model is None:
            if query:
                raise ProblemError("invalid", "this call takes no query parameters")
            return arguments
        if any(len(query.getlist(name)) > 1 for name in query.keys() - model.MULTIPLE):
            raise ProblemError(
                "invalid", "a parameter of the query occurs more than once; send it once"
            )
        values = {
            name: query.getlist(name) if name in model.MULTIPLE else query[name] for name in query
        }
        return arguments | {"query": _validate(model, values, source="query")}


class LinesRoute(StrictRoute):
    """A route whose body has JSON lines, which the endpoint reads in its thread."""

    async def read_body(self, request: Request) -> dict[str, Any]:
        """Note the body as `request.state.lines`."""
        check_content_type(request, *LINE_TYPES)
        request.state.lines = await request.body()
        return {}


def _check_query(request: Request) -> None:
    """Refuse what the framework would replace by other characters."""
    try:
        unquote_to_bytes(request.scope["query_string"]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProblemError("invalid", "the query is not in UTF-8") from error


def _find_query_model(route: APIRoute) -> type[QueryArguments] | None:
    for field in route.dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, QueryArguments):
            return model
    return None


def _validate(model: Any, value: Any, *, source: str) -> Any:
    try:
        return model.model_validate(value)
    except PydanticValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        raise from_validation_errors(
            problems, known_keys=model.model_fields, source=source
        ) from None


def check_content_type(request: Request, *allowed: str) -> None:
    """Refuse a body of another type, or in another encoding than UTF-8."""
    values = request.headers.getlist("content-type")
    kind, _, parameters = values[0].partition(";") if len(values) == 1 else ("", "", "")
    charsets = {charset.lower() for charset in _CHARSET.findall(parameters)}
    if kind.strip().lower() not in allowed or not charsets <= {"utf-8", "us-ascii"}:
        raise ProblemError(
            "unsupported-media-type", f"send the body as {' or '.join(allowed)} in UTF-8"
        )


def _read_body(data: bytes, model: Any) -> Any:
    if not data:
        raise ProblemError("invalid", "the body is missing")
    return _validate(model, load_json(data), source="body")
