"""Torch's number of threads, which belongs to the process and is changed by calls that may overlap."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_at_work: list[int] = []  # the number, for each call that is at work with another one


@contextmanager
def whole() -> Iterator[int]:
    """The number, for a call that sets others; afterwards it is set again.

    Each thread begins with what was set last. So what a call would read beside another one is what that one has set.
    """
    import torch  # noqa: PLC0415 - seconds that only the first use should pay

    with _lock:
        number = _at_work[0] if _at_work else torch.get_num_threads()
        _at_work.append(number)
    try:
        yield number
    finally:
        torch.set_num_threads(number)
        with _lock:
            _at_work.pop()


@contextmanager
def half() -> Iterator[None]:
    """Half of them: a database works on the same cores, and torch waits for its slowest thread at each step."""
    import torch  # noqa: PLC0415 - likewise

    with whole() as number:
        torch.set_num_threads(max(1, number // 2))
        yield
