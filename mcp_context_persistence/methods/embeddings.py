"""Methods that choose the embedding model and make vectors."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import DatabaseError, VectorDBError
from mcp_context_persistence.responses.embedding_models import EmbeddingStatus
from mcp_context_persistence.runtime import embedding_models
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine


class EmbeddingCalls:
    """Configures the embedding model of the namespace, and embeds texts."""

    _engine: Engine

    @public_call(DatabaseError, VectorDBError)
    def configure_embedding_model(
        self,
        model: Any,
        vector_size: int | None = None,
        batch_size: int = 32,
        *,
        wait: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> EmbeddingStatus:
        """Use another embedding model for this namespace.

        `generate_embeddings` uses the new model at once. If the namespace has no vectors yet, all
        other calls also use it at once. Otherwise a migration in the background makes all stored
        vectors again. Meanwhile, searches and saves use the old model. When all vectors are made,
        one transaction switches to the new model. Vectors of different models are never compared.

        If a migration was stopped by `close()` or by a crash, the same call continues it. The
        vectors of the previous model are kept until a third model is configured. To go back,
        configure the previous model; then only the texts that were written since are embedded. If
        you configure the model in use, a migration to another model stops.

        After the switch, other clients of the namespace need the new model too. Until it is
        configured for them, their saves and their vector searches raise `ValidationError`. Other
        namespaces keep their models.

        Args:
            model: An object with the method `encode` of `SentenceTransformer`, the name of a model,
                or the path of its folder.
            vector_size: The number of dimensions that the vectors of the model must have, 1 to
                4,096. None means that the number is not checked.
            batch_size: The number of texts that are passed to the model at once, 1 to 1,024.
            wait: Whether the call returns only after the switch. It may take longer than the
                deadline, as long as the migration goes on. If the database does not answer within
                the deadline, the call raises a retryable error, and the migration continues. If you
                interrupt the call, the migration stops.
            progress: A function that is called in the thread of the migration. It gets "vectors",
                the number of finished vectors, and the number of all vectors. If it raises an
                error, the migration ends. With `wait`, the call raises this error.

        Returns:
            The model in use and the progress of the migration.

        Raises:
            ValidationError: An argument is not valid, or the model has another `vector_size`.
            VectorDBError: The model is missing, cannot be loaded, or returned something other than
                vectors.
            DatabaseError: The database operation failed. With `wait`, also: the migration failed.
        """
        waits = validation.check_flag("wait", wait)
        return embedding_models.configure(
            self._engine.embeddings,
            model,
            vector_size,
            batch_size,
            wait=waits,
            progress=progress,
        )

    @public_call(DatabaseError, VectorDBError)
    def get_embedding_status(self) -> EmbeddingStatus:
        """Return the embedding model of the namespace and the progress of a migration.

        The migration may run in another process.

        Raises:
            DatabaseError: The database operation failed.
            VectorDBError: The namespace has no vectors yet, and the configured model is missing.
        """
        return self._engine.embeddings.status()

    @public_call(VectorDBError)
    def generate_embeddings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts with the model that was configured last. Nothing is stored.

        Args:
            texts: At most 100,000 texts of at most 1,000,000 characters each. The vector of a text
                that is longer than the model's input is the mean of the vectors of its passages.

        Returns:
            `(len(texts), vector_size) float32`, each vector of length 1.

        Raises:
            ValidationError: An argument is not valid.
            VectorDBError: The model is missing or failed.
        """
        return embedding_models.generate(self._engine.embeddings, texts)
