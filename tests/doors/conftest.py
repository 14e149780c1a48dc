"""Fixtures of the doors."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def open_service(server: Any) -> Iterator[Any]:
    """A service without keys, on a real socket and a real Neo4j."""
    from mcp_context_persistence import ContextPersistenceClient
    from mcp_context_persistence.service.settings import ServiceSettings
    from tests.doors.rest_service import run_service

    namespace = f"test-rest-{uuid.uuid4().hex[:12]}"
    settings = ServiceSettings(database_url=server.bolt_url, auth=server.auth, namespace=namespace)
    with run_service(settings) as service:
        yield service
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as client:
        client.delete_namespace(namespace)


@pytest.fixture(scope="session")
def service_home(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder in which clients of this user find a service of the tests' database."""
    from tests.doors.rest_service import run_leased_service

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        with run_leased_service(server, f"test-service-{uuid.uuid4().hex[:12]}"):
            patch.undo()
            yield home


@pytest.fixture
def rest(open_service: Any) -> Iterator[Any]:
    """A client of the service without keys."""
    with open_service.open_client() as client:
        yield client


@pytest.fixture(params=["store", "service"])
def commands(
    request: pytest.FixtureRequest, server: Any, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The commands, which open the store themselves or use the service that runs."""
    from tests.doors.cli_runner import open_commands, use_service_only

    if request.param == "service":
        home = request.getfixturevalue("service_home")
        monkeypatch.setenv("XDG_DATA_HOME", str(home))
        use_service_only(monkeypatch)
    return open_commands(server, namespace, monkeypatch)
