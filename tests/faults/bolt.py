"""Bolt messages, read as far as a proxy must: their borders, their kinds, and what they are for."""

import re
import struct
from dataclasses import dataclass

REQUESTS = {
    0x01: "HELLO", 0x02: "GOODBYE", 0x0F: "RESET", 0x10: "RUN", 0x11: "BEGIN", 0x12: "COMMIT",
    0x13: "ROLLBACK", 0x2F: "DISCARD", 0x3F: "PULL", 0x54: "TELEMETRY", 0x66: "ROUTE",
    0x6A: "LOGON", 0x6B: "LOGOFF",
}  # fmt: skip
REPLIES = {0x70: "SUCCESS", 0x71: "RECORD", 0x7E: "IGNORED", 0x7F: "FAILURE"}
# The name that the client gives each statement, in the metadata of its transaction.
STATEMENT = re.compile(rb"\x89statement(?:[\x80-\x8f]|\xd0.)", re.DOTALL)


@dataclass(frozen=True)
class Message:
    """One Bolt message.

    Attributes:
        kind: Such as ``RUN`` or ``SUCCESS``.
        raw: Its bytes as they travel, chunk headers included.
    """

    kind: str
    raw: bytes

    @property
    def statement(self) -> str | None:
        """Name of the statement that a RUN or BEGIN is for, as the client tells it, or None."""
        match = STATEMENT.search(self.raw)
        if match is None:
            return None
        marker = match.group()[len(b"\x89statement")]
        size = marker & 0x0F if marker < 0x90 else match.group()[-1]
        return self.raw[match.end() : match.end() + size].decode()

    @property
    def is_read(self) -> bool:
        """Whether a RUN or BEGIN says that it only reads."""
        return b"\x84mode\x81r" in self.raw


class Messages:
    """Splits a stream of bytes into messages."""

    def __init__(self, kinds: dict[int, str]) -> None:
        self._kinds = kinds
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take in what came, and return the messages that are complete by now."""
        self._buffer += data
        messages = []
        while (end := self._end()) is not None:
            raw = bytes(self._buffer[:end])
            del self._buffer[:end]
            messages.append(Message(self._kind(raw), raw))
        return messages

    def _end(self) -> int | None:
        """Where the first message ends, None while it is not complete.

        A message without a chunk keeps the connection alive.
        """
        place = 0
        while place + 2 <= len(self._buffer):
            (size,) = struct.unpack_from(">H", self._buffer, place)
            place += 2 + size
            if size == 0:
                return place
        return None

    def _kind(self, raw: bytes) -> str:
        return self._kinds.get(raw[3], f"0x{raw[3]:02X}") if len(raw) > 4 else "NOOP"
