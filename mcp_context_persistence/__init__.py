"""Memory for AI assistants as one property graph in Neo4j.

The names below load their modules when they are first used, so that importing the package is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_context_persistence.aio import AsyncContextPersistenceClient
    from mcp_context_persistence.client import ContextPersistenceClient
    from mcp_context_persistence.exceptions import ContextPersistenceError

__all__ = [
    "AsyncContextPersistenceClient",
    "ContextPersistenceClient",
    "ContextPersistenceError",
    "__version__",
]
__version__ = "0.1.0"

_MODULES = {
    "AsyncContextPersistenceClient": "mcp_context_persistence.aio",
    "ContextPersistenceClient": "mcp_context_persistence.client",
    "ContextPersistenceError": "mcp_context_persistence.exceptions",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
