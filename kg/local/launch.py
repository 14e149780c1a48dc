"""The files and the command line by which the server of a store is started."""

import hashlib
import json
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcp_context_persistence
from mcp_context_persistence.kg.local import java, sizes
from mcp_context_persistence.kg.local.cds_archive import StartCache
from mcp_context_persistence.kg.local.jars import Jars, provision
from mcp_context_persistence.kg.local.java import VECTOR_MODULE, Java
from mcp_context_persistence.kg.local.server_logs import log_configurations
from mcp_context_persistence.kg.local.settings import (
    GDS_VERSION,
    LOOPBACK,
    MAIN_CLASS,
    NEO4J_VERSION,
    USER,
    ServerSettings,
    cache_folder,
)
from mcp_context_persistence.kg.local.store import Store, write

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
# For a quick start. The default metaspace starts four collections while the server loads its classes. The optimizing compiler waits
# for five times as much work as by default: what is hot gets there a moment later, and a start spends 2 s instead of 4 s in it.
START_FLAGS = (
    "-XX:MetaspaceSize=256m",
    "-XX:Tier4InvocationThreshold=25000",
    "-XX:Tier4MinInvocationThreshold=3000",
    "-XX:Tier4CompileThreshold=75000",
    "-XX:Tier4BackEdgeThreshold=200000",
)
PAUSE_SECONDS = 0.1
HASH_ROUNDS = 1024  # as `neo4j-admin dbms set-initial-password` does it


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What a server is started with.

    Attributes:
        java: The Java runtime.
        jars: The verified jars.
    """

    java: Java
    jars: Jars


def specification(
    store: Store, jars: Jars, runtime: Java, settings: ServerSettings, *, throwaway: bool
) -> dict[str, Any]:
    """Everything the supervisor needs, as JSON values. It holds no secret."""
    old = store.read_state()
    return {
        "store": str(store.folder),
        "nonce": secrets.token_hex(16),
        "throwaway": throwaway,
        "java": str(runtime.program),
        "flags": [*_java_flags(runtime, settings), *_native_flags()],
        "class_path": jars.class_path,
        "arguments": [MAIN_CLASS, f"--home-dir={store.folder}", f"--config-dir={store.conf}"],
        "ports": [old.bolt_port, old.http_port] if old else [0, 0],
        "linger": 0.0 if throwaway else settings.linger_seconds,
        "start_seconds": settings.start_seconds,
        "stop_seconds": settings.stop_seconds,
        "versions": {"neo4j": NEO4J_VERSION, "gds": GDS_VERSION, "java": runtime.version},
        "cache": _cache(jars, runtime, settings),
        "sizes": {"heap": settings.heap, "page_cache": settings.page_cache},
    }


def command() -> list[str]:
    """The supervisor's command line: this Python without site packages, which would only take memory."""
    root = Path(mcp_context_persistence.__file__).resolve().parents[1]
    start = "import sys; sys.path.insert(0, sys.argv[1]); from mcp_context_persistence.kg.local.supervisor import main; main(int(sys.argv[2]))"
    return [sys.executable, "-E", "-s", "-S", "-X", "utf8", "-c", start, str(root)]


def write_configuration(store: Store, jars: Jars, settings: ServerSettings) -> None:
    """Writes `neo4j.conf`, and before the first start the password's hash."""
    options = {
        "server.default_listen_address": LOOPBACK,
        "server.default_advertised_address": "localhost",
        "server.https.enabled": "false",
        "server.http_enabled_modules": "BROWSER",  # one door less, and a second less
        "server.directories.plugins": str(jars.plugins),
        **sizes.options(settings.heap, settings.page_cache),
        "dbms.security.procedures.unrestricted": "gds.*",
        "dbms.usage_report.enabled": "false",
        "db.logs.query.enabled": "OFF",  # statements come with what users wrote
        "client.allow_telemetry": "false",
        "internal.dbms.bolt.netty_server_shutdown_quiet_period": "0",  # else an orderly stop sleeps for ten seconds
        "db.tx_log.rotation.retention_policy": "2 files",
        "db.tx_log.rotation.size": "64m",
        "db.tx_log.preallocate": "false",
        # By volume, where the default looks every 15 minutes: else all that is written in that time stays in the log.
        "db.checkpoint": "VOLUME",
        "db.checkpoint.interval.volume": "64m",
    }
    for name, text in log_configurations().items():
        write(store.conf / name, text)
    lines = [f"{name}={_escaped(value)}" for name, value in options.items()]
    write(store.conf / "neo4j.conf", "# Written anew at every start.\n" + "\n".join(lines) + "\n")
    if not store.has_data:
        folder = store.data / "dbms"
        folder.mkdir(mode=0o700, exist_ok=True)
        write(folder / "auth.ini", f"{USER}:{hashed(store.password(), secrets.token_bytes(32))}:\n")


def hashed(password: str, salt: bytes) -> str:
    """The password as Neo4j keeps it: salted SHA-256 in 1,024 rounds, which `auth.ini` takes for the first start."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(HASH_ROUNDS - 1):
        digest = hashlib.sha256(digest).digest()
    return f"SHA-256,{digest.hex()},{salt.hex()},{HASH_ROUNDS}"


def _escaped(value: str) -> str:
    r"""A value for a properties file, where a backslash escapes."""
    return value.replace("\\", "\\\\")


def _java_flags(runtime: Java, settings: ServerSettings) -> list[str]:
    listing = (
        ["-Xshare:off", f"-XX:DumpLoadedClassList={settings.list_classes}"]
        if settings.list_classes
        else []
    )
    quick = START_FLAGS if settings.aot else ()
    return [*sizes.flags(settings.heap), *_flags(runtime), *QUIET_FLAGS, *quick, *listing]


def _native_flags() -> list[str]:
    """Return where native libraries are unpacked to; the file is gone once it is loaded. A store's disk may forbid to execute."""
    folder = cache_folder() / "native"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [f"-D{name}={folder}" for name in ("jna.tmpdir", "io.netty.native.workdir")]


def _flags(runtime: Java) -> tuple[str, ...]:
    return (*FLAGS, f"--add-modules={VECTOR_MODULE}") if runtime.vectors else FLAGS


def _cache(jars: Jars, runtime: Java, settings: ServerSettings) -> dict[str, str] | None:
    """Where the start-up cache for this runtime, these jars and these flags lies, by the attributes of `StartCache`."""
    if not settings.aot:
        return None
    key = json.dumps(
        [jars.class_path, jars.digest, str(runtime.program), runtime.version, _flags(runtime)]
    )
    name = f"java-{runtime.version}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    folder = cache_folder() / "start"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {kind: str(folder / f"{name}.{kind}") for kind in ("archive", "lock", "failed")}


def make_start_cache(*, settings: ServerSettings | None = None, seconds: float = 120.0) -> bool:
    """Makes the start-up cache now and waits for it, instead of beside the next server.

    Args:
        settings: Of the servers that shall use it.
        seconds: How long to wait at most, also for another process that makes it.

    Returns:
        Whether the cache is there.

    Raises:
        DatabaseError: There is no Java, or the jars cannot be had.
    """
    runtime, jars = java.find(), provision()
    settings = settings or ServerSettings()
    cache = StartCache.of(_cache(jars, runtime, settings))
    until = time.monotonic() + seconds
    while cache is not None and not cache.archive.exists() and time.monotonic() < until:
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


def renewed(specification: dict[str, Any]) -> dict[str, Any]:
    """The same specification for another run of the supervisor."""
    return {**specification, "nonce": secrets.token_hex(16)}
