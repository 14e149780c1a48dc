"""Opens the server that a bench runs on."""

import os
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
