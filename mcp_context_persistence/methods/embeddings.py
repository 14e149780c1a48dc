"""The calls that choose the embedding model."""

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
    """Models of the caller's own."""

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
        """Have another model make the vectors of this namespace.

        `generate_embeddings` uses it at once, and so does everything else where the namespace has no vectors yet. Where it has, the vectors
        of all that is stored are made anew in the background, beside those in use; searches and saves go on with the old model until the
        switch, which is one transaction. Vectors of two models are never compared. What is stopped, by `close()` or a crash, goes on
        with the same call. The old vectors are kept until a third model is configured: the same call with the old model leads back,
        and makes only what was written since. While another model is on its way in, the call with the model in use stops that.

        Other clients of the namespace need the new model too once it is in use: until they are given it, their saves and their
        searches by meaning raise `ValidationError`. Other namespaces keep their models.

        Args:
            model: An object with the method `encode` of `SentenceTransformer`, a model's name, or the path of its folder.
            vector_size: Numbers per vector, 1 to 4,096, to be compared with the model's own; None takes that.
            batch_size: Texts that the model is given at once, 1 to 1,024.
            wait: Whether to return when the new vectors are in use; an interruption stops the migration.
            progress: Called with `"vectors"`, how many are made, and how many there are to be, by the migration's thread.

        Returns:
            Which model is in use, and how far the migration is.

        Raises:
            ValidationError: An argument is not valid, or `vector_size` is not the model's.
            VectorDBError: The model is missing, cannot be loaded, or gave something that is not a vector.
            DatabaseError: The database operation failed; or, with `wait`, the migration did.
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
        """Which model made the namespace's vectors, and how far another one is on its way in, whichever process sees to that.

        Raises:
            DatabaseError: The database operation failed.
            VectorDBError: There are no vectors yet, and the configured model is missing.
        """
        return self._engine.embeddings.status()

    @public_call(VectorDBError)
    def generate_embeddings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts by the model that was configured last; nothing is stored.

        Args:
            texts: At most 100,000 texts, each of at most 1,000,000 characters. Of one that the model does not read whole, the vector is
                the mean of its passages.

        Returns:
            `(len(texts), vector_size) float32`, every vector of length one.

        Raises:
            ValidationError: An argument is not valid.
            VectorDBError: The model is missing or failed.
        """
        return embedding_models.generate(self._engine.embeddings, texts)
