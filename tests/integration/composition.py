"""The composition of docker-compose.yml, started for tests as its users start it."""

import contextlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.doors.rest_service import wait_until

ROOT = Path(__file__).parents[2]
SERVICE_IMAGE = os.environ.get("CONTEXT_TEST_SERVICE_IMAGE", "context-persistence:local")
REDIS_IMAGE = os.environ.get("CONTEXT_TEST_REDIS_IMAGE", "context-persistence/redis:local")
START_SECONDS = 240  # on a machine that does much else
# Neo4j runs for minutes here: see tests/conftest.py. Its image chooses the collector itself.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1"


def find_compose() -> list[str] | None:
    """Return the command of Compose, of either version; None where there is none."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            arguments = [*command, "version"]
            if subprocess.run(arguments, capture_output=True, check=False).returncode == 0:
                return command
    return None


@dataclass(frozen=True, kw_only=True)
class Composition:
    """A running composition.

    Attributes:
        engine: The Docker client.
        name: The name of the project.
        command: The command of Compose.
        variables: The environment of the command.
        password: Of Neo4j.
        start_seconds: From its start until the service was ready; 0 where that was not measured.
    """

    engine: Any
    name: str
    command: Sequence[str]
    variables: dict[str, str]
    password: str
    start_seconds: float = 0.0

    def run(self, *arguments: str) -> str:
        """Run a command of Compose, and return what it prints."""
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=ROOT,
            env=os.environ | self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:] + self.read_logs()
        return done.stdout

    def list_containers(self, service: str = "service") -> list[Any]:
        labels = [
            f"com.docker.compose.project={self.name}",
            f"com.docker.compose.service={service}",
            "com.docker.compose.oneoff=False",
        ]
        containers = self.engine.containers.list(all=True, filters={"label": labels})
        return sorted(containers, key=lambda container: container.name)

    def find_container(self, service: str = "service") -> Any:
        return self.list_containers(service)[0]

    def create_key(self, namespace: str, *scopes: str) -> str:
        options = [word for scope in scopes for word in ("--scope", scope)]
        return self.run("run", "--rm", "keys", "create", "--namespace", namespace, *options).strip()

    def open_client(self, key: str | None = None, container: Any = None) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = find_url(container or self.find_container())
        return httpx2.Client(base_url=url, headers=headers, timeout=60, trust_env=False)

    def wait_until_ready(self, containers: Sequence[Any] = ()) -> None:
        for container in containers or self.list_containers():
            wait_until(lambda one=container: is_ready(one), START_SECONDS)

    def read_logs(self) -> str:
        containers = [*self.list_containers(), *self.list_containers("neo4j")]
        return "\n".join(
            f"--- {container.name}\n{container.logs(tail=40).decode(errors='replace')}"
            for container in containers
        )


def find_url(container: Any) -> str:
    """Return the address of a service on this machine; a new one after each start."""
    container.reload()
    ports = container.attrs["NetworkSettings"]["Ports"].get("8000/tcp")
    return f"http://127.0.0.1:{ports[0]['HostPort']}" if ports else "http://127.0.0.1:9"


def is_ready(container: Any) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        url = find_url(container)
        return httpx2.get(f"{url}/readyz", timeout=10, trust_env=False).status_code == 200
    return False


@contextlib.contextmanager
def compose(
    engine: Any, command: list[str], folder: Path, neo4j_image: str
) -> Iterator[Composition]:
    """Start the composition, and remove it with its volumes at the end."""
    name = f"context-test-{secrets.token_hex(4)}"
    password = f"a/b=c {secrets.token_hex(8)}"
    auth = folder / "neo4j_auth"
    auth.write_text(f"neo4j/{password}\n")
    auth.chmod(0o644)
    added = folder / "java.yml"
    added.write_text(
        f'services: {{neo4j: {{environment: {{JDK_JAVA_OPTIONS: "{JAVA_OPTIONS}"}}}}}}\n'
    )
    variables = {
        "COMPOSE_FILE": os.pathsep.join([str(ROOT / "docker-compose.yml"), str(added)]),
        "COMPOSE_PROJECT_NAME": name,
        "CONTEXT_IMAGE": SERVICE_IMAGE,
        "CONTEXT_PORT": "",  # any free one
        "NEO4J_AUTH_FILE": str(auth),
        "NEO4J_BOLT_PORT": "",
        "NEO4J_HEAP": "512m",
        "NEO4J_HTTP_PORT": "",
        "NEO4J_IMAGE": neo4j_image,
        "NEO4J_PAGECACHE": "128m",
        "REDIS_IMAGE": REDIS_IMAGE,
    }
    running = Composition(
        engine=engine, name=name, command=command, variables=variables, password=password
    )
    try:
        yield running
    finally:
        running.run(
            "--profile", "cache", "--profile", "tools", "down", "--volumes", "--timeout", "5"
        )


def measure_start(composition: Composition) -> float:
    """Start everything, and return the seconds until the service is ready."""
    started = time.monotonic()
    composition.run("up", "--detach")
    composition.wait_until_ready()
    return time.monotonic() - started
