"""Every error that the library raises."""

from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    DatabaseError,
    GraphError,
    NLPError,
    NotFoundError,
    SearchError,
    ValidationError,
    VectorDBError,
)

__all__ = [
    "ContextPersistenceError",
    "DatabaseError",
    "GraphError",
    "NLPError",
    "NotFoundError",
    "SearchError",
    "ValidationError",
    "VectorDBError",
]

for _name in __all__:  # tracebacks name the place where people import them from
    globals()[_name].__module__ = __name__
