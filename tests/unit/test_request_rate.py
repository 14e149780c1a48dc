"""The rate of requests is counted in a window that moves."""

from mcp_context_persistence.rest.request_rate import RequestRate


def test_a_request_is_allowed_again_when_the_oldest_leaves_the_window():
    now = 1_000.0
    rate = RequestRate(2, clock=lambda: now)
    assert rate.count("a") == 0
    now += 20
    assert rate.count("a") == 0
    assert rate.count("a") == 40
    assert rate.count("b") == 0
    now += 40
    assert rate.count("a") == 0
    assert rate.count("a") == 20


def test_callers_that_send_nothing_for_a_minute_are_forgotten():
    now = 1_000.0
    rate = RequestRate(2, clock=lambda: now)
    for number in range(100):
        rate.count(f"caller-{number}")
    now += 60
    rate.count("another")
    assert list(rate._times) == ["another"]
