"""HTTP connections that a client can neither keep open nor fill for nothing.

Everything here holds before a key is known: time for headers, for the rest of a body that was
answered already, and for the reading of an answer; small chunks; the number of connections.
"""

import asyncio
import json
import logging
import resource
import select
from itertools import chain
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mcp_context_persistence.kg import limits

OTHER_FILES = 512  # that connections leave to the rest of the process
DRAIN_BODY_SECONDS = 5.0  # for the rest of a body when the service ends
FEW_CHUNKS = 1_000  # of a body; more of them must have some length
ANSWERS = (h11.IDLE, h11.SEND_RESPONSE)  # states in which a response may begin
# uvicorn warns of each request that is not valid: anybody could fill the log.
log = logging.getLogger("mcp_context_persistence.service.http")
log.setLevel(logging.ERROR)


class BoundedConnection(h11.Connection):
    """h11's connection, which refuses a body in very small chunks: each costs as much as a call."""

    _chunks = 0
    _bytes = 0

    def next_event(self) -> Any:
        """Return the next event.

        Raises:
            RemoteProtocolError: The request is not valid HTTP, or has too many small chunks.
        """
        event = super().next_event()
        if isinstance(event, h11.Data):
            self._chunks += 1
            self._bytes += len(event.data)
            is_small = self._bytes < self._chunks * limits.REQUEST_CHUNK_BYTES
            if self._chunks > FEW_CHUNKS and is_small:
                raise h11.RemoteProtocolError("the chunks of the body are too small")
        elif isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
        return event


class TimedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, with a limit of time wherever a client can make it wait."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = log
        self.conn = BoundedConnection(h11.SERVER, limits.REQUEST_HEADER_BYTES)
        self._request_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._caller: Any = None  # of its last call that was let in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._begin_to_wait()
        if len(self.connections) > _max_connections():
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all waits."""
        self._end_wait()
        self._end_answer_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a request whose client has the next step."""
        super().data_received(data)
        self._check_wait()

    def pause_writing(self) -> None:
        """Wait for a client that does not read."""
        super().pause_writing()
        if self._answer_timer is None:
            self._answer_timer = self.loop.call_later(limits.REQUEST_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self._end_answer_wait()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Wait for the rest of the body, and for a client that has still to read the answer."""
        self._caller = self.scope["state"].get("caller") or self._caller
        super().on_response_complete()
        self._check_wait()
        self._abort_later()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, also where the client has not read everything."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def shutdown(self) -> None:
        """Let a request end; one whose body is not complete has done nothing yet."""
        super().shutdown()
        self.loop.call_later(DRAIN_BODY_SECONDS, self._close_half_request)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP with a problem, like every other error."""
        if self.conn.our_state in ANSWERS:
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
        self._abort_later()

    @property
    def _is_waiting(self) -> bool:
        """Whether the client has to send something before there is anything to do."""
        if self.conn.their_state is h11.IDLE:
            return True
        is_answered = getattr(self.cycle, "response_complete", False)  # there is none at first
        return is_answered and self.conn.their_state is h11.SEND_BODY

    @property
    def _has_unread(self) -> bool:
        """Whether the client has sent bytes that were not read yet, such as the next request."""
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _check_wait(self) -> None:
        if self._is_waiting and not self.transport.is_closing():
            self._begin_to_wait()
        else:
            self._end_wait()

    def _begin_to_wait(self) -> None:
        if self._request_timer is None:
            self._request_timer = self.loop.call_later(limits.REQUEST_SECONDS, self._give_up)

    def _end_wait(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _end_answer_wait(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None

    def _give_up(self) -> None:
        self._request_timer = None
        if self._is_waiting:
            self.transport.close()
            self._abort_later()

    def _close_half_request(self) -> None:
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()

    def _abort_later(self) -> None:
        """Abort a closing connection later, if its client does not read the rest until then."""
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self.loop.call_later(limits.REQUEST_SECONDS, self.transport.abort)

    def _make_room(self) -> None:
        """Close a connection on which nothing is going on, else this one.

        Those of strangers go first. Those of processes of the same user stay: a call may be on the
        way, and its caller would not know whether it was made.
        """
        resting = [
            connection
            for connection in self.connections
            if isinstance(connection, TimedProtocol)
            and connection is not self
            and connection._is_waiting
            and not connection.transport.is_closing()
        ]
        strangers = filter(lambda connection: connection._caller is None, resting)
        callers = filter(lambda connection: connection._caller is not None, resting)
        for connection in chain(strangers, callers):
            is_local = connection._caller is not None and connection._caller.is_local
            if not is_local and not connection._has_unread:
                connection.transport.abort()
                return
        self.transport.abort()


def _max_connections() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return limits.SERVICE_CONNECTIONS
    return max(1, min(limits.SERVICE_CONNECTIONS, soft - OTHER_FILES))
