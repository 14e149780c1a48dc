"""Versions, folders and options of the managed local server."""

import os
from dataclasses import dataclass
from pathlib import Path

from mcp_context_persistence.kg.local.sizes import HEAP, PAGE_CACHE

NEO4J_VERSION = "2026.02.3"
GDS_VERSION = "2.26.0"
BROWSER_VERSION = "5.24.0"
APPLICATION = "context-persistence"
USER = "neo4j"
MAIN_CLASS = "org.neo4j.server.Neo4jCommunity"
LOOPBACK = "127.0.0.1"
JOIN_SECONDS = 60.0  # that opening a store may take beside the start of its server


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How the server of a store is run. They count for the process that starts it; whoever attaches later takes it as it is.

    Attributes:
        heap: Memory of the Java heap at most, as Java writes it, such as ``1g``.
        page_cache: Memory for pages of the store, such as ``256m``.
        aot: Start quickly: from an archive of loaded classes, which is made where it is missing, and with flags for it. False
            starts the same server as the bare Java command would.
        list_classes: A file to which the server writes the classes it loads; for the maker of the list only.
        linger_seconds: How long the server of a lasting store waits for another process after the last one left.
        start_seconds: How long a start may take.
        stop_seconds: How long an orderly stop may take before the server is killed.
    """

    heap: str = f"{HEAP}m"
    page_cache: str = f"{PAGE_CACHE}m"
    aot: bool = True
    list_classes: Path | None = None
    linger_seconds: float = 3.0
    start_seconds: float = 180.0
    stop_seconds: float = 15.0


def cache_folder() -> Path:
    """Where jars and start-up caches are kept for all stores: ``CONTEXT_CACHE_DIR``, else the platform's cache folder."""
    named = os.environ.get("CONTEXT_CACHE_DIR")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs  # noqa: PLC0415  costs 30 ms, and is needed only here and below

    return Path(platformdirs.user_cache_dir(APPLICATION))


def default_store() -> Path:
    """The user's own store, in the platform's data folder."""
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_data_dir(APPLICATION)) / "store"
