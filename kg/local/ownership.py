"""Who may use the files that this process makes. Standard library only."""

import contextlib
import os
import re
import stat
from pathlib import Path

from mcp_context_persistence.kg.errors import DatabaseError

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def give_to_owner(folder: Path) -> None:
    """Give the files of root in a folder to the folder's owner, who could not open them.

    Nothing is changed outside of the folder: links are not followed, and a file with another name,
    which may be elsewhere, is left as it is.

    Args:
        folder: The store's folder. Nothing happens where root owns it, or this is not root.
    """
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for _, folders, files, parent in os.fwalk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                descriptor = os.open(name, FLAGS, dir_fd=parent)
                try:
                    entry = os.fstat(descriptor)
                    is_only_here = stat.S_ISDIR(entry.st_mode) or (
                        stat.S_ISREG(entry.st_mode) and entry.st_nlink == 1
                    )
                    if entry.st_uid == 0 and is_only_here:
                        os.fchown(descriptor, owner.st_uid, owner.st_gid)
                finally:
                    os.close(descriptor)


def give_file_to_owner(descriptor: int, file: Path) -> None:
    """Give a file that root has just made to the owner of its folder, whose processes may need it.

    Args:
        descriptor: The open file.
        file: Its path. Nothing happens where that is a link, or where the file has another name: it
            may be elsewhere.
    """
    if os.geteuid() != 0:
        return
    entry, owner = os.fstat(descriptor), file.parent.stat()
    is_only_here = stat.S_ISREG(entry.st_mode) and entry.st_nlink == 1
    if owner.st_uid != 0 and entry.st_uid == 0 and is_only_here:
        with contextlib.suppress(OSError):  # it is gone, or the file system has no owners
            if os.path.samestat(file.lstat(), entry):
                os.fchown(descriptor, owner.st_uid, owner.st_gid)


def check_umask() -> None:
    """Refuse to make files whose owner could not use them.

    Raises:
        DatabaseError: The umask takes rights from the owner of new files. Only Linux tells that.
    """
    status = ""
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    line = re.search(r"^Umask:\s*([0-7]+)$", status, re.MULTILINE)
    if line and int(line[1], 8) & stat.S_IRWXU:
        raise DatabaseError(
            f"The umask of this process ({line[1]}) takes rights from the owner of new files, who "
            "could not use them: set another one, such as 0077, then call again."
        )
