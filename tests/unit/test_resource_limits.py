"""Limits of the system that a server would inherit from the client that starts it."""

import resource

import pytest

from mcp_context_persistence.kg.limits import OPEN_FILES, SERVER_CPU_SECONDS, SERVER_FILE_BYTES
from mcp_context_persistence.kg.local.resource_limits import LIMITS, raise_limits

NO_LIMIT = resource.RLIM_INFINITY


@pytest.fixture
def limits(monkeypatch):
    """Return the limits of a system that the test may change, by their numbers."""
    values = {getattr(resource, limit.name): (NO_LIMIT, NO_LIMIT) for limit in LIMITS}
    monkeypatch.setattr(resource, "getrlimit", values.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", values.__setitem__)
    return values


@pytest.mark.parametrize("hard", [1 << 40, NO_LIMIT])
@pytest.mark.parametrize(
    "name", ["RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_NPROC"]
)
def test_a_soft_limit_is_raised_to_the_hard_one(limits, name, hard):
    number = getattr(resource, name)
    limits[number] = (1_000, hard)
    assert raise_limits() == ""
    assert limits[number] == (hard, hard)


def test_open_files_are_raised_to_the_recommended_number_where_there_is_no_hard_limit(limits):
    limits[resource.RLIMIT_NOFILE] = (256, NO_LIMIT)
    assert raise_limits() == ""
    assert limits[resource.RLIMIT_NOFILE] == (40_000, NO_LIMIT)


@pytest.mark.parametrize(
    ("name", "minimum", "option"),
    [
        ("RLIMIT_NOFILE", OPEN_FILES, "-Hn"),
        ("RLIMIT_FSIZE", SERVER_FILE_BYTES, "-Hf"),
        ("RLIMIT_CPU", SERVER_CPU_SECONDS, "-Ht"),
    ],
)
def test_a_hard_limit_that_is_too_low_is_named(limits, name, minimum, option):
    limits[getattr(resource, name)] = (100, 200)
    text = raise_limits()
    assert "only 200 " in text
    assert f"{minimum:,}" in text
    assert option in text
    limits[getattr(resource, name)] = (100, minimum)
    assert raise_limits() == ""


def test_a_system_that_refuses_to_raise_a_limit_is_named_too(limits, monkeypatch):
    def refuse(_number, _values):
        raise ValueError

    monkeypatch.setattr(resource, "setrlimit", refuse)
    limits[resource.RLIMIT_FSIZE] = (100, NO_LIMIT)
    assert "only 100 bytes in a file are allowed" in raise_limits()
