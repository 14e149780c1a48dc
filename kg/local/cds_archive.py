"""The start-up cache: Java's archive of loaded and parsed classes ("CDS archive"), with which a server starts in half the time.

`classes-VERSION.txt.gz` beside this file names the classes that a server in real use loads; `tools.list_classes` makes it. From
the list a second process makes the archive, at a low priority, beside the first server and after its end as long as it may live
then. Nobody waits for it. The AOT cache of Java 25 was tried instead: it starts no faster, and recording for it makes the first
server 1.7 times slower and its stop many seconds longer.
"""

import contextlib
import gzip
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from mcp_context_persistence.kg.local.leases import lock
from mcp_context_persistence.kg.local.process import dying_with_parent
from mcp_context_persistence.kg.local.settings import NEO4J_VERSION

CLASS_LIST = Path(__file__).with_name(f"classes-{NEO4J_VERSION}.txt.gz")
NICE = 10
RETRY_SECONDS = 86_400.0
UNUSED_SECONDS = 30 * 86_400.0  # archives of other runtimes or older jars, 200 MB each
# Without -Xmixed Java interprets while it dumps, which takes twice as long; the heavy compiler does not pay in so short a life.
DUMP_FLAGS = ("-Xshare:dump", "-Xmixed", "-XX:TieredStopAtLevel=1")


@dataclass
class StartCache:
    """The supervisor's part in using and making the cache of its server.

    Attributes:
        archive: The finished cache; absent at first.
        lock: Held by the one process that makes it.
        failed: Written when the archive could not be made; then nobody tries again for a day.
    """

    archive: Path
    lock: Path
    failed: Path
    _held: int | None = field(default=None, repr=False)
    _maker: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @classmethod
    def of(cls, paths: dict[str, str] | None) -> "StartCache | None":
        """From the specification's paths; None where there is no cache for this server."""
        if not paths:
            return None
        files = {name: Path(path) for name, path in paths.items()}
        return cls(archive=files["archive"], lock=files["lock"], failed=files["failed"])

    def flags(self) -> list[str]:
        """The Java flags for the next start. An archive that does not fit is passed over by Java."""
        return (
            ["-Xshare:auto", f"-XX:SharedArchiveFile={self.archive}"]
            if self.archive.exists()
            else []
        )

    def begin_making(
        self, java: str, flags: list[str], class_path: str, *, supervised: bool = True
    ) -> None:
        """Starts to make the archive if that is due; supervised at a low priority, and no longer than the supervisor lives."""
        if self._maker is not None or self.archive.exists() or not self._claim():
            return
        classes, made = self._drafts()
        with contextlib.suppress(OSError):
            classes.write_bytes(gzip.decompress(CLASS_LIST.read_bytes()))
            modes = [
                *DUMP_FLAGS,
                f"-XX:SharedClassListFile={classes}",
                f"-XX:SharedArchiveFile={made}",
            ]
            self._maker = subprocess.Popen(  # noqa: S603
                [java, *flags, *modes, "-cp", class_path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=dying_with_parent(nice=NICE) if supervised else None,  # noqa: PLW1509  the supervisor has one thread
            )

    def poll(self) -> bool:
        """Takes the archive into use once it is finished; returns whether it is still being made."""
        if self._maker is None:
            return False
        if self._maker.poll() is None:
            return True
        made = self._drafts()[1]
        if self._maker.returncode == 0 and made.exists():
            made.chmod(0o600)
            made.replace(self.archive)
            self._remove_old()
        else:
            self.failed.touch()
        self._clear()
        return False

    def finish(self, *, seconds: float) -> None:
        """Waits at most that long for the making, then ends it; the next server begins anew."""
        if self._maker is not None:
            try:
                self._maker.wait(max(0.0, seconds))
                self.poll()
            except subprocess.TimeoutExpired:
                self._maker.send_signal(signal.SIGKILL)
                self._maker.wait()
                self._clear()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _remove_old(self) -> None:
        for other in self.archive.parent.glob("*.archive"):
            if other != self.archive and time.time() - other.stat().st_mtime > UNUSED_SECONDS:
                other.unlink(missing_ok=True)

    def _clear(self) -> None:
        self._maker = None
        for draft in self._drafts():
            draft.unlink(missing_ok=True)

    def _drafts(self) -> tuple[Path, Path]:
        return self.archive.with_suffix(".classes"), self.archive.with_suffix(".made")

    def _claim(self) -> bool:
        if self.failed.exists() and abs(time.time() - self.failed.stat().st_mtime) < RETRY_SECONDS:
            return False
        if self._held is None:
            self._held = lock(self.lock)
        return self._held is not None
