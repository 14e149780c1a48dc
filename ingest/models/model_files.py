"""Folders of models: where they are on this machine, and what tells them apart.

Nothing is downloaded.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

WEIGHTS = ("*.safetensors", "*.bin")  # the files of the first pattern that matches any
SETTINGS = ("*.json", "*.txt", "*.model")  # the tokenizer's vocabulary among them


def find_folder(
    model: str, *, required_files: Sequence[str], owner: str, cache_folder: str | None = None
) -> Path | None:
    """Find the folder of a model.

    It is the path itself, or the one in the local cache of the Hugging Face hub.

    Args:
        model: A path or a name.
        required_files: The folder has one of these files; in the cache it is the first of them.
        owner: The owner under which a name without one is looked for first.
        cache_folder: The cache's folder, where it is not the usual one.

    Returns:
        None where there is neither.
    """
    path = Path(os.path.expanduser(model))  # Path.expanduser raises where there is no such user
    if any((path / file).is_file() for file in required_files):
        return path
    names = [model] if "/" in model else [f"{owner}/{model}", model]
    cached_names = [name for name in names if _is_cached(name, cache_folder)]
    if not cached_names:
        return None
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - takes half a second
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415 - likewise

    for name in cached_names:
        try:
            file = try_to_load_from_cache(name, required_files[0], cache_dir=cache_folder)
        except HFValidationError:  # such as a path that does not exist
            continue
        if isinstance(file, str) and list_weights(Path(file).parent):
            return Path(file).parent
    return None


def _is_cached(name: str, cache_folder: str | None) -> bool:
    """Return whether the hub's cache has a folder for the name.

    The hub's own library takes half a second to say so.
    """
    folder = Path(cache_folder) if cache_folder else _hub_cache()
    try:
        return (folder / "--".join(["models", *name.split("/")])).is_dir()
    except (OSError, ValueError):  # no file can have that name
        return False


def _hub_cache() -> Path:
    """Return the folder of the hub's cache, by the same variables that the hub's library reads."""
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", os.path.join(cache_home, "huggingface"))
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(os.path.expanduser(os.path.expandvars(folder or os.path.join(home, "hub"))))


def list_weights(folder: Path) -> list[Path]:
    """List the files of a folder's weights, in the order of their names."""
    return next((files for pattern in WEIGHTS if (files := sorted(folder.glob(pattern)))), [])


def digest_files(files: Iterable[Path]) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Several files have that of their digests in the given order.
    """
    digests = []
    for file in files:
        status = file.stat()
        digests.append(_digest_file(file, status.st_size, status.st_mtime_ns))
    return (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )


@cache
def _digest_file(file: Path, size: int, modified: int) -> str:
    """Hash a file; another size or time means another file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe_folder(folder: Path) -> str:
    """Return the folder's name with the digest of its weights and settings.

    An example is ``ms-marco-MiniLM-L6-v2@53aa5117``.
    """
    settings = [file for pattern in SETTINGS for file in sorted(folder.glob(pattern))]
    return f"{folder.name}@{digest_files([*list_weights(folder), *settings])[:8]}"


def read_json(file: Path) -> dict[str, Any]:
    """Read a file of settings."""
    settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return settings


def read_max_length(folder: Path) -> int:
    """Return how many tokens a model of sentence-transformers reads, special ones included."""
    return int(read_json(folder / "sentence_bert_config.json")["max_seq_length"])
