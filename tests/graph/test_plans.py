"""A server plans statements in advance, and nothing is changed."""

import logging
import threading
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
    assert [record for record in caplog.records if record.name == plans.__name__] == []
    assert client.get_conversation_stats().stats == before
    assert client.get_document("plan")


def test_the_folders_exist_and_the_first_ones_come_first():
    folders = {name.partition("/")[0] for name in cypher.list_names()}
    assert {*plans.FREQUENT, *plans.RARE} <= folders
    names: list[str] = []

    class Recorder:
        server = SimpleNamespace(dialect="25")

        def run(self, statement: Statement, *, deadline: float) -> None:
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


@pytest.fixture
def planned(graph, monkeypatch):
    """Names of the statements that a graph explains; a failure of any of its statements is late."""
    monkeypatch.setattr(plans, "LATE_SECONDS", -1.0)
    names, run = [], graph.run

    def record(statement, **options):
        assert statement.text().startswith("EXPLAIN ")
        rows = run(statement, **options)
        names.append(statement.name)
        return rows

    monkeypatch.setattr(graph, "run", record)
    return names


def run_alone(graph, statement):
    return type(graph).run(graph, statement)


def run_in_transaction(graph, statement):
    return graph.transact(lambda run: run(statement), name="test")


def run_in_vain(graph, run=run_alone):
    """Run a statement whose result cannot be read, and wait until it is planned."""
    samples = cypher.load("search/find").samples
    statement = Statement(name="search/find", parameters=samples, read=lambda row: 1 / 0)
    with pytest.raises(DatabaseError):
        run(graph, statement)
    for thread in threading.enumerate():
        if thread.name == "context-persistence-plan":
            thread.join(60)


@pytest.mark.parametrize("run", [run_alone, run_in_transaction])
def test_a_statement_that_fails_late_and_never_succeeded_is_planned(graph, planned, run):
    graph._late_plans = plans.LatePlans(graph)
    run_in_vain(graph, run)
    assert planned == ["search/find"]


def test_a_statement_that_succeeded_before_is_not_planned_again(graph, planned):
    graph._late_plans = plans.LatePlans(graph)
    with graph._late_plans.watch(Statement(name="search/find", read=lambda row: row)):
        pass
    run_in_vain(graph)
    assert planned == []


def test_a_statement_that_fails_at_once_is_not_planned(graph, planned, monkeypatch):
    graph._late_plans = plans.LatePlans(graph)
    monkeypatch.setattr(plans, "LATE_SECONDS", 60.0)
    run_in_vain(graph)
    assert planned == []
