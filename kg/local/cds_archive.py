"""The start-up cache: Java's archive of loaded and parsed classes (a "CDS archive").

With it a server starts in half the time. `classes-VERSION.txt.gz` in this folder names the classes
that a server in real use loads; `tools.list_classes` makes it. From the list, a second process
makes the archive at a low priority, while the first server runs and, for a limited time, after its
end. Nobody waits for it. The AOT cache of Java 25 was tried instead: it starts no faster, and
recording for it makes the first server 1.7 times slower and its stop many seconds longer.
"""

import contextlib
import gzip
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from mcp_context_persistence.kg.local import leases
from mcp_context_persistence.kg.local.process import die_with_parent
from mcp_context_persistence.kg.local.settings import NEO4J_VERSION

CLASS_LIST = Path(__file__).with_name(f"classes-{NEO4J_VERSION}.txt.gz")
NICE = 10
RETRY_SECONDS = 86_400.0
UNUSED_SECONDS = 30 * 86_400.0  # archives of other runtimes or older jars, 200 MB each
# Without -Xmixed Java interprets while it dumps, which takes twice as long. The optimizing compiler
# does not pay in so short a run.
DUMP_FLAGS = ("-Xshare:dump", "-Xmixed", "-XX:TieredStopAtLevel=1")


@dataclass
class StartCache:
    """Uses and makes the start-up cache of one server.

    Attributes:
        archive: The finished cache; absent at first.
        lock: Locked by the one process that makes it.
        failed: Written when the archive could not be made; then nobody tries again for a day.
    """

    archive: Path
    lock: Path
    failed: Path
    _build_lock: leases.Lock | None = field(default=None, repr=False)
    _maker: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @classmethod
    def of(cls, paths: dict[str, str] | None) -> "StartCache | None":
        """Return the cache at the paths of a specification, None where there are no paths."""
        if not paths:
            return None
        files = {name: Path(path) for name, path in paths.items()}
        return cls(archive=files["archive"], lock=files["lock"], failed=files["failed"])

    def flags(self) -> list[str]:
        """Return the Java flags for the next start. Java ignores an archive that does not fit."""
        return (
            ["-Xshare:auto", f"-XX:SharedArchiveFile={self.archive}"]
            if self.archive.is_file()
            else []
        )

    def begin_making(
        self, java: str, flags: list[str], class_path: str, *, supervised: bool = True
    ) -> None:
        """Start to make the archive where it is missing and nobody else makes it.

        Args:
            java: The `java` program.
            flags: Java's flags of the server.
            class_path: Class path of the server.
            supervised: Whether it runs at a low priority, and no longer than this process.
        """
        if self._maker is not None or self.archive.is_file() or not self._take_lock():
            return
        classes, draft = self._drafts()
        with contextlib.suppress(OSError):
            classes.write_bytes(gzip.decompress(CLASS_LIST.read_bytes()))
            modes = [
                *DUMP_FLAGS,
                f"-XX:SharedClassListFile={classes}",
                f"-XX:SharedArchiveFile={draft}",
            ]
            prepare = die_with_parent(nice=NICE) if supervised else None
            self._maker = subprocess.Popen(  # noqa: S603
                [java, *flags, *modes, "-cp", class_path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=prepare,  # noqa: PLW1509 - the supervisor has one thread
            )

    def poll(self) -> bool:
        """Put a finished archive into its place; return whether it is still being made."""
        if self._maker is None:
            return False
        if self._maker.poll() is None:
            return True
        draft = self._drafts()[1]
        if self._maker.returncode == 0 and draft.exists():
            draft.chmod(0o600)
            draft.replace(self.archive)
            self._remove_old()
        else:
            self.failed.touch()
        self._clear()
        return False

    def finish(self, *, seconds: float) -> None:
        """Wait at most that long for the archive, then end its making."""
        if self._maker is not None:
            try:
                self._maker.wait(max(0.0, seconds))
                self.poll()
            except subprocess.TimeoutExpired:
                self._maker.send_signal(signal.SIGKILL)
                self._maker.wait()
                self._clear()
        if self._build_lock is not None:
            self._build_lock.close()
            self._build_lock = None

    def _remove_old(self) -> None:
        now = self.archive.stat().st_mtime  # the clock of this process may be wrong
        for archive in self.archive.parent.glob("*.archive"):
            age = now - archive.stat().st_mtime
            if archive != self.archive and age > UNUSED_SECONDS:
                archive.unlink(missing_ok=True)

    def _clear(self) -> None:
        self._maker = None
        for draft in self._drafts():
            draft.unlink(missing_ok=True)

    def _drafts(self) -> tuple[Path, Path]:
        return self.archive.with_suffix(".classes"), self.archive.with_suffix(".made")

    def _take_lock(self) -> bool:
        if self.failed.exists() and abs(time.time() - self.failed.stat().st_mtime) < RETRY_SECONDS:
            return False
        if self._build_lock is None:
            self._build_lock = leases.lock(self.lock)
        return self._build_lock is not None
