"""A TCP proxy between the driver and a Neo4j server that cuts the wire where a test says so.

It reads Bolt as far as it must: the handshake, the borders of messages, their kinds, and which
request a reply belongs to. Bolt answers requests in order, one summary each, so a queue of requests
is enough. Every connection has two threads; the proxy itself has one that accepts. It listens on
the loopback interface only.

    with Proxy.to(server.bolt_url) as proxy:
        cut = proxy.cut("COMMIT", reply=True)  # the server commits, and nobody hears of it
        ...
        assert cut.fired == 1
"""

import contextlib
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import urlsplit

from tests.faults.bolt import REPLIES, REQUESTS, Message, Messages

HANDSHAKE = "HANDSHAKE"
UNANSWERED = {"GOODBYE"}
Direction = Literal["requests", "replies"]


@dataclass
class Cut:
    """What shall happen to certain messages.

    Attributes:
        kind: Kind of the requests that are counted.
        nth: The first of them that is cut, from 1.
        times: How many of them in a row are cut.
        reply: Whether the request reaches the server and its reply is lost; else the request is.
        damage: Sent in place of the reply, where it is not empty; the connection goes on.
        silent: Whether the connection stays open, and silent for ever, instead of being closed.
        matches: Which requests of that kind are counted; all when None.
        then: Called when it happens.
        fired: How often it has happened.
    """

    kind: str
    nth: int = 1
    times: int = 1
    reply: bool = False
    damage: bytes = b""
    silent: bool = False
    matches: Callable[[Message], bool] | None = None
    then: Callable[[], None] | None = None
    seen: int = 0
    fired: int = 0

    def counts(self, message: Message) -> bool:
        """Count a request; whether it is one that is cut."""
        if message.kind != self.kind or (self.matches and not self.matches(message)):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class _Lost(Exception):  # noqa: N818 - what a test wants is no error
    """The connection was cut."""


class _Connection:
    """One connection through the proxy."""

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.swallows: set[Direction] = set()
        # Requests that the server owes a reply, each with the cut of that reply.
        self.waiting: deque[tuple[str, Cut | None]] = deque()
        self.is_open = True

    def run(self) -> None:
        """Shake hands, then forward both ways until one side closes or it is cut."""
        try:
            self._shake_hands()
            replies = threading.Thread(
                target=self._guarded, args=(self._forward_replies,), daemon=True
            )
            replies.start()
            self._guarded(self._forward_requests)
            replies.join()
        except (OSError, _Lost):
            self.close()

    def _guarded(self, forward: Callable[[], None]) -> None:
        with contextlib.suppress(OSError, _Lost):
            forward()
        self.close()

    def _shake_hands(self) -> None:
        cut = self.proxy._cut_for(Message(HANDSHAKE, b""))
        if cut and not cut.reply:
            self._lose(cut)
        self._send("requests", self._take(self.client, 20))
        if cut:
            self._lose(cut)
        answer = self._take(self.server, 4)
        if answer[3] == 0xFF:  # a list of versions, of which the client names one
            count = self._take_varint(self.server)
            answer += count + self._take(self.server, 4 * count[0]) + self._take_varint(self.server)
            self._send("replies", answer)
            self._send("requests", self._take(self.client, 4) + self._take_varint(self.client))
        else:
            self._send("replies", answer)

    def _take(self, side: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = side.recv(size - len(data))
            if not more:
                raise _Lost
            data += more
        return data

    def _take_varint(self, side: socket.socket) -> bytes:
        data = self._take(side, 1)
        while data[-1] & 0x80:
            data += self._take(side, 1)
        return data

    def _forward_requests(self) -> None:
        messages = Messages(REQUESTS)
        while data := self.client.recv(65536):
            for message in messages.feed(data):
                cut = None if "requests" in self.swallows else self.proxy._cut_for(message)
                if cut and not cut.reply:
                    self._lose(cut)
                if message.kind not in UNANSWERED and message.kind != "NOOP":
                    self.waiting.append((message.kind, cut))
                self._send("requests", message.raw)

    def _forward_replies(self) -> None:
        messages = Messages(REPLIES)
        while data := self.server.recv(65536):
            for message in messages.feed(data):
                cut = None
                if message.kind in ("SUCCESS", "FAILURE", "IGNORED") and self.waiting:
                    _, cut = self.waiting.popleft()
                if cut and not cut.damage:
                    self._lose(cut)
                if cut:
                    cut.fired += 1
                self._send("replies", cut.damage if cut else message.raw)

    def _send(self, direction: Direction, data: bytes) -> None:
        proxy = self.proxy
        if direction in self.swallows or direction in proxy.swallows:
            proxy.counts[f"swallowed {direction}"] += 1
            return
        side = self.server if direction == "requests" else self.client
        data, is_last = proxy._budgeted(direction, data)
        while data:
            size = len(data) if proxy.rate is None else max(1, int(proxy.rate * 0.02))
            side.sendall(data[:size])
            data = data[size:]
            if proxy.rate is not None:
                time.sleep(0.02)
        if is_last:
            raise _Lost

    def _lose(self, cut: Cut) -> None:
        """Let the cut happen: the connection falls silent, or is closed."""
        proxy = self.proxy
        with proxy._lock:
            cut.fired += 1
            proxy.counts[f"cut {cut.kind} {'reply' if cut.reply else 'request'}"] += 1
        if cut.silent:
            self.swallows |= {"requests", "replies"}
        if cut.then:
            cut.then()
        if not cut.silent:
            raise _Lost

    def close(self) -> None:
        """Close both sides."""
        self.is_open = False
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
        self.proxy._forget(self)


@dataclass
class Proxy:
    """A proxy on a port of its own.

    Attributes:
        host: Where the server listens.
        port: Likewise.
        rate: Bytes per second and direction of each connection; unlimited when None.
        swallows: The directions in which nothing gets through on any connection, new ones included.
        counts: What was done: requests by kind, ``connections``, ``cut ...``, ``swallowed ...``.
    """

    host: str
    port: int
    rate: float | None = None
    swallows: set[Direction] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    _cuts: list[Cut] = field(default_factory=list)
    _budget: dict[Direction, int] = field(default_factory=dict)
    _connections: set[_Connection] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _listener: socket.socket | None = None
    _port: int = 0

    @classmethod
    def to(cls, bolt_url: str) -> Self:
        """A proxy to the server at that address."""
        address = urlsplit(bolt_url)
        return cls(address.hostname or "127.0.0.1", address.port or 7687)

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self.drop()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"bolt://127.0.0.1:{self._port}"

    @property
    def open_connections(self) -> int:
        """How many connections there are."""
        with self._lock:
            return len(self._connections)

    def listen(self) -> None:
        """Accept connections, again after `refuse`."""
        with self._lock:
            if self._listener is not None:
                return
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self._port))
            listener.listen(128)
            self._listener, self._port = listener, listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), name="proxy", daemon=True).start()

    def refuse(self) -> None:
        """Refuse new connections, as where nothing listens; those that are open go on."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def cut(self, kind: str, nth: int = 1, **how: object) -> Cut:
        """Cut the connection at the n-th request of a kind (or ``HANDSHAKE``) from now on."""
        cut = Cut(kind, nth, **how)
        with self._lock:
            self._cuts.append(cut)
        return cut

    def cut_after(self, size: int, direction: Direction = "requests") -> None:
        """Cut the connection that carries the byte `size` from now on, in one direction of all."""
        with self._lock:
            self._budget[direction] = size

    def silence(self, *directions: Direction, new: bool = False) -> None:
        """Let nothing through any more on the connections there are: their peer is dead.

        Args:
            directions: ``requests``, ``replies``; both when none is named.
            new: Whether that holds for new connections too: a black hole.
        """
        which: set[Direction] = set(directions) or {"requests", "replies"}
        with self._lock:
            for connection in self._connections:
                connection.swallows |= which
            if new:
                self.swallows |= which

    def heal(self) -> None:
        """Take back all cuts, limits and black holes; connections that are silent stay silent."""
        with self._lock:
            self._cuts.clear()
            self._budget.clear()
            self.swallows.clear()
            self.rate = None
        self.listen()

    def drop(self) -> None:
        """Close the connections there are."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                try:
                    server = socket.create_connection((self.host, self.port), timeout=10)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                for side in (client, server):
                    side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = _Connection(self, client, server)
                with self._lock:
                    self.counts["connections"] += 1
                    self._connections.add(connection)
                threading.Thread(target=connection.run, name="proxy", daemon=True).start()

    def _forget(self, connection: _Connection) -> None:
        with self._lock:
            self._connections.discard(connection)

    def _cut_for(self, message: Message) -> Cut | None:
        """Count a request; returns the cut that it meets."""
        with self._lock:
            self.counts[message.kind] += 1
            hits = [cut for cut in self._cuts if cut.counts(message)]
        return hits[0] if hits else None

    def _budgeted(self, direction: Direction, data: bytes) -> tuple[bytes, bool]:
        """What may still be sent, and whether the connection is cut after it."""
        with self._lock:
            left = self._budget.get(direction)
            if left is None:
                return data, False
            if len(data) < left:
                self._budget[direction] = left - len(data)
                return data, False
            del self._budget[direction]
            self.counts[f"cut {direction} after bytes"] += 1
            return data[:left], True
