"""Open the server that a bench runs on, and the service."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_context_persistence.kg import local

Credentials = tuple[str, str]


def read_credentials() -> Credentials | None:
    """Read the user and password of another server from the environment."""
    user, password = os.environ.get("CONTEXT_DB_USER"), os.environ.get("CONTEXT_DB_PASSWORD")
    return (user, password) if user and password else None


@contextmanager
def open_server(url: str | None) -> Iterator[tuple[str, Credentials | None]]:
    """Yield the URL and the credentials of a server.

    Args:
        url: A server that runs, None for a managed one that is thrown away.
    """
    if url is not None:
        yield url, read_credentials()
        return
    with local.attach(None) as server:
        yield server.bolt_url, (server.user, server.password)


@contextmanager
def running_service(
    url: str, auth: Credentials | None, namespace: str
) -> Iterator[tuple[str, int]]:
    """Run the service in a process of its own; yield its address and its process id."""
    environment = os.environ | {"CONTEXT_API_REQUESTS_PER_MINUTE": "1000000"}
    if auth is not None:
        environment |= {"CONTEXT_DB_USER": auth[0], "CONTEXT_DB_PASSWORD": auth[1]}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mcp_context_persistence.cli.main", "serve"),
            *("--store", url, "--port", "0", "--namespace", namespace),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("serving on "):
            raise RuntimeError("the service does not start")
        yield line.split()[-1], process.pid
    finally:
        process.terminate()
        process.communicate()
