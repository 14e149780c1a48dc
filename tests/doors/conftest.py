"""Fixtures of the doors."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def open_service(server: Any) -> Iterator[Any]:
    """A service without keys, on a real socket and a real Neo4j."""
    from tests.conftest import RUN
    from tests.doors.rest_service import run_service
    from mcp_context_persistence.service.settings import ServiceSettings

    settings = ServiceSettings(
        database_url=server.bolt_url, auth=server.auth, namespace=f"{RUN}open-service"
    )
    with run_service(settings) as service:
        yield service


@pytest.fixture
def rest(open_service: Any) -> Iterator[Any]:
    """A client of the service without keys."""
    with open_service.open_client() as client:
        yield client
