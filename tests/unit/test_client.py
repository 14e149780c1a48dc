"""What the client is opened with is checked before anything is opened."""

import copy
import pickle

import pytest

from mcp_context_persistence import AsyncContextPersistenceClient, ContextPersistenceClient
from mcp_context_persistence.exceptions import (
    ContextPersistenceError,
    DatabaseError,
    ValidationError,
)
from mcp_context_persistence.runtime import connection
from tests.graph.odd_arguments import SECRET, replace_each


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("auth", ["secret", ("secret",), ("a", "b", "secret"), 5, ("secret", None), (1, 2)]),
        ("database", [5, ["secret"], "secret\0", ""]),
        ("enable_metrics", ["false", 1, None]),
        ("progress", [5, "secret"]),
        ("namespace", [None, 5, ""]),
    ],
)
def test_arguments_that_are_not_valid_are_named_and_nothing_is_opened(field, values, tmp_path):
    for value in values:
        for address in ("bolt://127.0.0.1:1", f"local:{tmp_path}/store"):
            with pytest.raises(ValidationError, match=rf"^{field} ") as caught:
                ContextPersistenceClient(address, **{field: value})
            assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


SAMPLES = {
    "auth": ["user", "word"],
    "database": "neo4j",
    "namespace": "mine",
    "config": {"log_level": "INFO", "deadline": "5s", "gliner_labels": ["a"], "batch_size": 8},
    "spacy_model": "en_core_web_sm",
    "vector_db_url": "localhost:6333",
    "enable_metrics": False,
    "progress": None,
    "database_url": "nothing",
}


@pytest.mark.parametrize("argument", SAMPLES)
def test_arguments_whose_methods_raise_are_named(argument, monkeypatch):
    def stop_before_opening(*_, **__):
        raise DatabaseError("nothing is opened")

    monkeypatch.setattr(connection, "Graph", stop_before_opening)
    for variant, value in replace_each(SAMPLES[argument]):
        arguments = {"database_url": "bolt://127.0.0.1:1", argument: value}
        with pytest.raises(ContextPersistenceError) as caught:
            ContextPersistenceClient(**arguments)
        assert SECRET not in str(caught.value)
        if type(caught.value) is not DatabaseError:
            assert isinstance(caught.value, ValidationError), variant
            assert argument in str(caught.value), variant


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("kind", [ContextPersistenceClient, AsyncContextPersistenceClient])
def test_a_client_is_not_copied(kind, duplicate):
    with pytest.raises(TypeError, match="a client cannot be copied or pickled; open another one"):
        duplicate(kind.__new__(kind))
