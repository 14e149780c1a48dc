"""The n-th call of the database fails, for each n, in each call that writes."""

import inspect
import logging
from collections import Counter

import pytest

from mcp_context_persistence import ContextPersistenceClient
from tests.faults.attack import Attack
from tests.faults.injection import FAULTS, Injection
from tests.faults.write_calls import OTHERS, WRITE_CALLS, WriteCall

pytestmark = pytest.mark.usefixtures("impatient_migration")

log = logging.getLogger(__name__)

BY_NAME = pytest.mark.parametrize("call", WRITE_CALLS, ids=lambda call: call.name)
MOST = 200  # database calls, at which something goes round in circles
ALWAYS_ENDS_WELL = {"not sent", "reply lost", "transient"}  # one fault that a replay survives


@pytest.fixture
def injection(monkeypatch):
    return Injection(monkeypatch)


def strike(attack: Attack, injection: Injection, call: WriteCall, nth: int, fault: str):
    """Let the n-th statement of a call fail; return its error, and whether anything failed."""
    error = attack.run(call, None, lambda: injection.arm(nth, fault), injection.disarm)
    fired = injection.fired > 0
    if fault in ALWAYS_ENDS_WELL or not fired:
        assert error is None, f"{call.name}: {fault} at {nth}"
    return error, fired


def test_every_public_name_of_the_client_is_classified():
    """A method that is new must say whether it writes; if it does, it takes part in these tests."""
    public = {
        name for name, _ in inspect.getmembers(ContextPersistenceClient) if not name.startswith("_")
    }
    written = {call.method for call in WRITE_CALLS}
    assert written & OTHERS == set()
    assert public - {"namespace"} == written | OTHERS


@BY_NAME
def test_a_database_call_fails(bolt_attack, injection, call):
    """One fault for each call, each fault for two calls; the other test has all of them."""
    count = bolt_attack.undisturbed(call).calls
    place = WRITE_CALLS.index(call)
    fault = list(FAULTS)[place % len(FAULTS)]
    is_applied = FAULTS[fault][0]
    nth = count if is_applied and call.is_atomic else 1 + place % (count // 2 or 1)
    assert strike(bolt_attack, injection, call, nth, fault)[1]


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", FAULTS)
@BY_NAME
def test_each_database_call_fails(bolt_attack, injection, call, fault):
    outcomes = Counter()
    for nth in range(1, MOST):
        error, fired = strike(bolt_attack, injection, call, nth, fault)
        if not fired:
            break
        outcomes[error.outcome if error else "acknowledged"] += 1
    else:
        raise AssertionError("it never passes")
    log.warning("%s, %s: %d faults, %s", call.name, fault, nth - 1, dict(outcomes))
