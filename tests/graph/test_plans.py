"""A server plans statements in advance, and nothing is changed."""

import logging
from types import SimpleNamespace

import pytest

from mcp_context_persistence import ContextPersistenceClient, cypher
from mcp_context_persistence.kg.driver import plans
from mcp_context_persistence.kg.driver.statement import Statement
from mcp_context_persistence.kg.errors import DatabaseError


@pytest.fixture
def graph(client: ContextPersistenceClient):
    return client._engine.graph


def test_all_statements_are_planned_and_nothing_is_changed(graph, client, caplog):
    client.save_document("plan", "The harbor office plans the winter.")
    before = client.get_conversation_stats().stats
    caplog.set_level(logging.DEBUG, plans.__name__)
    plans.plan_statements(graph, (*plans.FREQUENT, *plans.RARE))
    assert caplog.messages == []
    assert client.get_conversation_stats().stats == before
    assert client.get_document("plan")


def test_the_folders_exist_and_the_first_ones_come_first():
    folders = {name.partition("/")[0] for name in cypher.list_names()}
    assert {*plans.FREQUENT, *plans.RARE} <= folders
    names: list[str] = []

    class Recorder:
        server = SimpleNamespace(dialect="25")

        def run(self, statement: Statement) -> None:
            names.append(statement.name)
            assert statement.text() == f"EXPLAIN {cypher.load(statement.name).text}"
            if statement.name == "search/find":
                raise DatabaseError("it cannot be planned")

    plans.plan_statements(Recorder(), ("search", "conversation"))
    assert [name.partition("/")[0] for name in names] == sorted(
        (name.partition("/")[0] for name in names), reverse=True
    )
    assert {"search/find", "conversation/save"} <= set(names)
    planned = len(names)
    plans.plan_statements(Recorder(), ("search",), is_stopped=lambda: len(names) == planned + 2)
    assert len(names) == planned + 2
