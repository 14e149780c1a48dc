"""Run any other model, with sentence-transformers or with the caller's own code."""

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.models.tokenization import select_known

DEFAULT_MAX_LENGTH = 256
MIN_TOKENS = 8


class SentenceEncoder:
    """Calls the method `encode` of a `SentenceTransformer`, with those options that it takes."""

    def __init__(self, model: Any, *, batch_size: int) -> None:
        """Take a loaded model.

        Args:
            model: A `SentenceTransformer`, or an object with its method `encode`.
            batch_size: Texts that are encoded together.
        """
        options = {
            "batch_size": batch_size,
            "normalize_embeddings": True,
            "convert_to_numpy": True,
            "show_progress_bar": False,
        }
        self._options = {
            name: value for name, value in options.items() if _takes_option(model.encode, name)
        }
        max_length = int(getattr(model, "max_seq_length", None) or DEFAULT_MAX_LENGTH)
        self.max_tokens = max(MIN_TOKENS, max_length - 2)
        self._model = model
        self.dimension = self._read_dimension()

    def _read_dimension(self) -> int:
        for name in ("get_embedding_dimension", "get_sentence_embedding_dimension"):
            if dimension := getattr(self._model, name, lambda: None)():
                return int(dimension)
        return int(self.encode([""]).shape[-1])

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights; 0 where the model does not show them."""
        state = self._model.state_dict() if hasattr(self._model, "state_dict") else {}
        return sum(int(tensor.nbytes) for tensor in state.values())

    def find_tokens(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the text's tokens as pairs of character positions.

        They are parts of words where there is no fast tokenizer.
        """
        tokens = self._tokenize(text)
        return _split_words(text) if tokens is None else tokens[1]

    def find_known_tokens(self, text: str) -> Sequence[tuple[int, int]]:
        """Return those tokens that the vocabulary has; none where there is no fast tokenizer."""
        tokens = self._tokenize(text)
        if tokens is None:
            return []
        return select_known(getattr(self._model.tokenizer, "unk_token_id", None), *tokens)

    def _tokenize(self, text: str) -> tuple[list[int], list[tuple[int, int]]] | None:
        """Return the ids and positions of the text's tokens, None without a fast tokenizer."""
        tokenizer = getattr(self._model, "tokenizer", None)
        if tokenizer is None or not getattr(tokenizer, "is_fast", False):
            return None
        encoding = tokenizer(
            text,
            add_special_tokens=False,
            truncation=False,
            return_offsets_mapping=True,
            verbose=False,
        )
        return encoding["input_ids"], encoding["offset_mapping"]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts.

        Returns:
            Vectors of length one, ``(n, dimension) float32``, in the order of `texts`.
        """
        return np.asarray(self._model.encode(list(texts), **self._options), np.float32)


def _takes_option(method: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):  # written in C
        return False
    return name in parameters or any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
    )


def _split_words(text: str) -> list[tuple[int, int]]:
    """Return parts of words, of at most four characters: about what a tokenizer makes of them."""
    return [match.span() for match in re.finditer(r"\S{1,4}", text)]
