"""What the language models of this process hold in memory. Imports none of their libraries."""

import os
import threading
import weakref
from typing import Protocol


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
        """Forget what is remembered; it is computed again when it is needed."""
        ...


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
    """Forget all that is remembered."""
    for one in holders():
        one.forget()


def _in_forked_child() -> None:
    global _lock, _most
    _lock, _most = threading.Lock(), None  # a thread that is not here may hold the old lock; the limit was the parent's


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
