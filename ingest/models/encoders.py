"""Find the models that turn texts into vectors, and choose the implementation that runs them.

`OnnxEncoder` runs models of the shape of MiniLM-L6, the default model among them. `BertEncoder`
runs other BERT models, and on a GPU all of them, with torch. `SentenceEncoder` runs every other
model with sentence-transformers.
"""

import json
import os
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.ingest.models import minilm, model_files
from mcp_context_persistence.kg.errors import VectorDBError
from mcp_context_persistence.kg.extras import install_command
from mcp_context_persistence.kg.package_import import import_package
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.kg.shell_commands import format_command
from mcp_context_persistence.kg.system_errors import describe_exhaustion

BERT_FILES = (
    "modules.json",
    "config.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "tokenizer.json",
    minilm.WEIGHTS_FILE,
)
MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
MINILM_SHAPE = {
    "num_hidden_layers": 6,
    "hidden_size": minilm.DIMENSION,
    "intermediate_size": 1536,
    "num_attention_heads": 12,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # of Nvidia, AMD, and Windows' Linux


class Encoder(Protocol):
    """A loaded model.

    Attributes:
        dimension: The length of its vectors.
        max_tokens: The longest text that it reads whole, in tokens, without the special ones.
    """

    dimension: int
    max_tokens: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts; of one that is too long, the beginning counts.

        Returns:
            Vectors of length one, ``(n, dimension) float32``, in the order of `texts`.
        """
        ...

    def find_tokens(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the text's tokens as pairs of character positions.

        Nothing is cut off; special tokens are left out.
        """
        ...

    def find_known_tokens(self, text: str) -> Sequence[tuple[int, int]]:
        """Return those tokens that the vocabulary has, none where the tokenizer cannot say."""
        ...

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights."""
        ...


def find(model: str, progress: ReportProgress | None = None) -> Path:
    """Find the folder of a model.

    It is a path, an installed model of that name, or the default model, which is downloaded if need
    be.

    Raises:
        VectorDBError: It is not on this machine, or the weights of the default model are not the
            published ones.
    """
    folder = model_files.find_folder(
        model,
        required_files=("config.json", "modules.json"),
        owner="sentence-transformers",
        cache_folder=os.environ.get("SENTENCE_TRANSFORMERS_HOME"),
    )
    if folder:
        return folder
    if minilm.is_name(model):
        return minilm.provision(progress)
    name = model if "/" in model else f"sentence-transformers/{model}"
    command = format_command("hf", "download", value=name, placeholder="NAME")
    raise VectorDBError(
        "The embedding model is not on this machine. Give the path of its folder, or install it "
        f"with: {command}"
    )


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of a folder's weights, as 64 hexadecimal digits.

    Several files have that of their digests in the order of their names. Files that hold the
    weights of another file have that file's.

    Raises:
        VectorDBError: The folder holds no weights.
    """
    onnx = folder / minilm.ONNX_FILE
    files = [onnx] if minilm.is_download(folder) else model_files.list_weights(folder)
    if not files:
        raise VectorDBError(
            "The folder of the embedding model contains no weights. Install the model again."
        )
    digest = model_files.digest_files(files)
    return minilm.EQUAL_FINGERPRINTS.get(digest, digest)


def load(folder: Path, *, batch_size: int, device: str | None, threads: int | None) -> Encoder:
    """Load the model of a folder.

    Args:
        folder: The folder that `find` returned.
        batch_size: Texts of ordinary length that are encoded together.
        device: ``cpu``, ``cuda`` and so on; a GPU if there is one when it is `None`.
        threads: Threads that encode; when it is `None`, as many as there are processors, or as
            torch chooses.

    Raises:
        VectorDBError: The folder holds no model that can be loaded, or a package is missing.
    """
    try:
        if has_minilm_shape(folder) and not (
            is_plain_bert(folder) and _has_torch() and _uses_gpu(device)
        ):
            from mcp_context_persistence.ingest.models.onnx_encoder import OnnxEncoder  # noqa: PLC0415 - only for models that it runs

            return OnnxEncoder(folder, batch_size=batch_size, threads=threads)
        if is_plain_bert(folder) and _has_torch():
            import_package("torch")
            from mcp_context_persistence.ingest.models.bert_encoder import BertEncoder  # noqa: PLC0415 - needs torch

            return BertEncoder(folder, batch_size=batch_size, device=device, threads=threads)
        return _load_with_library(folder, batch_size, device, threads)
    except VectorDBError:
        raise
    except Exception as error:  # each library raises what it likes
        if describe_exhaustion(error):
            raise
        raise VectorDBError(
            "The embedding model cannot be loaded. Install it again, or give another one."
        ) from error


def _load_with_library(
    folder: Path, batch_size: int, device: str | None, threads: int | None
) -> Encoder:
    """Load a model with sentence-transformers.

    `threads` sets the thread count of torch for the whole process.
    """
    from mcp_context_persistence.ingest.models.sentence_encoder import SentenceEncoder  # noqa: PLC0415 - only for models that it runs

    try:
        import_package("sentence_transformers")
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes seconds to import
    except ImportError as error:
        raise VectorDBError(
            "This embedding model needs the package sentence-transformers. Install it with: "
            + install_command("models")
        ) from error
    if threads is not None:
        import torch  # noqa: PLC0415 - takes seconds to import

        torch.set_num_threads(threads)
    model = SentenceTransformer(
        str(folder), device=device, local_files_only=True, trust_remote_code=False
    )
    return SentenceEncoder(model, batch_size=batch_size)


def has_minilm_shape(folder: Path) -> bool:
    """Return whether the ONNX graph of MiniLM-L6 computes the model of a folder exactly."""
    if minilm.is_download(folder):
        return True
    if not is_plain_bert(folder):
        return False
    config = model_files.read_json(folder / "config.json")
    return all(config.get(name) == value for name, value in MINILM_SHAPE.items())


def is_plain_bert(folder: Path) -> bool:
    """Return whether our own encoders compute a model exactly.

    It is a BERT model with mean pooling.
    """
    if not all((folder / name).is_file() for name in BERT_FILES):
        return False
    config, pooling, sentence = (
        model_files.read_json(folder / name)
        for name in ("config.json", "1_Pooling/config.json", "sentence_bert_config.json")
    )
    modules = [
        module["type"].rsplit(".", 1)[-1]
        for module in json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    ]
    modes = [name for name, is_on in pooling.items() if name.startswith("pooling_mode") and is_on]
    prompts_file = folder / "config_sentence_transformers.json"
    prompts = model_files.read_json(prompts_file) if prompts_file.is_file() else {}
    return (
        config.get("model_type") == "bert"
        and config.get("architectures") == ["BertModel"]
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and modules in MODULES
        and modes in (["pooling_mode_mean_tokens"], ["pooling_mode"])
        and pooling.get("pooling_mode", "mean") == "mean"
        and "max_seq_length" in sentence
        and not sentence.get("do_lower_case")
        and not prompts.get("default_prompt_name")
    )


def _uses_gpu(device: str | None) -> bool:
    """Return whether torch runs the model on a GPU.

    Torch is asked only where something says that there is one: it takes seconds to import.
    """
    if device is not None:
        return device != "cpu"
    if not any(map(os.path.exists, GPU_FILES)) and shutil.which("nvidia-smi") is None:
        return False
    import_package("torch")
    import torch  # noqa: PLC0415 - takes seconds to import

    return bool(torch.cuda.is_available())


def _has_torch() -> bool:
    try:
        return find_spec("torch") is not None and find_spec("safetensors") is not None
    except ValueError:  # an import that was blocked
        return False
