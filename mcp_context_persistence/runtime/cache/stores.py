"""Stores of cached responses: in this process, in a file, or in Redis.

Keys are 16 bytes. A group is one namespace of one database; it reads and clears only its own
entries.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from cachetools import TTLCache

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.daemon_threads import DaemonThreads
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.extras import install_command
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.local.settings import find_user_folder
from mcp_context_persistence.kg.progress import CallerError

if TYPE_CHECKING:
    import redis

log = logging.getLogger(__name__)

TYPES = ("memory", "file", "redis", "none")
FILE_NAME = "answers.sqlite3"
REDIS_SCHEMES = ("redis", "rediss", "unix")
REDIS_SECONDS = 2.0  # for one operation, with the resolution of the name
REMOVED_AT_ONCE = 1000

T = TypeVar("T")


class CacheStore(Protocol):
    """A bounded map from keys to values whose entries expire. Safe to share between threads.

    Attributes:
        failures: What the methods may raise.
    """

    failures: tuple[type[Exception], ...] = (OSError, sqlite3.Error)

    def get(self, key: bytes) -> bytes | None:
        """Return the value, None where there is none or it has expired."""

    def put(self, key: bytes, value: bytes) -> int:
        """Keep a value; return how many others were removed to make room."""

    def clear(self) -> None:
        """Remove all entries of the group."""

    def close(self) -> None:
        """Close connections and files."""

    def size(self) -> tuple[int, int]:
        """Return the entries and bytes in this process's memory."""
        return 0, 0

    def bound(self, size: int | None) -> None:
        """Keep at most that many bytes in this process's memory; None is the usual limit.

        Does nothing here; a store that keeps its entries in memory overrides it.
        """
        return

    def free(self) -> None:
        """Remove the responses in this process's memory.

        Does nothing here; a store that keeps its entries in memory overrides it.
        """
        return


class _CountingCache(TTLCache[bytes, bytes]):
    """A cache that counts the responses that it removes to make room. Its size is in bytes."""

    evicted = 0

    def popitem(self) -> tuple[bytes, bytes]:
        self.evicted += 1
        return super().popitem()


class MemoryStore(CacheStore):
    """Keeps entries in this process; the least recently used is removed first."""

    def __init__(self, *, entries: int, seconds: float) -> None:
        self._entries = entries
        self._max_bytes = limits.CACHE_MEMORY_BYTES
        self._cache = _CountingCache(limits.CACHE_MEMORY_BYTES, seconds, getsizeof=len)
        self._lock = threading.Lock()
        renew_locks_in_children(self)

    def get(self, key: bytes) -> bytes | None:
        """Return the value, None where there is none or it has expired."""
        with self._lock:
            return self._cache.get(key)

    def put(self, key: bytes, value: bytes) -> int:
        """Keep a value; return how many others were removed to make room."""
        with self._lock:
            self._cache.expire()
            before = self._cache.evicted
            while key not in self._cache and len(self._cache) >= self._entries:
                self._cache.popitem()
            if len(value) <= self._max_bytes:
                self._shrink(self._max_bytes - len(value))
                self._cache[key] = value
            return self._cache.evicted - before

    def bound(self, size: int | None) -> None:
        """Keep at most that many bytes, never more than the usual limit."""
        with self._lock:
            self._max_bytes = (
                limits.CACHE_MEMORY_BYTES if size is None else min(size, limits.CACHE_MEMORY_BYTES)
            )
            self._shrink(self._max_bytes)

    def _shrink(self, size: int) -> None:
        while self._cache.currsize > size:
            self._cache.popitem()

    def free(self) -> None:
        """Remove all entries."""
        self.clear()

    def clear(self) -> None:
        """Remove all entries; the store belongs to one client, so it has one group."""
        with self._lock:
            self._cache.clear()

    def close(self) -> None:
        """Close connections and files."""
        self.clear()

    def size(self) -> tuple[int, int]:
        """Return the entries and bytes in this process's memory."""
        with self._lock:
            return len(self._cache), int(self._cache.currsize)


class FileStore(CacheStore):
    """Keeps entries in a SQLite file that processes share; the oldest is removed first.

    Only its owner may read the file.
    """

    def __init__(
        self, directory: Path | None, *, group: bytes, entries: int, seconds: float
    ) -> None:
        """Open or create the file.

        Raises:
            OSError: The directory or the file cannot be created.
            sqlite3.Error: The file is not a cache.
        """
        self._group, self._entries, self._seconds = group, entries, seconds
        folder = directory or find_user_folder("cache") / "answers"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / FILE_NAME
        os.close(
            os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        )  # SQLite's own files get the same mode
        self._lock = threading.Lock()
        renew_locks_in_children(self)
        self._open: Callable[[], sqlite3.Connection] = lambda: sqlite3.connect(
            path, timeout=0.5, isolation_level=None, check_same_thread=False
        )
        self._connection = self._open()
        self._process = os.getpid()
        try:
            self._create_table()
        except BaseException:
            self._connection.close()
            raise

    def _create_table(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")  # a lost cache is no loss
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS answers "
            "(kin BLOB NOT NULL, key BLOB NOT NULL, until REAL NOT NULL, value BLOB NOT NULL, "
            "PRIMARY KEY (kin, key)) WITHOUT ROWID"
        )
        self._connection.execute(
            "CREATE INDEX IF NOT EXISTS answers_by_age ON answers (kin, until)"
        )

    def _run(self, text: str, *values: Any) -> sqlite3.Cursor:
        if self._process != os.getpid():  # a forked child must not use its parent's connection
            self._connection, self._process = self._open(), os.getpid()
        return self._connection.execute(text, values)

    def get(self, key: bytes) -> bytes | None:
        """Return the value, None where there is none or it has expired."""
        with self._lock:
            row = self._run(
                "SELECT value FROM answers WHERE kin = ? AND key = ? AND until > ?",
                self._group,
                key,
                time.time(),
            ).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: bytes, value: bytes) -> int:
        """Keep a value; return how many others were removed to make room."""
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
                "DELETE FROM answers WHERE kin = ? AND key IN "
                "(SELECT key FROM answers WHERE kin = ? ORDER BY until DESC LIMIT -1 OFFSET ?)",
                self._group,
                self._group,
                self._entries,
            ).rowcount

    def clear(self) -> None:
        """Remove all entries of the group, also their bytes in the files."""
        with self._lock:
            self._run("PRAGMA secure_delete = ON")
            self._run("DELETE FROM answers WHERE kin = ?", self._group)
            self._run("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close connections and files."""
        with self._lock:
            self._connection.close()


class RedisStore(CacheStore):
    """Keeps entries in Redis; the oldest is removed first.

    Each entry is a string, which Redis itself expires. A sorted set holds the keys by age.

    What answers may be frozen, may send byte by byte, or may be no Redis. So everything runs on
    other threads and ends in time, and whatever its client raises is an `OSError`.
    """

    def __init__(
        self, client: "redis.Redis", *, group: bytes, entries: int, seconds: float
    ) -> None:
        self._client, self._entries, self._seconds = client, entries, seconds
        self._prefix = f"context-persistence:{group.hex()}:"
        self._threads = DaemonThreads(name="context-persistence-redis")

    def _run(self, operation: Callable[[], T]) -> T:
        disconnect: Callable[[], None] = self._client.connection_pool.disconnect
        try:
            return self._threads.call(operation, seconds=REDIS_SECONDS, abandon=disconnect)
        except (CallerError, OSError):
            raise
        except Exception as error:
            raise ConnectionError("Redis failed, or something else answers") from error

    def _name(self, key: bytes) -> str:
        return self._prefix + key.hex()

    def get(self, key: bytes) -> bytes | None:
        """Return the value, None where there is none or it has expired."""
        value = self._run(lambda: self._client.get(self._name(key)))
        return value if isinstance(value, bytes) else None

    def put(self, key: bytes, value: bytes) -> int:
        """Keep a value; return how many others were removed to make room."""
        return self._run(lambda: self._put(key, value))

    def _put(self, key: bytes, value: bytes) -> int:
        name, index = self._name(key), f"{self._prefix}keys"
        seconds, micros = self._client.time()  # Redis's own clock: clients may have different ones
        now = seconds + micros / 1e6
        transaction = self._client.pipeline(transaction=True)
        transaction.set(name, value, px=int(self._seconds * 1000))
        transaction.zremrangebyscore(index, "-inf", now - self._seconds)
        transaction.zadd(index, {name: now})
        transaction.pexpire(index, int(self._seconds * 1000))
        transaction.zcard(index)
        surplus = transaction.execute()[-1] - self._entries
        return self._remove_oldest(surplus) if surplus > 0 else 0

    def clear(self) -> None:
        """Remove all entries of the group."""
        for _ in range(limits.CACHE_ENTRIES // REMOVED_AT_ONCE + 1):
            if not self._run(lambda: self._remove_oldest(REMOVED_AT_ONCE)):
                return

    def _remove_oldest(self, count: int) -> int:
        oldest: Any = self._client.zpopmin(f"{self._prefix}keys", count)
        if oldest:
            self._client.unlink(*(name for name, _ in oldest))
        return len(oldest)

    def close(self) -> None:
        """Close connections and files."""
        self._threads.close()
        self._client.close()


def connect_redis(url: object) -> "redis.Redis":
    """Return a client of a Redis server, which may start later.

    Raises:
        ValidationError: The address is not one, or the client library is not installed.
    """
    with validation.reading("redis_url"):
        address = str.__str__(url) if isinstance(url, str) else ""
    if urlsplit(address).scheme not in REDIS_SCHEMES:
        raise ValidationError(
            "redis_url must look like redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH"
        )
    try:
        import redis  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ValidationError(
            f"cache_type: Redis needs its client library; {install_command('redis')}"
        ) from error
    try:
        return redis.Redis.from_url(
            address, socket_timeout=0.5, socket_connect_timeout=0.5, decode_responses=False
        )
    except (ValueError, TypeError) as error:
        raise ValidationError("redis_url: the client library of Redis cannot read it") from error


def open_store(
    cache_type: object,
    cache_size: object,
    ttl: object,
    *,
    group: bytes,
    redis_url: object,
    directory: object,
) -> CacheStore | None:
    """Open the store that these settings mean, None for `none`; see `configure_cache`.

    Raises:
        ValidationError: A setting is not valid, or what the type needs is missing.
    """
    chosen_type = validation.check_choice("cache_type", cache_type, TYPES)
    entries = validation.check_integer(
        "cache_size", cache_size, minimum=1, maximum=limits.CACHE_ENTRIES
    )
    seconds = validation.check_integer("ttl", ttl, minimum=1, maximum=limits.CACHE_SECONDS)
    if redis_url is not None and chosen_type != "redis":
        log.info("redis_url is not used by the cache_type %s", chosen_type)
    if directory is not None and chosen_type != "file":
        raise ValidationError("directory may be given only with the cache_type file")
    if chosen_type == "memory":
        return MemoryStore(entries=entries, seconds=seconds)
    if chosen_type == "redis":
        return RedisStore(connect_redis(redis_url), group=group, entries=entries, seconds=seconds)
    if chosen_type == "none":
        return None
    folder = _read_folder("directory", directory)
    try:
        return FileStore(
            folder.expanduser() if folder else None, group=group, entries=entries, seconds=seconds
        )
    except (OSError, ValueError, RuntimeError, sqlite3.Error) as error:
        raise ValidationError(
            "directory: no cache file can be opened there; choose another one"
        ) from error


@validation.reads_argument
def _read_folder(field: str, value: object) -> Path | None:
    if value is not None and not isinstance(value, (str, Path)):
        raise ValidationError(f"{field} must be a path")
    return Path(str.__str__(value) if isinstance(value, str) else value) if value else None
