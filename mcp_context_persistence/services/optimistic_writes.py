"""Write to a conversation that other writers may change between reading and writing."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from mcp_context_persistence.kg.driver.error_mapping import is_id_used
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement
from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.kg.schema.type_limits import Types
from mcp_context_persistence.kg.writes import conversations as statements
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.conversation_deletion import complete_deletion

TRIES_WITHOUT_LOCK = 3

T = TypeVar("T")
Write = Callable[[Statement[Row], Types], list[Row]]
TryToWrite = Callable[[Run, Write], T | None]


class LockNeededError(Exception):
    """An attempt needs a transaction that has locked the conversation."""


def write_conversation(
    engine: Engine, conversation_id: str, attempt: TryToWrite[T], *, method: str
) -> T:
    """Try without a lock, then with one; return what the attempt returns.

    Args:
        engine: Gives the graph.
        conversation_id: Id of the conversation, which is locked if others change it again and
            again.
        attempt: Reads and writes; returns None if another writer came between the two. It raises
            `LockNeededError` if it needs the lock.
        method: Name of the client's method, for the server's log and for errors.
    """
    with suppress(LockNeededError):
        for _ in range(TRIES_WITHOUT_LOCK):
            try:
                result = attempt(engine.graph.run, engine.types.run)
            except DatabaseError as error:
                if not is_id_used(error):
                    raise
                continue  # the next attempt finds who uses it
            except ValidationError:
                if not complete_deletion(engine, conversation_id):
                    raise
                continue  # the messages that the error is about are deleted
            if result is not None:
                return result

    complete_deletion(engine, conversation_id)
    result = engine.types.transact(
        lambda run: write_locked(engine, conversation_id, attempt, run), name=method
    )
    if result is not None:
        return result
    raise DatabaseError(
        "the conversation was removed at the same time; repeat the call", retryable=True
    )


def write_locked(
    engine: Engine, conversation_id: str, attempt: TryToWrite[T], run: Run
) -> T | None:
    """Lock the conversation in the transaction of `run`; return what the attempt returns."""

    def write(statement: Statement[Row], used_types: Types) -> list[Row]:
        rows: list[Row] = run(statement)
        engine.types.register(run, used_types)
        return rows

    run(statements.lock(engine.namespace, conversation_id))
    return attempt(run, write)


def is_locked(engine: Engine, run: Run) -> bool:
    """Return whether an attempt runs inside the transaction that locks the conversation."""
    return run != engine.graph.run
