"""The memory of this process and of its managed server, and a limit on it.

The language models are shared by all clients of a process, so the limit belongs to the process: the
lowest limit of its open clients counts, until that client is closed. A forked child begins without
one. Memory is freed where the limit is near.
"""

import contextlib
import ctypes
import gc
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
from pydantic import ByteSize

from mcp_context_persistence.ingest.models import registry
from mcp_context_persistence.kg import limits, local, validation
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.local import sizes
from mcp_context_persistence.responses.memory_usage import (
    CleanupMemoryResponse,
    MemoryParts,
    MemoryStats,
)
from mcp_context_persistence.runtime.cache.response_cache import ResponseCache
from mcp_context_persistence.runtime.memory_limit import (
    THRESHOLD,
    MemoryLimit,
    parse_limit,
    server_settings,
)

log = logging.getLogger(__name__)

# All cached responses have this part of the limit, and so have the vectors of each embedder.
CACHE_DIVISOR = 16
REST_SECONDS = 5.0  # between two clean-ups where memory is near the limit but not at it
BATCH_CHARACTERS = 200_000  # of texts that are analyzed together under a limit
MEASURE_SECONDS = 0.1  # between two measurements in a batch


class _ProcessState:
    """What all clients of the process share."""

    def __init__(self) -> None:
        self.clients: weakref.WeakSet[ClientMemory] = weakref.WeakSet()
        self.lock = threading.RLock()
        self.sizing = threading.Lock()
        self.cleaning = threading.Lock()
        self.cleaned_at = float("-inf")
        self.cleanups, self.freed = 0, 0

    def members(self) -> "list[ClientMemory]":
        with self.lock:
            return list(self.clients)


_process = _ProcessState()


def _reset_in_forked_child() -> None:
    # A thread that the child does not have may hold the locks, and the clients are the parent's.
    global _process  # noqa: PLW0603 - one per process
    _process = _ProcessState()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_forked_child)


def process_bytes() -> int:
    """Return the resident bytes of this process."""
    return int(psutil.Process().memory_info().rss)


def current_limit() -> MemoryLimit | None:
    """Return the limit in force, None where no open client has set one."""
    return min(
        (client.own_limit for client in _process.members() if client.own_limit),
        key=lambda limit: limit.size,
        default=None,
    )


def seconds_since_cleanup() -> float:
    """Return the seconds since memory was last freed."""
    return time.monotonic() - _process.cleaned_at


def free_memory() -> int:
    """Free what can be computed again, and the free memory of the allocators.

    Returns:
        How many resident bytes the process lost.
    """
    process = _process
    with process.cleaning:
        before = process_bytes()
        registry.free_all()
        for client in process.members():
            if client.responses:
                client.responses.free()
        gc.collect()
        _trim_heap()
        freed = max(0, before - process_bytes())
        process.cleaned_at = time.monotonic()
        process.cleanups += 1
        process.freed += freed
    log.debug("freed %d bytes of memory", freed)
    return freed


def _trim_heap() -> None:
    """Return free memory to the system, where the C library can (glibc)."""
    if os.name == "posix":
        trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _bound_caches() -> None:
    """Divide the caches' part of the limit among the clients that have a cache."""
    limit = current_limit()
    caches = [client.responses for client in _process.members() if client.responses]
    for cache in caches:
        cache.bound(limit.size // CACHE_DIVISOR // len(caches) if limit else None)
    registry.limit_caches(limit.size // CACHE_DIVISOR if limit else None)


class ClientMemory:
    """What one client knows of its process's memory. Safe to share between threads.

    Attributes:
        own_limit: The limit that this client has set.
        responses: The client's response cache.
    """

    def __init__(self, max_memory_usage: int | None, *, managed: bool) -> None:
        """Take the limit; it counts from `open` on.

        Args:
            max_memory_usage: The configured limit in bytes.
            managed: Whether the client's server is a managed one.

        Raises:
            ValidationError: The limit is too small.
        """
        self.own_limit: MemoryLimit | None = None
        if max_memory_usage is not None:
            size = parse_limit(int(max_memory_usage), managed=managed)
            self.own_limit = MemoryLimit(size=size)
        self.responses: ResponseCache | None = None
        self._attachment: local.Attachment | None = None
        self._graph: Graph | None = None
        self._calls = 0
        self._measured: tuple[float, MemoryLimit | None, bool] = (float("-inf"), None, False)

    @property
    def server_settings(self) -> local.ServerSettings:
        """The settings that a managed server is started with."""
        known_limits = [limit for limit in (self.own_limit, current_limit()) if limit]
        return server_settings(min(limit.size for limit in known_limits) if known_limits else None)

    def open(self, attachment: local.Attachment | None, graph: Graph) -> None:
        """Let the client's limit count.

        Args:
            attachment: The managed server, None for a remote server.
            graph: The client's connections.
        """
        self._attachment, self._graph = attachment, graph
        with _process.lock:
            _process.clients.add(self)
        if self.own_limit:
            self._fit_server(restart=True)
            _bound_caches()

    def close(self) -> None:
        """Remove the client's limit."""
        with _process.lock:
            _process.clients.discard(self)
        _bound_caches()

    def set_responses(self, responses: ResponseCache | None) -> None:
        """Replace the response cache that is bounded."""
        self.responses = responses
        _bound_caches()

    def configure(
        self,
        max_memory_usage: object,
        cleanup_threshold: object,
        *,
        auto_cleanup: bool,
        restart: bool,
    ) -> None:
        """Set the limit; see `configure_memory_management`."""
        threshold = validation.check_share("cleanup_threshold", cleanup_threshold)
        if max_memory_usage is None:
            self.own_limit = None
        else:
            size = parse_limit(max_memory_usage, managed=self._attachment is not None)
            used = process_bytes()
            if used > size:
                free_memory()
                used = process_bytes()
            if used > size:
                raise ValidationError(
                    f"max_memory_usage: this process alone uses {used:,} bytes; set a higher limit"
                )
            self.own_limit = MemoryLimit(size=size, threshold=threshold, is_automatic=auto_cleanup)
        self._fit_server(restart=restart)
        _bound_caches()
        self.free_near_limit()

    def _fit_server(self, *, restart: bool) -> None:
        """Fit the managed server to its share; at its next start if somebody else uses it."""
        if self._attachment is None:
            return
        with _process.sizing:
            limit = current_limit()
            settings = server_settings(limit.size if limit else None)
            store = self._attachment.store
            neighbors = [
                client
                for client in _process.members()
                if client._attachment and client._attachment.store == store
            ]
            # This call is not counted; a client that is being opened has none.
            other_calls = sum(client._calls for client in neighbors) - min(1, self._calls)
            is_alone = (
                restart
                and self._is_server_too_large()
                and other_calls <= 0
                and local.list_clients(store) <= {os.getpid()}
            )
            for client in neighbors if is_alone else ():
                if client._graph:
                    client._graph.reconnect()  # no connection is cut that is in use
            self._attachment.resize(settings.heap, settings.page_cache, restart_now=is_alone)

    def _is_server_too_large(self) -> bool:
        """Return whether the managed server is larger than its share of the limit."""
        limit = current_limit()
        if self._attachment is None or limit is None:
            return False
        running, settings = local.read_size(self._attachment.store), server_settings(limit.size)
        return running.pid > 0 and (
            running.heap > sizes.parse_size(settings.heap)
            or running.page_cache > sizes.parse_size(settings.page_cache)
        )

    def _server_bytes(self) -> int | None:
        """Return the resident bytes of the managed server, None where there is none."""
        if self._attachment is None:
            return None
        try:
            return int(
                psutil.Process(local.read_size(self._attachment.store).pid or -1).memory_info().rss
            )
        except (psutil.Error, ValueError):  # it does not run at the moment
            return 0

    def used_bytes(self, limit: MemoryLimit) -> int:
        """Return the bytes of the process and of the managed server.

        A server that is too large until its next start counts as if it had its share.
        """
        server = self._server_bytes() or 0
        share = limit.size - limits.MEMORY_PROCESS_BYTES
        return process_bytes() + (
            min(server, share) if server > share and self._is_server_too_large() else server
        )

    @contextmanager
    def call(self, *, tidy: bool) -> Iterator[None]:
        """Count the block as a call of the client.

        Args:
            tidy: Whether memory is freed after it where the limit is near.
        """
        with _process.lock:
            self._calls += 1
        try:
            yield
        finally:
            with _process.lock:
                self._calls -= 1
            if tidy:
                # What the call has done must not be lost, and a later call frees memory too.
                with contextlib.suppress(OSError, MemoryError, psutil.Error):
                    self.free_near_limit()

    def free_near_limit(self) -> None:
        """Free memory where the limit is near, unless that was done a short time ago."""
        limit = current_limit()
        if (
            limit
            and limit.is_automatic
            and seconds_since_cleanup() > REST_SECONDS
            and not _process.cleaning.locked()
            and self.used_bytes(limit) >= limit.near
        ):
            free_memory()

    def is_group_full(self, max_items: int, items: int, characters: int) -> bool:
        """Return whether a group of a batch is large enough.

        Under a limit it is also full with long texts, and near the limit with a quarter of the
        items.

        Args:
            max_items: Items of a group, at most.
            items: Items that it has.
            characters: Characters that they have.
        """
        limit = current_limit()
        if items >= max_items or limit is None:
            return items >= max_items
        return characters >= BATCH_CHARACTERS or (
            items >= max_items / 4 and self._was_near_limit(limit)
        )

    def _was_near_limit(self, limit: MemoryLimit) -> bool:
        """Return whether the limit is near by a recent measurement.

        A measurement takes 0.3 ms, and a batch asks for each item.
        """
        now = time.monotonic()
        measured_at, measured_limit, _ = self._measured
        if now - measured_at > MEASURE_SECONDS or measured_limit != limit:
            self._measured = (now, limit, self.used_bytes(limit) >= limit.near)
        return self._measured[2]

    def stats(self) -> MemoryStats:
        """Return the memory in use now."""
        limit = current_limit()
        process, server = process_bytes(), self._server_bytes()
        running = local.read_size(self._attachment.store) if self._attachment else None
        responses = sum(
            client.responses.size()[1] for client in _process.members() if client.responses
        )
        return MemoryStats(
            current_usage=ByteSize(process + (server or 0)),
            max_usage=ByteSize(limit.size) if limit else None,
            cleanup_threshold=limit.threshold if limit else THRESHOLD,
            auto_cleanup=bool(limit and limit.is_automatic),
            parts=MemoryParts(
                process=ByteSize(process),
                models=ByteSize(registry.sum_model_bytes()),
                caches=ByteSize(registry.sum_cache_bytes() + responses),
                database_server=None if server is None else ByteSize(server),
            ),
            database_heap=ByteSize(running.heap) if running else None,
            database_page_cache=ByteSize(running.page_cache) if running else None,
            pending_restart=self._is_server_too_large(),
            cleanups=_process.cleanups,
            freed=ByteSize(_process.freed),
        )

    def cleanup(self) -> CleanupMemoryResponse:
        """Free what can be freed now; see `cleanup_memory`."""
        before = self.stats()
        freed = free_memory()
        return CleanupMemoryResponse(freed=ByteSize(freed), before=before, after=self.stats())
