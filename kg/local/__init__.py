"""The managed local Neo4j: a store is a folder, and one server process serves every process that attaches to it.

The first process to attach starts the server, through a small supervisor; each further one attaches to it; the last one out stops
it. The names below load their modules when they are first used, because the supervisor enters this package with the standard
library alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_context_persistence.kg.local.attachment import (
        Attachment,
        ServerStatus,
        attach,
        start,
        status,
        stop,
    )
    from mcp_context_persistence.kg.local.jars import Jars, Progress, provision
    from mcp_context_persistence.kg.local.launch import make_start_cache
    from mcp_context_persistence.kg.local.server import Running, running, users
    from mcp_context_persistence.kg.local.settings import ServerSettings, default_store

__all__ = [
    "Attachment",
    "Jars",
    "Progress",
    "Running",
    "ServerSettings",
    "ServerStatus",
    "attach",
    "default_store",
    "make_start_cache",
    "provision",
    "running",
    "start",
    "status",
    "stop",
    "users",
]

_HOMES = {
    **dict.fromkeys(
        ("Attachment", "ServerStatus", "attach", "start", "status", "stop"),
        "mcp_context_persistence.kg.local.attachment",
    ),
    **dict.fromkeys(("Jars", "Progress", "provision"), "mcp_context_persistence.kg.local.jars"),
    **dict.fromkeys(("Running", "running", "users"), "mcp_context_persistence.kg.local.server"),
    "make_start_cache": "mcp_context_persistence.kg.local.launch",
    **dict.fromkeys(
        ("ServerSettings", "default_store"), "mcp_context_persistence.kg.local.settings"
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
