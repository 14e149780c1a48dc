"""Vectors for texts, made on this machine."""

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
from mcp_context_persistence.ingest.models import encoders, registry, token_count
from mcp_context_persistence.kg.errors import VectorDBError

Vector = NDArray[np.float32]

QUERIES = 1_024  # vectors of queries that are kept, 1.5 KiB each
SHORT_TEXTS = 8_192  # vectors of short texts that are kept: names of entities come again in every conversation
SHORT = 64  # characters


class Embedder:
    """Makes vectors with one model; it may be shared by threads.

    Nothing is loaded before the first vector is asked for. A process made by `fork` after that should make an embedder of its own and
    call ``torch.set_num_threads(1)`` first: the threads of torch do not survive a fork. (A process that is spawned has no such limits.)

    Args:
        model: A name, the path of a folder, or a loaded model with the methods of `SentenceTransformer`.
        batch_size: Texts of ordinary length (32 tokens) that are encoded together.
        device: ``cpu``, ``cuda`` and so on; a GPU if there is one when it is `None`.
        threads: Threads of torch, for the whole process; torch's own choice when it is `None`.
    """

    def __init__(
        self,
        model: Any = encoders.DEFAULT_MODEL,
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
        self._queries = _Recent(QUERIES)
        self._short = _Recent(SHORT_TEXTS)
        registry.register(self)

    @property
    def name(self) -> str:
        """The model and its weights, such as ``all-MiniLM-L6-v2@53aa5117``. Vectors of different names must not be compared.

        Raises:
            VectorDBError: The model is not on this machine.
        """
        with self._lock:
            if self._name is None:
                if isinstance(self._model, str):
                    self._name = (
                        f"{Path(self._model).name}@{encoders.fingerprint(self._find())[:8]}"
                    )
                else:
                    self._name = f"{type(self._model).__name__}@{_fingerprint(self._model)[:8]}"
            return self._name

    @property
    def dimension(self) -> int:
        """The length of a vector; asking loads the model, unless it is the default one."""
        if self._model == encoders.DEFAULT_MODEL:
            return encoders.DEFAULT_DIMENSION
        return self._encoder().dimension

    def embed(self, texts: Sequence[str]) -> Vector:
        """Embed each text; identical ones are computed once.

        Of a text that is longer than the model's limit (256 tokens for the default) only the beginning counts; give it in `passages`. A
        blank text has a vector, that of the empty text.

        Returns:
            ``(len(texts), dimension) float32`` in the order of `texts`, every vector of length one.

        Raises:
            VectorDBError: The model is missing, cannot be loaded or gave something that is not a vector.
        """
        model = self._encoder()
        found = {text: self._short.get(text) for text in dict.fromkeys(texts)}
        missing = [text for text, vector in found.items() if vector is None]
        if missing:
            for text, vector in zip(missing, self._encode(model, missing), strict=True):
                found[text] = vector
                if len(text) <= SHORT:
                    self._short.put(text, vector.copy())
        vectors = np.empty((len(texts), model.dimension), np.float32)
        for place, text in enumerate(texts):
            vectors[place] = found[text]
        return vectors

    def embed_query(self, text: str) -> Vector:
        """Embed what is searched for; a long text is the mean of its passages. The last 1,024 are remembered.

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
        """Embed each text; of one that the model does not read whole, the vector is the mean of its passages.

        Returns:
            ``(len(texts), dimension) float32`` in the order of `texts`, every vector of length one.

        Raises:
            VectorDBError: As `embed`.
        """
        groups = [self.passages(text) for text in texts]
        pieces = self.embed([passage.text for group in groups for passage in group])
        if len(pieces) == len(texts):
            return pieces
        starts = np.cumsum([0, *(len(group) for group in groups[:-1])])
        means = np.add.reduceat(pieces, starts, axis=0)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        if not lengths.all():
            raise VectorDBError("The embedding model gave vectors whose mean is zero.")
        return np.asarray(means / lengths, np.float32)

    def passages(self, text: str) -> list[Passage]:
        """The text in pieces that the model reads whole: one if it fits, else overlapping ones; no character but space is lost."""
        model = self._encoder()
        try:
            return split_text(
                text, model.offsets, max_tokens=model.max_tokens, overlap=model.max_tokens // 8
            )
        except Exception as error:  # the tokenizer of the caller's own model raises what it likes
            raise VectorDBError("The tokenizer of the embedding model failed.") from error

    def tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has: those of the model's tokenizer, and what its vocabulary does not know by its bytes.

        Byte-level tokenizers of language models make fewer of prose and code, at most an eighth more of random letters, emoji and most scripts, and up to
        half as many again of scripts that few people write, such as Amharic.

        Raises:
            VectorDBError: The tokenizer of the caller's own model failed.
        """
        model = self._encoder()
        try:
            return [token_count.size(text, model.known(text)) for text in texts]
        except Exception as error:  # as above
            raise VectorDBError("The tokenizer of the embedding model failed.") from error

    @property
    def model_bytes(self) -> int:
        """Bytes of the loaded weights, 0 before the first use."""
        return self._loaded.weight_bytes if self._loaded else 0

    @property
    def kept_bytes(self) -> int:
        """Bytes of the remembered vectors."""
        return self._queries.size + self._short.size

    def bound(self, size: int | None) -> None:
        """Remember at most that many bytes of vectors, an eighth of them of queries; None means the usual numbers only."""
        self._queries.bound(None if size is None else size // 8)
        self._short.bound(None if size is None else size - size // 8)

    def forget(self) -> None:
        """Forget the remembered vectors; they are made again when they are needed."""
        self._queries.clear()
        self._short.clear()

    def _encode(self, model: encoders.Encoder, texts: Sequence[str]) -> Vector:
        try:
            with self._lock:
                vectors = model.encode(texts)
        except Exception as error:  # a model of the caller's own raises what it likes
            raise VectorDBError(
                "The embedding model failed; a smaller batch_size needs less memory.",
                retryable=True,
            ) from error
        if vectors.shape != (len(texts), model.dimension):
            raise VectorDBError(
                f"The embedding model must give {model.dimension} numbers for each text."
            )
        lengths = np.linalg.norm(vectors, axis=1)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise VectorDBError(
                "The embedding model gave a vector of zeros, or numbers that are not finite."
            )
        return np.asarray(vectors / lengths[:, None], np.float32)

    def _encoder(self) -> encoders.Encoder:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    if isinstance(self._model, str):
                        self._loaded = encoders.load(self._find(), **self._options)
                    else:
                        self._loaded = self._given()
        return self._loaded

    def _given(self) -> encoders.Encoder:
        try:
            return encoders.SentenceEncoder(self._model, batch_size=self._options["batch_size"])
        except Exception as error:  # likewise
            raise VectorDBError(
                "The embedding model does not tell how long its vectors are."
            ) from error

    def _find(self) -> Path:
        if self._folder is None:
            self._folder = encoders.find(self._model)
        return self._folder


class _Recent:
    """The vectors that were used last, by text.

    Attributes:
        size: Bytes of the vectors.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_bytes: int | None = None
        self._lock = threading.Lock()
        self._vectors: OrderedDict[str, Vector] = OrderedDict()
        self.size = 0

    def get(self, text: str) -> Vector | None:
        with self._lock:
            if text in self._vectors:
                self._vectors.move_to_end(text)
            return self._vectors.get(text)

    def put(self, text: str, vector: Vector) -> None:
        with self._lock:
            old = self._vectors.pop(text, None)
            self._vectors[text] = vector
            self.size += vector.nbytes - (old.nbytes if old is not None else 0)
            self._shrink()

    def bound(self, size: int | None) -> None:
        with self._lock:
            self._most_bytes = size
            self._shrink()

    def clear(self) -> None:
        with self._lock:
            self._vectors.clear()
            self.size = 0

    def _shrink(self) -> None:
        while len(self._vectors) > self._most or (
            self._most_bytes is not None and self.size > self._most_bytes
        ):
            self.size -= self._vectors.popitem(last=False)[1].nbytes


def _fingerprint(model: Any) -> str:
    """SHA-256 of a loaded torch model's parts and parameters; of any other model, of its vector of one sentence, rounded."""
    try:
        digest = hashlib.sha256()
        if hasattr(model, "state_dict") and hasattr(model, "named_modules"):
            settings = [
                getattr(model, name, None)
                for name in ("truncate_dim", "max_seq_length", "prompts", "default_prompt_name")
            ]
            digest.update(
                f"{model!r} {settings}".encode()
            )  # the parts of the model, such as how it pools
            for key, tensor in sorted(model.state_dict().items()):
                digest.update(key.encode())
                digest.update(tensor.detach().cpu().float().numpy().tobytes())
        else:
            vector = np.asarray(
                model.encode(["The quick brown fox jumps over the lazy dog."])[0], np.float64
            )
            with np.errstate(
                invalid="ignore", divide="ignore"
            ):  # what is no vector is refused when it is used
                vector = vector / np.linalg.norm(vector)
            digest.update(
                (np.round(vector, 2) + 0.0).tobytes()
            )  # + 0.0: there is a zero below zero
        return digest.hexdigest()
    except Exception as error:  # likewise
        raise VectorDBError(
            "The embedding model cannot be told from others: its parts or its first vector cannot be read."
        ) from error
