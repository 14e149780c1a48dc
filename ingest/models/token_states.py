"""Read the states of the tokens of texts: what the lower layers of the embedding model know."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.models import encoders, minilm, registry
from mcp_context_persistence.ingest.models.lower_layers import LAYER_BYTES, LowerLayers
from mcp_context_persistence.kg.errors import NLPError, VectorDBError
from mcp_context_persistence.kg.system_errors import describe_exhaustion

LAYERS = 3
_BATCH_SIZE = 32  # texts


class TokenStates(NamedTuple):
    """The tokens of a text.

    Attributes:
        text: The index of the text.
        states: ``(tokens, 384)``.
        spans: First character of each token and one past its last; empty spans belong to no word.
    """

    text: int
    states: NDArray[np.float32]
    spans: Sequence[tuple[int, int]]


class TokenStateReader:
    """Reads texts. Threads may share an instance.

    The model is loaded at the first use.
    """

    def __init__(self, *, may_download: bool = True) -> None:
        """Keep the settings; nothing is loaded.

        Args:
            may_download: Whether the model is downloaded where it is not here.
        """
        self._may_download = may_download
        self._model = registry.Lazy(self._load, lambda _: LAYERS * LAYER_BYTES)

    def read(self, texts: Sequence[str]) -> Iterator[TokenStates]:
        """Yield the tokens of each text, of shorter texts first.

        Raises:
            VectorDBError: The model cannot be loaded.
            NLPError: The model failed.
        """
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), _BATCH_SIZE):
            yield from self._read_batch(texts, order[start : start + _BATCH_SIZE])

    def _read_batch(self, texts: Sequence[str], batch: Sequence[int]) -> list[TokenStates]:
        with self._model.using() as model:
            try:
                tokens = model.tokenizer.encode_with_spans([texts[index] for index in batch])
                states = model.compute_states([ids for ids, _ in tokens])
            except Exception as error:  # ONNX Runtime raises any class
                raise NLPError(
                    "The embedding model failed on a text; see the cause.", retryable=True
                ) from error
        return [
            TokenStates(index, row[: len(spans)], spans)
            for index, row, (_, spans) in zip(batch, states, tokens, strict=True)
        ]

    def _load(self) -> LowerLayers:
        try:
            return LowerLayers(self._find_folder(), LAYERS)
        except VectorDBError:
            raise
        except Exception as error:  # each library raises what it likes
            if describe_exhaustion(error):
                raise
            raise VectorDBError("The embedding model cannot be loaded.") from error

    def _find_folder(self) -> Path:
        folder = encoders.find(minilm.NAME) if self._may_download else minilm.find_folder()
        if folder is None:
            raise VectorDBError(f"The model {minilm.NAME} is not on this machine.")
        return folder
