"""What the driver's errors mean: whether to try again, whether anybody listens, and what the caller is told."""

import errno
import socket
import ssl
from collections.abc import Iterator

import neo4j.exceptions as theirs

from mcp_context_persistence.kg.driver.pool import WrongListenerError
from mcp_context_persistence.kg.errors import DatabaseError, Outcome, StaleVectorState

# A connection was lost, or could not be made.
LOST = (theirs.ServiceUnavailable, theirs.SessionExpired, OSError)
NO_WAY = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}
)
HTTP = "(looks like HTTP)"  # at the end of the driver's text, which has no type for it
NOT_ENCRYPTED = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}
)  # OpenSSL's reasons, where the peer answers in plain text

MEMORY_CODES = frozenset(
    {
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
        "Neo.TransientError.General.TransactionMemoryLimit",
        "Neo.TransientError.General.OutOfMemoryError",
    }
)
# What ends a transaction before its commit, or instead of it. Other failures of a server say nothing about a commit that was begun.
ROLLED_BACK_CODES = MEMORY_CODES | {
    "Neo.DatabaseError.Transaction.TransactionStartFailed",
    *(
        f"Neo.TransientError.Transaction.{name}"
        for name in (
            "BookmarkTimeout",
            "ConstraintsChanged",
            "DeadlockDetected",
            "LeaseExpired",
            "LockAcquisitionTimeout",
            "MaximumTransactionLimitReached",
            "Outdated",
        )
    ),
}
# Another transaction deleted what this one had found but not locked; a second try sees that. Statements that miss something of theirs at
# the end divide by zero to be rolled back.
GONE_CODES = frozenset(
    {"Neo.ClientError.Statement.EntityNotFound", "Neo.ClientError.Statement.ArithmeticError"}
)
# Statements that write vectors make a range with a step of zero where another model's are in use by then, or entities were merged.
MOVED_CODE = "Neo.ClientError.Statement.ArgumentError"
# A database that could not write its transaction log, mostly because its disk is full, refuses everything, reads too, until it is
# started again, with the first of these codes. The others end the transaction that finds out, and may have another reason.
STOPPED_CODE = "Neo.DatabaseError.Transaction.TransactionStartFailed"
FAILED_CODES = frozenset(
    f"Neo.DatabaseError.Transaction.{name}"
    for name in ("TransactionLogError", "TransactionCommitFailed")
)
PANIC_CODES = FAILED_CODES | {STOPPED_CODE}
GONE = "EntityNotFoundException"  # in the text of a procedure's error


def replayable(error: Exception) -> bool:
    """Whether the same statement may be tried again: never after wrong credentials, nor when memory ran out or nobody listens."""
    if isinstance(error, theirs.AuthError):
        return False
    if isinstance(error, theirs.Neo4jError):
        gone = error.code in GONE_CODES or GONE in (error.message or "")
        return gone or (error.code not in MEMORY_CODES and error.is_retryable())
    lost = isinstance(error, LOST) or (
        isinstance(error, theirs.DriverError) and error.is_retryable()
    )
    return lost and not (nobody_listens(error) or is_encryption_refused(error) or is_http(error))


def nobody_listens(error: BaseException) -> bool:
    """Whether no connection was made because nobody listens at the address, so that waiting is no use."""
    if isinstance(error, theirs.Neo4jError):
        return False  # the server spoke
    for cause in _causes(error):
        if isinstance(cause, (ConnectionRefusedError, socket.gaierror, WrongListenerError)):
            return True
        if isinstance(cause, OSError) and cause.errno in NO_WAY:
            return True
        if isinstance(cause, BaseExceptionGroup):  # of the servers of a cluster
            return all(nobody_listens(one) for one in cause.exceptions)
    return False


def is_encryption_refused(error: BaseException) -> bool:
    """Return whether no connection was made because the server's certificate is not trusted, or it does not encrypt."""
    return any(
        isinstance(cause, ssl.SSLCertVerificationError)
        or (isinstance(cause, ssl.SSLError) and getattr(cause, "reason", "") in NOT_ENCRYPTED)
        for cause in _causes(error)
    )


def is_http(error: BaseException) -> bool:
    """Return whether the address is that of a web server, most often Neo4j's port for the Browser."""
    return any(
        isinstance(cause, theirs.ServiceUnavailable) and str(cause).endswith(HTTP)
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def has_stopped(error: BaseException) -> bool:
    """Return whether the server's database refuses everything after an error, so that it must be started again."""
    return isinstance(error, theirs.Neo4jError) and error.code == STOPPED_CODE


def may_have_stopped(error: BaseException) -> bool:
    """Return whether an error may have stopped the server's database; what it answers next tells."""
    return isinstance(error, theirs.Neo4jError) and error.code in FAILED_CODES


def is_rolled_back(error: BaseException) -> bool:
    """Whether the server's answer says that nothing of the transaction is in the graph, even if it came to a commit.

    A failure of the database itself says nothing: a commit that ends with the disk full may be in the log already.
    """
    if not isinstance(error, theirs.Neo4jError):
        return False
    return isinstance(error, theirs.ClientError) or error.code in ROLLED_BACK_CODES


def out_of_memory(error: BaseException) -> bool:
    """Whether the server's transaction memory did not suffice, so that less at once, or alone, may do."""
    cause = error.__cause__
    return isinstance(cause, theirs.Neo4jError) and cause.code in MEMORY_CODES


def translate(error: Exception, *, name: str, may_be_applied: bool = False) -> DatabaseError:
    """The library's error for a driver's one. Its text holds the statement's name and what to do, nothing of the data.

    Args:
        error: What the last attempt ended with.
        name: Of the statement.
        may_be_applied: Whether any attempt may be applied.
    """
    outcome: Outcome = "unknown" if may_be_applied else "not_applied"
    if isinstance(error, theirs.AuthError):
        return DatabaseError(
            f"{name}: the server refused the credentials; check user and password", outcome=outcome
        )
    if isinstance(error, theirs.Neo4jError):
        if error.code == MOVED_CODE and "range()" in (error.message or ""):
            text = f"{name}: another embedding model came into use, or entities were merged, meanwhile; call again"
            return StaleVectorState(text, retryable=True, outcome=outcome)
        return DatabaseError(
            f"{name}: {_advice(error)}",
            retryable=error.is_retryable() or error.code in PANIC_CODES,
            outcome=outcome,
        )
    text, retryable = _explain_unreached(error)
    return DatabaseError(f"{name}: {text}", retryable=retryable, outcome=outcome)


def _explain_unreached(error: Exception) -> tuple[str, bool]:
    """Return what to do where no server answered, and whether a repeat may work."""
    if is_encryption_refused(error):
        return (
            "no encrypted connection could be made; check the address (bolt+s, bolt+ssc) and the server's certificate",
            False,
        )
    if is_http(error):
        return (
            "a web server answers at the address; give the port for Bolt, which is 7687 where nobody changed it",
            False,
        )
    if isinstance(error, LOST):
        return "the database could not be reached; is the server running?", True
    return f"the driver refused the call ({type(error).__name__})", False


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
