"""The managed local Neo4j: a store is a folder, and one server serves all processes that attach.

The first process to attach starts the server, through a small supervisor; later ones attach to it.
The server stops after the last one. Who calls whom: `lifecycle` opens an `attachment`, which joins
or starts the server (`joining`) with the command line of `server_specification`; the new
`supervisor` starts Java (`server_process`). The names below load their modules at first use,
because the supervisor imports this package with the standard library alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_context_persistence.kg.local.attachment import Attachment
    from mcp_context_persistence.kg.local.jars import Jars, provision
    from mcp_context_persistence.kg.local.lifecycle import attach, start, stop
    from mcp_context_persistence.kg.local.server_specification import make_start_cache
    from mcp_context_persistence.kg.local.settings import ServerSettings, default_store
    from mcp_context_persistence.kg.local.status import (
        ServerSize,
        ServerStatus,
        list_clients,
        read_size,
        read_status,
    )

__all__ = [
    "Attachment",
    "Jars",
    "ServerSettings",
    "ServerSize",
    "ServerStatus",
    "attach",
    "default_store",
    "list_clients",
    "make_start_cache",
    "provision",
    "read_size",
    "read_status",
    "start",
    "stop",
]

_MODULES = {
    "Attachment": "attachment",
    "Jars": "jars",
    "ServerSettings": "settings",
    "ServerSize": "status",
    "ServerStatus": "status",
    "attach": "lifecycle",
    "default_store": "settings",
    "list_clients": "status",
    "make_start_cache": "server_specification",
    "provision": "jars",
    "read_size": "status",
    "read_status": "status",
    "start": "lifecycle",
    "stop": "lifecycle",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
