"""The rate of requests is counted in a window that moves."""

import time

from mcp_context_persistence.rest.request_rate import RequestRate


def test_a_request_is_allowed_again_when_the_oldest_leaves_the_window(monkeypatch):
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    rate = RequestRate(2)
    assert rate.count("a") == 0
    now += 20
    assert rate.count("a") == 0
    assert rate.count("a") == 40
    assert rate.count("b") == 0
    now += 40
    assert rate.count("a") == 0
    assert rate.count("a") == 20


def test_callers_that_send_nothing_for_a_minute_are_forgotten(monkeypatch):
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    rate = RequestRate(2)
    for number in range(100):
        rate.count(f"caller-{number}")
    now += 60
    rate.count("another")
    assert list(rate._times) == ["another"]
