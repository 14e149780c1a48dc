"""The guard of the service: it lets a request in, or answers it with a problem.

It runs before routing and before a body is parsed, also for applications that are mounted: host and
origin, credential, rate, number of requests, content encoding, length and time of the body. The
body is read here, in whole, so that nothing behind the guard waits for a client.
"""

import asyncio
import math
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.rest.body_reader import BodyReader, ClientLeftError, replay
from mcp_context_persistence.rest.callers import Caller, Credentials
from mcp_context_persistence.rest.origins import Origins, cut_port
from mcp_context_persistence.rest.problems import (
    PROBLEMS,
    ProblemError,
    from_client_error,
    make_failure,
    make_interruption,
)
from mcp_context_persistence.rest.request_rate import RequestRate
from mcp_context_persistence.rest.shares import CLOSE, Shares
from mcp_context_persistence.service.settings import LOOPBACK_HOSTS, ServiceSettings

if TYPE_CHECKING:
    from mcp_context_persistence.rest.request_metrics import RequestMetrics

SLASH = "\ufdd0"  # stands for an encoded slash in a path; Unicode has no such character
FORWARDED = ("forwarded", "x-forwarded-", "x-real-ip", "x-client-ip", "via")  # how names begin
OPEN_METHODS = ("GET", "HEAD")
RESPONSE_CHUNK_BYTES = 65_536  # of a response that are sent together
EXPECTED = (ProblemError, ContextPersistenceError, asyncio.CancelledError)

Answer = Callable[[Headers], Awaitable[Response]]


class Guard:
    """ASGI middleware that every request passes first."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: ServiceSettings,
        credentials: Credentials,
        metrics: "RequestMetrics",
        open_answers: dict[str, Answer],
    ) -> None:
        """Wrap an application.

        Args:
            app: Gets the requests that are let in.
            settings: Names hosts, origins and limits.
            credentials: Recognize the callers.
            metrics: Counts the requests.
            open_answers: Answers of addresses that need no key and no thread.
        """
        self._app, self._settings, self._credentials = app, settings, credentials
        self._metrics, self._open_answers = metrics, open_answers
        self._origins = Origins(settings.origins)
        self._rate = RequestRate(settings.requests_per_minute)
        self._bodies = BodyReader(settings.body_bytes)
        self._shares = Shares(threads=settings.threads, waiting=settings.waiting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        request_headers = Headers(scope=scope)
        with self._metrics.observe(scope) as observation:

            async def send_marked(message: Message) -> None:
                if message["type"] == "http.response.start":
                    observation.status = message["status"]
                    headers = MutableHeaders(scope=message)
                    headers["X-Request-Id"] = request_id
                    headers["X-Content-Type-Options"] = "nosniff"
                    headers.setdefault("Cache-Control", "private, no-cache")
                    self._origins.mark(request_headers, headers)
                await _send_in_time(send, message)

            try:
                await self._let_in(scope, receive, send_marked)
            except ClientLeftError:
                pass  # nobody reads an answer
            except BaseException as error:
                if not observation.is_answered:
                    problem = _make_problem(error)
                    await problem.respond(request_id)(scope, receive, send_marked)
                if not isinstance(error, EXPECTED):
                    raise

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        host = self._check_host(headers)
        self._origins.check(headers)
        self._check_framing(headers)
        preflight = self._origins.answer_preflight(scope["method"], headers)
        if preflight is not None:
            await preflight(scope, receive, send)
            return
        scope["path"] = _read_path(scope, host)
        answer = self._open_answers.get(scope["path"])
        if answer is not None:
            if scope["method"] not in OPEN_METHODS:
                raise ProblemError(
                    "method-not-allowed",
                    PROBLEMS["method-not-allowed"][1],
                    headers={"Allow": ", ".join(OPEN_METHODS)},
                )
            await (await answer(headers))(scope, receive, send)
            return
        client = scope["client"][0] if scope.get("client") else ""
        caller = self._credentials.identify(
            _read_authorization(headers),
            client=client,
            host=host,
            is_forwarded=any(name.startswith(FORWARDED) for name in headers),
        )
        self._check_rate(caller)
        scope["state"]["caller"] = caller
        with self._shares.count(caller):
            if any(name.lower() != "identity" for name in headers.getlist("content-encoding")):
                raise ProblemError(
                    "unsupported-media-type", "send the body without Content-Encoding"
                )
            async with (
                self._bodies.read(headers, receive, caller) as body,
                self._shares.threads(caller),
            ):
                await self._app(scope, replay(body, receive), send)

    def _check_host(self, headers: Headers) -> str:
        """Return the name in `Host`, without its port; a name that is not ours is refused."""
        values = headers.getlist("host")
        if len(values) != 1:
            raise ProblemError("bad-request", "send the header Host exactly once")
        host = cut_port(values[0].lower())
        if host not in LOOPBACK_HOSTS and host not in self._settings.hosts:
            raise ProblemError(
                "wrong-host",
                "the service does not have this host name; add it to CONTEXT_API_HOSTS",
            )
        return host

    def _check_framing(self, headers: Headers) -> None:
        """Refuse a request whose length two servers could read differently."""
        if "transfer-encoding" in headers and "content-length" in headers:
            raise ProblemError(
                "bad-request",
                "send Content-Length or Transfer-Encoding, not both",
                headers=CLOSE,
            )

    def _check_rate(self, caller: Caller) -> None:
        seconds = 0.0 if caller.is_local else self._rate.count(caller.id)
        if not seconds:
            return
        raise ProblemError(
            "rate-limited",
            f"more than {self._settings.requests_per_minute:,} requests in a minute",
            retryable=True,
            headers={"Retry-After": str(math.ceil(seconds))},
        )


def _make_problem(error: BaseException) -> ProblemError:
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, ContextPersistenceError):
        return from_client_error(error)
    if isinstance(error, asyncio.CancelledError):  # the service ends without waiting for the call
        return make_interruption()
    return make_failure()


async def _send_in_time(send: Send, message: Message) -> None:
    """Send a part of a response; a client that does not read it is taken for gone.

    A long part is sent in pieces, so that it does not lie in the memory of the connection, where
    nobody counts it.
    """
    for piece in _split(message):
        try:
            async with asyncio.timeout(limits.REQUEST_SECONDS):
                await send(piece)
                if piece.get("more_body"):
                    await asyncio.sleep(0)  # for the others, and for the news that nobody reads
        except TimeoutError as error:
            raise ClientLeftError from error


def _split(message: Message) -> Iterator[Message]:
    body = message.get("body", b"")
    if len(body) <= RESPONSE_CHUNK_BYTES:
        yield message
        return
    for start in range(0, len(body), RESPONSE_CHUNK_BYTES):
        end = start + RESPONSE_CHUNK_BYTES
        has_more = end < len(body) or message.get("more_body", False)
        yield {**message, "body": body[start:end], "more_body": has_more}


def _read_authorization(headers: Headers) -> str | None:
    """Return the credential; of several, a proxy could have checked another one."""
    values = headers.getlist("authorization")
    if len(values) > 1:
        raise ProblemError(
            "bad-request", "the header Authorization occurs more than once; send it once"
        )
    return values[0] if values else None


def _read_path(scope: Scope, host: str) -> str:
    """Return the decoded path, with encoded slashes as `SLASH`, so that an id may have them."""
    raw = _cut_origin(scope.get("raw_path") or scope["path"].encode(), host)
    try:
        parts = [unquote_to_bytes(part).decode("utf-8") for part in raw.split(b"/")]
    except UnicodeDecodeError as error:
        raise ProblemError("no-route", "the path is not in UTF-8") from error
    if any(SLASH in part for part in parts):
        raise ProblemError("no-route", "the path has a character that Unicode does not have")
    return "/".join(part.replace("/", SLASH) for part in parts)


def _cut_origin(target: bytes, host: str) -> bytes:
    """Return the path of a target that may be a whole URL, as clients of a proxy send it."""
    scheme, separator, address = target.partition(b"://")
    if not separator or scheme.lower() not in {b"http", b"https"}:
        return target
    name, slash, path = address.partition(b"/")
    if cut_port(name.decode("latin-1").lower()) != host:
        raise ProblemError("bad-request", "the URL and the header Host have different host names")
    return slash + path or b"/"
