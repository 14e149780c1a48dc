"""Map errors of the Neo4j driver: whether a replay may work, and which error the caller gets.

Types, codes and GQL status decide, with one exception: for a web server at the address, the driver
has only a text (see `HTTP`). It decides on the advice and that waiting is of no use; nothing was
sent then, so it never decides what happened to the data.
"""

import errno
import socket
import ssl
from collections.abc import Iterator

import neo4j.exceptions as driver_errors

from mcp_context_persistence.kg.driver.pool import WrongListenerError
from mcp_context_persistence.kg.driver.statement import IncompleteRowError
from mcp_context_persistence.kg.errors import (
    STOPPED_CODE,
    DatabaseError,
    Outcome,
    StaleStateError,
)
from mcp_context_persistence.kg.system_errors import describe_exhaustion

# A connection was lost, or could not be made.
LOST = (driver_errors.ServiceUnavailable, driver_errors.SessionExpired, OSError)
# All connections were in use for as long as the driver waits; nothing was sent.
NO_CONNECTION = driver_errors.ConnectionAcquisitionTimeoutError
NO_ROUTE = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}
)
HTTP = "(looks like HTTP)"  # at the end of the driver's own text; its version is pinned
# OpenSSL's reasons, where the peer answers in plain text.
NOT_ENCRYPTED = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST"})

MEMORY_CODES = frozenset(
    {
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
        "Neo.TransientError.General.TransactionMemoryLimit",
        "Neo.TransientError.General.OutOfMemoryError",
        "Neo.ClientError.General.TransactionOutOfMemoryError",
    }
)
# Errors that end a transaction before its commit, or instead of it. Other failures of a server say
# nothing about a commit that was begun.
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
# Another transaction deleted what this one had read but not locked; a replay sees that.
NOT_FOUND_CODE = "Neo.ClientError.Statement.EntityNotFound"
# Guards of statements raise these two errors, see cypher/README.md.
REPLAY_GUARD_CODE = "Neo.ClientError.Statement.ArithmeticError"
STATE_GUARD_CODE = "Neo.ClientError.Statement.ArgumentError"
STATE_GUARD_STATUS = "22N38"  # an argument of a function; those of procedures have 52N37
REPLAYED_CODES = frozenset({NOT_FOUND_CODE, REPLAY_GUARD_CODE})
# The server gives the reason only in its text. The one procedure in statements that change users'
# data is `db.create.setNodeVectorProperty`. Wrong vectors have the code of an argument, so this is
# a node that another transaction has deleted, as with `NOT_FOUND_CODE`.
PROCEDURE_CODE = "Neo.ClientError.Procedure.ProcedureCallFailed"
# These end a transaction. Afterwards the database may refuse everything (`STOPPED_CODE`).
FAILED_CODES = frozenset(
    f"Neo.DatabaseError.Transaction.{name}"
    for name in ("TransactionLogError", "TransactionCommitFailed")
)
RESTART_CODES = FAILED_CODES | {STOPPED_CODE}
# An index or constraint is missing or has failed; `schema_repair` creates it again.
SCHEMA_CODES = frozenset(
    {
        "Neo.ClientError.Schema.IndexNotFound",
        "Neo.ClientError.Statement.ConstraintVerificationFailed",
    }
)
# The server ended the transaction, because it took too long or was in the way of others. A
# procedure that works on several threads has the code of its locks, which ended first.
ENDED_CODES = frozenset(
    {
        "Neo.ClientError.Procedure.ProcedureTimedOut",
        *(
            f"Neo.ClientError.Transaction.{name}"
            for name in (
                "LockClientStopped",
                "Terminated",
                "TransactionMarkedAsFailed",
                "TransactionTimedOut",
                "TransactionTimedOutClientConfiguration",
            )
        ),
    }
)
RETRYABLE_CODES = RESTART_CODES | SCHEMA_CODES | ENDED_CODES
USED_ID_CODE = "Neo.ClientError.Schema.ConstraintValidationFailed"
ADVICE = {
    USED_ID_CODE: "an id is already used by something else in this namespace; choose another id",
    "Neo.ClientError.Database.DatabaseNotFound": "there is no such database; check its name",
    **dict.fromkeys(
        ENDED_CODES,
        "the server ended the statement, most likely because it took too long; call again",
    ),
    **dict.fromkeys(
        SCHEMA_CODES,
        "an index or constraint is missing or has failed; call again, and see the server's log "
        "if that does not help",
    ),
    **dict.fromkeys(
        MEMORY_CODES,
        "the server's transaction memory is exhausted; send or load less at once, or give the "
        "server a larger heap",
    ),
    **dict.fromkeys(
        RESTART_CODES,
        "the server's database has stopped, most likely because its disk is full; free space "
        "there, then restart the server",
    ),
}


def is_replayable(error: Exception, *, changes_data: bool = False) -> bool:
    """Return whether the same statement may be tried again.

    It may not after wrong credentials, or when memory ran out, or where nothing listens.

    Args:
        error: What the last attempt ended with.
        changes_data: Whether the statement changes users' data.
    """
    if isinstance(error, driver_errors.AuthError):
        return False
    if isinstance(error, driver_errors.Neo4jError):
        if error.code in REPLAYED_CODES or (changes_data and error.code == PROCEDURE_CODE):
            return True
        return error.code not in MEMORY_CODES and error.is_retryable()
    is_lost = isinstance(error, (*LOST, NO_CONNECTION, IncompleteRowError)) or (
        isinstance(error, driver_errors.DriverError) and error.is_retryable()
    )
    return is_lost and not (
        has_no_listener(error) or is_encryption_refused(error) or is_http(error)
    )


def has_no_listener(error: BaseException) -> bool:
    """Return whether nothing listens at the address, so that waiting is of no use."""
    if isinstance(error, driver_errors.Neo4jError):
        return False  # the server answered
    for cause in _causes(error):
        if isinstance(cause, (ConnectionRefusedError, socket.gaierror, WrongListenerError)):
            return True
        if isinstance(cause, OSError) and cause.errno in NO_ROUTE:
            return True
        if isinstance(cause, BaseExceptionGroup):  # of the servers of a cluster
            return all(has_no_listener(member) for member in cause.exceptions)
    return False


def is_encryption_refused(error: BaseException) -> bool:
    """Return whether the server's certificate is not trusted, or the server does not encrypt."""
    return any(
        isinstance(cause, ssl.SSLCertVerificationError)
        or (isinstance(cause, ssl.SSLError) and getattr(cause, "reason", "") in NOT_ENCRYPTED)
        for cause in _causes(error)
    )


def is_http(error: BaseException) -> bool:
    """Return whether a web server answered, most often at Neo4j's port for the Browser."""
    return any(
        isinstance(cause, driver_errors.ServiceUnavailable) and str(cause).endswith(HTTP)
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def has_stopped(error: BaseException) -> bool:
    """Return whether the server's database refuses everything, so that it must be restarted."""
    return isinstance(error, driver_errors.Neo4jError) and error.code == STOPPED_CODE


def may_have_stopped(error: BaseException) -> bool:
    """Return whether an error may have stopped the server's database; the next attempt shows it."""
    return isinstance(error, driver_errors.Neo4jError) and error.code in FAILED_CODES


def shows_broken_schema(error: BaseException) -> bool:
    """Return whether an error shows that an index or constraint may be missing or have failed.

    The fulltext index is searched by a procedure, and all procedures fail with one code.
    """
    return isinstance(error, driver_errors.Neo4jError) and (
        error.code in SCHEMA_CODES or error.code == PROCEDURE_CODE
    )


def is_rolled_back(error: BaseException) -> bool:
    """Return whether an error proves that nothing of the transaction is in the graph.

    A failure of the database itself proves nothing: a commit that failed on a full disk may already
    be in the log.
    """
    if not isinstance(error, driver_errors.Neo4jError):
        return False
    return isinstance(error, driver_errors.ClientError) or error.code in ROLLED_BACK_CODES


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the server's transaction memory ran out, so that a smaller batch may work.

    Args:
        error: A `DatabaseError` of `translate_error`; the driver's error is its cause.
    """
    cause = error.__cause__
    return isinstance(cause, driver_errors.Neo4jError) and cause.code in MEMORY_CODES


def translate_error(error: Exception, *, name: str, may_be_applied: bool = False) -> DatabaseError:
    """Return the library's error for one of the driver.

    Its text holds the statement's name and what to do, and no data.

    Args:
        error: What the last attempt ended with.
        name: Name of the statement.
        may_be_applied: Whether an attempt may be applied.
    """
    outcome: Outcome = "unknown" if may_be_applied else "not_applied"
    if isinstance(error, driver_errors.AuthError):
        return DatabaseError(
            f"{name}: the server refused the credentials; check user and password", outcome=outcome
        )
    if isinstance(error, driver_errors.Neo4jError):
        if error.code == STATE_GUARD_CODE and error.find_by_gql_status(STATE_GUARD_STATUS):
            text = f"{name}: the namespace changed while the call was running; call again"
            return StaleStateError(text, retryable=True, outcome=outcome)
        return DatabaseError(
            f"{name}: {_advise(error)}",
            retryable=error.is_retryable() or error.code in RETRYABLE_CODES,
            outcome=outcome,
        )
    text, retryable = _explain_unreached(error)
    return DatabaseError(f"{name}: {text}", retryable=retryable, outcome=outcome)


def is_id_used(error: DatabaseError) -> bool:
    """Return whether an error says that another writer has just used an id of the call."""
    return getattr(error.__cause__, "code", None) == USED_ID_CODE


def _explain_unreached(error: Exception) -> tuple[str, bool]:
    """Return what to do where no server answered, and whether the same call may work later."""
    if text := describe_exhaustion(error):
        return text, True
    if is_encryption_refused(error):
        return (
            "no encrypted connection could be made; check the address (bolt+s, bolt+ssc) and the "
            "server's certificate",
            False,
        )
    if is_http(error) or isinstance(error, driver_errors.UnsupportedServerProduct):
        product = "a web server" if is_http(error) else "another product or an unknown version"
        return (
            f"{product} answers at the address; check the host, and use the port for Bolt, which "
            "is 7687 by default",
            False,
        )
    if isinstance(error, NO_CONNECTION):
        text = "all connections are in use (pool_size, max_overflow); call again"
    elif isinstance(error, LOST):
        text = "the database could not be reached; is the server running?"
    elif isinstance(error, driver_errors.DriverError):
        return f"the driver refused the call ({type(error).__name__})", False
    else:
        text = f"the answer of the server could not be read ({type(error).__name__}); call again"
    return text, True


def _advise(error: driver_errors.Neo4jError) -> str:
    code = error.code or "unknown code"
    return ADVICE.get(code, f"the server refused it ({code})")
