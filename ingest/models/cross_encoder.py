"""Score texts with a cross-encoder.

It reads a query and a text together and scores how well the text answers the query.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.models import model_files, registry, torch_threads
from mcp_context_persistence.kg.cached_property import cached_property
from mcp_context_persistence.kg.errors import SearchError
from mcp_context_persistence.kg.extras import install_command
from mcp_context_persistence.kg.package_import import import_package

MAX_TOKENS = 512  # of a query and a text together; the time grows with the square of it
BATCH = 32
# Architectures that the library scores with as they are; to others it would add a last layer of
# random numbers.
ARCHITECTURES = ("ForSequenceClassification", "ForCausalLM")


class CrossEncoder:
    """Scores texts for a query.

    The model is loaded at the first use; threads may share an instance.
    """

    def __init__(self, model: str) -> None:
        """Create it; the first use loads the model.

        Args:
            model: The path of a folder, or a name in the local cache of the Hugging Face hub.
        """
        self._model_name = model
        self._model = registry.Lazy(self._load, _weigh, is_permanent=False)

    @cached_property
    def name(self) -> str:
        """The model and the digest of its files, such as ``ms-marco-MiniLM-L6-v2@53aa5117``.

        Raises:
            SearchError: The model is not on this machine.
        """
        return model_files.describe_folder(self._folder)

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Score how well each text answers the query.

        The model reads the first 512 tokens of both together.

        Returns:
            ``(len(texts),) float64``, each from 0 to 1: the logistic function of the model's
            number.

        Raises:
            SearchError: The model is missing, cannot be loaded, failed, or did not return a finite
                number for each text.
        """
        if not texts:
            return np.empty(0)
        with self._model.using() as model:
            try:
                import torch  # noqa: PLC0415 - takes seconds to import

                pairs = [(query, text) for text in texts]
                with torch_threads.half_of_threads():
                    predictions = model.predict(
                        pairs,
                        batch_size=BATCH,
                        activation_fn=torch.nn.Identity(),
                        show_progress_bar=False,
                    )
                numbers = np.asarray(predictions, np.float64)
            except Exception as error:  # torch and the library raise what they like
                raise SearchError(
                    "The cross-encoder failed; see the cause.", retryable=True
                ) from error
        if numbers.shape != (len(texts),) or not np.isfinite(numbers).all():
            raise SearchError("The cross-encoder must return one finite number for each text.")
        return np.asarray(0.5 * (1 + np.tanh(numbers / 2)), np.float64)

    @cached_property
    def _folder(self) -> Path:
        folder = model_files.find_folder(
            self._model_name,
            required_files=("config.json",),
            owner="cross-encoder",
            cache_folder=os.environ.get("SENTENCE_TRANSFORMERS_HOME"),
        )
        if folder is None:
            raise SearchError(
                "The cross-encoder is not on this machine. Set cross_encoder_model to the path of "
                "its folder, or to a name that 'hf download NAME' has fetched."
            )
        return folder

    def _load(self) -> Any:
        _check_folder(self._folder)
        try:
            import_package("sentence_transformers")
            from sentence_transformers import CrossEncoder as Model  # noqa: PLC0415 - takes seconds to import
        except ImportError as error:
            raise SearchError(
                "cross_encoder_model needs the package sentence-transformers. Install it with: "
                + install_command("models")
            ) from error
        try:
            model = Model(str(self._folder), local_files_only=True, trust_remote_code=False)
            model.max_seq_length = min(model.max_seq_length or MAX_TOKENS, MAX_TOKENS)
            label_count = int(model.num_labels)
        except Exception as error:  # torch and the library raise what they like
            raise SearchError(
                "The cross-encoder cannot be loaded. Install it again, or give another one."
            ) from error
        if label_count != 1:
            raise SearchError(
                "cross_encoder_model must be a model that returns one number for a pair of texts."
            )
        return model


def _check_folder(folder: Path) -> None:
    """Refuse other kinds of models.

    To those, the library would add a last layer of random numbers, and only log that.
    """
    try:
        architectures = model_files.read_json(folder / "config.json").get("architectures")
    except (OSError, ValueError, AttributeError) as error:
        raise SearchError(
            "The settings of the cross-encoder cannot be read. Install it again, or give another."
        ) from error
    if not (
        isinstance(architectures, list)
        and architectures
        and str(architectures[0]).endswith(ARCHITECTURES)
    ) or not model_files.list_weights(folder):
        raise SearchError(
            "The folder in cross_encoder_model does not contain a cross-encoder with its weights. "
            "Give another folder."
        )


def _weigh(model: Any) -> int:
    return sum(int(tensor.nbytes) for tensor in model.state_dict().values())
