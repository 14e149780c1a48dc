"""How a call of the client becomes a route: scope, strict request, thread, response."""

import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from email.message import Message as MimeMessage
from typing import Annotated, Any, ClassVar, TypeVar

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from pydantic import ValidationError as PydanticValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.rest import etags
from mcp_context_persistence.rest.callers import Caller
from mcp_context_persistence.rest.cursors import CursorSigner
from mcp_context_persistence.rest.problems import (
    MEDIA_TYPE,
    ProblemError,
    describe_unknown_field,
    from_validation_errors,
)
from mcp_context_persistence.rest.strict_json import load_json
from mcp_context_persistence.service.clients import ClientPool
from mcp_context_persistence.service.keys import SCOPES

SCOPE_KEY = "x-scope"
JSON_TYPE = "application/json"
LINES_TYPE = "application/jsonl"
LINE_TYPES = (LINES_TYPE, "application/x-ndjson", "application/json-lines")
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
        cursors: Signs cursors.
    """

    clients: ClientPool
    cursors: CursorSigner

    @classmethod
    def create(cls, clients: ClientPool, secret: bytes | None) -> "Service":
        """Return the service; without a secret, its cursors are valid until it ends."""
        return cls(clients=clients, cursors=CursorSigner(secret or secrets.token_bytes(32)))


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
                self._check_stored(client, stored)
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


async def _open_session(request: Request) -> Session:
    return Session(caller=request.state.caller, service=request.app.state.service, request=request)


CurrentSession = Annotated[Session, Depends(_open_session)]


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
        "summary": summary or documentation.strip().splitlines()[0],
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


class StrictRequest(Request):
    """A request whose JSON was read strictly, and checked, before the framework sees it."""

    checked_body: Any = None

    async def json(self) -> Any:
        """Return the checked body."""
        return self.checked_body


class StrictRoute(APIRoute):
    """A route with a scope, which refuses what the framework would ignore or let pass."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the framework, with the checks before it."""
        handle = super().get_route_handler()
        scope = (self.openapi_extra or {}).get(SCOPE_KEY)
        if scope not in SCOPES:
            raise ValueError(f"{self.path} has no scope")
        query = _find_query_model(self)

        async def handle_strictly(request: Request) -> Response:
            caller: Caller = request.state.caller
            if scope not in caller.scopes:
                raise ProblemError("forbidden", f"the key needs the scope {scope}")
            _check_query(request, query)
            strict = StrictRequest(request.scope, request.receive)
            await self.read_body(strict)
            return await handle(strict)

        return handle_strictly

    async def read_body(self, request: StrictRequest) -> None:
        """Read and check the body."""
        data = await request.body()
        if self.body_field is None:
            if data:
                raise ProblemError("invalid", "this call takes no body")
            return
        check_content_type(request, JSON_TYPE)
        model = self.body_field.field_info.annotation
        if len(data) > INLINE_BYTES:
            request.checked_body = await run_in_threadpool(_read_body, data, model)
        else:
            request.checked_body = _read_body(data, model)


class LinesRoute(StrictRoute):
    """A route whose body has JSON lines, which the endpoint reads in its thread."""

    async def read_body(self, request: StrictRequest) -> None:
        """Note the body as `request.state.lines`."""
        check_content_type(request, *LINE_TYPES)
        request.state.lines = await request.body()


def _find_query_model(route: APIRoute) -> type[QueryArguments] | None:
    for field in route.dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, QueryArguments):
            return model
    return None


def _check_query(request: Request, model: type[QueryArguments] | None) -> None:
    """Refuse arguments that are there several times; without a model, all of them."""
    names = [name for name, _ in request.query_params.multi_items()]
    if model is None and names:
        raise ProblemError("invalid", "this call takes no arguments in its query")
    repeated = {name for name in names if names.count(name) > 1}
    if model is not None and not model.model_fields.keys() >= set(names):
        raise ProblemError("invalid", f"the query {describe_unknown_field(model.model_fields)}")
    if model is not None and repeated - model.MULTIPLE:
        raise ProblemError("invalid", "an argument of the query is there more than once")


def check_content_type(request: Request, *allowed: str) -> None:
    """Refuse a body of another type, or in another encoding than UTF-8."""
    message = MimeMessage()
    message["content-type"] = request.headers.get("content-type", "")
    charset = message.get_content_charset("utf-8")
    if message.get_content_type() not in allowed or charset not in {"utf-8", "us-ascii"}:
        raise ProblemError(
            "unsupported-media-type", f"send the body as {' or '.join(allowed)} in UTF-8"
        )


def _read_body(data: bytes, model: Any) -> Any:
    if not data:
        raise ProblemError("invalid", "the body is missing")
    value = load_json(data)
    try:
        return model.model_validate(value)
    except PydanticValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        raise from_validation_errors(
            problems, known_keys=model.model_fields, source="body"
        ) from None
