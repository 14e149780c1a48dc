"""How far an attempt at a statement came, and what that means for its call.

Whether the server may have applied something is never read from an error's text. It follows from
where the attempt failed: nothing was sent before there was a connection, and a transaction of
several statements is not applied before its commit was sent.
"""

import threading
from collections.abc import Callable


class AbandonedError(TimeoutError):
    """Nobody waits for this attempt any more."""


class Attempt:
    """An attempt at a statement or a transaction, shared by its caller and the thread that runs it.

    Attributes:
        may_be_applied: Whether the server may have applied what the attempt writes.
        has_changed: Whether the server reported that the attempt changed users' data.
    """

    def __init__(self, *, applies_when_sent: bool) -> None:
        """Create an attempt that has sent nothing.

        Args:
            applies_when_sent: Whether the first message may change the graph: not that of a read,
                nor of a transaction, which calls `note_commit`.
        """
        self.may_be_applied = False
        self.has_changed = False
        self._applies_when_sent = applies_when_sent
        self._is_abandoned = False
        self._cut: Callable[[Attempt], None] | None = None
        self._lock = threading.Lock()

    def note_connection(self, cut: Callable[["Attempt"], None]) -> None:
        """Note that the attempt has a connection.

        Args:
            cut: Cuts that connection.

        Raises:
            AbandonedError: Nobody waits any more.
        """
        with self._lock:
            self._check()
            self._cut = cut

    def note_sending(self) -> None:
        """Note that the first message is about to be sent; raises like `note_connection`."""
        with self._lock:
            self._check()
            self.may_be_applied = self.may_be_applied or self._applies_when_sent

    def note_commit(self) -> None:
        """Note that a commit is about to be sent; raises like `note_connection`."""
        with self._lock:
            self._check()
            self.may_be_applied = True

    def abandon(self) -> None:
        """Give the attempt up: it sends nothing more, and its connection is cut."""
        with self._lock:
            self._is_abandoned = True
            cut = self._cut
        if cut:
            cut(self)

    def _check(self) -> None:
        if self._is_abandoned:
            raise AbandonedError
