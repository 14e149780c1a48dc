"""An attempt may be applied as soon as it was sent."""

import pytest

from mcp_context_persistence.kg.driver.attempt import AbandonedError, Attempt


def test_a_statement_may_be_applied_once_it_is_sent():
    attempt = Attempt(applies_when_sent=True)
    attempt.note_connection(lambda _attempt: None)
    assert not attempt.may_be_applied
    attempt.note_sending()
    assert attempt.may_be_applied


def test_a_transaction_may_be_applied_once_its_commit_is_sent():
    attempt = Attempt(applies_when_sent=False)
    attempt.note_connection(lambda _attempt: None)
    attempt.note_sending()
    assert not attempt.may_be_applied
    attempt.note_commit()
    assert attempt.may_be_applied


@pytest.mark.parametrize(
    "step",
    [
        lambda attempt: attempt.note_connection(lambda _attempt: None),
        Attempt.note_sending,
        Attempt.note_commit,
    ],
)
def test_an_abandoned_attempt_sends_nothing_more(step):
    attempt = Attempt(applies_when_sent=True)
    attempt.abandon()
    with pytest.raises(AbandonedError):
        step(attempt)
    assert not attempt.may_be_applied


def test_abandoning_an_attempt_cuts_its_connection():
    attempt, cut = Attempt(applies_when_sent=True), []
    attempt.note_connection(cut.append)
    attempt.abandon()
    assert cut == [attempt]
