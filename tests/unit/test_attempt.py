"""An attempt may be applied as soon as it was sent."""

import pytest

from mcp_context_persistence.kg.driver.attempt import AbandonedError, Attempt


def test_a_statement_may_be_applied_once_it_is_sent():
    attempt = Attempt(applies_when_sent=True)
    attempt.connect(lambda _attempt: None)
    assert not attempt.may_be_applied
    attempt.send()
    assert attempt.may_be_applied


def test_a_transaction_may_be_applied_once_its_commit_is_sent():
    attempt = Attempt(applies_when_sent=False)
    attempt.connect(lambda _attempt: None)
    attempt.send()
    assert not attempt.may_be_applied
    attempt.commit()
    assert attempt.may_be_applied


@pytest.mark.parametrize(
    "step", [lambda attempt: attempt.connect(lambda _attempt: None), Attempt.send, Attempt.commit]
)
def test_an_abandoned_attempt_sends_nothing_more(step):
    attempt = Attempt(applies_when_sent=True)
    attempt.abandon()
    with pytest.raises(AbandonedError):
        step(attempt)
    assert not attempt.may_be_applied


def test_abandoning_an_attempt_cuts_its_connection():
    attempt, cut = Attempt(applies_when_sent=True), []
    attempt.connect(cut.append)
    attempt.abandon()
    assert cut == [attempt]
