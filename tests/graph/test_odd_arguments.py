"""Arguments whose own methods raise: the error names the argument, and nothing else happens."""

import inspect

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import (
    ContextPersistenceError,
    NotFoundError,
    ValidationError,
    VectorDBError,
)
from tests.graph.odd_arguments import CALLS, SECRET, OddError, replace_each


@pytest.fixture(scope="module")
def odd_client(server):
    from tests.conftest import RUN

    with ContextPersistenceClient(
        database_url=server.bolt_url, auth=server.auth, namespace=f"{RUN}odd"
    ) as client:
        for call in ("update_knowledge_graph", "save_conversation"):
            getattr(client, call)(**CALLS[call])
        yield client


def test_every_parameter_has_a_value():
    methods = inspect.getmembers(ContextPersistenceClient, inspect.isfunction)
    parameters = {
        name: [
            parameter for parameter in inspect.signature(method).parameters if parameter != "self"
        ]
        for name, method in methods
        if not name.startswith("_") and name != "close"
    }
    assert {name: list(arguments) for name, arguments in CALLS.items()} == parameters


def run(client, call, arguments):
    method = getattr(client, call)
    if call == "graph_data_science":
        with method(**arguments):
            return None
    return method(**arguments)


def causes(error):
    while error is not None:
        yield error
        error = error.__cause__


def test_odd_arguments_are_refused_by_name(odd_client, call, parameter):
    problems: list[tuple[str, ...]] = []
    for variant, value in replace_each(CALLS[call][parameter]):
        try:
            answers = run(odd_client, call, {**CALLS[call], parameter: value})
        except ContextPersistenceError as error:
            text = str(error)
            is_named = isinstance(error, ValidationError) and parameter in text
            # Where an argument can be read, the call goes on with it.
            is_ordinary = type(error) in {VectorDBError, NotFoundError}
            if not (is_named or is_ordinary) or SECRET in text:
                problems.append((variant, repr(error)))
            elif "see the cause" in text and not any(
                isinstance(cause, OddError) for cause in causes(error)
            ):
                problems.append((variant, "no cause", repr(error)))
        except Exception as error:
            problems.append((variant, "raw", repr(error)))
        else:
            problems += [
                (variant, "in the answer", answer.error)
                for answer in (answers if isinstance(answers, list) else ())
                if SECRET in (getattr(answer, "error", None) or "")
            ]
    assert problems == []
    assert odd_client.get_conversation_stats().success


def pytest_generate_tests(metafunc):
    if "parameter" in metafunc.fixturenames:
        metafunc.parametrize(
            ("call", "parameter"),
            [(call, parameter) for call, arguments in CALLS.items() for parameter in arguments],
        )
