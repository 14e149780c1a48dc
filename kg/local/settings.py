"""Versions, folders and options of the managed local server."""

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local.sizes import size_server

NEO4J_VERSION = "2026.02.3"
GDS_VERSION = "2.26.0"
BROWSER_VERSION = "5.24.0"
APPLICATION = "context-persistence"
USER = "neo4j"
DATABASE = "neo4j"
MAIN_CLASS = "org.neo4j.server.Neo4jCommunity"
LOOPBACK = "127.0.0.1"
# How long a server that a command has used waits for the next command. No process may outlive its
# last user by more than 30 s, and the server also needs time to stop.
COMMAND_LINGER_SECONDS = 20.0
JOIN_SECONDS = 60.0  # that opening a store may take in addition to the start of its server


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How the server of a store is run.

    The settings of the process that starts the server count; later processes take it as it is.

    Attributes:
        heap: Memory of the Java heap at most, as Java writes it, such as ``1g``.
        page_cache: Memory for pages of the store, such as ``256m``.
        has_start_cache: Whether the server starts quickly: from an archive of loaded classes, which
            is made where it is missing, and with flags for it. False starts the same server as the
            bare Java command would.
        list_classes: A file to which the server writes the classes it loads, for
            `tools.list_classes`.
        linger_seconds: How long the server of a permanent store waits for another process after
            the last one left.
        start_seconds: How long a start may take.
        stop_seconds: How long an orderly stop may take before the server is killed.
    """

    heap: str = field(default_factory=lambda: size_server()[0])
    page_cache: str = field(default_factory=lambda: size_server()[1])
    has_start_cache: bool = True
    list_classes: Path | None = None
    linger_seconds: float = 3.0
    start_seconds: float = 180.0
    stop_seconds: float = 15.0


def cache_folder() -> Path:
    """Return the folder of the jars and start-up caches of all stores.

    It is ``CONTEXT_CACHE_DIR``, else the platform's cache folder.
    """
    folder = os.environ.get("CONTEXT_CACHE_DIR")
    return _resolve_cache_folder(folder) if folder else find_user_folder("cache")


@cache  # a server that is started again finds its jars, also where the process has left its folder
def _resolve_cache_folder(folder: str) -> Path:
    try:
        return Path(folder).expanduser().absolute()
    except (OSError, RuntimeError) as error:
        raise DatabaseError(
            "CONTEXT_CACHE_DIR begins with the home of an unknown user, or the process's working "
            "directory was deleted: set it to an absolute path."
        ) from error


def default_store() -> Path:
    """Return the user's own store, in the platform's data folder."""
    return find_user_folder("data") / "store"


def find_user_folder(kind: Literal["cache", "data"]) -> Path:
    """Return the platform's folder of this user for one kind of files of this application.

    Raises:
        DatabaseError: The user has no home folder, as in a container that runs with any user id.
    """
    import platformdirs  # noqa: PLC0415 - takes 30 ms, and the supervisor has no site packages

    find = {"cache": platformdirs.user_cache_dir, "data": platformdirs.user_data_dir}[kind]
    try:
        return Path(find(APPLICATION))
    except RuntimeError as error:
        raise DatabaseError(
            "The user of this process has no home folder: set HOME to an absolute path, or set "
            "CONTEXT_CACHE_DIR and name the folder of the store (CONTEXT_STORE)."
        ) from error
