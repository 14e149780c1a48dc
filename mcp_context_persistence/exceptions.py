"""Every error that the library raises."""

from kg.errors import (
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
