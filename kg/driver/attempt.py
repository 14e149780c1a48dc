"""How far an attempt at a statement came, and what that means for the call that it is part of.

Whether something may be in the graph is never read out of an error's words. It follows from where the attempt failed: before a
connection was there, nothing was sent; a transaction of several statements is nothing before its commit was sent.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass


class AbandonedError(TimeoutError):
    """Nobody waits for this attempt any more."""


class Attempt:
    """One attempt at a statement or a transaction, shared by its caller and the thread that makes it.

    Attributes:
        may_be_applied: Whether the server may have applied what the attempt writes.
        has_changed: Whether the server said that the attempt changed what people keep in the graph.
    """

    def __init__(self, *, applies_when_sent: bool) -> None:
        """Nothing is sent yet.

        Args:
            applies_when_sent: Whether the first message may change the graph: not that of a read, nor
                of a transaction, which calls `commit`.
        """
        self.may_be_applied = False
        self.has_changed = False
        self._applies_when_sent = applies_when_sent
        self._is_abandoned = False
        self._cut: Callable[[Attempt], None] | None = None
        self._lock = threading.Lock()

    def connect(self, cut: Callable[["Attempt"], None]) -> None:
        """Note that the attempt has a connection.

        Args:
            cut: Cuts that connection.

        Raises:
            AbandonedError: Nobody waits any more.
        """
        with self._lock:
            self._check()
            self._cut = cut

    def send(self) -> None:
        """Note that the first message is about to be sent; raises like `connect`."""
        with self._lock:
            self._check()
            self.may_be_applied = self.may_be_applied or self._applies_when_sent

    def commit(self) -> None:
        """Note that a commit is about to be sent; raises like `connect`."""
        with self._lock:
            self._check()
            self.may_be_applied = True

    def abandon(self) -> None:
        """Give it up: it sends nothing from now on, and its connection is cut, so that its thread ends."""
        with self._lock:
            self._is_abandoned = True
            cut = self._cut
        if cut:
            cut(self)

    def _check(self) -> None:
        if self._is_abandoned:
            raise AbandonedError


@dataclass
class Call:
    """A call of several statements that share a deadline.

    Attributes:
        seconds: What is left of it.
        may_be_applied: Whether something that the call writes is, or may be, in the graph. No error may then say
            that nothing was applied, whatever the later statements end with.
    """

    seconds: float
    may_be_applied: bool = False
