"""Waiting for a migration: as long as it goes on, and no longer."""

import threading
import time

import numpy as np
import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.vector_spaces import VectorSpace, VectorState
from mcp_context_persistence.runtime.embedding_migration import Migration

OLD = VectorSpace(model="old", size=2, property_name="embedding")
NEW = VectorSpace(model="new", size=2, property_name="embedding_2_a")
FILLING = VectorState(active=OLD, inactive=NEW, revision=2, progress="filling")


class Database:
    """Answers the statements of a migration of one message; one of them only when it is let go."""

    def __init__(self, *, seconds_left=0.3, silent="", state=FILLING):
        self.seconds_left, self._silent, self._state = seconds_left, silent, state
        self.speaks = threading.Event()
        self.missing = [
            {
                "label": "Message",
                "id": "m",
                "content": "Hello",
                "name": None,
                "description": None,
                "origin": None,
            }
        ]

    def run(self, statement):
        if statement.name == self._silent:
            self.speaks.wait()
        if statement.name == "vectors/find_missing":
            is_message = statement.parameters["batch"]["label"] == "Message"
            return self.missing if is_message else []
        if statement.name == "vectors/fill":
            self.missing = []
        return {
            "vectors/count": [{"active": 1, "inactive": 0}],
            "vectors/fill": [1],
            "vectors/lock": [{}] if self._state is FILLING else [],
            "vectors/read": [self._state],
            "vectors/switch": [3],
        }[statement.name]

    def transact(self, work, *, name):
        return work(self.run)


class Model:
    name = "new"

    def __init__(self, pause=0.0):
        self._pause = pause

    def embed_whole(self, texts):
        time.sleep(self._pause)
        return np.ones((len(texts), 2), np.float32)


def migrate(database, model):
    switched = threading.Event()
    migration = Migration(
        database, "n", model, FILLING, leftover=None, report=None, on_switch=switched.set
    )
    return migration, switched


@pytest.mark.parametrize("statement", ["vectors/count", "vectors/fill", "vectors/switch"])
def test_the_caller_of_a_migration_gives_up_when_the_database_does_not_answer(statement):
    database = Database(silent=statement)
    migration, switched = migrate(database, Model())
    with pytest.raises(DatabaseError, match="does not answer") as caught:
        migration.wait()
    assert (caught.value.retryable, caught.value.outcome) == (True, "unknown")
    assert migration.is_running
    database.speaks.set()
    migration.wait()
    assert switched.is_set()


def test_a_slow_model_may_take_longer_than_the_deadline():
    migration, switched = migrate(Database(seconds_left=0.1), Model(pause=1.0))
    migration.wait()
    assert switched.is_set()


def test_a_migration_that_was_replaced_by_another_one_may_be_repeated():
    other = VectorSpace(model="other", size=2, property_name="embedding_2_b")
    state = VectorState(active=OLD, inactive=other, revision=3, progress="filling")
    migration, switched = migrate(Database(state=state), Model())
    with pytest.raises(DatabaseError, match="another embedding model was configured") as caught:
        migration.wait()
    assert caught.value.retryable
    assert "another embedding model was configured" in migration.failure
    assert not switched.is_set()
