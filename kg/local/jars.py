"""The locked jars of the server: where they are, whether they are whole, and how they come here.

`neo4j-VERSION.json` beside this file names each jar with its size and SHA-256; `tools.lock_jars`
makes it. The jars lie in one folder of the cache for all stores, and each of them is hashed before
every start: 200 MB take 0.2 s on two cores. The same file names the jar that holds the default
embedding model (see `ingest.models.minilm`).
"""

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local.leases import locked_file
from mcp_context_persistence.kg.local.settings import NEO4J_VERSION, cache_folder
from mcp_context_persistence.kg.local.signature_stripping import unsigned

if TYPE_CHECKING:
    from mcp_context_persistence.kg.local.maven import Repository

Progress = Callable[[str, int, int], None]

LOCK_FILE = Path(__file__).with_name(f"neo4j-{NEO4J_VERSION}.json")
DOWNLOADS = 16  # at once
HASHES = 4
WAIT_SECONDS = 900.0  # for another process that provisions
MTIME = (
    1_767_225_600  # of every jar (2026-01-01), because a start-up cache is bound to the jars' times
)


@dataclass(frozen=True, kw_only=True)
class Jar:
    """One locked jar.

    Attributes:
        coordinates: ``group:artifact:version`` or ``group:artifact:version:classifier``.
        target: The folder it belongs to: ``lib`` or ``plugins``.
        sha256: Of its content as the repository has it, in hexadecimal.
        size: Bytes.
        unsigned_sha256: Of the copy without signatures that takes its place in the cache (see
            `kg.local.signature_stripping`); empty for most.
        unsigned_size: Bytes of that copy.
    """

    coordinates: str
    target: str
    sha256: str
    size: int
    unsigned_sha256: str = ""
    unsigned_size: int = 0

    @property
    def name(self) -> str:
        """Its file name."""
        _, artifact, version, *classifier = self.coordinates.split(":")
        return "-".join([artifact, version, *classifier]) + ".jar"

    @property
    def path(self) -> str:
        """Its path in a Maven repository."""
        group, artifact, version, *_ = self.coordinates.split(":")
        return "/".join([*group.split("."), artifact, version, self.name])


@dataclass(frozen=True, kw_only=True)
class ModelJar(Jar):
    """A locked jar that holds the files of a model.

    Attributes:
        members: The SHA-256 of each file that is taken from it, by its name in the jar.
    """

    members: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Jars:
    """The jars in the cache.

    Attributes:
        home: Their folder; `lib` and `plugins` are below it.
        digest: Names exactly this set of jars.
    """

    home: Path
    digest: str

    @property
    def lib(self) -> Path:
        """The folder of the server's jars."""
        return self.home / "lib"

    @property
    def plugins(self) -> Path:
        """The folder of the Graph Data Science library's jars."""
        return self.home / "plugins"

    @property
    def class_path(self) -> str:
        """All jars one by one, those with most classes first.

        A start-up cache takes neither wildcards nor folders.
        """
        jars = sorted(locked(), key=lambda jar: (jar.name.startswith("neo4j-browser"), -jar.size))
        return os.pathsep.join(str(self.home / jar.target / jar.name) for jar in jars)


@cache
def locked_model() -> ModelJar:
    """Return the jar of the default embedding model."""
    return ModelJar(**json.loads(LOCK_FILE.read_text(encoding="utf-8"))["model"])


@cache
def locked() -> tuple[Jar, ...]:
    """Every jar of the server in the lock file."""
    rows = json.loads(LOCK_FILE.read_text(encoding="utf-8"))["jars"]
    return tuple(Jar(**row) for row in rows)


@cache
def _place() -> str:
    text = "\n".join(
        f"{jar.target} {jar.coordinates} {jar.sha256} {jar.unsigned_sha256}" for jar in locked()
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def provision(progress: Progress | None = None) -> Jars:
    """Make sure that every locked jar is in the cache and undamaged.

    Missing and damaged ones are downloaded.

    Args:
        progress: Called with ``("verify" | "download", bytes done, bytes in total)``, also from
            other threads.

    Raises:
        DatabaseError: A jar cannot be had, or the cache cannot be written.
    """
    jars = Jars(home=cache_folder() / f"neo4j-{NEO4J_VERSION}-{_place()}", digest=_place())
    _refuse_foreign(jars)
    if not _damaged(jars, locked(), progress):
        return jars
    try:
        for folder in (jars.lib, jars.plugins):
            folder.mkdir(parents=True, exist_ok=True)
        with locked_file(jars.home / "provision.lock", seconds=WAIT_SECONDS):
            wanted = _damaged(
                jars, locked(), None
            )  # again, since another process may have been at work
            if wanted:
                _download(jars, wanted, progress)
    except OSError as error:
        what = f"The jars of the local server cannot be written to {jars.home} ({error.strerror})"
        raise DatabaseError(f"{what}: free space there or set CONTEXT_CACHE_DIR.") from error
    return jars


def _refuse_foreign(jars: Jars) -> None:
    names = {
        target: {jar.name for jar in locked() if jar.target == target}
        for target in ("lib", "plugins")
    }
    for target, known in names.items():
        foreign = {file.name for file in (jars.home / target).glob("*.jar")} - known
        if foreign:
            raise DatabaseError(
                f"{jars.home / target} holds {len(foreign)} jar(s) that are not locked: remove {sorted(foreign)[0]}."
            )


def _damaged(jars: Jars, wanted: Iterable[Jar], progress: Progress | None) -> list[Jar]:
    wanted = list(wanted)
    total, done = sum(jar.size for jar in wanted), 0
    damaged = []
    with ThreadPoolExecutor(HASHES) as threads:
        for jar, whole in zip(
            wanted,
            threads.map(lambda jar: is_kept_whole(jars.home / jar.target / jar.name, jar), wanted),
            strict=True,
        ):
            done += jar.size
            if not whole:
                damaged.append(jar)
            elif progress:
                progress("verify", done, total)
    return damaged


def is_kept_whole(file: Path, jar: Jar) -> bool:
    """Return whether a file is what the cache shall hold of this jar.

    It is the jar itself, or its copy without signatures.
    """
    return (
        is_whole(file, jar.unsigned_sha256, jar.unsigned_size)
        if jar.unsigned_sha256
        else is_whole(file, jar.sha256, jar.size)
    )


def is_whole(file: Path, sha256: str, size: int) -> bool:
    """Whether the file has the locked size and SHA-256."""
    try:
        with file.open("rb") as content:
            if os.fstat(content.fileno()).st_size != size:
                return False
            return hashlib.file_digest(content, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _download(jars: Jars, wanted: list[Jar], progress: Progress | None) -> None:
    from mcp_context_persistence.kg.local.maven import Repository  # noqa: PLC0415  jgo and requests take 0.4 s to import

    repository = Repository()
    total, done, failed = sum(jar.size for jar in wanted), 0, []
    if progress:
        progress("download", 0, total)
    with ThreadPoolExecutor(DOWNLOADS) as threads:
        running = {
            threads.submit(fetch, repository, jar, jars.home / jar.target / jar.name): jar
            for jar in wanted
        }
        for future in as_completed(running):
            jar = running[future]
            if not future.result():
                failed.append(jar)
            done += jar.size
            if progress:
                progress("download", done, total)
    if failed:
        raise DatabaseError(
            f"{len(failed)} of {len(wanted)} jars of the local server could not be downloaded whole, among them "
            f"{failed[0].coordinates}: check the network, the proxy, or the mirror in ~/.m2/settings.xml, and try again.",
            retryable=True,
        )


def fetch(
    repository: "Repository", jar: Jar, to: Path, report: Callable[[int], None] | None = None
) -> bool:
    """Fetch one jar, verify it, and only then put it into its place.

    Args:
        repository: Where it comes from; the local Maven repository is looked into first.
        jar: The locked jar.
        to: Its file.
        report: Called with the bytes that are downloaded so far.

    Returns:
        False where no repository has the locked jar.
    """
    part = to.with_name(f".{to.name}.{uuid.uuid4().hex}")
    sources = (repository.copy_local, lambda path, file: repository.fetch(path, file, report))
    try:
        for source in sources:
            if source(jar.path, part) and is_whole(part, jar.sha256, jar.size):
                if jar.unsigned_sha256:
                    part.write_bytes(unsigned(part.read_bytes()))
                os.utime(part, (MTIME, MTIME))
                part.replace(to)
                return is_kept_whole(to, jar)
    finally:
        part.unlink(missing_ok=True)
    return False
