"""A cross-encoder: a model that reads a query and a text together, and says how well the one answers the other."""

import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.models import model_files, registry, torch_threads
from mcp_context_persistence.kg.errors import SearchError

TOKENS = 512  # of a query and a text together; models that read more take time by the square of it
BATCH = 32
KINDS = (
    "ForSequenceClassification",
    "ForCausalLM",
)  # what the library makes a score of without inventing weights


class CrossEncoder:
    """Judges texts by a query. The model is loaded at the first use; instances may be shared between threads."""

    def __init__(self, model: str) -> None:
        """Nothing is loaded yet.

        Args:
            model: The path of a folder, or a name in the local cache of the Hugging Face hub.
        """
        self._given = model
        self._model = registry.Lazy(self._load, _weigh, lasting=False)

    @cached_property
    def name(self) -> str:
        """The model and what it is made of, such as ``ms-marco-MiniLM-L6-v2@53aa5117``.

        Raises:
            SearchError: The model is not on this machine.
        """
        return model_files.named(self._folder)

    def scores(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """How well each text answers the query; of both together the first 512 tokens count.

        Returns:
            ``(len(texts),) float64``, each from 0 to 1: the logistic function of what the model says.

        Raises:
            SearchError: The model is missing, cannot be loaded, failed, or gave something else than a finite number for each text.
        """
        if not texts:
            return np.empty(0)
        with self._model.using() as model:
            try:
                import torch  # noqa: PLC0415 - seconds that only the first use should pay

                pairs = [(query, text) for text in texts]
                with torch_threads.half():
                    said = model.predict(
                        pairs,
                        batch_size=BATCH,
                        activation_fn=torch.nn.Identity(),
                        show_progress_bar=False,
                    )
                found = np.asarray(said, np.float64)
            except Exception as error:  # torch and the library raise what they like
                raise SearchError(
                    "The cross-encoder failed; see the cause.", retryable=True
                ) from error
        if found.shape != (len(texts),) or not np.isfinite(found).all():
            raise SearchError("The cross-encoder must give one finite number for each text.")
        return np.asarray(0.5 * (1 + np.tanh(found / 2)), np.float64)

    @cached_property
    def _folder(self) -> Path:
        cache = os.environ.get("SENTENCE_TRANSFORMERS_HOME")
        folder = model_files.found(
            self._given, marks=("config.json",), owner="cross-encoder", cache=cache
        )
        if folder is None:
            raise SearchError(
                "The cross-encoder is not on this machine. Give the path of its folder in cross_encoder_model, or a name that 'hf download NAME' has "
                "fetched."
            )
        return folder

    def _load(self) -> Any:
        _check(self._folder)
        try:
            from sentence_transformers import CrossEncoder as Model  # noqa: PLC0415 - likewise

            model = Model(str(self._folder), local_files_only=True, trust_remote_code=False)
            model.max_seq_length = min(model.max_seq_length or TOKENS, TOKENS)
            answers = int(model.num_labels)
        except Exception as error:  # as above
            raise SearchError(
                "The cross-encoder cannot be loaded. Install it again, or give another one."
            ) from error
        if answers != 1:
            raise SearchError(
                "cross_encoder_model must be a model that gives one number for a pair of texts."
            )
        return model


def _check(folder: Path) -> None:
    """Refuse other kinds of models: the library would give them a last layer of random numbers, and only log that."""
    try:
        kinds = json.loads((folder / "config.json").read_text(encoding="utf-8")).get(
            "architectures"
        )
    except (OSError, ValueError, AttributeError) as error:
        raise SearchError(
            "The settings of the cross-encoder cannot be read. Install it again, or give another one."
        ) from error
    if not (
        isinstance(kinds, list) and kinds and str(kinds[0]).endswith(KINDS)
    ) or not model_files.weights(folder):
        raise SearchError(
            "The folder in cross_encoder_model holds no cross-encoder with its weights."
        )


def _weigh(model: Any) -> int:
    return sum(int(tensor.nbytes) for tensor in model.state_dict().values())
