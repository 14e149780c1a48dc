"""The errors of this library.

Every failure of a public call is a `ContextPersistenceError`. The text of the error names the field
or the statement, and says what to do. It never contains a secret, a Cypher text or what a user
wrote. ``__cause__`` is the original error.
"""

from typing import Literal

Outcome = Literal["not_applied", "applied", "unknown"]
# Neo4j's answer to every call, also to reads, after the database could not write its transaction
# log, mostly because its disk was full. It gives this answer until it is restarted.
STOPPED_CODE = "Neo.DatabaseError.Transaction.TransactionStartFailed"


class ContextPersistenceError(Exception):
    """The call failed.

    Attributes:
        retryable: Whether the same call may succeed later without any change by the caller.
        outcome: What happened to the data: ``not_applied``, ``applied``, or ``unknown`` if the
            answer of the server was lost. Every write of this library may be repeated with the same
            arguments after any outcome. Only `append_messages` then adds the messages that have no
            id again.
    """

    retryable: bool = False
    outcome: Outcome = "not_applied"

    def __init__(
        self,
        message: str | None = None,
        *,
        retryable: bool | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        super().__init__(message or (type(self).__doc__ or type(self).__name__).partition("\n")[0])
        if retryable is not None:
            self.retryable = retryable
        if outcome is not None:
            self.outcome = outcome


class DatabaseError(ContextPersistenceError):
    """The database could not be reached, or refused the operation."""


class VectorDBError(ContextPersistenceError):
    """A vector could not be computed, checked or stored."""


class NLPError(ContextPersistenceError):
    """The text could not be analyzed."""


class GraphError(ContextPersistenceError):
    """A knowledge graph operation failed."""


class SearchError(ContextPersistenceError):
    """A search failed."""


class ValidationError(ContextPersistenceError, ValueError):
    """An argument is not valid."""


class LimitError(ValidationError):
    """An argument exceeds its limit."""


class NotFoundError(ContextPersistenceError, LookupError):
    """The requested item does not exist."""


class StaleStateError(DatabaseError):
    """The namespace changed since its state was read: its vectors, its merges or its types.

    The library reads the state again and repeats the call. Users see this error only if several
    attempts fail.
    """


class Rollback(Exception):  # noqa: N818 - no error
    """Rolls a transaction back from inside; the function that started it catches this."""
