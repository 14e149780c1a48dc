"""The server's errors are told apart by their code and GQL status, whatever their text says."""

import neo4j
import pytest
from neo4j.exceptions import Neo4jError

from mcp_context_persistence.kg.driver.error_mapping import is_replayable, translate_error
from mcp_context_persistence.kg.errors import DatabaseError, StaleStateError

# A guard's text, and whose parts the text of other errors may contain.
STATE_GUARD = "UNWIND [1] AS x RETURN size(range(0, 1, x * 0)) AS guard"
REPLAY_GUARD = "UNWIND [1] AS x RETURN 1 / (x * 0) AS guard"
DELETED_NODE = (
    "CREATE (n:Deleted) WITH n DELETE n WITH n "
    "CALL db.create.setNodeVectorProperty(n, 'v', [1.0]) RETURN n"
)
WRONG_VECTOR = "CREATE (n:Kept) WITH n CALL db.create.setNodeVectorProperty(n, 'v', $v) RETURN n"


@pytest.fixture
def fail(server):
    """Return a function that runs a statement and returns the server's error."""
    with neo4j.GraphDatabase.driver(server.bolt_url, auth=server.auth) as driver:

        def run(text, **parameters):
            with driver.session() as session, pytest.raises(Neo4jError) as caught:
                session.run(text, parameters).consume()
            return caught.value

        yield run


def test_the_guard_of_a_state_is_a_stale_state(fail):
    error = fail(STATE_GUARD)
    assert isinstance(translate_error(error, name="a/b"), StaleStateError)
    assert not is_replayable(error, changes_data=True)


def test_the_guard_of_lost_nodes_is_replayed(fail):
    assert is_replayable(fail(REPLAY_GUARD))


def test_a_write_to_a_node_that_is_gone_is_replayed(fail):
    error = fail(DELETED_NODE)
    assert is_replayable(error, changes_data=True)
    assert not is_replayable(error)


@pytest.mark.parametrize("word", ["range()", "EntityNotFoundException"])
def test_a_value_in_the_text_of_an_error_does_not_decide(fail, word):
    error = fail(WRONG_VECTOR, v=[word])
    assert word in error.message
    assert not is_replayable(error, changes_data=True)
    translated = translate_error(error, name="a/b")
    assert type(translated) is DatabaseError
    assert not translated.retryable
