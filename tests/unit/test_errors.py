"""One tree of errors; its members say what happened to the data."""

import pickle
import traceback

import neo4j.exceptions as theirs
import pytest

from kg import errors
from kg.driver import dialect_of
from kg.failures import translate, unreachable
from mcp_context_persistence import exceptions


def test_all_are_one_family_and_some_are_python_errors_too():
    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), errors.ContextPersistenceError)
    assert issubclass(errors.ValidationError, ValueError)
    assert issubclass(errors.NotFoundError, LookupError)


def test_errors_are_shown_under_the_name_that_people_import_and_travel_between_processes():
    for name in exceptions.__all__:
        made = getattr(exceptions, name)("said", retryable=True, outcome="unknown")
        shown = traceback.format_exception_only(made)[0]
        assert shown == f"mcp_context_persistence.exceptions.{name}: said\n"
        back = pickle.loads(pickle.dumps(made))
        assert (type(back), str(back), back.retryable, back.outcome) == (type(made), "said", True, "unknown")
        assert repr(back) == repr(made) == f"{name}('said')"


def test_an_error_without_words_says_what_its_class_says():
    assert str(errors.GraphError()) == "A knowledge graph operation failed."
    assert (errors.GraphError().retryable, errors.GraphError().outcome) == (False, "not_applied")


@pytest.mark.parametrize(
    ("error", "retryable", "outcome"),
    [
        (theirs.ServiceUnavailable("gone"), True, "unknown"),
        (theirs.SessionExpired("gone"), True, "unknown"),
        (theirs.AuthError("secret in here"), False, "not_applied"),
    ],
)
def test_what_the_driver_says_is_translated(error, retryable, outcome):
    made = translate(error, name="conversation/save", writes=True)
    assert type(made) is errors.DatabaseError
    assert (made.retryable, made.outcome) == (retryable, outcome)
    assert "secret" not in str(made)
    assert "conversation/save" in str(made)


@pytest.mark.parametrize(
    ("version", "dialect"),
    [("2026.02.3", "25"), ("2026.11.0", "25"), ("2026.01.4", "5"), ("2025.12.1", "5"), ("5.26.19", "5"), ("5.27-aura", "25")],
)
def test_the_dialect_follows_the_version(version, dialect):
    assert dialect_of(version) == dialect


def test_a_server_that_spoke_is_not_unreachable_whatever_its_text_says():
    spoken = theirs.Neo4jError._basic_hydrate(
        neo4j_code="Neo.ClientError.Schema.ConstraintValidationFailed", message="refused-orders"
    )
    assert not unreachable(spoken)
    assert unreachable(ConnectionRefusedError())
