"""Start containers for the folder; skip it, with a reason, where that fails."""

import gc
import os
import secrets
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.integration.composition import (
    JAVA_OPTIONS,
    SERVICE_IMAGE,
    Composition,
    compose,
    find_compose,
    measure_start,
)

# The reaper needs another image, which may be unavailable; the fixture below removes its container.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

OFFICIAL = "neo4j:2026.02.3"
LOOPBACK = ("localhost", "127.0.0.1")


@dataclass(frozen=True, kw_only=True)
class Container:
    bolt_url: str
    user: str
    password: str


@pytest.fixture(scope="session")
def container() -> Iterator[Container]:
    """A fresh Neo4j without plugins, as its image starts it."""
    image = os.environ.get("CONTEXT_TEST_NEO4J_IMAGE", OFFICIAL)
    reason = _what_is_missing(image)
    if reason:
        _without(reason)

    from testcontainers.community.neo4j import Neo4jContainer
    from testcontainers.core.config import ConnectionMode

    password = secrets.token_hex(16)
    neo4j = Neo4jContainer(image, password=password, username="neo4j")
    neo4j.with_env("NEO4J_server_memory_heap_max__size", "512m")
    neo4j.with_env("JDK_JAVA_OPTIONS", JAVA_OPTIONS)
    if (
        neo4j.get_docker_client().get_connection_mode() is ConnectionMode.docker_host
        and neo4j.get_docker_client().host() in LOOPBACK
    ):
        neo4j.ports[str(neo4j.port)] = ("127.0.0.1", None)  # type: ignore[assignment]  # any free port, of this machine alone
    try:
        _start(neo4j)
        yield Container(bolt_url=neo4j.get_connection_url(), user="neo4j", password=password)
    finally:
        neo4j.stop()


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the container engine, which has the image of the service."""
    reason = _what_is_missing(SERVICE_IMAGE)
    if reason:
        _without(reason)
    import docker

    with closing(docker.from_env(timeout=120)) as client:
        yield client


@pytest.fixture(scope="session")
def composition(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    """The composition with one replica of the service, ready."""
    neo4j_image = os.environ.get("CONTEXT_TEST_NEO4J_IMAGE", OFFICIAL)
    command = find_compose()
    reason = _what_is_missing(neo4j_image)
    if command is None:
        reason = "there is no Compose: install docker-compose, or the plugin of docker"
    if reason or command is None:
        _without(str(reason))
    folder: Path = tmp_path_factory.mktemp("secrets")
    with compose(engine, command, folder, neo4j_image) as running:
        running.create_key("first")  # without keys, the service would not start
        yield replace(running, start_seconds=measure_start(running))


def _start(neo4j: Any) -> None:
    try:
        neo4j.start()
    except Exception as error:
        started = neo4j.get_wrapped_container()
        if started is not None:
            error.add_note(started.logs(tail=60).decode(errors="replace"))
        raise


def _what_is_missing(image: str) -> str | None:
    """Why no container can be started, or None."""
    with warnings.catch_warnings():
        # The Docker SDK leaves its socket open when nobody answers.
        warnings.simplefilter("ignore", ResourceWarning)
        reason = _try_engine(image)
        gc.collect()
    return reason


def _try_engine(image: str) -> str | None:
    import docker

    try:
        with closing(docker.from_env(timeout=600)) as engine:
            engine.ping()
            if not engine.images.list(name=image):
                engine.images.pull(image)
    except docker.errors.APIError as error:
        return (
            f"the image {image} is not here and cannot be pulled ({type(error).__name__}): "
            "run python -m tools.build_image, and name that of Neo4j in CONTEXT_TEST_NEO4J_IMAGE"
        )
    except (docker.errors.DockerException, OSError) as error:
        return (
            f"no container engine answers ({type(error).__name__}): "
            "start Docker, or set DOCKER_HOST"
        )
    return None


def _without(reason: str) -> NoReturn:
    if os.environ.get("CONTEXT_REQUIRE_CONTAINERS") == "1":
        pytest.fail(f"CONTEXT_REQUIRE_CONTAINERS=1, but {reason}", pytrace=False)
    pytest.skip(reason)
