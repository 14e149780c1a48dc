"""A proxy in front of replicas: it repeats a request at another one, as docs/containers.md says."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REPEAT_SECONDS = 120
PAUSE_SECONDS = 0.2
BUSY = {429, 503}
LOST = (OSError, http.client.HTTPException)
Answer = tuple[int, list[tuple[str, str]], bytes]


class Balancer:
    """Sends the requests to the replicas in turn.

    Attributes:
        requests: How many were sent.
        repeated: How many of them were sent again, since a replica was gone or busy.
    """

    def __init__(self, find_urls: Callable[[], Sequence[str]], kill: dict[int, Callable[[], None]]):
        """Take the replicas.

        Args:
            find_urls: Returns their addresses, which may change.
            kill: For the numbers of some requests, what kills the replica that is about to get
                them, after the connection was opened: it cannot have carried them out.
        """
        self.requests = self.repeated = 0
        self._find_urls, self._kill = find_urls, kill
        self._lock = threading.Lock()

    def answer(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Answer:
        """Return the answer of a replica that answers."""
        with self._lock:
            number = self.requests
            self.requests += 1
        request = partial(_send, method, path, headers, body)
        end = time.monotonic() + REPEAT_SECONDS
        while True:
            urls = self._find_urls()
            with contextlib.suppress(*LOST):
                answer = request(urls[number % len(urls)], self._kill.pop(number, None))
                if not _is_busy(answer) or time.monotonic() > end:
                    return answer
            if time.monotonic() > end:
                return 502, [], b""
            self.repeated += 1
            number += 1
            time.sleep(PAUSE_SECONDS)


def _is_busy(answer: Answer) -> bool:
    status, _, content = answer
    return status in BUSY and bool(json.loads(content)["retryable"])


def _send(
    method: str,
    path: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    url: str,
    kill: Callable[[], None] | None,
) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if kill is not None:
            connection.connect()
            kill()
        # A replica may answer before it has read everything, and close.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.endheaders(body or None)
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()


class _Handler(BaseHTTPRequestHandler):
    """Takes any method."""

    protocol_version = "HTTP/1.1"
    balancer: Balancer

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._pass_on
        raise AttributeError(name)

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, content = self.balancer.answer(
            self.command, self.path, self.headers.items(), body
        )
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve(balancer: Balancer) -> Iterator[str]:
    """Yield the address of a balancer."""
    handler = type("Handler", (_Handler,), {"balancer": balancer})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
