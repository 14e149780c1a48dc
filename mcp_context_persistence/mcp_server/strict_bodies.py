"""Refuse messages over HTTP that are no requests, as over standard input."""

import anyio.to_thread
from mcp_types import JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_context_persistence.kg import limits
from mcp_context_persistence.mcp_server.broken_messages import explain_broken, read_text

INLINE_BYTES = 16_384  # of a message that is parsed on the event loop


class StrictBodies:
    """ASGI middleware that answers broken messages; the application gets the others."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a broken message, or pass the request on."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        messages, body = await _receive_body(receive)
        if body is not None:
            is_long = len(body) > INLINE_BYTES
            answer = await anyio.to_thread.run_sync(_check, body) if is_long else _check(body)
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, _replay(messages, receive), send)


async def _receive_body(receive: Receive) -> tuple[list[Message], bytes | None]:
    """Return what was received, and the body; None where it is too long or has no end."""
    messages: list[Message] = []
    body = bytearray()
    while len(body) <= limits.MCP_REQUEST_BYTES:
        if messages and not messages[-1].get("more_body", False):
            return messages, bytes(body)
        messages.append(await receive())
        if messages[-1]["type"] != "http.request":
            break
        body += messages[-1].get("body", b"")
    return messages, None


def _replay(messages: list[Message], receive: Receive) -> Receive:
    received = iter(messages)

    async def receive_again() -> Message:
        message = next(received, None)
        return await receive() if message is None else message

    return receive_again


def _check(body: bytes) -> Response | None:
    """Return the answer to a message that is no request."""
    text = read_text(body)
    try:
        jsonrpc_message_adapter.validate_json(text, by_name=False)  # type: ignore[arg-type]  # refuses others
    except ValidationError as problem:
        error, ids = explain_broken(problem)
        answer = JSONRPCError(jsonrpc="2.0", id=ids[0] if len(ids) == 1 else None, error=error)
        content = answer.model_dump_json(by_alias=True, exclude_unset=True)
        return Response(content, 400, media_type="application/json")
    return None
