"""What the language models of this process hold in memory. Imports none of their libraries."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

M = TypeVar("M")


class Holder(Protocol):
    """Something that holds a model, and perhaps what it has computed. Safe to share between threads."""

    @property
    def model_bytes(self) -> int:
        """Bytes of the weights that are loaded, 0 before the first use."""
        ...

    @property
    def kept_bytes(self) -> int:
        """Bytes of what is remembered to save work."""
        ...

    def bound(self, size: int | None) -> None:
        """Remember at most that many bytes from now on; None means the usual number of entries only."""
        ...

    def forget(self) -> None:
        """Forget what can be had again: it is computed, or loaded, when it is needed."""
        ...


class Lazy(Generic[M]):
    """A model that is loaded when it is first used, once, and that one thread uses at a time."""

    kept_bytes = 0  # it remembers nothing

    def __init__(
        self, load: Callable[[], M], weigh: Callable[[M], int], *, lasting: bool = True
    ) -> None:
        """Nothing is loaded yet.

        Args:
            load: Loads the model; what it raises reaches the caller of `using`, and the next one tries again.
            weigh: Bytes of its weights.
            lasting: Whether it stays when memory is freed. Another one is loaded again by its next use.
        """
        self._load, self._weigh, self._lasting = load, weigh, lasting
        self._lock = threading.Lock()
        self._loaded: M | None = None
        register(self)

    @contextmanager
    def using(self) -> Iterator[M]:
        """The model, and nobody else has it meanwhile."""
        with self._lock:
            if (model := self._loaded) is None:
                model = self._loaded = self._load()
            yield model

    def unlock(self) -> None:
        """Take a new lock, in a forked child."""
        self._lock = threading.Lock()

    @property
    def model_bytes(self) -> int:
        """Bytes of the weights that are loaded."""
        return 0 if (model := self._loaded) is None else self._weigh(model)

    def bound(self, size: int | None) -> None:
        """Nothing is remembered."""

    def forget(self) -> None:
        """Let go of the weights, unless they last; a call that uses them keeps them to its end."""
        if not self._lasting:
            self._loaded = None


_holders: "weakref.WeakSet[Holder]" = weakref.WeakSet()
_lock = threading.Lock()
_most: int | None = None


def register(holder: Holder) -> None:
    """Take a holder in; it counts for as long as it lives."""
    with _lock:
        _holders.add(holder)
    holder.bound(_most)


def holders() -> list[Holder]:
    """All that live."""
    with _lock:
        return list(_holders)


def model_bytes() -> int:
    """Bytes of all weights that are loaded."""
    return sum(one.model_bytes for one in holders())


def kept_bytes() -> int:
    """Bytes of all that is remembered."""
    return sum(one.kept_bytes for one in holders())


def bound(size: int | None) -> None:
    """Let each holder remember at most that many bytes, those that come later too."""
    global _most  # noqa: PLW0603 - it belongs to the process, as the models do
    _most = size
    for one in holders():
        one.bound(size)


def forget() -> None:
    """Forget all that can be had again."""
    for one in holders():
        one.forget()


def _in_forked_child() -> None:
    global _lock, _most
    _lock, _most = (
        threading.Lock(),
        None,
    )  # a thread that is not here may hold the old lock; the limit was the parent's
    for one in list(_holders):
        if isinstance(one, Lazy):
            one.unlock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
