"""What a supervisor needs to start the server of a store: command lines, flags, options."""

import hashlib
import json
import os
import secrets
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcp_context_persistence
from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import configuration, java, sizes
from mcp_context_persistence.kg.local.cds_archive import StartCache
from mcp_context_persistence.kg.local.jars import Jars, provision
from mcp_context_persistence.kg.local.java import VECTOR_MODULE, Java
from mcp_context_persistence.kg.local.settings import (
    GDS_VERSION,
    MAIN_CLASS,
    NEO4J_VERSION,
    ServerSettings,
    cache_folder,
)
from mcp_context_persistence.kg.local.store import Store

# A changed flag changes the name of the start-up cache, which is bound to them.
FLAGS = (
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-OmitStackTraceInFastThrow",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "-Dlog4j2.disable.jmx=true",
    "-Dfile.encoding=UTF-8",
    "-Djava.awt.headless=true",
)
# No files beside the store; they do not change what the start-up cache is bound to.
QUIET_FLAGS = ("-XX:-UsePerfData", "-XX:-CreateCoredumpOnCrash")
# For a quick start. The default metaspace starts four collections while the server loads its
# classes. The optimizing compiler waits for five times as much work as by default: hot code gets
# there a little later, and a start spends 2 s instead of 4 s in it.
START_FLAGS = (
    "-XX:MetaspaceSize=256m",
    "-XX:Tier4InvocationThreshold=25000",
    "-XX:Tier4MinInvocationThreshold=3000",
    "-XX:Tier4CompileThreshold=75000",
    "-XX:Tier4BackEdgeThreshold=200000",
)
OPTIONS_VARIABLE = "CONTEXT_JAVA_OPTIONS"
PAUSE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Java and the jars of a server.

    Attributes:
        java: The Java runtime.
        jars: The verified jars.
    """

    java: Java
    jars: Jars


def make_specification(
    store: Store, jars: Jars, runtime: Java, settings: ServerSettings, *, is_throwaway: bool
) -> dict[str, Any]:
    """Return everything that the supervisor needs, as JSON values. It contains no secret."""
    old, native = store.read_state(), cache_folder() / "native"
    return {
        "store": str(store.folder),
        "nonce": secrets.token_hex(16),
        "throwaway": is_throwaway,
        "java": str(runtime.program),
        "flags": [*_java_flags(runtime, settings), *_native_flags(native)],
        "native": str(native),
        "class_path": jars.class_path,
        "arguments": [MAIN_CLASS, f"--home-dir={store.folder}", f"--config-dir={store.conf}"],
        "ports": [old.bolt_port, old.http_port] if old else [0, 0],
        "linger": 0.0 if is_throwaway else settings.linger_seconds,
        "start_seconds": settings.start_seconds,
        "stop_seconds": settings.stop_seconds,
        "versions": {"neo4j": NEO4J_VERSION, "gds": GDS_VERSION, "java": runtime.version},
        "cache": _cache(jars, runtime, settings),
        "sizes": {"heap": settings.heap, "page_cache": settings.page_cache},
        "options": configuration.make_options(str(jars.plugins)),
    }


def supervisor_command() -> list[str]:
    """Return the supervisor's command line: this Python without site packages, to save memory."""
    root = Path(mcp_context_persistence.__file__).resolve().parents[1]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "from mcp_context_persistence.kg.local.supervisor import main; main(int(sys.argv[2]))"
    )
    return [_find_python(), "-E", "-s", "-S", "-X", "utf8", "-c", code, str(root)]


def _find_python() -> str:
    """Return the program of this Python. In a program that embeds Python, that is another one."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = (sys.exec_prefix, sys.base_exec_prefix)
    candidates = [os.path.join(folder, "bin", name) for folder in folders]
    for program in (sys.executable, *candidates, shutil.which(name)):
        is_python = program and os.path.basename(program).lower().startswith(("python", "pypy"))
        if program and is_python and os.access(program, os.X_OK):
            return program
    raise DatabaseError(
        f"The local server needs the program {name}, which is not at {candidates[0]} and not on "
        "the PATH: install it, or start the server with `context-persistence server start`."
    )


def _java_flags(runtime: Java, settings: ServerSettings) -> list[str]:
    listing = (
        ["-Xshare:off", f"-XX:DumpLoadedClassList={settings.list_classes}"]
        if settings.list_classes
        else []
    )
    quick = START_FLAGS if settings.has_start_cache else ()
    added = read_java_options()
    return [*sizes.flags(settings.heap), *_flags(runtime), *QUIET_FLAGS, *quick, *listing, *added]


def read_java_options() -> list[str]:
    """Return the options for the server's Java in the variable `CONTEXT_JAVA_OPTIONS`.

    Raises:
        DatabaseError: A quote is not closed, or a word is not an option.
    """
    try:
        options = shlex.split(os.environ.get(OPTIONS_VARIABLE, ""))
    except ValueError as error:
        raise DatabaseError(f"{OPTIONS_VARIABLE}: a quote is not closed") from error
    if not all(option.startswith("-") for option in options):
        raise DatabaseError(f"{OPTIONS_VARIABLE}: each option begins with a hyphen, as in -Xlog:gc")
    return options


def _native_flags(folder: Path) -> list[str]:
    """Return the flags for the folder where native libraries are unpacked.

    It is not in the store, whose disk may forbid to execute. A file is removed once it is loaded.
    """
    return [f"-D{name}={folder}" for name in ("jna.tmpdir", "io.netty.native.workdir")]


def _flags(runtime: Java) -> tuple[str, ...]:
    return (*FLAGS, f"--add-modules={VECTOR_MODULE}") if runtime.has_vectors else FLAGS


def _cache(jars: Jars, runtime: Java, settings: ServerSettings) -> dict[str, str] | None:
    """Return the paths of the start-up cache of this runtime, these jars and these flags.

    They are named by the attributes of `StartCache`.
    """
    if not settings.has_start_cache:
        return None
    made_with = [jars.class_path, jars.digest, str(runtime.program), runtime.version]
    key = json.dumps([*made_with, _flags(runtime), *read_java_options()])
    name = f"java-{runtime.version}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    folder = cache_folder() / "start"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {kind: str(folder / f"{name}.{kind}") for kind in ("archive", "lock", "failed")}


def make_start_cache(*, settings: ServerSettings | None = None, seconds: float = 120.0) -> bool:
    """Make the start-up cache now and wait for it, instead of while the next server runs.

    Args:
        settings: Settings of the servers that shall use it.
        seconds: How long to wait at most, also for another process that makes it.

    Returns:
        Whether the cache exists.

    Raises:
        DatabaseError: There is no Java, or the jars cannot be downloaded.
    """
    runtime, jars = java.find(), provision()
    settings = settings or ServerSettings()
    cache = StartCache.of(_cache(jars, runtime, settings))
    deadline = Deadline.after(seconds)
    while cache is not None and not cache.archive.exists() and not deadline.has_passed:
        cache.begin_making(
            str(runtime.program), _java_flags(runtime, settings), jars.class_path, supervised=False
        )
        cache.poll()
        if cache.failed.exists():
            break
        time.sleep(PAUSE_SECONDS)
    if cache is not None:
        cache.finish(seconds=0)
    return cache is not None and cache.archive.exists()


def renew_nonce(specification: dict[str, Any]) -> dict[str, Any]:
    """Return the specification for another run of the supervisor."""
    return {**specification, "nonce": secrets.token_hex(16)}
