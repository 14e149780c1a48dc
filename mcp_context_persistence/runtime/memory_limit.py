"""The memory of this process and of its managed server: what is in use, a limit on it, and what is freed where the limit is near.

The language models are shared by all clients of a process, so the limit is the process's: the lowest that an open client has set. It ends with
that client. A forked child begins without one.
"""

import ctypes
import gc
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from pydantic import ByteSize, TypeAdapter
from pydantic import ValidationError as TheirValidationError

from mcp_context_persistence.ingest.models import registry
from mcp_context_persistence.kg import limits, local, validation
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import ContextPersistenceError, ValidationError
from mcp_context_persistence.kg.local import sizes
from mcp_context_persistence.responses.memory_usage import (
    CleanupMemoryResponse,
    MemoryParts,
    MemoryStats,
)
from mcp_context_persistence.runtime.cache.response_cache import Answers

log = logging.getLogger(__name__)

CACHES = 16  # the part of the limit that all answers in memory have, and likewise the vectors of each embedder
RESERVE = 32 * sizes.MIB  # what a group of messages may take between two looks
WAIT_SECONDS = 5.0  # for memory, before items are refused
PAUSE_SECONDS = 0.1
REST_SECONDS = 5.0  # between two clean-ups that only the threshold asks for
CHARACTERS = 200_000  # of texts that are analysed together under a limit
LOOK_SECONDS = 0.1
THRESHOLD = 0.8


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit on memory.

    Attributes:
        most: Bytes.
        threshold: The share of them from which memory is freed.
        auto: Whether that happens by itself.
    """

    most: int
    threshold: float = THRESHOLD
    auto: bool = True

    @property
    def near(self) -> int:
        """Bytes from which the limit is near."""
        return int(self.most * self.threshold)

    @property
    def full(self) -> int:
        """Bytes from which nothing more is begun."""
        return self.most - min(RESERVE, self.most - self.near)


class _Shared:
    """What all clients of the process have together."""

    def __init__(self) -> None:
        self.clients: weakref.WeakSet[Memory] = weakref.WeakSet()
        self.lock = threading.RLock()
        self.sizing = threading.Lock()
        self.cleaning = threading.Lock()
        self.cleaned_at = float("-inf")
        self.cleanups, self.freed = 0, 0

    def members(self) -> "list[Memory]":
        with self.lock:
            return list(self.clients)


_shared = _Shared()


def _in_forked_child() -> None:
    global _shared  # noqa: PLW0603 - a thread that is not here may hold its locks, and the clients are the parent's
    _shared = _Shared()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)


def checked(max_memory_usage: object, *, managed: bool) -> int:
    """A limit in bytes.

    Args:
        max_memory_usage: Bytes, or a text such as ``2GB`` or ``1500 MiB``.
        managed: Whether a managed server has to live within it too.

    Raises:
        ValidationError: It is not a size, or less than what is needed; the text says how much that is.
    """
    if isinstance(max_memory_usage, bool) or not isinstance(max_memory_usage, (int, str)):
        raise ValidationError('max_memory_usage must be bytes, such as 2000000000 or "2GB"')
    try:
        most = int(TypeAdapter(ByteSize).validate_python(max_memory_usage))
    except TheirValidationError as error:
        raise ValidationError(
            'max_memory_usage must be bytes, such as 2000000000 or "2GB"'
        ) from error
    server = limits.MEMORY_SERVER_BYTES if managed else 0
    if most < limits.MEMORY_PROCESS_BYTES + server:
        text = f"{limits.MEMORY_PROCESS_BYTES:,} for this process with its language models"
        raise ValidationError(
            f"max_memory_usage must be at least {limits.MEMORY_PROCESS_BYTES + server:,} bytes: {text}"
            + (f", {server:,} for the managed server" if server else "")
        )
    return most


def process_bytes() -> int:
    """Resident bytes of this process."""
    return int(psutil.Process().memory_info().rss)


def limit() -> Limit | None:
    """The limit in force, None where no open client has set one."""
    return min(
        (one.own for one in _shared.members() if one.own), key=lambda one: one.most, default=None
    )


def clean() -> int:
    """Free what can be made again: remembered vectors, answers kept in memory, and what the allocators hold without need.

    Returns:
        By how many resident bytes the process became smaller.
    """
    shared = _shared
    with shared.cleaning:
        before = process_bytes()
        registry.free_all()
        for one in shared.members():
            if one.answers:
                one.answers.free()
        gc.collect()
        _trim()
        freed = max(0, before - process_bytes())
        shared.cleaned_at = time.monotonic()
        shared.cleanups += 1
        shared.freed += freed
    log.debug("freed %d bytes of memory", freed)
    return freed


def _trim() -> None:
    """Give free memory back to the system, where the C library can (glibc)."""
    if os.name == "posix":
        trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _bound_caches() -> None:
    """Divide the part that caches have among those that there are."""
    found = limit()
    members = [one for one in _shared.members() if one.answers]
    for one in members:
        if one.answers:
            one.answers.bound(found.most // CACHES // len(members) if found else None)
    registry.limit_caches(found.most // CACHES if found else None)


class Memory:
    """One client's view of its process's memory. Safe to share between threads.

    Attributes:
        own: The limit that this client has set.
        answers: The client's cache.
    """

    def __init__(self, most: int | None, *, managed: bool) -> None:
        """Nothing is begun yet.

        Args:
            most: The configured limit in bytes.
            managed: Whether the client's server is a managed one.

        Raises:
            ValidationError: The limit is too small.
        """
        self.own = Limit(most=checked(int(most), managed=managed)) if most is not None else None
        self.answers: Answers | None = None
        self._attachment: local.Attachment | None = None
        self._graph: Graph | None = None
        self._calls = 0
        self._looked: tuple[float, Limit | None, bool] = (float("-inf"), None, False)

    @property
    def server_settings(self) -> local.ServerSettings:
        """How a managed server is to be started."""
        known = [one for one in (self.own, limit()) if one]
        return _settings(min(one.most for one in known) if known else None)

    def open(self, attachment: local.Attachment | None, graph: Graph) -> None:
        """Begin, with the managed server that the client has, if any, and its connections."""
        self._attachment, self._graph = attachment, graph
        with _shared.lock:
            _shared.clients.add(self)
        if self.own:
            self._fit_server(restart=True)
            _bound_caches()

    def close(self) -> None:
        """Take the client's limit away."""
        with _shared.lock:
            _shared.clients.discard(self)
        _bound_caches()

    def keep(self, answers: Answers | None) -> None:
        """The client has another cache."""
        self.answers = answers
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
        threshold = validation.check_confidence("cleanup_threshold", cleanup_threshold)
        if max_memory_usage is None:
            self.own = None
        else:
            most = checked(max_memory_usage, managed=self._attachment is not None)
            used = process_bytes()
            if used > most:
                clean()
                used = process_bytes()
            if used > most:
                raise ValidationError(f"max_memory_usage: this process alone uses {used:,} bytes")
            self.own = Limit(most=most, threshold=threshold, auto=auto_cleanup)
        self._fit_server(restart=restart)
        _bound_caches()
        self.relax()

    def _fit_server(self, *, restart: bool) -> None:
        """Have the managed server keep to its share: at once where nobody else uses it, else when it is next started."""
        if self._attachment is None:
            return
        with _shared.sizing:
            found = limit()
            wanted = _settings(found.most if found else None)
            store = self._attachment.store
            beside = [
                one
                for one in _shared.members()
                if one._attachment and one._attachment.store == store
            ]
            calls = sum(one._calls for one in beside) - min(
                1, self._calls
            )  # but for this one; a client that is being opened has none
            alone = (
                restart and self._pending() and calls <= 0 and local.users(store) <= {os.getpid()}
            )
            for one in beside if alone else ():
                if one._graph:
                    one._graph.reconnect()  # no connection is cut that somebody would miss
            self._attachment.bound(wanted.heap, wanted.page_cache, now=alone)

    def _pending(self) -> bool:
        """Whether the managed server is larger than the limit gives it."""
        found = limit()
        if self._attachment is None or found is None:
            return False
        now, wanted = local.running(self._attachment.store), _settings(found.most)
        return now.pid > 0 and (
            now.heap > sizes.number(wanted.heap) or now.page_cache > sizes.number(wanted.page_cache)
        )

    def _server_bytes(self) -> int | None:
        """Resident bytes of the managed server, None where there is none."""
        if self._attachment is None:
            return None
        try:
            return int(
                psutil.Process(local.running(self._attachment.store).pid or -1).memory_info().rss
            )
        except (psutil.Error, ValueError):  # it does not run just now
            return 0

    def used(self, found: Limit) -> int:
        """What counts against the limit: the process, and the managed server, which counts at most its share while it is pending."""
        server = self._server_bytes() or 0
        share = found.most - limits.MEMORY_PROCESS_BYTES
        return process_bytes() + (
            min(server, share) if server > share and self._pending() else server
        )

    @contextmanager
    def call(self, *, tidy: bool) -> Iterator[None]:
        """One call of the client; memory is freed after it where the limit is near, unless it shall not be `tidy`."""
        with _shared.lock:
            self._calls += 1
        try:
            yield
        finally:
            with _shared.lock:
                self._calls -= 1
            if tidy:
                self.relax()

    def relax(self) -> None:
        """Free memory where the limit is near and that was not just done."""
        found = limit()
        rested = time.monotonic() - _shared.cleaned_at > REST_SECONDS
        if (
            found
            and found.auto
            and rested
            and not _shared.cleaning.locked()
            and self.used(found) >= found.near
        ):
            clean()

    def is_full(self, most: int, items: int, characters: int) -> bool:
        """Whether a group of a batch is large enough. Under a limit, long texts make it full too; where the limit is near, a quarter does.

        Args:
            most: Items in a group.
            items: How many it has.
            characters: How many characters those have.
        """
        found = limit()
        if items >= most or found is None:
            return items >= most
        return characters >= CHARACTERS or (items >= most / 4 and self._looks_near(found))

    def _looks_near(self, found: Limit) -> bool:
        """Whether the limit is near, as it was a moment ago: to ask takes 0.3 ms, and a batch asks for each item."""
        now = time.monotonic()
        if now - self._looked[0] > LOOK_SECONDS or self._looked[1] != found:
            self._looked = (now, found, self.used(found) >= found.near)
        return self._looked[2]

    def stats(self) -> MemoryStats:
        """What is in use now."""
        found = limit()
        process, server = process_bytes(), self._server_bytes()
        running = local.running(self._attachment.store) if self._attachment else None
        kept = sum(one.answers.size()[1] for one in _shared.members() if one.answers)
        return MemoryStats(
            current_usage=ByteSize(process + (server or 0)),
            max_usage=ByteSize(found.most) if found else None,
            cleanup_threshold=found.threshold if found else THRESHOLD,
            auto_cleanup=bool(found and found.auto),
            parts=MemoryParts(
                process=ByteSize(process),
                models=ByteSize(registry.sum_model_bytes()),
                caches=ByteSize(registry.sum_cache_bytes() + kept),
                database_server=None if server is None else ByteSize(server),
            ),
            database_heap=ByteSize(running.heap) if running else None,
            database_page_cache=ByteSize(running.page_cache) if running else None,
            pending_restart=self._pending(),
            cleanups=_shared.cleanups,
            freed=ByteSize(_shared.freed),
        )


def cleanup(memory: Memory) -> CleanupMemoryResponse:
    """Free what can be freed now; see `cleanup_memory`."""
    before = memory.stats()
    freed = clean()
    return CleanupMemoryResponse(freed=ByteSize(freed), before=before, after=memory.stats())


def _settings(most: int | None) -> local.ServerSettings:
    if most is None:
        return local.ServerSettings()
    heap, page_cache = sizes.within(most - limits.MEMORY_PROCESS_BYTES)
    return local.ServerSettings(heap=f"{heap}m", page_cache=f"{page_cache}m")


class Gate:
    """Lets a batch go on while there is memory for it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._refused = False

    def tight(self) -> bool:
        """Whether the limit is near, so that what is on its way should be finished before more is begun."""
        found = limit()
        return found is not None and self._memory.used(found) >= found.near

    def relieved(self) -> ContextPersistenceError | None:
        """Free memory and wait a moment for it; the error of the items that must be left out where it does not suffice."""
        found = limit()
        until = time.monotonic() + (0.0 if self._refused else WAIT_SECONDS)
        while found:
            rested = time.monotonic() - _shared.cleaned_at > REST_SECONDS
            if found.auto and (
                rested or (self._memory.used(found) >= found.full and not self._refused)
            ):
                clean()
            used = self._memory.used(found)
            if used < found.full:
                break
            if time.monotonic() >= until:
                self._refused = True
                text = f"not tried: {used:,} bytes of memory are in use, and the limit is {found.most:,}; raise it, or run the batch again"
                return ContextPersistenceError(text, retryable=True)
            time.sleep(PAUSE_SECONDS)
            found = limit()
        self._refused = False
        return None
