"""Errors are mapped, say what happened to the data, and decide on replays."""

import errno
import itertools
import pickle
import re
import socket
import ssl
import traceback
from pathlib import Path

import neo4j.exceptions as driver_errors
import pytest

from mcp_context_persistence import cypher, exceptions
from mcp_context_persistence.kg import errors
from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.driver.attempts import Attempts
from mcp_context_persistence.kg.driver.daemon_threads import DaemonThreads
from mcp_context_persistence.kg.driver.error_mapping import (
    MEMORY_CODES,
    has_no_listener,
    has_stopped,
    is_replayable,
    is_rolled_back,
    may_have_stopped,
    translate_error,
)
from mcp_context_persistence.kg.driver.pool import WrongListenerError
from mcp_context_persistence.kg.driver.server import (
    check_version,
    choose_dialect,
    describe_server,
)
from mcp_context_persistence.kg.driver.server_recovery import Recovery, Restart
from mcp_context_persistence.kg.driver.statement import BOOKKEEPING

STATEMENTS = Path(cypher.__file__).parent


def test_all_errors_share_a_base_and_some_are_python_errors_too():
    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), errors.ContextPersistenceError)
    assert issubclass(errors.ValidationError, ValueError)
    assert issubclass(errors.NotFoundError, LookupError)


def test_errors_show_their_public_name_and_can_be_pickled():
    for name in exceptions.__all__:
        made = getattr(exceptions, name)("said", retryable=True, outcome="unknown")
        shown = traceback.format_exception_only(made)[0]
        assert shown == f"mcp_context_persistence.exceptions.{name}: said\n"
        back = pickle.loads(pickle.dumps(made))
        assert (type(back), str(back), back.retryable, back.outcome) == (
            type(made),
            "said",
            True,
            "unknown",
        )
        assert repr(back) == repr(made) == f"{name}('said')"


def test_an_error_without_a_message_uses_its_docstring():
    assert str(errors.GraphError()) == "A knowledge graph operation failed."
    assert (errors.GraphError().retryable, errors.GraphError().outcome) == (False, "not_applied")


def server_error(code, message="x"):
    return driver_errors.Neo4jError._basic_hydrate(neo4j_code=code, message=message)


WRITES = re.compile(r"\b(CREATE|MERGE|SET|DELETE|REMOVE)\b")
PROCEDURE = re.compile(r"\bCALL ([a-z]\w*(?:\.\w+)+)\(")


def test_statements_that_change_data_call_one_procedure_only():
    """A procedure that failed is replayed there: see `error_mapping.PROCEDURE_CODE`."""
    names = {
        file.relative_to(STATEMENTS).with_suffix("").with_suffix("").as_posix()
        for file in STATEMENTS.rglob("*.cypher")
        if file.parent.name not in {*BOOKKEEPING, "explore"}
    }
    texts = [cypher.load(name, dialect).text for name in names for dialect in ("25", "5")]
    procedures = {name for text in texts if WRITES.search(text) for name in PROCEDURE.findall(text)}
    assert procedures == {"db.create.setNodeVectorProperty"}


def with_causes(error, *causes):
    """The error with a chain of causes."""
    for effect, cause in itertools.pairwise([error, *causes]):
        effect.__cause__ = cause
    return error


def plain_text():
    """What OpenSSL says where the peer does not encrypt."""
    mine, peer = socket.socketpair()
    with mine, peer:
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        context = ssl.create_default_context()
        with pytest.raises(ssl.SSLError) as caught:
            context.wrap_socket(mine, server_hostname="localhost")
    return caught.value


@pytest.mark.parametrize("may_be_applied", [False, True])
@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (driver_errors.ServiceUnavailable("gone"), True),
        (driver_errors.SessionExpired("gone"), True),
        (driver_errors.AuthError("secret in here"), False),
        (server_error("Neo.ClientError.Statement.SyntaxError"), False),
        (server_error("Neo.ClientError.Statement.ArgumentError", "range()"), False),
        (server_error("Neo.ClientError.Transaction.LockClientStopped"), True),
        (server_error("Neo.ClientError.Transaction.Terminated"), True),
        (server_error("Neo.ClientError.Transaction.TransactionMarkedAsFailed"), True),
        (server_error("Neo.ClientError.Transaction.TransactionTimedOut"), True),
        (
            server_error("Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration"),
            True,
        ),
        (server_error("Neo.ClientError.Procedure.ProcedureTimedOut"), True),
        (server_error("Neo.ClientError.Schema.IndexNotFound"), True),
        (server_error("Neo.ClientError.Statement.ConstraintVerificationFailed"), True),
        (server_error("Neo.ClientError.General.TransactionOutOfMemoryError"), False),
        (ConnectionRefusedError(), True),
        (driver_errors.ConfigurationError("x"), False),
    ],
)
def test_driver_errors_are_mapped(error, retryable, may_be_applied):
    made = translate_error(error, name="conversation/save", may_be_applied=may_be_applied)
    assert isinstance(made, errors.DatabaseError)
    assert (made.retryable, made.outcome) == (
        retryable,
        "unknown" if may_be_applied else "not_applied",
    )
    assert "secret" not in str(made)
    assert "conversation/save" in str(made)


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        ("2026.02.3", "25"),
        ("2026.11.0", "25"),
        ("2026.01.4", "5"),
        ("2025.12.1", "5"),
        ("5.26.19", "5"),
        ("5.27-aura", "25"),
    ],
)
def test_the_dialect_follows_the_version(version, dialect):
    assert choose_dialect(version) == dialect


@pytest.mark.parametrize(
    "version", ["2025.11.0", "2025.11.2", "2025.12.1", "2026.01.0", "2026.01.3"]
)
def test_versions_that_match_wrong_nodes_are_refused(version):
    with pytest.raises(errors.DatabaseError, match=f"{version}.*upgrade the server to 2026.01.4"):
        check_version(version)


@pytest.mark.parametrize(
    "version", ["5.26.19", "2025.10.1", "2026.01.4", "2026.02.3", "5.27-aura", "2025.11-aura"]
)
def test_other_versions_are_accepted(version):
    check_version(version)


@pytest.mark.parametrize(
    "words", ["refused-orders", "Failed to read from ResolvedIPv4Address", "Cannot resolve"]
)
def test_the_text_of_an_error_does_not_decide_that_nothing_listens(words):
    """Only types decide: the driver names `ResolvedIPv4Address` for every lost connection."""
    lost = with_causes(driver_errors.ServiceUnavailable(words), ConnectionResetError(words))
    assert not has_no_listener(
        server_error("Neo.ClientError.Schema.ConstraintValidationFailed", words)
    )
    assert not has_no_listener(lost)
    assert is_replayable(lost)


@pytest.mark.parametrize(
    "cause",
    [
        ConnectionRefusedError(),
        socket.gaierror(),
        OSError(errno.EHOSTUNREACH, "x"),
        WrongListenerError(),
    ],
)
def test_errors_of_connecting_mean_that_nothing_listens(cause):
    error = with_causes(
        driver_errors.ServiceUnavailable("x"), driver_errors.ServiceUnavailable("y"), cause
    )
    assert has_no_listener(error)
    assert not is_replayable(error)


@pytest.mark.parametrize("cause", [ssl.SSLCertVerificationError(), plain_text()])
def test_a_connection_that_cannot_be_encrypted_is_not_tried_again(cause):
    error = with_causes(
        driver_errors.ServiceUnavailable("x"), driver_errors.DriverError("y"), cause
    )
    assert not is_replayable(error)
    made = translate_error(error, name="a/b")
    assert (made.retryable, made.outcome) == (False, "not_applied")
    assert "certificate" in str(made)


def test_an_encrypted_connection_that_breaks_is_tried_again():
    assert is_replayable(with_causes(driver_errors.ServiceUnavailable("x"), ssl.SSLEOFError()))


@pytest.mark.parametrize(
    ("code", "has", "may_have"),
    [
        ("Neo.DatabaseError.Transaction.TransactionStartFailed", True, False),
        ("Neo.DatabaseError.Transaction.TransactionCommitFailed", False, True),
        ("Neo.DatabaseError.Transaction.TransactionLogError", False, True),
        ("Neo.TransientError.Transaction.DeadlockDetected", False, False),
    ],
)
def test_only_a_database_that_begins_no_transaction_has_stopped(code, has, may_have):
    error = server_error(code)
    assert (has_stopped(error), may_have_stopped(error)) == (has, may_have)


@pytest.mark.parametrize("is_managed", [False, True])
def test_a_failed_commit_is_noted_and_the_refusal_of_the_next_attempt_restarts(is_managed):
    suspected, restarted = [], []
    recovery = Recovery(
        revive=None,
        restart=Restart(mark_stopped_database=lambda: suspected.append(1), run=restarted.append)
        if is_managed
        else None,
        server_pid=lambda: 7,
        move=lambda _uri: None,
        check_open=lambda _outcome: None,
    )
    threads = DaemonThreads(name="test")
    attempts = Attempts(deadline=Deadline.after(5), name="a/b", applies_when_sent=True)
    attempts.begin()
    failed = server_error("Neo.DatabaseError.Transaction.TransactionCommitFailed")
    refused = server_error("Neo.DatabaseError.Transaction.TransactionStartFailed")
    try:
        assert recovery.recover(failed, attempts, threads, server_pid=7) is is_managed
        assert (suspected, restarted) == ([1] if is_managed else [], [])
        assert recovery.recover(refused, attempts, threads, server_pid=7) is is_managed
        assert restarted == ([7] if is_managed else [])
    finally:
        threads.close()


def test_nothing_listens_in_a_cluster_only_if_that_is_so_at_each_server():
    nobody, lost = (
        with_causes(driver_errors.ServiceUnavailable("x"), ConnectionRefusedError()),
        with_causes(driver_errors.ServiceUnavailable("x"), OSError()),
    )
    assert has_no_listener(
        with_causes(
            driver_errors.ServiceUnavailable("x"), ExceptionGroup("routers", [nobody, nobody])
        )
    )
    assert not has_no_listener(
        with_causes(
            driver_errors.ServiceUnavailable("x"), ExceptionGroup("routers", [nobody, lost])
        )
    )


def test_the_context_of_an_error_is_not_its_cause():
    error = driver_errors.ServiceUnavailable("x")
    error.__context__ = ConnectionRefusedError()
    assert not has_no_listener(error)


@pytest.mark.parametrize(
    ("error", "rolled_back"),
    [
        (server_error("Neo.DatabaseError.Transaction.TransactionCommitFailed"), False),
        (server_error("Neo.DatabaseError.Transaction.TransactionLogError"), False),
        (server_error("Neo.DatabaseError.General.UnknownError"), False),
        (server_error("Neo.TransientError.Cluster.ReplicationFailure"), False),
        (server_error("Neo.TransientError.General.DatabaseUnavailable"), False),
        (server_error("Neo.TransientError.Transaction.DeadlockDetected"), True),
        (server_error("Neo.TransientError.General.MemoryPoolOutOfMemoryError"), True),
        (server_error("Neo.ClientError.Schema.ConstraintValidationFailed"), True),
        (server_error("Neo.ClientError.Transaction.TransactionTimedOut"), True),
        (driver_errors.IncompleteCommit("x"), False),
        (driver_errors.ServiceUnavailable("x"), False),
    ],
)
def test_only_some_errors_of_a_commit_prove_that_nothing_is_applied(error, rolled_back):
    assert is_rolled_back(error) is rolled_back


def test_another_product_or_an_unknown_version_at_the_address_is_explained():
    made = translate_error(driver_errors.UnsupportedServerProduct("supports 99.0"), name="a/b")
    assert not made.retryable
    assert "another product or an unknown version answers" in str(made)
    assert "99" not in str(made)


def test_a_call_that_gets_no_connection_is_tried_again():
    error = driver_errors.ConnectionAcquisitionTimeoutError("failed to obtain a connection")
    assert is_replayable(error)
    assert is_replayable(error, changes_data=True)
    made = translate_error(error, name="a/b")
    assert (made.retryable, made.outcome) == (True, "not_applied")
    assert "all connections are in use" in str(made)


@pytest.mark.parametrize("components", [[], [{"name": "Memgraph", "versions": ["2.10.0"]}]])
def test_another_product_that_speaks_bolt_is_refused(components):
    with pytest.raises(exceptions.DatabaseError, match="another product") as caught:
        describe_server(components, (5, 0))
    assert not caught.value.retryable


@pytest.mark.parametrize("code", sorted(MEMORY_CODES))
def test_where_memory_ran_out_the_advice_fits_reads_and_writes(code):
    text = str(translate_error(server_error(code), name="conversation/load"))
    assert "send or load less at once" in text
