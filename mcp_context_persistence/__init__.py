"""Memory for AI assistants as one property graph in Neo4j."""

from mcp_context_persistence.client import ContextPersistenceClient

__all__ = ["ContextPersistenceClient", "__version__"]
__version__ = "0.1.0"
