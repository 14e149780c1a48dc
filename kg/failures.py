"""What the driver's errors mean: whether to try again, whether anybody listens, and what the caller is told."""

import neo4j.exceptions as theirs

from kg.errors import DatabaseError, Outcome
from kg.spaces import Moved

MEMORY_CODES = frozenset(
    {
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
        "Neo.TransientError.General.TransactionMemoryLimit",
        "Neo.TransientError.General.OutOfMemoryError",
    }
)
# Another transaction deleted what this one had found but not locked; a second try sees that. Statements that miss something of theirs at
# the end divide by zero to be rolled back.
GONE_CODES = frozenset({"Neo.ClientError.Statement.EntityNotFound", "Neo.ClientError.Statement.ArithmeticError"})
# Statements that write vectors make a range with a step of zero where another model's are in use by then, or entities were merged.
MOVED_CODE = "Neo.ClientError.Statement.ArgumentError"
# A database that could not write its transaction log, mostly because its disk is full, refuses everything, reads too, until it is
# started again; the first of these codes is the one that it answers then.
PANIC_CODES = frozenset(
    f"Neo.DatabaseError.Transaction.{name}" for name in ("TransactionStartFailed", "TransactionLogError", "TransactionCommitFailed")
)
GONE = "EntityNotFoundException"  # in the text of a procedure's error


def replayable(error: Exception) -> bool:
    """Whether the same statement may be tried again: never after wrong credentials, nor when memory ran out."""
    if isinstance(error, theirs.AuthError):
        return False
    if isinstance(error, theirs.Neo4jError):
        gone = error.code in GONE_CODES or GONE in (error.message or "")
        return gone or (error.code not in MEMORY_CODES and error.is_retryable())
    return isinstance(error, (theirs.SessionExpired, theirs.IncompleteCommit)) or (
        isinstance(error, theirs.ServiceUnavailable) and not unreachable(error)
    )


def unreachable(error: BaseException) -> bool:
    """Whether nothing listens at the address, so that waiting is no use."""
    if isinstance(error, theirs.Neo4jError):
        return False  # the server spoke, and its text may hold anything
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionRefusedError) or "refused" in str(seen).lower() or "resolve" in str(seen).lower():
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def is_panicked(error: BaseException) -> bool:
    """Return whether the server's database has stopped after an error, so that it must be started again."""
    return isinstance(error, theirs.Neo4jError) and error.code in PANIC_CODES


def out_of_memory(error: BaseException) -> bool:
    """Whether the server's transaction memory did not suffice, so that less at once, or alone, may do."""
    cause = error.__cause__
    return isinstance(cause, theirs.Neo4jError) and cause.code in MEMORY_CODES


def translate(error: Exception, *, name: str, writes: bool) -> DatabaseError:
    """The library's error for a driver's one. Its text holds the statement's name and what to do, nothing of the data."""
    outcome: Outcome = "not_applied"
    if isinstance(error, theirs.AuthError):
        return DatabaseError(f"{name}: the server refused the credentials; check user and password")
    if isinstance(error, theirs.Neo4jError):
        if error.code == MOVED_CODE and "range()" in (error.message or ""):
            return Moved(
                f"{name}: another embedding model came into use, or entities were merged, meanwhile; call again", retryable=True
            )
        return DatabaseError(f"{name}: {_advice(error)}", retryable=error.is_retryable() or is_panicked(error), outcome=outcome)
    if writes and not unreachable(error):
        outcome = "unknown"  # it may have been sent; everything may be sent again
    if isinstance(error, (theirs.ServiceUnavailable, theirs.SessionExpired, theirs.IncompleteCommit, OSError)):
        return DatabaseError(f"{name}: the database could not be reached; is the server running?", retryable=True, outcome=outcome)
    return DatabaseError(f"{name}: the driver refused the call ({type(error).__name__})", outcome=outcome)


def _advice(error: theirs.Neo4jError) -> str:
    code = error.code or "unknown code"
    if code in MEMORY_CODES:
        return "the server's transaction memory is exhausted; send less at once, or give the server a larger heap"
    if code in PANIC_CODES:
        return "the server's database has stopped, most likely because its disk is full; free space there, then restart the server"
    if "ConstraintValidationFailed" in code:
        return "an id is already taken by something else in this namespace"
    if "TransactionTimedOut" in code:
        return "the statement took too long and was ended by the server"
    if "DatabaseNotFound" in code:
        return "there is no such database"
    return f"the server refused it ({code})"
