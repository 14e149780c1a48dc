"""The memory that the language models of this process use. Imports none of their libraries."""

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from mcp_context_persistence.kg.fork_safety import renew_locks_in_children

M = TypeVar("M")


class Holder(Protocol):
    """An object with a model, and perhaps a cache of its results. Threads may share it."""

    @property
    def model_bytes(self) -> int:
        """Bytes of the loaded weights, 0 before the first use."""
        ...

    @property
    def cache_bytes(self) -> int:
        """Bytes of the cached results."""
        ...

    def limit_cache(self, size: int | None) -> None:
        """Cache at most that many bytes from now on.

        None means that only the number of entries counts.
        """
        ...

    def free(self) -> None:
        """Drop what can be computed or loaded again."""
        ...


class Lazy(Generic[M]):
    """A model that is loaded once, at its first use, and that one thread uses at a time."""

    cache_bytes = 0

    def __init__(
        self, load: Callable[[], M], weigh: Callable[[M], int], *, is_permanent: bool = True
    ) -> None:
        """Create it; the first use loads the model.

        Args:
            load: Loads the model; its errors reach the caller of `using`, and the next caller tries
                again.
            weigh: Returns the bytes of the weights.
            is_permanent: Whether the model stays when memory is freed. Another one is loaded again
                by its next use.
        """
        self._load, self._weigh, self._is_permanent = load, weigh, is_permanent
        self._lock = threading.Lock()
        self._loaded: M | None = None
        renew_locks_in_children(self)
        register(self)

    @contextmanager
    def using(self) -> Iterator[M]:
        """Yield the model; no other thread uses it meanwhile."""
        with self._lock:
            if (model := self._loaded) is None:
                model = self._loaded = self._load()
            yield model

    @property
    def model_bytes(self) -> int:
        """Bytes of the loaded weights."""
        return 0 if (model := self._loaded) is None else self._weigh(model)

    def limit_cache(self, size: int | None) -> None:
        """Do nothing: there is no cache."""

    def free(self) -> None:
        """Drop the model, unless it is permanent.

        A call that uses it keeps it until the call ends.
        """
        if not self._is_permanent:
            self._loaded = None


_holders: "weakref.WeakSet[Holder]" = weakref.WeakSet()
_lock = threading.Lock()
renew_locks_in_children(sys.modules[__name__])
_max_cache_bytes: int | None = None


def register(holder: Holder) -> None:
    """Add a holder; it counts as long as it lives."""
    with _lock:
        _holders.add(holder)
    holder.limit_cache(_max_cache_bytes)


def list_holders() -> list[Holder]:
    """List all living holders."""
    with _lock:
        return list(_holders)


def sum_model_bytes() -> int:
    """Return the bytes of all loaded weights."""
    return sum(holder.model_bytes for holder in list_holders())


def sum_cache_bytes() -> int:
    """Return the bytes of all cached results."""
    return sum(holder.cache_bytes for holder in list_holders())


def limit_caches(size: int | None) -> None:
    """Let each holder cache at most that many bytes, also those that are added later."""
    global _max_cache_bytes  # noqa: PLW0603 - it belongs to the process, as the models do
    _max_cache_bytes = size
    for holder in list_holders():
        holder.limit_cache(size)


def free_all() -> None:
    """Drop what can be computed or loaded again."""
    for holder in list_holders():
        holder.free()


def _in_forked_child() -> None:
    global _max_cache_bytes  # noqa: PLW0603 - it belongs to the process
    _max_cache_bytes = None  # the limit was the parent's


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
