"""HTTP connections that end when a client does not send its headers in time."""

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mcp_context_persistence.kg import limits


class TimedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, with a time limit for the headers of each request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._begin_to_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self._end_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of the headers where they are not complete."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._begin_to_wait()
        else:
            self._end_wait()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP with a problem, like every other error."""
        problem = {
            "type": "/problems/bad-request",
            "title": "The request is not valid HTTP",
            "status": 400,
            "detail": "the request is not valid HTTP, or its headers are too large",
            "retryable": False,
            "outcome": "not_applied",
        }
        headers = [("Content-Type", "application/problem+json"), ("Connection", "close")]
        response = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        events = (response, h11.Data(data=json.dumps(problem).encode()), h11.EndOfMessage())
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _begin_to_wait(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(limits.REQUEST_SECONDS, self._give_up)

    def _end_wait(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        self._header_timer = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()
