"""Make vectors of texts on this machine."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.chunking import Passage, split_text
from mcp_context_persistence.ingest.models import encoders, minilm, registry
from mcp_context_persistence.ingest.models.sentence_encoder import SentenceEncoder
from mcp_context_persistence.ingest.models.token_count import count_tokens
from mcp_context_persistence.kg.errors import VectorDBError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.kg.text.blobs import compact_text, replace_blobs

Vector = NDArray[np.float32]

QUERIES = 1_024  # vectors of queries that are cached, 1.5 KiB each
SHORT_TEXTS = 8_192  # vectors of short texts that are cached: names of entities occur often
SHORT = 64  # characters


class Embedder:
    """Makes vectors with one model. Threads may share it, and a forked child may go on using it.

    Nothing is loaded before the first vector is asked for. Where the model runs on torch, a process
    made by `fork` after that should make an embedder of its own and call
    ``torch.set_num_threads(1)`` first: the threads of torch do not survive a fork.

    Args:
        model: A name, the path of a folder, or a loaded model with the methods of
            `SentenceTransformer`.
        batch_size: Texts of ordinary length (32 tokens) that are encoded together.
        device: ``cpu``, ``cuda`` and so on; a GPU if there is one when it is `None`.
        threads: Threads that encode; when it is `None`, as many as there are processors, or as
            torch chooses.
    """

    def __init__(
        self,
        model: Any = minilm.NAME,
        *,
        batch_size: int = 32,
        device: str | None = None,
        threads: int | None = None,
    ) -> None:
        self._model = os.fspath(model) if isinstance(model, os.PathLike) else model
        self._options: dict[str, Any] = {
            "batch_size": batch_size,
            "device": device,
            "threads": threads,
        }
        self._lock = threading.RLock()
        self._loaded: encoders.Encoder | None = None
        self._folder: Path | None = None
        self._name: str | None = None
        self._queries = _VectorCache(QUERIES)
        self._short_texts = _VectorCache(SHORT_TEXTS)
        renew_locks_in_children(self)
        registry.register(self)

    @property
    def name(self) -> str:
        """The model and its weights, such as ``all-MiniLM-L6-v2@53aa5117``.

        Vectors of different names must not be compared.

        Raises:
            VectorDBError: The model is not on this machine.
        """
        with self._lock:
            if self._name is None:
                if isinstance(self._model, str):
                    digest = encoders.fingerprint(self._find())
                    self._name = f"{Path(self._model).name}@{digest[:8]}"
                else:
                    digest = _digest_loaded_model(self._model)
                    self._name = f"{type(self._model).__name__}@{digest[:8]}"
            return self._name

    @property
    def dimension(self) -> int:
        """The length of a vector; asking loads the model, unless it is the default one."""
        if self._model == minilm.NAME:
            return minilm.DIMENSION
        return self._encoder().dimension

    def load(self, progress: ReportProgress | None = None) -> None:
        """Load the model now, where it is not loaded yet.

        Args:
            progress: Is told how far the default model is downloaded, where it is not here yet.

        Raises:
            VectorDBError: The model is missing or cannot be loaded.
        """
        with self._lock:
            if self._folder is None and isinstance(self._model, str):
                self._folder = encoders.find(self._model, progress)
        self._encoder()

    def embed(self, texts: Sequence[str]) -> Vector:
        """Embed each text; identical ones are computed once.

        Of a text that is longer than the model's limit (256 tokens for the default) only the
        beginning counts; give it in `passages`. A blank text has a vector, that of the empty text.
        A blob, such as base64, counts as a marker with its kind and size.

        Returns:
            ``(len(texts), dimension) float32`` in the order of `texts`, every vector of length one.

        Raises:
            VectorDBError: The model is missing, cannot be loaded or returned something that is not
                a vector.
        """
        encoder = self._encoder()
        texts = [replace_blobs(text) for text in texts]
        vector_of = {text: self._short_texts.get(text) for text in dict.fromkeys(texts)}
        missing = [text for text, vector in vector_of.items() if vector is None]
        if missing:
            for text, vector in zip(missing, self._encode(encoder, missing), strict=True):
                vector_of[text] = vector
                if len(text) <= SHORT:
                    self._short_texts.put(text, vector.copy())
        vectors = np.empty((len(texts), encoder.dimension), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = vector_of[text]
        return vectors

    def embed_query(self, text: str) -> Vector:
        """Embed a query; a long one has the mean of its passages. The last 1,024 are cached.

        Returns:
            ``(dimension,) float32`` of length one; read-only.

        Raises:
            VectorDBError: As `embed`.
        """
        vector = self._queries.get(text)
        if vector is None:
            vector = self.embed_whole([text])[0]
            vector.flags.writeable = False
            self._queries.put(text, vector)
        return vector

    def embed_whole(self, texts: Sequence[str]) -> Vector:
        """Embed each text; one that is too long for the model has the mean of its passages.

        Returns:
            ``(len(texts), dimension) float32`` in the order of `texts`, every vector of length one.

        Raises:
            VectorDBError: As `embed`.
        """
        groups = [self.passages(text) for text in texts]
        passage_vectors = self.embed([passage.text for group in groups for passage in group])
        if len(passage_vectors) == len(texts):
            return passage_vectors
        starts = np.cumsum([0, *(len(group) for group in groups[:-1])])
        means = np.add.reduceat(passage_vectors, starts, axis=0)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        if not lengths.all():
            raise VectorDBError(
                "The embedding model returned vectors whose mean is zero. Give another one."
            )
        return np.asarray(means / lengths, np.float32)

    def passages(self, text: str) -> list[Passage]:
        """Split a text into overlapping passages that the model reads whole, one if it fits.

        Only white space is lost. A blob is in one passage, and the model reads its marker.
        """
        encoder = self._encoder()
        compact = compact_text(text)
        try:
            passages = split_text(
                compact.text,
                encoder.find_tokens,
                max_tokens=encoder.max_tokens,
                overlap=encoder.max_tokens // 8,
            )
        except Exception as error:  # the tokenizer of the caller's own model raises what it likes
            raise VectorDBError("The tokenizer of the embedding model failed.") from error
        if not compact.blobs:
            return passages
        spans = [compact.map_span(passage.start, passage.end) for passage in passages]
        return [Passage(start=start, end=end, text=text[start:end]) for start, end in spans]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text.

        The model's tokenizer makes the tokens. A word that its vocabulary does not contain counts
        as many tokens as it has bytes.

        The tokenizers of language models make fewer tokens of prose and code, at most an eighth
        more of random letters, emoji and most scripts, and up to half as many more of rare
        scripts, such as Amharic.

        Raises:
            VectorDBError: The tokenizer of the caller's own model failed.
        """
        encoder = self._encoder()
        try:
            return [count_tokens(text, encoder.find_known_tokens(text)) for text in texts]
        except Exception as error:  # the caller's own tokenizer raises what it likes
            raise VectorDBError("The tokenizer of the embedding model failed.") from error

    @property
    def model_bytes(self) -> int:
        """Bytes of the loaded weights, 0 before the first use."""
        return self._loaded.weight_bytes if self._loaded else 0

    @property
    def cache_bytes(self) -> int:
        """Bytes of the cached vectors."""
        return self._queries.size + self._short_texts.size

    def limit_cache(self, size: int | None) -> None:
        """Cache at most that many bytes of vectors, an eighth of them of queries.

        None means that only the usual numbers count.
        """
        self._queries.limit(None if size is None else size // 8)
        self._short_texts.limit(None if size is None else size - size // 8)

    def free(self) -> None:
        """Drop the cached vectors; they are made again when they are needed."""
        self._queries.clear()
        self._short_texts.clear()

    def _encode(self, encoder: encoders.Encoder, texts: Sequence[str]) -> Vector:
        try:
            with self._lock:
                vectors = encoder.encode(texts)
        except Exception as error:  # the caller's own model raises what it likes
            raise VectorDBError(
                "The embedding model failed; a smaller batch_size needs less memory.",
                retryable=True,
            ) from error
        if vectors.shape != (len(texts), encoder.dimension):
            raise VectorDBError(
                f"The embedding model must return {encoder.dimension} numbers for each text."
            )
        lengths = np.linalg.norm(vectors, axis=1)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise VectorDBError(
                "The embedding model returned a vector of zeros, or numbers that are not finite. "
                "Give another one."
            )
        return np.asarray(vectors / lengths[:, None], np.float32)

    def _encoder(self) -> encoders.Encoder:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    if isinstance(self._model, str):
                        self._loaded = encoders.load(self._find(), **self._options)
                    else:
                        self._loaded = self._wrap_model()
        return self._loaded

    def _wrap_model(self) -> encoders.Encoder:
        try:
            return SentenceEncoder(self._model, batch_size=self._options["batch_size"])
        except Exception as error:  # the caller's own model raises what it likes
            raise VectorDBError(
                "The embedding model does not tell the size of its vectors. Give another one."
            ) from error

    def _find(self) -> Path:
        if self._folder is None:
            self._folder = encoders.find(self._model)
        return self._folder


class _VectorCache:
    """The vectors that were used last, by text.

    Attributes:
        size: Bytes of the vectors.
    """

    def __init__(self, max_vectors: int) -> None:
        self._max_vectors = max_vectors
        self._max_bytes: int | None = None
        self._lock = threading.Lock()
        self._vectors: OrderedDict[str, Vector] = OrderedDict()
        self.size = 0
        renew_locks_in_children(self)

    def get(self, text: str) -> Vector | None:
        with self._lock:
            if text in self._vectors:
                self._vectors.move_to_end(text)
            return self._vectors.get(text)

    def put(self, text: str, vector: Vector) -> None:
        """Add a vector, and drop the oldest ones beyond the limits."""
        with self._lock:
            replaced = self._vectors.pop(text, None)
            self._vectors[text] = vector
            self.size += vector.nbytes - (replaced.nbytes if replaced is not None else 0)
            self._shrink()

    def limit(self, size: int | None) -> None:
        """Set the limit in bytes, None for none, and drop the oldest vectors beyond it."""
        with self._lock:
            self._max_bytes = size
            self._shrink()

    def clear(self) -> None:
        """Drop all vectors."""
        with self._lock:
            self._vectors.clear()
            self.size = 0

    def _shrink(self) -> None:
        while len(self._vectors) > self._max_vectors or (
            self._max_bytes is not None and self.size > self._max_bytes
        ):
            self.size -= self._vectors.popitem(last=False)[1].nbytes


def _digest_loaded_model(model: Any) -> str:
    """Return the SHA-256 of a loaded torch model's modules and parameters.

    For another model it is that of its vector of a sentence, rounded.
    """
    try:
        digest = hashlib.sha256()
        if hasattr(model, "state_dict") and hasattr(model, "named_modules"):
            settings = [
                getattr(model, name, None)
                for name in ("truncate_dim", "max_seq_length", "prompts", "default_prompt_name")
            ]
            digest.update(f"{model!r} {settings}".encode())  # its modules, such as how it pools
            for key, tensor in sorted(model.state_dict().items()):
                digest.update(key.encode())
                digest.update(tensor.detach().cpu().float().numpy().tobytes())
        else:
            vector = np.asarray(
                model.encode(["The quick brown fox jumps over the lazy dog."])[0], np.float64
            )
            with np.errstate(
                invalid="ignore", divide="ignore"
            ):  # an invalid vector is refused when it is used
                vector = vector / np.linalg.norm(vector)
            digest.update(
                (np.round(vector, 2) + 0.0).tobytes()
            )  # + 0.0 makes a negative zero positive
        return digest.hexdigest()
    except Exception as error:  # the caller's own model raises what it likes
        raise VectorDBError(
            "The embedding model cannot be identified: its modules or a vector cannot be read."
        ) from error
