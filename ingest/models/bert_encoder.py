"""Run BERT models with torch.

These are the default model on a GPU, and other models also on the CPU.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch.nn import functional

from mcp_context_persistence.ingest.models import minilm, model_files, torch_threads
from mcp_context_persistence.ingest.models.tokenization import (
    MAX_WORKERS,
    TOKENS_PER_TEXT,
    BertTokenizer,
    encode_in_batches,
)

Pair = tuple[torch.Tensor, torch.Tensor]  # weight and bias


class BertEncoder:
    """A BERT model with mean pooling and normalized vectors.

    On a CPU, batches run side by side on threads of this class, each with its share of torch's
    threads (one, up to eight cores). Torch's own way, all threads on each matrix product, waits for
    its slowest thread some hundred times a batch: as fast on idle cores, two to three times slower
    beside one busy process, and ingest always has one (spaCy, the database).
    """

    def __init__(
        self, folder: Path, *, batch_size: int, device: str | None, threads: int | None
    ) -> None:
        """Load the model.

        Args:
            folder: A folder of sentence-transformers that `encoders.is_plain_bert` accepts.
            batch_size: Texts of 32 tokens that are encoded together.
            device: ``cpu``, ``cuda`` and so on; a GPU if there is one when it is `None`.
            threads: Threads of torch, for the whole process; torch's own choice when it is `None`.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        config = model_files.read_json(folder / "config.json")
        self._tokenizer = BertTokenizer(
            folder / "tokenizer.json", model_files.read_max_length(folder)
        )
        self.max_tokens = self._tokenizer.max_tokens
        self.find_tokens = self._tokenizer.find_tokens
        self.find_known_tokens = self._tokenizer.find_known_tokens
        self.dimension = int(config["hidden_size"])
        self._token_budget = batch_size * TOKENS_PER_TEXT
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        weights = {
            name: tensor.float()
            for name, tensor in load_file(
                folder / minilm.WEIGHTS_FILE, device=str(self._device)
            ).items()
            if tensor.is_floating_point()
        }
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = (weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"])
        self._layers = [
            _collect_layer(weights, f"encoder.layer.{number}")
            for number in range(int(config["num_hidden_layers"]))
        ]

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights."""
        pairs = [self._norm, *(pair for layer in self._layers for pair in layer)]
        tensors = [self._words, self._positions, *(tensor for pair in pairs for tensor in pair)]
        return sum(tensor.nbytes for tensor in tensors)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts; of one that is too long, the beginning counts.

        Returns:
            Vectors of length one, ``(n, dimension) float32``, in the order of `texts`.
        """
        tokens = self._tokenizer.encode(texts)
        with torch_threads.all_threads() as thread_count:
            workers = min(thread_count, MAX_WORKERS) if self._device.type == "cpu" else 1
            return encode_in_batches(
                tokens,
                self._encode_batch,
                dimension=self.dimension,
                token_budget=self._token_budget,
                workers=workers,
                prepare_thread=lambda: torch.set_num_threads(thread_count // workers),
            )

    def _encode_batch(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the vectors of one batch, ``(n, dimension)``.

        The model is that of Devlin et al. 2018, with the mean of the last layer's tokens.
        """
        count, width, size = len(tokens), max(map(len, tokens)), self.dimension
        with torch.inference_mode():
            lengths = torch.tensor([len(ids) for ids in tokens], device=self._device)
            ids = torch.tensor(
                [[*ids, *[0] * (width - len(ids))] for ids in tokens], device=self._device
            )
            is_real = torch.arange(width, device=self._device) < lengths[:, None]
            mask = None if bool(is_real.all()) else is_real[:, None, None, :]
            state = functional.layer_norm(
                self._words[ids] + self._positions[:width], (size,), *self._norm, self._epsilon
            )
            for qkv, output, norm, wide, narrow, last_norm in self._layers:
                heads = (
                    functional.linear(state, *qkv)
                    .view(count, width, 3, self._heads, size // self._heads)
                    .permute(2, 0, 3, 1, 4)
                )
                attended = (
                    functional.scaled_dot_product_attention(
                        heads[0], heads[1], heads[2], attn_mask=mask
                    )
                    .transpose(1, 2)
                    .reshape(count, width, size)
                )
                state = functional.layer_norm(
                    state + functional.linear(attended, *output), (size,), *norm, self._epsilon
                )
                inner = functional.linear(functional.gelu(functional.linear(state, *wide)), *narrow)
                state = functional.layer_norm(state + inner, (size,), *last_norm, self._epsilon)
            means = (state * is_real[:, :, None]).sum(1) / lengths[:, None]
            vectors: NDArray[np.float32] = functional.normalize(means, dim=1).cpu().numpy()
        return vectors


def _collect_layer(weights: dict[str, Any], prefix: str) -> tuple[Pair, ...]:
    """Return one layer's pairs of weight and bias; query, key and value are one matrix."""

    def pair(name: str) -> Pair:
        return weights[f"{prefix}.{name}.weight"], weights[f"{prefix}.{name}.bias"]

    query, key, value = (pair(f"attention.self.{name}") for name in ("query", "key", "value"))
    qkv = (
        torch.cat([query[0], key[0], value[0]]),
        torch.cat([query[1], key[1], value[1]]),
    )
    names = (
        "attention.output.dense",
        "attention.output.LayerNorm",
        "intermediate.dense",
        "output.dense",
        "output.LayerNorm",
    )
    return (qkv, *(pair(name) for name in names))
