"""Read the body of a request in whole, within limits of length, time and memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.problems import ProblemError

CLOSE = {"Connection": "close"}  # the rest of the body must not be read as the next request


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
        self._bytes = 0  # of all bodies

    @asynccontextmanager
    async def read(self, headers: Headers, receive: Receive) -> AsyncIterator[bytes]:
        """Yield the body; its memory counts until the block ends.

        Raises:
            ProblemError: It is too long, too slow, or other bodies take all the memory.
            ClientLeftError: It does not come to its end.
        """
        announced = headers.get("content-length")
        if announced is not None and int(announced) > self._max_bytes:
            raise self._refuse_length()
        chunks: list[bytes] = []
        try:
            try:
                async with asyncio.timeout(limits.REQUEST_SECONDS):
                    await self._receive(receive, chunks)
            except TimeoutError as error:
                raise ProblemError(
                    "timeout",
                    f"the body did not arrive in {limits.REQUEST_SECONDS:g} s",
                    retryable=True,
                    headers=CLOSE,
                ) from error
            yield b"".join(chunks)
        finally:
            self._bytes -= sum(map(len, chunks))

    async def _receive(self, receive: Receive, chunks: list[bytes]) -> None:
        length, has_more = 0, True
        while has_more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            chunk, has_more = message.get("body", b""), message.get("more_body", False)
            length += len(chunk)
            if length > self._max_bytes:
                raise self._refuse_length()
            chunks.append(chunk)
            self._bytes += len(chunk)
            if self._bytes > limits.REQUEST_BODIES_BYTES:
                raise ProblemError(
                    "unavailable",
                    "other requests take all the memory for bodies",
                    retryable=True,
                    headers=CLOSE,
                )

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
