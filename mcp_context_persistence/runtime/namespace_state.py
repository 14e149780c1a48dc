"""What a client remembers of its namespace: patterns, merged entities."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.merging.redirects import Redirects, read_redirects
from mcp_context_persistence.kg.writes import patterns
from mcp_context_persistence.kg.writes.references import resolve_fields
from mcp_context_persistence.runtime.embedding_models import EmbeddingModels

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.extraction.user_patterns import UserPatterns


class NamespaceState:
    """The remembered state of one namespace; it is read again when it has changed.

    Safe to share between threads.
    """

    def __init__(self, graph: Graph, namespace: str, embeddings: EmbeddingModels) -> None:
        """Create it; the first use reads the state.

        Args:
            graph: The database.
            namespace: Name of the namespace.
            embeddings: Knows how often entities were merged.
        """
        self._graph, self._namespace = graph, namespace
        self._embeddings = embeddings
        self._patterns: UserPatterns | None = None
        self._redirects = Redirects()

    def patterns(self, version: int | None = None) -> "UserPatterns | None":
        """Return the user's entity patterns of the namespace, None where there are none.

        Args:
            version: The version of the stored patterns where the caller has read it; else the
                database is asked.
        """
        current = self._patterns
        current_version = current.version if current else 0
        if version is None or version != current_version:
            rows = self._graph.run(patterns.read(self._namespace, known_version=current_version))
            if not rows:
                current = None
            elif rows[0]["patterns"] is not None:
                from mcp_context_persistence.ingest.extraction.user_patterns import load_patterns  # noqa: PLC0415 - imports RE2

                current = load_patterns(rows[0]["version"], rows[0]["patterns"])
            self._patterns = current
        return current

    def redirects(self) -> Redirects:
        """Return the redirects of merged entities; they are read again only after another merge.

        Raises:
            ValidationError: This client does not have the namespace's embedding model.
            VectorDBError: The model is missing or cannot be loaded.
            DatabaseError: The database could not be asked.
        """
        merges = self._embeddings.current().vector_state.merges
        redirects = self._redirects
        if redirects.merges != merges:
            rows = self._graph.run(read_redirects(self._namespace))
            redirects = self._redirects = rows[0] if rows else Redirects()
        return redirects

    def resolve_entities(self, references: Mapping[str, str]) -> dict[str, str]:
        """Return the ids of entities that are named by id, exact name or alias.

        Args:
            references: By the name of the argument, the id, name or alias.

        Raises:
            NotFoundError: There is no such entity; the text names the arguments.
        """
        return resolve_fields(self._graph, self._namespace, references)
