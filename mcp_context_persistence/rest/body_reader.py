"""Read the body of a request in whole, within limits of length, time and memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.callers import Caller
from mcp_context_persistence.rest.problems import ProblemError
from mcp_context_persistence.rest.shares import CLOSE, Memory
from mcp_context_persistence.rest.strict_json import check_containers


class ClientLeftError(Exception):
    """The client closed the connection, or does not read the response."""


class BodyReader:
    """Reads bodies, which together take a limited amount of memory."""

    def __init__(self, max_bytes: int) -> None:
        """Create it.

        Args:
            max_bytes: Length of one body.
        """
        self._max_bytes = max_bytes
        self.memory = Memory()

    @asynccontextmanager
    async def read(
        self, headers: Headers, receive: Receive, caller: Caller
    ) -> AsyncIterator[bytes]:
        """Yield the body; its memory counts until the block ends.

        Raises:
            ProblemError: It is too long, too slow, or other bodies take all the memory; or it has
                more arrays and objects than a parser can make without a stop of the service.
            ClientLeftError: It does not come to its end.
        """
        announced = headers.get("content-length")
        if announced is not None and int(announced) > self._max_bytes:
            raise self._refuse_length()
        content = bytearray()
        try:
            try:
                async with asyncio.timeout(limits.REQUEST_SECONDS):
                    await self._receive(receive, content, caller)
            except TimeoutError as error:
                raise ProblemError(
                    "timeout",
                    f"the body did not arrive in {limits.REQUEST_SECONDS:g} s",
                    retryable=True,
                    headers=CLOSE,
                ) from error
            body = bytes(content)
            check_containers(body)
            yield body
        finally:
            self.memory.give_back(caller, len(content))

    async def _receive(self, receive: Receive, content: bytearray, caller: Caller) -> None:
        has_more = True
        while has_more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            chunk, has_more = message.get("body", b""), message.get("more_body", False)
            if len(content) + len(chunk) > self._max_bytes:
                raise self._refuse_length()
            content += chunk
            self.memory.take(caller, len(chunk))

    def _refuse_length(self) -> ProblemError:
        return ProblemError(
            "too-large", f"the body has more than {self._max_bytes:,} bytes", headers=CLOSE
        )


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a function that an application receives the body from, and then the disconnect."""
    is_sent = False

    async def receive_again() -> Message:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
