"""Methods that save documents."""

from typing import Any

from mcp_context_persistence.kg.errors import DatabaseError, NLPError, VectorDBError
from mcp_context_persistence.models import SaveDocumentResponse
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import documents


class DocumentCalls:
    """Saves documents: texts that belong to no conversation."""

    _engine: Engine

    @public_call(DatabaseError, VectorDBError, NLPError)
    def save_document(
        self,
        document_id: str,
        text: str,
        metadata: dict[str, Any] | None = None,
        project_path: str | None = None,
    ) -> SaveDocumentResponse:
        """Save a document in overlapping passages, with their vectors and entities.

        Searches find its passages as results of the type `document`, with the id of the document
        and the text of the passage. Saving the same document again is a no-op. Saving another text
        under the same id replaces the document.

        Args:
            document_id: The id of the document, at most 512 bytes.
            text: At most 1,000,000 characters.
            metadata: A mapping; docs/graph.md lists the types of its values. Searches can filter by
                `project`, `tags` and all other values.
            project_path: The path of a project. It is stored as text and never opened.

        Raises:
            ValidationError: An argument is not valid.
            DatabaseError: The database operation failed.
            VectorDBError: A vector could not be made.
            NLPError: The text could not be analyzed.
        """
        return documents.save_document(
            self._engine, document_id, text, metadata=metadata, project_path=project_path
        )
