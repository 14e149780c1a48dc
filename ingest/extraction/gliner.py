"""A second recognizer of names: GLiNER, whose types need no training.

It is used only where a model is configured. The package `gliner` would load missing parts of a
model from the network and run code that the model's settings name. Therefore a model's folder must
be complete, and the model must have one encoder, no decoder for labels and no relations.
"""

import importlib.util
import json
import math
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

from mcp_context_persistence.ingest.extraction.dependency_grammar import SOFTWARE_TYPES
from mcp_context_persistence.ingest.extraction.named_entities import ENTITY_TYPES, trim_span
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText, Tier
from mcp_context_persistence.ingest.models import model_files, registry, torch_threads
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import NLPError
from mcp_context_persistence.kg.extras import install_command
from mcp_context_persistence.kg.package_import import import_package

RULE_PREFIX = "gliner:"

CONFIG_FILE = "gliner_config.json"
DEFAULT_TYPES = (*dict.fromkeys(ENTITY_TYPES.values()), *sorted(SOFTWARE_TYPES))
THRESHOLD = 0.5  # the default of the package
BATCH_SIZE = 8  # spans of text that are read together; the default of the package
# The digits after these depend on what else is in the batch. With them, the same text would give
# different results.
SCORE_DIGITS = 4
MIN_TEXT_TOKENS = 32  # next to the labels
UNLIMITED_TOKENS = 10**6  # A tokenizer without a limit states a larger number.


class _LoadedModel(NamedTuple):
    """A model, and how many words and tokens of a text it reads at once."""

    model: Any
    max_words: int
    max_tokens: int


class GlinerRecognizer:
    """Finds names of given types in texts.

    The model is loaded at the first use. Threads may share an instance.
    """

    def __init__(self, model: str, labels: Sequence[str] = ()) -> None:
        """Keep the settings; nothing is loaded.

        Args:
            model: The path of a folder, or a name in the local cache of the Hugging Face hub.
            labels: Types to look for, in addition to `DEFAULT_TYPES`.
        """
        self._name = model
        self._types = {kind.replace("_", " "): kind for kind in (*DEFAULT_TYPES, *labels)}
        self._model = registry.Lazy(self._load, _count_weight_bytes, is_permanent=False)

    def find_names(self, texts: Sequence[ParsedText]) -> list[list[EntityCandidate]]:
        """Return for each text the names in it, as candidates.

        Raises:
            NLPError: The package or the model is missing, the model does not fit, or it failed.
        """
        with self._model.using() as loaded:
            try:
                with torch_threads.half_of_threads():
                    return self._run_model(loaded, texts)
            except NLPError:
                raise
            except Exception as error:  # torch and the package raise any class
                raise NLPError(
                    "The GLiNER model failed on a text; see the cause.", retryable=True
                ) from error

    def _run_model(
        self, loaded: _LoadedModel, texts: Sequence[ParsedText]
    ) -> list[list[EntityCandidate]]:
        spans = [
            (index, *span)
            for index, parsed in enumerate(texts)
            for span in _split_text(loaded, parsed)
        ]
        inputs = [texts[index].text[start:end] for index, start, end in spans]
        outputs = (
            loaded.model.inference(
                inputs, list(self._types), threshold=THRESHOLD, batch_size=BATCH_SIZE
            )
            if inputs
            else []
        )
        candidates: list[list[EntityCandidate]] = [[] for _ in texts]
        for (index, start, _), text, entities in zip(spans, inputs, outputs, strict=True):
            candidates[index] += [
                candidate
                for entity in entities
                if (candidate := self._build_candidate(text, start, entity))
            ]
        return candidates

    def _build_candidate(
        self, text: str, offset: int, entity: dict[str, Any]
    ) -> EntityCandidate | None:
        """Return an entity of the model as a candidate, None where it is not a name."""
        kind, score = self._types.get(entity["label"]), float(entity["score"])
        if (
            kind is None
            or not 0 <= entity["start"] < entity["end"] <= len(text)
            or not (math.isfinite(score) and 0 <= score <= 1)
        ):
            raise NLPError(
                "The GLiNER model returned something that is not a span of the text with a type"
                " and a score from 0 to 1."
            )
        start, end = trim_span(text, entity["start"], entity["end"])
        name = text[start:end]
        if (
            "\n" in name
            or not any(character.isalnum() for character in name)
            or len(name.encode()) > limits.IDENTIFIER_BYTES
        ):
            return None
        return EntityCandidate(
            offset + start,
            offset + end,
            kind,
            RULE_PREFIX + kind,
            Tier.RECOGNIZER,
            round(score, SCORE_DIGITS),
        )

    def _load(self) -> _LoadedModel:
        try:
            import_package("gliner")
            import gliner  # noqa: PLC0415 - an extra that takes seconds to import
        except ImportError as error:
            raise NLPError(
                f"gliner_model needs the package gliner; {install_command('gliner')}"
            ) from error
        folder = model_files.find_folder(self._name, required_files=(CONFIG_FILE,), owner="urchade")
        if folder is None:
            raise NLPError(
                "The GLiNER model is not on this machine. Give the path of its folder in"
                " gliner_model, or a name that 'hf download NAME' has fetched."
            )
        _check_folder(folder)
        try:
            model = gliner.GLiNER.from_pretrained(str(folder), local_files_only=True)
            tokenizer = model.data_processor.transformer_tokenizer
            positions = (
                getattr(model.config.encoder_config, "max_position_embeddings", None)
                or UNLIMITED_TOKENS
            )
            limit = min(tokenizer.model_max_length, positions, UNLIMITED_TOKENS)
            label_tokens = sum(1 + len(tokenizer.tokenize(label)) for label in self._types)
            # One token separates the labels from the text.
            max_tokens = limit - label_tokens - 1 - tokenizer.num_special_tokens_to_add()
        except Exception as error:  # torch and the package raise any class
            raise NLPError(
                "The GLiNER model cannot be loaded. Install it again, or give another one."
            ) from error
        if max_tokens < MIN_TEXT_TOKENS:
            raise NLPError(
                f"The GLiNER model reads {limit} tokens, and the labels leave too few of them for"
                " the text; give fewer gliner_labels."
            )
        return _LoadedModel(model, int(model.config.max_len), max_tokens)


def is_installed() -> bool:
    """Return whether the package is installed, without loading it."""
    return importlib.util.find_spec("gliner") is not None


def _check_folder(folder: Path) -> None:
    """Refuse a folder with a model of another kind, or an incomplete one."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        tokenizer = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        is_complete = isinstance(config["encoder_config"], dict)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NLPError(_describe_incomplete_folder()) from error
    if not is_complete:
        raise NLPError(_describe_incomplete_folder())
    unsupported_layers = ("labels_encoder", "labels_decoder", "relations_layer")
    if (
        any(config.get(name) for name in unsupported_layers)
        or config.get("words_splitter_type", "whitespace") != "whitespace"
    ):
        raise NLPError(
            "gliner_model must be a GLiNER model with one encoder, for names only, that splits"
            " words at white space."
        )
    if any("auto_map" in settings for settings in (config, config["encoder_config"], tokenizer)):
        raise NLPError(
            "The GLiNER model needs its own code, which this library never runs. Give another one."
        )


def _describe_incomplete_folder() -> str:
    return (
        "The folder of the GLiNER model lacks the encoder's settings or the tokenizer, which would"
        " have to come from the network. Load the model with the package gliner where there is a"
        " network, and save it with save_pretrained."
    )


def _count_weight_bytes(loaded: _LoadedModel) -> int:
    return sum(int(tensor.nbytes) for tensor in loaded.model.state_dict().values())


def _split_text(loaded: _LoadedModel, parsed: ParsedText) -> list[tuple[int, int]]:
    """Return the spans of characters into which a text is split for the model."""
    tokenizer = loaded.model.data_processor.transformer_tokenizer
    words = [
        (start, end) for _, start, end in loaded.model.data_processor.words_splitter(parsed.text)
    ]
    token_counts = [len(tokenizer.tokenize(parsed.text[start:end])) for start, end in words]
    sentence_starts = {parsed.starts[first] for first, _ in parsed.sentences}
    return split_words(
        words,
        token_counts,
        sentence_starts,
        max_words=loaded.max_words,
        max_tokens=loaded.max_tokens,
    )


def split_words(
    words: Sequence[tuple[int, int]],
    token_counts: Sequence[int],
    sentence_starts: Set[int],
    *,
    max_words: int,
    max_tokens: int,
) -> list[tuple[int, int]]:
    """Split a text into spans within two limits.

    A span ends before a sentence where one begins in the span's second half.

    Args:
        words: First and one past the last character of each word.
        token_counts: Number of tokens of each word.
        sentence_starts: First character of each sentence.
        max_words: Words of a span, at most.
        max_tokens: Tokens of a span, at most; a single word may have more.

    Returns:
        First and one past the last character of each span.
    """
    spans, first = [], 0
    while first < len(words):
        end, tokens_left = first + 1, max_tokens - token_counts[first]
        while end < len(words) and end - first < max_words and token_counts[end] <= tokens_left:
            tokens_left -= token_counts[end]
            end += 1
        if end < len(words):
            middle = first + (end - first) // 2
            end = next(
                (index for index in range(end, middle, -1) if words[index][0] in sentence_starts),
                end,
            )
        spans.append((words[first][0], words[end - 1][1]))
        first = end
    return spans
