"""A call whose state others changed is repeated within its deadline, with growing pauses."""

from types import SimpleNamespace

import pytest

from mcp_context_persistence.kg.driver.call_budget import CallBudget
from mcp_context_persistence.kg.errors import DatabaseError, StaleStateError
from mcp_context_persistence.runtime.embedding_models import TRIES, EmbeddingModels


class StubGraph(SimpleNamespace):
    """Has the deadline of a graph, and no database."""

    def __init__(self, seconds):
        budget = CallBudget(seconds)
        super().__init__(call=budget.share, spend=budget.spend, budget=budget)

    @property
    def seconds_left(self):
        return self.budget.seconds_left


def retry(graph, failures):
    """Run work that meets so many changes by others; return how often it ran, and what is left."""
    attempts = []

    def work():
        attempts.append(None)
        if len(attempts) <= failures:
            raise StaleStateError("changed")
        return len(attempts)

    models = EmbeddingModels(graph, "n", None, first_index_dimension=384)
    with graph.call():
        try:
            return models.retry_when_stale(work), graph.seconds_left
        finally:
            graph.attempts = len(attempts)


def test_changes_by_others_are_met_again_and_again():
    count, seconds_left = retry(StubGraph(30.0), failures=TRIES + 3)
    assert count == TRIES + 4
    assert seconds_left < 30.0 - 0.05  # the pauses count


def test_without_a_change_there_is_no_pause():
    assert retry(StubGraph(30.0), failures=0) == (1, 30.0)


def test_the_attempts_end_with_the_deadline():
    graph = StubGraph(0.0)
    with pytest.raises(DatabaseError, match="changed") as caught:
        retry(graph, failures=100)
    assert caught.value.retryable
    assert isinstance(caught.value.__cause__, StaleStateError)
    assert graph.attempts == TRIES


def test_a_part_of_a_call_may_have_a_deadline_of_its_own():
    budget = CallBudget(10.0)
    with budget.share():
        budget.spend(9.0)
        with budget.share(is_separate=True):
            assert budget.seconds_left == 10.0
            budget.spend(4.0)
            budget.current.may_be_applied = True
        assert budget.seconds_left == 1.0
        assert budget.current.may_be_applied
