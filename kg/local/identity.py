"""Which folder a store is, and whether a process serves this very folder.

A folder that was copied or restored contains the files of another one: the state file names a
process that serves the original, and the password is the original's. So nothing that a file says
counts until it is proven: a folder is identified by its inode, and a process is signaled only if it
works in this folder.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mcp_context_persistence.kg.local.files import read_file
from mcp_context_persistence.kg.local.process import is_alive, kill_process, read_start_time
from mcp_context_persistence.kg.local.settings import MAIN_CLASS

HOME_OPTION = "--home-dir="


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which folder of the file system a folder is.

    Attributes:
        path: Its real path.
        device: Device number of its file system.
        inode: Its number in that file system.
        file_system: Id of that file system, 0 where it is not known.
    """

    path: str
    device: int
    inode: int
    file_system: int = 0

    @classmethod
    def of(cls, folder: Path) -> "Identity":
        """Return the identity of a folder.

        Raises:
            OSError: There is no such folder.
        """
        entry = folder.stat()
        return cls(
            path=str(folder.resolve()),
            device=entry.st_dev,
            inode=entry.st_ino,
            file_system=os.statvfs(folder).f_fsid,
        )

    @classmethod
    def read(cls, file: Path) -> "Identity | None":
        """Read what `to_json` returned from a file, None where it cannot be read."""
        try:
            row = json.loads(read_file(file))
            return cls(
                path=str(row["path"]),
                device=int(row["device"]),
                inode=int(row["inode"]),
                file_system=int(row.get("file_system", 0)),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def to_json(self) -> str:
        """Return the identity as JSON, for a file."""
        return json.dumps(asdict(self))

    def is_same(self, identity: "Identity") -> bool:
        """Return whether both are one folder, which may have been renamed.

        A file system may get another device number at a mount: then the same inode at the same path
        is the same folder. The id of the file system tells apart another one that is mounted there,
        in which a copy may have got the same inode.
        """
        file_systems = {self.file_system, identity.file_system}
        return (
            self.inode == identity.inode
            and (self.device == identity.device or self.path == identity.path)
            and (len(file_systems) == 1 or 0 in file_systems)
        )


def is_server_of(folder: Path, pid: int, started: str) -> bool:
    """Return whether the process is a server that works in this folder, even after a move.

    Args:
        folder: The store's folder.
        pid: The process id.
        started: The start of that process, as `process.read_start_time` returns it.
    """
    return (
        is_alive(pid, started)
        and MAIN_CLASS in _read_command_line(pid)
        and _is_working_in(pid, folder)
    )


def is_serving(folder: Path, pid: int, started: str) -> bool:
    """Return whether the process is a server that works in this folder and knows it by its path.

    A server whose folder was moved still works in it, but would write new files to the old path. It
    is of no use.
    """
    if not is_server_of(folder, pid, started):
        return False
    home_folders = [
        word.removeprefix(HOME_OPTION)
        for word in _read_command_line(pid)
        if word.startswith(HOME_OPTION)
    ]
    with contextlib.suppress(OSError):
        return any(os.path.samefile(home, folder) for home in home_folders)
    return False


def end_servers(folder: Path, pid: int, started: str) -> int:
    """Kill every server that works in the folder of a store without a supervisor.

    Args:
        folder: The store's folder.
        pid: The process that the state file names, which is signaled only if it works there.
        started: The start of that process.

    Returns:
        The id of a process that does not end, 0 where all have ended.
    """
    for server_pid, server_started in {(pid, started), *_find_servers(folder)}:
        if is_server_of(folder, server_pid, server_started) and not kill_process(
            server_pid, server_started
        ):
            return server_pid
    return 0


def has_file_open(pid: int, started: str, file: Path) -> bool:
    """Return whether the process has the file open. Outside Linux the answer is always False.

    Args:
        pid: The process id.
        started: The start of that process.
        file: An existing file.
    """
    if not is_alive(pid, started):
        return False
    with contextlib.suppress(OSError):
        entry = file.stat()
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.path.samestat(descriptor.stat(), entry):
                    return True
    return False


def _find_servers(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield id and start of every server that works in the folder. Linux only."""
    for name in os.listdir("/proc") if sys.platform.startswith("linux") else ():
        if (
            name.isdigit()
            and _is_working_in(int(name), folder)
            and MAIN_CLASS in _read_command_line(int(name))
        ):
            yield int(name), read_start_time(int(name))


def _is_working_in(pid: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        if sys.platform.startswith("linux"):
            return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), folder.stat())
        import psutil  # noqa: PLC0415 - the supervisor has no site packages

        with contextlib.suppress(psutil.Error):
            return os.path.samefile(psutil.Process(pid).cwd(), folder)
    return False


def _read_command_line(pid: int) -> list[str]:
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
        return []
    import psutil  # noqa: PLC0415 - as above

    with contextlib.suppress(psutil.Error):
        return list(psutil.Process(pid).cmdline())
    return []
