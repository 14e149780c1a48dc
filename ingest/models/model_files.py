"""Folders of models: where they lie on this machine, and what tells them apart. Nothing is downloaded."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

WEIGHTS = ("*.safetensors", "*.bin")  # the first kind that there is counts
SETTINGS = ("*.json", "*.txt", "*.model")  # the tokenizer's words among them


def found(model: str, *, marks: Sequence[str], owner: str, cache: str | None = None) -> Path | None:
    """The folder of a model: the path itself, or the one in the local cache of the Hugging Face hub; None where there is neither.

    Args:
        model: A path or a name.
        marks: The folder has one of these files; in the cache it is the first of them.
        owner: Under whose name one without an owner is looked for first.
        cache: The cache's folder, where it is not the usual one.
    """
    path = Path(os.path.expanduser(model))  # Path.expanduser raises where there is no such user
    if any((path / mark).is_file() for mark in marks):
        return path
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - half a second that only the first use should pay
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    for name in [model] if "/" in model else [f"{owner}/{model}", model]:
        try:
            file = try_to_load_from_cache(name, marks[0], cache_dir=cache)
        except HFValidationError:  # a path that does not exist, say
            continue
        if isinstance(file, str) and weights(Path(file).parent):
            return Path(file).parent
    return None


def weights(folder: Path) -> list[Path]:
    """The files of a folder's weights, in the order of their names."""
    return next((files for kind in WEIGHTS if (files := sorted(folder.glob(kind)))), [])


def digest(files: Iterable[Path]) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits; of several, of their digests in the given order."""
    digests = []
    for file in files:
        with file.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )


def named(folder: Path) -> str:
    """The folder's name and what its weights, settings and words are, such as ``ms-marco-MiniLM-L6-v2@53aa5117``."""
    settings = [file for kind in SETTINGS for file in sorted(folder.glob(kind))]
    return f"{folder.name}@{digest([*weights(folder), *settings])[:8]}"
