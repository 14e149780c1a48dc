"""Deadlines pass, and pauses grow up to a limit."""

import random
import subprocess
import sys
import time

import pytest

from mcp_context_persistence.kg.deadline import Backoff, Deadline


def test_a_deadline_in_the_future_has_time_left():
    deadline = Deadline.after(60)
    assert 50 < deadline.seconds_left <= 60
    assert not deadline.has_passed


def test_a_deadline_in_the_past_has_passed_and_no_negative_time_left():
    deadline = Deadline.after(-1)
    assert deadline.has_passed
    assert deadline.seconds_left == 0.0


def test_pauses_double_up_to_the_longest(monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    backoff, deadline = Backoff(first=1, longest=5), Deadline.after(60)
    for _ in range(5):
        backoff.sleep(deadline)
    assert pauses == [1, 2, 4, 5, 5]


def test_a_pause_ends_with_the_deadline(monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    Backoff(first=10, longest=10).sleep(Deadline.after(-1))
    assert pauses == [0.0]


@pytest.mark.parametrize(("draw", "seconds"), [(0.0, 0.5), (1.0, 1.5)])
def test_jitter_makes_a_pause_up_to_half_shorter_or_longer(monkeypatch, draw, seconds):
    monkeypatch.setattr(random, "random", lambda: draw)
    assert Backoff(first=1, longest=1, has_jitter=True).seconds == seconds


def test_it_needs_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules)\n"
        "import mcp_context_persistence.kg.deadline\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "['mcp_context_persistence']"
