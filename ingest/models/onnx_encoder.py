"""Run models of the shape of MiniLM-L6 with ONNX Runtime, in 32-bit floats."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.models import minilm, model_files, safetensors_file
from mcp_context_persistence.ingest.models.tokenization import (
    MAX_WORKERS,
    TOKENS_PER_TEXT,
    BertTokenizer,
    count_processors,
    encode_in_batches,
)
from mcp_context_persistence.kg.package_import import import_package

if TYPE_CHECKING:
    import onnxruntime

ERRORS_ONLY = 3  # the library's log level


class OnnxEncoder:
    """A MiniLM-L6 with mean pooling and normalized vectors.

    Batches are encoded side by side by threads of this class, each with one thread of ONNX Runtime.
    The library's own threads would share each matrix product and wait for the slowest of them, and
    ingest always has another busy thread (spaCy, the database).
    """

    def __init__(self, folder: Path, *, batch_size: int, threads: int | None) -> None:
        """Load the model.

        Args:
            folder: What `minilm.provision` returned, or a folder of sentence-transformers with such
                a model.
            batch_size: Texts of 32 tokens that are encoded together.
            threads: Threads that encode at the same time, at most; as many as there are processors
                when it is `None`.
        """
        self._token_budget = batch_size * TOKENS_PER_TEXT
        self._workers = min(threads or count_processors(), MAX_WORKERS)
        self.dimension = minilm.DIMENSION
        self.weight_bytes = minilm.WEIGHT_BYTES
        # With one thread, it runs in the thread of each caller.
        self._session = open_session(folder, threads=1)
        self._tokenizer = BertTokenizer(*find_tokenizer(folder))
        self.max_tokens = self._tokenizer.max_tokens
        self.find_tokens = self._tokenizer.find_tokens
        self.find_known_tokens = self._tokenizer.find_known_tokens

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts; of one that is too long, the beginning counts.

        Returns:
            Vectors of length one, ``(n, dimension) float32``, in the order of `texts`.
        """
        return encode_in_batches(
            self._tokenizer.encode(texts),
            self._encode_batch,
            dimension=self.dimension,
            token_budget=self._token_budget,
            workers=self._workers,
        )

    def _encode_batch(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the vectors of one batch, ``(n, dimension)``.

        Each is the mean of the last layer's tokens, of length one.
        """
        inputs = build_inputs(tokens)
        (states,) = self._session.run(None, inputs)
        real_tokens = inputs["attention_mask"].astype(np.float32)
        sums = np.matmul(real_tokens[:, None, :], states)[:, 0]
        means = sums / real_tokens.sum(axis=1, keepdims=True)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        return np.asarray(means / lengths, np.float32)


def build_inputs(tokens: Sequence[Sequence[int]]) -> dict[str, NDArray[np.int64]]:
    """Return the model's inputs for a batch of texts, given the ids of each text's tokens."""
    ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
    mask = np.zeros_like(ids)
    for row, token_ids in enumerate(tokens):
        ids[row, : len(token_ids)] = token_ids
        mask[row, : len(token_ids)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def find_tokenizer(folder: Path) -> tuple[Path, int]:
    """Return the tokenizer's file, and how many tokens the model reads."""
    if minilm.is_download(folder):
        return folder / minilm.TOKENIZER_FILE, minilm.MAX_TOKENS
    return folder / "tokenizer.json", model_files.read_max_length(folder)


def open_session(folder: Path, *, threads: int) -> "onnxruntime.InferenceSession":
    """Open a session of ONNX Runtime with the model of a folder.

    Args:
        folder: See `OnnxEncoder`.
        threads: Threads of the library; with 0 it chooses.
    """
    _import_runtime()
    if minilm.is_download(folder):
        return create_session(str(folder / minilm.ONNX_FILE), {}, threads=threads)
    weights = safetensors_file.read(folder / minilm.WEIGHTS_FILE)
    used = {name: tensor for name, tensor in weights.items() if _is_used(name)}
    return create_session(str(minilm.GRAPH_FILE), used, threads=threads)


def create_session(
    model: str | bytes, weights: Mapping[str, NDArray[np.float32]], *, threads: int
) -> "onnxruntime.InferenceSession":
    """Create a session of ONNX Runtime.

    Args:
        model: The path of an ONNX model, or the model itself.
        weights: Those of a safetensors file that the model is to take from there.
        threads: Threads of the library; with 0 it chooses.
    """
    _import_runtime()
    import onnxruntime  # noqa: PLC0415 - not imported before it is needed

    onnxruntime.set_default_logger_severity(ERRORS_ONLY)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = ERRORS_ONLY
    prepared = [_prepare_weight(name, tensor) for name, tensor in weights.items()]
    # The library reads the values when the session is created, so they must live until then.
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(tensor) for _, tensor in prepared]
    if values:
        options.add_external_initializers([name for name, _ in prepared], values)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _import_runtime() -> None:
    # Its import would start a thread for telemetry, without which a forked child cannot end.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import_package("onnxruntime")


def _is_used(name: str) -> bool:
    """Return whether the graph has a weight; the pooling layer of the original BERT is not used."""
    return name.startswith(("embeddings.", "encoder.layer."))


def _prepare_weight(name: str, tensor: NDArray[np.float32]) -> tuple[str, NDArray[np.float32]]:
    """Return a weight with the name and the orientation that the graph has for it."""
    if name.startswith("encoder.layer.") and tensor.ndim == 2:
        return name + minilm.TRANSPOSED, np.ascontiguousarray(tensor.T)
    return name, np.ascontiguousarray(tensor)
