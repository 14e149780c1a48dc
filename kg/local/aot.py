"""The start-up cache: Java's record of loaded and linked classes and of hot methods (an "AOT cache", from Java 25 on).

The first server of a kind records what it loads, and writes that down at its orderly stop. From this the cache is made by a second
process at the lowest priority: after the stop, as long as it may live then, else beside the next server. Nobody waits for it.
"""

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from kg.local.leases import lock
from kg.local.process import dying_with_parent

LOWEST_PRIORITY = 19
TRIES = 5  # recordings that came to nothing, because the server was killed


@dataclass
class StartCache:
    """The supervisor's part in using, recording and making the cache of its server."""

    cache: Path
    record: Path
    failed: Path
    lock: Path
    _held: int | None = None
    _draft: Path | None = field(default=None, repr=False)
    _maker: "subprocess.Popen[bytes] | None" = None

    @classmethod
    def of(cls, paths: dict[str, str] | None) -> "StartCache | None":
        """From the specification's paths; None where there is no cache for this server."""
        if not paths:
            return None
        files = {name: Path(path) for name, path in paths.items()}
        return cls(cache=files["cache"], record=files["record"], failed=files["failed"], lock=files["lock"])

    def flags(self) -> list[str]:
        """The Java flags for the next start: use the cache, else record for it unless another process does."""
        self.end_recording(orderly=False)
        if self.cache.exists():
            return [f"-XX:AOTCache={self.cache}"]
        if not self._claim() or self.record.exists():
            return []
        if self._tries() > TRIES:
            self.failed.touch()
            return []
        self._draft = self.record.with_name(f"{self.record.name}.{os.getpid()}")
        return ["-XX:AOTMode=record", f"-XX:AOTConfiguration={self._draft}"]

    @property
    def recording(self) -> bool:
        """Whether the running server records, so that its orderly stop takes longer and is worth it."""
        return self._draft is not None

    def end_recording(self, *, orderly: bool) -> None:
        """After the server's end: keeps what it wrote if it ended in order."""
        draft, self._draft = self._draft, None
        if draft is None:
            return
        if orderly and draft.exists():
            draft.replace(self.record)
        else:
            draft.unlink(missing_ok=True)

    def begin_making(self, java: str, flags: list[str], class_path: str) -> bool:
        """Starts to make the cache if that is due; returns whether it is being made."""
        if self._maker is None and self._claim() and self.record.exists() and not self.cache.exists():
            modes = ["-XX:AOTMode=create", f"-XX:AOTConfiguration={self.record}", f"-XX:AOTCache={self._made()}"]
            with contextlib.suppress(OSError):
                self._maker = subprocess.Popen(  # noqa: S603
                    [java, *flags, *modes, "-cp", class_path],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    preexec_fn=dying_with_parent(nice=LOWEST_PRIORITY),  # noqa: PLW1509  the supervisor has one thread
                )
        return self._maker is not None

    def poll(self) -> None:
        """Takes the made cache into use once it is finished."""
        if self._maker is None or self._maker.poll() is None:
            return
        made = self._made()
        if self._maker.returncode == 0 and made.exists():
            made.chmod(0o600)
            made.replace(self.cache)
        else:
            self.failed.touch()
        self._maker = None
        self.record.unlink(missing_ok=True)

    def finish(self, *, seconds: float) -> None:
        """Waits at most that long for the making, then ends it; the recording stays for the next server."""
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

    def _tries(self) -> int:
        """Counts the recordings that were begun, in the lock's own file: recording slows a server, and must not go on for ever."""
        with self.lock.open("a", encoding="ascii") as tries:
            tries.write(".")
        return self.lock.stat().st_size

    def _made(self) -> Path:
        return self.cache.with_name(f"{self.cache.name}.made")

    def _claim(self) -> bool:
        if self.failed.exists():
            return False
        if self._held is None:
            self._held = lock(self.lock)
        return self._held is not None
