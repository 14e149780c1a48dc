"""The start-up cache: Java's archive of loaded and parsed classes ("CDS archive"), with which a server starts in half the time.

A first server lists the classes that it loads, which costs nothing. From the list the archive is made by a second process at a low
priority: beside the next server, or after the first one's end as long as it may live then. Nobody waits for it. The newer AOT cache
of Java 25 was tried: it starts no faster, recording for it makes the first server 1.7 times slower, and its stop takes many seconds.
"""

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from kg.local.leases import lock
from kg.local.process import dying_with_parent

NICE = 5  # at 19 it would starve beside any other work
REAL_USE = b"org/apache/lucene/index/IndexWriter "  # a server without any index has not yet loaded what a real one needs


@dataclass
class StartCache:
    """The supervisor's part in using and making the cache of its server.

    Attributes:
        archive: The finished cache; absent at first.
        listed: The classes that a server in real use has loaded, from which the archive is made.
        lock: Held by the one supervisor that lists or makes.
        failed: Present where the archive could not be made; then nobody tries again.
    """

    archive: Path
    listed: Path
    lock: Path
    failed: Path
    _held: int | None = field(default=None, repr=False)
    _draft: Path | None = field(default=None, repr=False)
    _maker: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @classmethod
    def of(cls, paths: dict[str, str] | None) -> "StartCache | None":
        """From the specification's paths; None where there is no cache for this server."""
        if not paths:
            return None
        files = {name: Path(path) for name, path in paths.items()}
        return cls(archive=files["archive"], listed=files["listed"], lock=files["lock"], failed=files["failed"])

    def flags(self) -> list[str]:
        """The Java flags for the next start: use the archive, else list classes for it unless another process does."""
        self.end_listing(orderly=False)
        if self.archive.exists():
            return ["-Xshare:auto", f"-XX:SharedArchiveFile={self.archive}"]
        if not self._claim() or self.listed.exists():
            return []
        self._draft = self.listed.with_name(f"{self.listed.name}.{os.getpid()}")
        return ["-Xshare:off", f"-XX:DumpLoadedClassList={self._draft}"]

    @property
    def listing(self) -> bool:
        """Whether the running server lists its classes, so that it must end in order."""
        return self._draft is not None

    def end_listing(self, *, orderly: bool) -> None:
        """After the server's end: keeps the list if it ended in order after real use."""
        draft, self._draft = self._draft, None
        if draft is None:
            return
        if orderly and draft.exists() and REAL_USE in draft.read_bytes():
            draft.replace(self.listed)
        else:
            draft.unlink(missing_ok=True)

    def begin_making(self, java: str, flags: list[str], class_path: str) -> None:
        """Starts to make the archive if that is due."""
        if self._maker is not None or self.archive.exists() or not self.listed.exists() or not self._claim():
            return
        modes = ["-XX:TieredStopAtLevel=1", "-Xshare:dump", f"-XX:SharedClassListFile={self.listed}", f"-XX:SharedArchiveFile={self._made()}"]
        with contextlib.suppress(OSError):
            self._maker = subprocess.Popen(  # noqa: S603
                [java, *flags, *modes, "-cp", class_path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=dying_with_parent(nice=NICE),  # noqa: PLW1509  the supervisor has one thread
            )

    def poll(self) -> None:
        """Takes the archive into use once it is finished."""
        if self._maker is None or self._maker.poll() is None:
            return
        made = self._made()
        if self._maker.returncode == 0 and made.exists():
            made.chmod(0o600)
            made.replace(self.archive)
        else:
            made.unlink(missing_ok=True)
            self.failed.touch()
        self._maker = None
        self.listed.unlink(missing_ok=True)

    def finish(self, *, seconds: float) -> None:
        """Waits at most that long for the making, then ends it; the list stays for the next server."""
        if self._maker is not None:
            try:
                self._maker.wait(max(0.0, seconds))
            except subprocess.TimeoutExpired:
                self._maker.send_signal(signal.SIGKILL)
                self._maker.wait()
                self._maker = None
                self._made().unlink(missing_ok=True)
            self.poll()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _made(self) -> Path:
        return self.archive.with_name(f"{self.archive.name}.made")

    def _claim(self) -> bool:
        if self.failed.exists():
            return False
        if self._held is None:
            self._held = lock(self.lock)
        return self._held is not None
