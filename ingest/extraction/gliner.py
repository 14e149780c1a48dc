"""A second recogniser of names, with types that need no training: GLiNER. It is there only where a model is configured.

The package `gliner` would load what a model's folder does not hold from the network, and run code that its settings name. So a folder must
hold everything, and must be of the plain kind: one encoder, no generator of labels, no relations.
"""

import importlib.util
import json
import math
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

from mcp_context_persistence.ingest.extraction.code_tokens import LABELLED
from mcp_context_persistence.ingest.extraction.dependency_grammar import SOFTWARE_TYPES
from mcp_context_persistence.ingest.extraction.named_entities import TYPES, trimmed
from mcp_context_persistence.ingest.extraction.results import Found, Parsed
from mcp_context_persistence.ingest.models import model_files, registry, torch_threads
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import NLPError
from mcp_context_persistence.kg.extras import install_command

RULE = "gliner:"
CONFIG = "gliner_config.json"
KNOWN = (*dict.fromkeys(TYPES.values()), *sorted(SOFTWARE_TYPES))
THRESHOLD = 0.5  # the package's own
BATCH = 8  # stretches that are read together, likewise
DIGITS = 4  # of a score; those after them depend on what is read together, and would make the same text say something else
LEAST_ROOM = 32  # tokens of text beside the labels
UNBOUNDED = 10**6  # tokens; more is a tokenizer's way to say that it knows no limit


class _Loaded(NamedTuple):
    """A model, and how much it reads at once."""

    model: Any
    words: int
    tokens: int


class Recogniser:
    """Finds names of given types in texts. The model is loaded at the first use; instances may be shared between threads."""

    def __init__(self, model: str, labels: Sequence[str] = ()) -> None:
        """Nothing is loaded yet.

        Args:
            model: The path of a folder, or a name in the local cache of the Hugging Face hub.
            labels: Types to look for beside the usual ones.
        """
        self._name = model
        self._types = {kind.replace("_", " "): kind for kind in (*KNOWN, *labels)}
        self._model = registry.Lazy(self._load, _weigh, is_permanent=False)

    def found(self, texts: Sequence[Parsed]) -> list[list[Found]]:
        """What each text names, as candidates.

        Raises:
            NLPError: The package or the model is missing, the model does not fit, or it failed.
        """
        with self._model.using() as loaded:
            try:
                with torch_threads.half_of_threads():
                    return self._read(loaded, texts)
            except NLPError:
                raise
            except Exception as error:  # torch and the package raise what they like
                raise NLPError(
                    "The GLiNER model failed on a text; see the cause.", retryable=True
                ) from error

    def _read(self, loaded: _Loaded, texts: Sequence[Parsed]) -> list[list[Found]]:
        stretches = [
            (number, *place)
            for number, parsed in enumerate(texts)
            for place in _stretches(loaded, parsed)
        ]
        given = [texts[number].text[start:end] for number, start, end in stretches]
        spans = (
            loaded.model.inference(given, list(self._types), threshold=THRESHOLD, batch_size=BATCH)
            if given
            else []
        )
        found: list[list[Found]] = [[] for _ in texts]
        for (number, start, _), text, named in zip(stretches, given, spans, strict=True):
            found[number] += [one for span in named if (one := self._candidate(text, start, span))]
        return found

    def _candidate(self, text: str, shift: int, span: dict[str, Any]) -> Found | None:
        """The span as a candidate, None where it is no name."""
        kind, score = self._types.get(span["label"]), float(span["score"])
        if (
            kind is None
            or not 0 <= span["start"] < span["end"] <= len(text)
            or not (math.isfinite(score) and 0 <= score <= 1)
        ):
            raise NLPError(
                "The GLiNER model gave something that is not a part of the text with a type and a score from 0 to 1."
            )
        start, end = trimmed(text, span["start"], span["end"])
        name = text[start:end]
        if (
            "\n" in name
            or not any(c.isalnum() for c in name)
            or len(name.encode()) > limits.IDENTIFIER_BYTES
        ):
            return None
        return Found(shift + start, shift + end, kind, RULE + kind, LABELLED, round(score, DIGITS))

    def _load(self) -> _Loaded:
        try:
            import gliner  # noqa: PLC0415 - an extra, and seconds that only the first use should pay
        except ImportError as error:
            raise NLPError(
                f"gliner_model needs the package gliner; {install_command('gliner')}"
            ) from error
        folder = model_files.find_folder(self._name, required_files=(CONFIG,), owner="urchade")
        if folder is None:
            raise NLPError(
                "The GLiNER model is not on this machine. Give the path of its folder in gliner_model, or a name that 'hf download NAME' has fetched."
            )
        _check(folder)
        try:
            model = gliner.GLiNER.from_pretrained(str(folder), local_files_only=True)
            tokenizer = model.data_processor.transformer_tokenizer
            places = (
                getattr(model.config.encoder_config, "max_position_embeddings", None) or UNBOUNDED
            )
            limit = min(tokenizer.model_max_length, places, UNBOUNDED)
            labels = sum(1 + len(tokenizer.tokenize(label)) for label in self._types)
            room = (
                limit - labels - 1 - tokenizer.num_special_tokens_to_add()
            )  # and what parts labels from text
        except Exception as error:  # as above
            raise NLPError(
                "The GLiNER model cannot be loaded. Install it again, or give another one."
            ) from error
        if room < LEAST_ROOM:
            raise NLPError(
                f"The GLiNER model reads {limit} tokens, and the labels leave too little of that; give fewer gliner_labels."
            )
        return _Loaded(model, int(model.config.max_len), room)


def installed() -> bool:
    """Whether the package is there; it is not loaded."""
    return importlib.util.find_spec("gliner") is not None


def _check(folder: Path) -> None:
    """Refuse a folder that is of another kind, or that does not hold everything."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        tokenizer = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        complete = isinstance(config["encoder_config"], dict)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NLPError(_incomplete()) from error
    if not complete:
        raise NLPError(_incomplete())
    others = ("labels_encoder", "labels_decoder", "relations_layer")
    if (
        any(config.get(name) for name in others)
        or config.get("words_splitter_type", "whitespace") != "whitespace"
    ):
        raise NLPError(
            "gliner_model must be a GLiNER model with one encoder, for names alone, that parts words at white space."
        )
    if any("auto_map" in settings for settings in (config, config["encoder_config"], tokenizer)):
        raise NLPError("The GLiNER model brings code of its own, which is never run.")


def _incomplete() -> str:
    return (
        "The folder of the GLiNER model lacks its encoder's settings or its tokenizer, which would have to come from the network. Load the model "
        "with the package gliner where there is one, and save it with save_pretrained."
    )


def _weigh(loaded: _Loaded) -> int:
    return sum(int(tensor.nbytes) for tensor in loaded.model.state_dict().values())


def _stretches(loaded: _Loaded, parsed: Parsed) -> list[tuple[int, int]]:
    """The text in parts that the model reads whole, as characters."""
    tokenizer = loaded.model.data_processor.transformer_tokenizer
    words = [
        (start, end) for _, start, end in loaded.model.data_processor.words_splitter(parsed.text)
    ]
    costs = [len(tokenizer.tokenize(parsed.text[start:end])) for start, end in words]
    begins = {parsed.starts[first] for first, _ in parsed.sentences}
    return cut(words, costs, begins, words_at_once=loaded.words, tokens_at_once=loaded.tokens)


def cut(
    words: Sequence[tuple[int, int]],
    costs: Sequence[int],
    begins: Set[int],
    *,
    words_at_once: int,
    tokens_at_once: int,
) -> list[tuple[int, int]]:
    """Parts of a text that stay within both limits; they end before a sentence where one begins in their second half.

    Args:
        words: First and one past the last character of each word.
        costs: Tokens of each.
        begins: Where sentences begin.
        words_at_once: Words of a part, at most.
        tokens_at_once: Tokens of a part, at most; a single word may have more.

    Returns:
        First and one past the last character of each part.
    """
    parts, first = [], 0
    while first < len(words):
        last, left = first + 1, tokens_at_once - costs[first]
        while last < len(words) and last - first < words_at_once and costs[last] <= left:
            left -= costs[last]
            last += 1
        if last < len(words):
            half = first + (last - first) // 2
            last = next(
                (place for place in range(last, half, -1) if words[place][0] in begins), last
            )
        parts.append((words[first][0], words[last - 1][1]))
        first = last
    return parts
