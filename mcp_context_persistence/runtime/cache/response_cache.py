"""Responses that are used again while nothing was written.

They are kept as JSON and checked against the namespace's version before each use.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic import ValidationError as PydanticValidationError

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.runtime.cache.stores import CacheStore

log = logging.getLogger(__name__)

R = TypeVar("R", bound=BaseModel)
REST_SECONDS = 5.0  # for which a store that failed is not used
VERSION_LENGTH = 36  # characters of a namespace version


@dataclass(kw_only=True)
class CacheCounts:
    """How useful a cache was since it was configured.

    Attributes:
        hits: Responses that were used again.
        misses: Responses that had to be computed; stale and unreadable entries count.
        evictions: Entries that were removed to make room; expired ones do not count.
        oversized: Responses that were too long to be kept.
        failures: How often the store itself failed.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    oversized: int = 0
    failures: int = 0


class ResponseCache:
    """The cached responses of one client. Safe to share between threads."""

    def __init__(self, store: CacheStore, read_version: Callable[[], str | None]) -> None:
        """Keep responses in a store.

        Args:
            store: Keeps the entries.
            read_version: Returns the namespace's version, None where nothing was ever written.
        """
        self._store = store
        self._read_version = read_version
        self._counts = CacheCounts()
        self._lock = threading.Lock()
        self._rests_until = 0.0
        self._has_warned = False
        renew_locks_in_children(self)

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, see `CacheCounts`."""
        with self._lock:
            return asdict(self._counts)

    def size(self) -> tuple[int, int]:
        """Return the entries and bytes in this process's memory; (0, 0) for a file and Redis."""
        return self._store.size()

    def get_or_compute(self, response_type: type[R], key: bytes, compute: Callable[[], R]) -> R:
        """Return the cached response if nothing was written since, else compute and keep it.

        Args:
            response_type: Class of the response.
            key: From `make_key`.
            compute: Computes the response.
        """
        version = self._read_version()
        if version is None:
            return compute()
        entry = self._use(lambda: self._store.get(key))
        cached = _read_entry(response_type, entry, version) if entry else None
        if cached is not None:
            self._count(hits=1)
            return cached
        self._count(misses=1)
        response = compute()
        entry = version.encode() + response.model_dump_json().encode()
        if len(entry) > limits.CACHE_ENTRY_BYTES:
            self._count(oversized=1)
        else:
            self._count(evictions=self._use(lambda: self._store.put(key, entry)) or 0)
        return response

    def clear(self) -> None:
        """Remove the responses of this namespace."""
        self._use(self._store.clear)

    def bound(self, size: int | None) -> None:
        """Keep at most that many bytes in this process's memory; None is the usual limit."""
        self._store.bound(size)

    def free(self) -> None:
        """Remove the entries in this process's memory; files and Redis keep theirs."""
        self._store.free()

    def close(self) -> None:
        """Close the store. What other processes share with it stays."""
        self._use(self._store.close)

    def _count(self, **increments: int) -> None:
        with self._lock:
            for name, increment in increments.items():
                setattr(self._counts, name, getattr(self._counts, name) + increment)

    def _use(self, operation: Callable[[], Any]) -> Any:
        """Return the result of an operation of the store, None where it fails."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            return operation()
        except self._store.failures as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            self._count(failures=1)
            if not self._has_warned:
                self._has_warned = True
                log.warning(
                    "the cache cannot be used (%s); responses are computed until it can",
                    type(error).__name__,
                )
            return None


def _read_entry(response_type: type[R], entry: bytes, version: str) -> R | None:
    """Return the response of an entry, None if it is stale or cannot be read."""
    if entry[:VERSION_LENGTH] != version.encode():
        return None
    try:
        return response_type.model_validate_json(entry[VERSION_LENGTH:])
    except PydanticValidationError:
        return None


def make_key(*values: object) -> bytes | None:
    """Make a key of 16 bytes from which no value can be read back.

    Values of different types have different keys, because one of them may be refused.

    Returns:
        None where a value is not a plain one; such a call is not cached.
    """
    try:
        text = json.dumps(values, sort_keys=True, default=_to_plain)
    except (TypeError, ValueError, RecursionError):
        return None
    return blake2b(text.encode(), digest_size=16).digest()


def _to_plain(value: object) -> dict[str, Any]:
    name = type(value).__qualname__
    if isinstance(value, BaseModel):
        return {name: [value.model_dump(warnings=False), sorted(value.model_fields_set)]}
    if isinstance(value, (datetime, date)):
        return {name: value.isoformat()}
    if isinstance(value, Mapping):
        return {name: dict(value)}
    if is_dataclass(value) and not isinstance(value, type):
        return {name: {field.name: getattr(value, field.name) for field in fields(value)}}
    raise TypeError(name)
