"""Fault tests start, cut and kill servers of their own, which no other tests use."""

from collections.abc import Iterator

import neo4j
import pytest

from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local import ServerSettings
from tests.conftest import Server
from tests.faults.attack import Attack, Target, Undisturbed


@pytest.fixture(scope="session")
def managed_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Start a managed server, opened as a store. Tests may cut its wire; they do not kill it."""
    store = tmp_path_factory.mktemp("faults") / "store"
    try:
        with local.attach(store, settings=ServerSettings(heap="1g")) as attachment:
            yield Target(attachment.bolt_url, (attachment.user, attachment.password), str(store))
    finally:
        local.stop(store, force=True)


@pytest.fixture(scope="session")
def server(external_server: Server | None, managed_target: Target) -> Server:
    """The external server, else the managed one of these tests."""
    if external_server is not None:
        return external_server
    user, password = managed_target.auth or ("", "")
    return Server(bolt_url=managed_target.bolt_url, user=user, password=password)


@pytest.fixture(scope="session")
def bolt_target(managed_target: Target) -> Target:
    """The same server, which clients know by its address only."""
    return Target(managed_target.bolt_url, managed_target.auth)


@pytest.fixture(scope="session")
def direct(managed_target: Target) -> Iterator[neo4j.Driver]:
    """A driver of the tests' own, past every fault."""
    with neo4j.GraphDatabase.driver(managed_target.bolt_url, auth=managed_target.auth) as driver:
        yield driver


@pytest.fixture(scope="session")
def undisturbed_runs() -> dict[str, Undisturbed]:
    """What each write call does where nothing fails; filled as it is needed."""
    return {}


@pytest.fixture(scope="session")
def bolt_attack(
    bolt_target: Target, direct: neo4j.Driver, undisturbed_runs: dict[str, Undisturbed]
) -> Attack:
    """Faults in calls to a server that is known by its address."""
    return Attack(bolt_target, direct, undisturbed_runs)


@pytest.fixture(scope="session")
def managed_attack(
    managed_target: Target, direct: neo4j.Driver, undisturbed_runs: dict[str, Undisturbed]
) -> Attack:
    """Faults in calls to a managed store."""
    return Attack(managed_target, direct, undisturbed_runs)
