"""Faults inside the client: the n-th statement given to the driver fails, or all from there on."""

import threading
from collections.abc import Callable
from typing import Any

import neo4j
import pytest
from neo4j.exceptions import AuthError, IncompleteCommit, Neo4jError, ServiceUnavailable

THREADS = "context-persistence-database"  # only what runs on these is the client's


def lost() -> Exception:
    """A connection that was lost, with the words of the driver."""
    error = ServiceUnavailable(
        "Failed to read from defunct connection ResolvedIPv4Address(('127.0.0.1', 7687))"
    )
    error.__cause__ = OSError("No data")
    return error


def incomplete() -> Exception:
    """The same while a commit was not answered."""
    error = IncompleteCommit(
        "Failed to read from defunct connection ResolvedIPv4Address(('127.0.0.1', 7687))"
    )
    error.__cause__ = OSError("No data")
    return error


def refused() -> Exception:
    """Nobody listens."""
    error = ServiceUnavailable("Couldn't connect to localhost:7687")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    return error


def answered(code: str) -> Callable[[], Exception]:
    """The server's answer with that code."""
    return lambda: Neo4jError._hydrate_neo4j(code=code, message="injected")


def denied() -> Exception:
    """Wrong credentials."""
    return AuthError("injected")


# Name: whether the statement is applied before it fails, its error, and that of all later ones.
FAULTS: dict[str, tuple[bool, Callable[[], Exception], Callable[[], Exception] | None]] = {
    "reply lost": (True, lost, None),
    "reply lost, then refused": (True, lost, refused),
    "not sent": (False, lost, None),
    "commit failed, but applied": (
        True,
        answered("Neo.DatabaseError.Transaction.TransactionCommitFailed"),
        None,
    ),
    "reply lost, then denied": (True, lost, denied),
    "transient": (False, answered("Neo.TransientError.Transaction.DeadlockDetected"), None),
    "not sent, then refused": (False, lost, refused),
    "reply lost, then hard": (True, lost, answered("Neo.DatabaseError.General.UnknownError")),
    "hard": (False, answered("Neo.ClientError.Statement.SyntaxError"), None),
    "hard for good": (
        False,
        answered("Neo.DatabaseError.General.UnknownError"),
        answered("Neo.DatabaseError.General.UnknownError"),
    ),
}


class Injection:
    """Counts the driver's calls that send something, and lets some fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._armed: tuple[int, str] | None = None
        self._lock = threading.Lock()
        self.count = 0
        self.fired = 0
        for owner, name in (
            (neo4j.Session, "run"),
            (neo4j.Session, "begin_transaction"),
            (neo4j.Transaction, "run"),
            (neo4j.Transaction, "commit"),
        ):
            monkeypatch.setattr(
                owner, name, self._wrapped(getattr(owner, name), is_commit=name == "commit")
            )

    def arm(self, nth: int, fault: str) -> None:
        """Let the n-th call from now on fail; one of 0 only counts."""
        self._armed, self.count, self.fired = (nth, fault), 0, 0

    def disarm(self) -> None:
        """Let nothing fail any more."""
        self._armed = None

    def _wrapped(self, real: Callable[..., Any], *, is_commit: bool) -> Callable[..., Any]:
        def call(target: Any, *given: Any, **more: Any) -> Any:
            armed = self._armed
            if armed is None or threading.current_thread().name != THREADS:
                return real(target, *given, **more)
            nth, fault = armed
            is_applied, first, later = FAULTS[fault]
            with self._lock:
                self.count += 1
                is_hit, is_after = self.count == nth, nth and self.count > nth
                self.fired += is_hit
            if is_after and later:
                raise later()
            if not is_hit:
                return real(target, *given, **more)
            if is_applied:
                result = real(target, *given, **more)
                if isinstance(result, neo4j.Result):
                    list(result)
            elif is_commit:
                target.rollback()
            if is_commit and first is lost:
                raise incomplete() if is_applied else lost()
            raise first()

        return call
