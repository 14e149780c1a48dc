"""Values that an object computes once. Standard library only."""

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

T = TypeVar("T")


class cached_property(functools.cached_property[T]):  # noqa: N801 - named as the one it replaces
    """The standard library's, without the lock that it has before Python 3.12.

    All objects of a class share that lock, so a forked child would wait for ever where a thread of
    the parent was computing the value of any object.
    """

    def __init__(self, function: Callable[[Any], T]) -> None:
        """Create it; two threads that need the first value at the same time both compute it."""
        super().__init__(function)
        self.lock = nullcontext()
