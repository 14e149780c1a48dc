"""Which folder a store is, and whether a process serves this very folder.

A folder that was copied, moved or restored brings the files of another one with it: the state file names a process that
serves the original, and the password is the original's. So nothing that a file says counts until it is proven: a folder
knows itself by its place in the file system, and a process is signaled only if it works in this folder.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mcp_context_persistence.kg.local.process import birth, is_alive, kill
from mcp_context_persistence.kg.local.settings import MAIN_CLASS

HOME_OPTION = "--home-dir="


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Where a folder is in the file system.

    Attributes:
        path: Its real path.
        device: Of its file system.
        inode: Its number there.
    """

    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, folder: Path) -> "Identity":
        """Look at a folder.

        Raises:
            OSError: There is none.
        """
        entry = folder.stat()
        return cls(path=str(folder.resolve()), device=entry.st_dev, inode=entry.st_ino)

    @classmethod
    def read(cls, file: Path) -> "Identity | None":
        """Read what `text` has written, None where there is nothing that can be read."""
        try:
            row = json.loads(file.read_text(encoding="utf-8"))
            return cls(path=str(row["path"]), device=int(row["device"]), inode=int(row["inode"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def text(self) -> str:
        """Return it for a file."""
        return json.dumps(asdict(self))

    def is_same(self, other: "Identity") -> bool:
        """Return whether both are one folder, which may have been renamed.

        File systems may get another device number at a mount: the same inode at the same path is the same folder then.
        """
        return self.inode == other.inode and (
            self.device == other.device or self.path == other.path
        )


def is_server_of(folder: Path, pid: int, started: str) -> bool:
    """Return whether the process is a server that works in this very folder, wherever the folder was when it started.

    Args:
        folder: The store's folder.
        pid: The process id.
        started: The start of that process, as `process.birth` tells it.
    """
    return is_alive(pid, started) and MAIN_CLASS in _command_line(pid) and _works_in(pid, folder)


def serves(folder: Path, pid: int, started: str) -> bool:
    """Return whether the process is a server that works in this folder and knows it by its path.

    A server whose folder was moved still works in it, but its new files would go to the old path: it is of no use.
    """
    if not is_server_of(folder, pid, started):
        return False
    homes = [
        word.removeprefix(HOME_OPTION)
        for word in _command_line(pid)
        if word.startswith(HOME_OPTION)
    ]
    with contextlib.suppress(OSError):
        return any(os.path.samefile(home, folder) for home in homes)
    return False


def end_servers(folder: Path, pid: int, started: str) -> int:
    """Kill every server that works in the folder; for a store that no supervisor holds.

    Args:
        folder: The store's folder.
        pid: The process that the state file names, which is signaled only if it works there.
        started: The start of that process.

    Returns:
        The id of a process that does not end, 0 where all are gone.
    """
    for other, birthday in {(pid, started), *_servers_in(folder)}:
        if is_server_of(folder, other, birthday) and not kill(other, birthday):
            return other
    return 0


def holds(pid: int, started: str, file: Path) -> bool:
    """Return whether the process has the file open. Only Linux tells; elsewhere it is False.

    Args:
        pid: The process id.
        started: The start of that process.
        file: An existing file.
    """
    if not is_alive(pid, started):
        return False
    with contextlib.suppress(OSError):
        wanted = file.stat()
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.path.samestat(descriptor.stat(), wanted):
                    return True
    return False


def _servers_in(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield id and start of every process that is a server and works in the folder, as far as the system tells."""
    for name in os.listdir("/proc") if sys.platform.startswith("linux") else ():
        if (
            name.isdigit()
            and _works_in(int(name), folder)
            and MAIN_CLASS in _command_line(int(name))
        ):
            yield int(name), birth(int(name))


def _works_in(pid: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        if sys.platform.startswith("linux"):
            return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), folder.stat())
        import psutil  # noqa: PLC0415  not for the supervisor, which has no site packages

        with contextlib.suppress(psutil.Error):
            return os.path.samefile(psutil.Process(pid).cwd(), folder)
    return False


def _command_line(pid: int) -> list[str]:
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
        return []
    import psutil  # noqa: PLC0415

    with contextlib.suppress(psutil.Error):
        return list(psutil.Process(pid).cmdline())
    return []
