"""The schema is repaired once for each process that serves the store, and where it is broken."""

import threading
from concurrent.futures import ThreadPoolExecutor

import neo4j.exceptions as driver_errors
import pytest

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.driver.attempts import Attempts
from mcp_context_persistence.kg.driver.daemon_threads import DaemonThreads
from mcp_context_persistence.kg.driver.schema_repair import SchemaRepair
from mcp_context_persistence.kg.errors import DatabaseError


def server_error(code):
    return driver_errors.Neo4jError._basic_hydrate(neo4j_code=code, message="x")


BROKEN = server_error("Neo.ClientError.Schema.IndexNotFound")


def attempts(name="search/find", seconds=5.0):
    return Attempts(deadline=Deadline.after(seconds), name=name, applies_when_sent=True)


@pytest.fixture
def threads():
    threads = DaemonThreads(name="test")
    yield threads
    threads.close()


@pytest.fixture
def repaired():
    return []


@pytest.fixture
def schema(repaired):
    schema = SchemaRepair()
    schema.begin(repaired.append, server_pid=1)
    return schema


def test_the_schema_is_checked_once_for_each_process(schema, repaired, threads):
    for pid in (1, 1, 2, 2, 3):
        schema.check(attempts(), threads, server_pid=pid)
    assert len(repaired) == 2


def test_nothing_is_checked_before_a_client_is_open(threads):
    schema = SchemaRepair()
    schema.check(attempts(), threads, server_pid=2)
    assert not schema.handle(BROKEN, attempts(), threads, server_pid=2)


def test_many_threads_check_a_process_once(threads):
    schema, repaired, began = SchemaRepair(), [], threading.Barrier(4)
    schema.begin(repaired.append, server_pid=1)

    def check():
        began.wait()
        schema.check(attempts(), threads, server_pid=2)

    with ThreadPoolExecutor(4) as callers:
        for caller in [callers.submit(check) for _ in range(4)]:
            caller.result()
    assert len(repaired) == 1


def test_statements_of_the_repair_are_not_checked(threads):
    schema, repaired = SchemaRepair(), []

    def repair(deadline):
        schema.check(attempts(), threads, server_pid=2)
        repaired.append(deadline)

    schema.begin(repair, server_pid=1)
    schema.check(attempts(), threads, server_pid=2)
    assert len(repaired) == 1


@pytest.mark.parametrize(
    "code",
    [
        "Neo.ClientError.Schema.IndexNotFound",
        "Neo.ClientError.Statement.ConstraintVerificationFailed",
        "Neo.ClientError.Procedure.ProcedureCallFailed",
    ],
)
def test_an_error_of_a_broken_schema_leads_to_a_repair_and_another_attempt(
    schema, repaired, threads, code
):
    statement = attempts()
    assert schema.handle(server_error(code), statement, threads, server_pid=1)
    assert len(repaired) == 1
    assert not schema.handle(server_error(code), statement, threads, server_pid=1)
    assert len(repaired) == 1


def test_other_errors_and_those_of_schema_statements_lead_to_no_repair(schema, repaired, threads):
    deadlock = server_error("Neo.TransientError.Transaction.DeadlockDetected")
    assert not schema.handle(deadlock, attempts(), threads, server_pid=1)
    assert not schema.handle(BROKEN, attempts("schema/drop_index"), threads, server_pid=1)
    assert not repaired


@pytest.mark.parametrize("is_applied", [False, True])
@pytest.mark.parametrize("retryable", [False, True])
def test_a_failed_repair_keeps_the_outcome_of_the_attempts(threads, is_applied, retryable):
    def repair(_deadline):
        raise DatabaseError("an index cannot be created", retryable=retryable)

    schema, statement = SchemaRepair(), attempts()
    schema.begin(repair, server_pid=1)
    statement.may_be_applied = is_applied
    with pytest.raises(DatabaseError, match="search/find: an index cannot") as caught:
        schema.check(statement, threads, server_pid=2)
    assert caught.value.retryable is retryable
    assert caught.value.outcome == ("unknown" if is_applied else "not_applied")


def test_a_repair_that_does_not_end_leaves_the_deadline_alone(threads):
    schema, ends = SchemaRepair(), threading.Event()
    schema.begin(lambda _deadline: ends.wait(), server_pid=1)
    try:
        with pytest.raises(DatabaseError, match="within the deadline") as caught:
            schema.check(attempts(seconds=0.1), threads, server_pid=2)
        assert caught.value.retryable
    finally:
        ends.set()


def test_a_failed_graph_algorithm_is_not_a_broken_schema(schema, repaired, threads):
    error = server_error("Neo.ClientError.Procedure.ProcedureCallFailed")
    assert not schema.handle(error, attempts("analytics/project"), threads, server_pid=1)
    assert not repaired
