"""Memory for AI assistants as one property graph in Neo4j."""

from mcp_context_persistence.aio import AsyncContextPersistenceClient
from mcp_context_persistence.client import ContextPersistenceClient

__all__ = ["AsyncContextPersistenceClient", "ContextPersistenceClient", "__version__"]
__version__ = "0.1.0"
