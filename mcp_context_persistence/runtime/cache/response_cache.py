"""Answers that are given again while nothing was written: kept as JSON, checked against the namespace's version before each use."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic import ValidationError as TheirValidationError

from mcp_context_persistence.kg import limits
from mcp_context_persistence.runtime.cache.stores import FAILURES, Store

log = logging.getLogger(__name__)

A = TypeVar("A", bound=BaseModel)
REST_SECONDS = 5.0  # for which a cache that failed is not asked again
_VERSION = 36  # characters of a version


@dataclass(kw_only=True)
class Counts:
    """What a cache was good for, since it was configured.

    Attributes:
        hits: Answers that were given again.
        misses: Answers that had to be computed, stale and unreadable entries among them.
        evictions: Entries that went to make room; those that grew too old do not count.
        oversized: Answers that were too long to be kept.
        failures: Times that the cache itself could not be used.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    oversized: int = 0
    failures: int = 0


class Answers:
    """The cached answers of one client. Safe to share between threads."""

    def __init__(self, store: Store, version: Callable[[], str | None]) -> None:
        """Keep answers in a store.

        Args:
            store: Where they are kept.
            version: Tells which state the graph is in, None where nothing was ever written.
        """
        self._store = store
        self._version = version
        self._counts = Counts()
        self._lock = threading.Lock()
        self._rests_until = 0.0
        self._warned = False

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, see `Counts`."""
        with self._lock:
            return asdict(self._counts)

    def size(self) -> tuple[int, int]:
        """Entries and their bytes, as far as this process keeps them itself; (0, 0) for a file and for Redis."""
        return self._store.size()

    def given(self, kind: type[A], key: bytes, compute: Callable[[], A]) -> A:
        """The answer to a call: the kept one if nothing was written since, else a computed one, which is kept.

        Args:
            kind: The answer's class.
            key: From `key_of`.
            compute: Makes the answer.
        """
        version = self._version()
        if version is None:
            return compute()
        kept = self._used(lambda: self._store.get(key))
        answer = _read(kind, kept, version) if kept else None
        if answer is not None:
            self._count(hits=1)
            return answer
        self._count(misses=1)
        computed = compute()
        written = version.encode() + computed.model_dump_json().encode()
        if len(written) > limits.CACHE_ENTRY_BYTES:
            self._count(oversized=1)
        else:
            self._count(evictions=self._used(lambda: self._store.put(key, written)) or 0)
        return computed

    def clear(self) -> None:
        """Forget the answers of this namespace."""
        self._used(self._store.clear)

    def bound(self, size: int | None) -> None:
        """Keep at most that many bytes in this process's memory; None means the usual limit."""
        self._store.bound(size)

    def free(self) -> None:
        """Forget what this process's memory holds; files and Redis keep theirs."""
        self._store.free()

    def close(self) -> None:
        """Let the store go. What other processes share with it stays."""
        self._used(self._store.close)

    def _count(self, **counted: int) -> None:
        with self._lock:
            for name, number in counted.items():
                setattr(self._counts, name, getattr(self._counts, name) + number)

    def _used(self, use: Callable[[], Any]) -> Any:
        """What the store says, None where it fails: a cache that is out of order never stands in the way of an answer."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            return use()
        except FAILURES as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            self._count(failures=1)
            if not self._warned:
                self._warned = True
                log.warning(
                    "the cache cannot be used (%s); answers are computed until it can",
                    type(error).__name__,
                )
            return None


def _read(kind: type[A], kept: bytes, version: str) -> A | None:
    """The kept answer, None if it is stale or not what was written here."""
    if kept[:_VERSION] != version.encode():
        return None
    try:
        return kind.model_validate_json(kept[_VERSION:])
    except TheirValidationError:
        return None


def key_of(*parts: object) -> bytes | None:
    """16 bytes for these values, from which nothing can be read back.

    Values of different types have different keys, because one of them may be refused.

    Returns:
        None where a value is not a plain one; such a call is not cached.
    """
    try:
        written = json.dumps(parts, sort_keys=True, default=_plain)
    except (TypeError, ValueError, RecursionError):
        return None
    return blake2b(written.encode(), digest_size=16).digest()


def _plain(value: object) -> dict[str, Any]:
    name = type(value).__qualname__
    if isinstance(value, BaseModel):
        return {name: [value.model_dump(warnings=False), sorted(value.model_fields_set)]}
    if isinstance(value, (datetime, date)):
        return {name: value.isoformat()}
    if isinstance(value, Mapping):
        return {name: dict(value)}
    raise TypeError(name)
