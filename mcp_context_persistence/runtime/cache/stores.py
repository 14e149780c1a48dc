"""Where cached answers are kept: in this process, in a file, or in Redis.

Keys are 16 bytes. A group is one namespace of one database; it sees and clears only its own entries.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import platformdirs
from cachetools import TTLCache

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError, missing_extra

if TYPE_CHECKING:
    import redis

try:
    from redis.exceptions import RedisError
except ImportError:  # the extra is not installed
    FAILURES: tuple[type[Exception], ...] = (OSError, sqlite3.Error)
else:
    FAILURES = (OSError, sqlite3.Error, RedisError)

log = logging.getLogger(__name__)

TYPES = ("memory", "file", "redis", "none")
FILE_NAME = "answers.sqlite3"
REDIS_SCHEMES = ("redis", "rediss", "unix")


class Store(Protocol):
    """A bounded map from keys to values whose entries end. Safe to share between threads; may raise any of `FAILURES`."""

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none or it is too old."""

    def put(self, key: bytes, value: bytes) -> int:
        """Keep a value; answers with how many others went to make room."""

    def clear(self) -> None:
        """Forget all entries of the group."""

    def close(self) -> None:
        """Let go of connections."""

    def size(self) -> tuple[int, int]:
        """Entries and bytes in this process's memory."""
        return 0, 0

    def bound(self, size: int | None) -> None:
        """Keep at most that many bytes in this process's memory, None means the usual limit; what lies elsewhere is not touched."""
        return

    def free(self) -> None:
        """Forget what is kept in this process's memory; what lies elsewhere is not touched."""
        return


class _Counted(TTLCache[bytes, bytes]):
    """A cache that counts what goes to make room. Its size is counted in bytes."""

    evicted = 0

    def popitem(self) -> tuple[bytes, bytes]:
        self.evicted += 1
        return super().popitem()


class Memory(Store):
    """In this process; the least recently used goes first."""

    def __init__(self, *, entries: int, seconds: float) -> None:
        self._entries = entries
        self._bytes = limits.CACHE_MEMORY_BYTES
        self._kept = _Counted(limits.CACHE_MEMORY_BYTES, seconds, getsizeof=len)
        self._lock = threading.Lock()

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none or it is too old."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: bytes, value: bytes) -> int:
        """Keep a value; answers with how many others went to make room."""
        with self._lock:
            self._kept.expire()
            before = self._kept.evicted
            while key not in self._kept and len(self._kept) >= self._entries:
                self._kept.popitem()
            if len(value) <= self._bytes:
                self._shrink(self._bytes - len(value))
                self._kept[key] = value
            return self._kept.evicted - before

    def bound(self, size: int | None) -> None:
        """Keep at most that many bytes, never more than usual."""
        with self._lock:
            self._bytes = (
                limits.CACHE_MEMORY_BYTES if size is None else min(size, limits.CACHE_MEMORY_BYTES)
            )
            self._shrink(self._bytes)

    def _shrink(self, size: int) -> None:
        while self._kept.currsize > size:
            self._kept.popitem()

    def free(self) -> None:
        """Forget everything."""
        self.clear()

    def clear(self) -> None:
        """Forget all entries of the group."""
        with self._lock:
            self._kept.clear()

    def close(self) -> None:
        """Let go of what is open."""
        self.clear()

    def size(self) -> tuple[int, int]:
        """Entries and bytes in this process's memory."""
        with self._lock:
            return len(self._kept), int(self._kept.currsize)


class File(Store):
    """In a table of a SQLite file that processes share; the oldest goes first. Only its owner may read it."""

    def __init__(
        self, directory: Path | None, *, group: bytes, entries: int, seconds: float
    ) -> None:
        """Open the file, or make it.

        Raises:
            OSError: The directory or the file cannot be made.
            sqlite3.Error: The file is not a cache.
        """
        self._group, self._entries, self._seconds = group, entries, seconds
        place = directory or Path(platformdirs.user_cache_dir("context-persistence")) / "answers"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = place / FILE_NAME
        os.close(
            os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        )  # SQLite's own files get the same mode
        self._lock = threading.Lock()
        self._open: Callable[[], sqlite3.Connection] = lambda: sqlite3.connect(
            path, timeout=0.5, isolation_level=None, check_same_thread=False
        )
        self._connection = self._open()
        self._process = os.getpid()
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")  # a lost cache is no loss
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS answers "
            "(kin BLOB NOT NULL, key BLOB NOT NULL, until REAL NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kin, key)) WITHOUT ROWID"
        )
        self._connection.execute(
            "CREATE INDEX IF NOT EXISTS answers_by_age ON answers (kin, until)"
        )

    def _run(self, text: str, *values: Any) -> sqlite3.Cursor:
        if self._process != os.getpid():  # a forked child must not use its parent's connection
            self._connection, self._process = self._open(), os.getpid()
        return self._connection.execute(text, values)

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none or it is too old."""
        with self._lock:
            row = self._run(
                "SELECT value FROM answers WHERE kin = ? AND key = ? AND until > ?",
                self._group,
                key,
                time.time(),
            ).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: bytes, value: bytes) -> int:
        """Keep a value; answers with how many others went to make room."""
        now = time.time()
        with self._lock:
            self._run("DELETE FROM answers WHERE kin = ? AND until <= ?", self._group, now)
            self._run(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
                self._group,
                key,
                now + self._seconds,
                value,
            )
            return self._run(
                "DELETE FROM answers WHERE kin = ?1 AND key IN "
                "(SELECT key FROM answers WHERE kin = ?1 ORDER BY until DESC LIMIT -1 OFFSET ?2)",
                self._group,
                self._entries,
            ).rowcount

    def clear(self) -> None:
        """Forget all entries of the group."""
        with self._lock:
            self._run("DELETE FROM answers WHERE kin = ?", self._group)

    def close(self) -> None:
        """Let go of what is open."""
        with self._lock:
            self._connection.close()


class Redis(Store):
    """In Redis: a string per answer, which Redis itself ends, and a sorted set of their keys by age; the oldest goes first."""

    def __init__(
        self, client: "redis.Redis", *, group: bytes, entries: int, seconds: float
    ) -> None:
        self._client, self._entries, self._seconds = client, entries, seconds
        self._prefix = f"context-persistence:{group.hex()}:"

    def _name(self, key: bytes) -> str:
        return self._prefix + key.hex()

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none or it is too old."""
        found = self._client.get(self._name(key))
        return found if isinstance(found, bytes) else None

    def put(self, key: bytes, value: bytes) -> int:
        """Keep a value; answers with how many others went to make room."""
        name, index = self._name(key), f"{self._prefix}keys"
        seconds, micros = self._client.time()  # Redis's own clock: clients may have different ones
        now = seconds + micros / 1e6
        steps = self._client.pipeline(transaction=True)
        steps.set(name, value, px=int(self._seconds * 1000))
        steps.zremrangebyscore(index, "-inf", now - self._seconds)
        steps.zadd(index, {name: now})
        steps.pexpire(index, int(self._seconds * 1000))
        steps.zcard(index)
        surplus = steps.execute()[-1] - self._entries
        return self._drop(surplus) if surplus > 0 else 0

    def clear(self) -> None:
        """Forget all entries of the group."""
        while self._drop(1000):
            pass

    def _drop(self, most: int) -> int:
        oldest: Any = self._client.zpopmin(f"{self._prefix}keys", most)
        if oldest:
            self._client.unlink(*(name for name, _ in oldest))
        return len(oldest)

    def close(self) -> None:
        """Let go of what is open."""
        self._client.close()


def connect(url: object) -> "redis.Redis":
    """A client for a Redis, which need not be there yet.

    Raises:
        ValidationError: The address is not one, or the client library is not installed.
    """
    if not isinstance(url, str) or urlsplit(url).scheme not in REDIS_SCHEMES:
        raise ValidationError(
            "redis_url must look like redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH"
        )
    try:
        import redis  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ValidationError(
            f"cache_type: Redis needs its client library; {missing_extra('redis')}"
        ) from error
    try:
        return redis.Redis.from_url(
            url, socket_timeout=0.5, socket_connect_timeout=0.5, decode_responses=False
        )
    except (ValueError, TypeError) as error:
        raise ValidationError("redis_url is not one that the client library understands") from error


def open_store(
    cache_type: object,
    cache_size: object,
    ttl: object,
    *,
    group: bytes,
    redis_url: object,
    directory: object,
) -> Store | None:
    """The store that these settings mean, None for `none`; see `configure_cache`.

    Raises:
        ValidationError: A setting is not valid, or what the type needs is not there.
    """
    kind = validation.check_choice("cache_type", cache_type, TYPES)
    entries = validation.check_integer(
        "cache_size", cache_size, minimum=1, maximum=limits.CACHE_ENTRIES
    )
    seconds = validation.check_integer("ttl", ttl, minimum=1, maximum=limits.CACHE_SECONDS)
    if redis_url is not None and kind != "redis":
        log.info("redis_url is not used by the cache_type %s", kind)
    if directory is not None and kind != "file":
        raise ValidationError("directory goes with the cache_type file only")
    if kind == "memory":
        return Memory(entries=entries, seconds=seconds)
    if kind == "redis":
        return Redis(connect(redis_url), group=group, entries=entries, seconds=seconds)
    if kind == "none":
        return None
    if directory is not None and not isinstance(directory, (str, Path)):
        raise ValidationError("directory must be a path")
    try:
        return File(
            Path(directory).expanduser() if directory else None,
            group=group,
            entries=entries,
            seconds=seconds,
        )
    except (OSError, ValueError, RuntimeError, sqlite3.Error) as error:
        raise ValidationError("directory: no cache file can be opened there") from error
