"""Run the lower layers of MiniLM-L6, which know more about single words than the last ones."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.models import minilm, onnx_file, safetensors_file
from mcp_context_persistence.ingest.models.onnx_encoder import (
    build_inputs,
    create_session,
    find_tokenizer,
)
from mcp_context_persistence.ingest.models.tokenization import BertTokenizer

WORD_VECTORS = "embeddings.word_embeddings.weight"
LAYER_BYTES = 7_100_000  # the weights of a layer
# Names of tensors in the graph.
_LOOKED_UP = "/embeddings/word_embeddings/Gather_output_0"
_STATES = "/encoder/layer.{index}/output/LayerNorm/Add_1_output_0"
_LAYER_INDEX = re.compile(r"encoder\.layer\.(\d+)\.")


class LowerLayers:
    """The first layers of the model, for one thread at a time.

    The vectors of the vocabulary, half of all weights, stay on the disk, where the encoder's file
    is: only those of the words that occur are read.

    Attributes:
        tokenizer: Cuts texts into tokens.
    """

    def __init__(self, folder: Path, layers: int) -> None:
        """Load them.

        Args:
            folder: See `OnnxEncoder`.
            layers: How many, from 1 to 5.
        """
        weights: dict[str, NDArray[np.float32]] = {}
        if minilm.is_download(folder):
            file = folder / minilm.ONNX_FILE
            self._word_vectors = onnx_file.map_weight(file, WORD_VECTORS)
        else:
            file, weights = minilm.GRAPH_FILE, safetensors_file.read(folder / minilm.WEIGHTS_FILE)
            self._word_vectors = weights.pop(WORD_VECTORS)
        self._session = create_session(
            onnx_file.cut(
                file.read_bytes(), source=_LOOKED_UP, output=_STATES.format(index=layers - 1)
            ),
            {name: tensor for name, tensor in weights.items() if _is_used(name, layers)},
            threads=1,
        )
        self.tokenizer = BertTokenizer(*find_tokenizer(folder))

    def compute_states(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the states of the last of the layers.

        Args:
            tokens: The ids of each text's tokens.

        Returns:
            ``(texts, tokens of the longest text, 384)``; those beyond a text's end mean nothing.
        """
        inputs = build_inputs(tokens)
        words = self._word_vectors[inputs["input_ids"]]
        (states,) = self._session.run(None, {**inputs, _LOOKED_UP: words})
        return np.asarray(states, np.float32)


def _is_used(name: str, layers: int) -> bool:
    layer = _LAYER_INDEX.match(name)
    return int(layer[1]) < layers if layer else name.startswith("embeddings.")
