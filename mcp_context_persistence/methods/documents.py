"""The calls that keep documents."""

from typing import Any

from mcp_context_persistence.kg.errors import DatabaseError, NLPError, VectorDBError
from mcp_context_persistence.models import SaveDocumentResponse
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import documents


class DocumentCalls:
    """Texts that belong to no conversation."""

    _engine: Engine

    @public_call(DatabaseError, VectorDBError, NLPError)
    def save_document(
        self,
        document_id: str,
        text: str,
        metadata: dict[str, Any] | None = None,
        project_path: str | None = None,
    ) -> SaveDocumentResponse:
        """Save a document in overlapping passages, with their vectors and what they talk about.

        Its passages are searched like messages, as `document`; a result has the document's id and the passage that was found. Saving
        the same again changes nothing; saving something else under the same id takes its place.

        Args:
            document_id: Its identifier, at most 512 bytes.
            text: At most 1,000,000 characters.
            metadata: Anything that JSON can hold. `project` and `tags` can be searched by, and so can other plain values.
            project_path: A path that names the project; it is stored as text and never opened.

        Raises:
            ValidationError: An argument is not valid.
            DatabaseError: The database operation failed.
            VectorDBError: A vector could not be made.
            NLPError: The text could not be analysed.
        """
        return documents.save(
            self._engine, document_id, text, metadata=metadata, project_path=project_path
        )
