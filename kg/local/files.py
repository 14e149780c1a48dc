"""Read and replace small files, which may be something else by now. Standard library only."""

import contextlib
import errno
import os
import stat
import threading
from io import BufferedReader
from pathlib import Path

from mcp_context_persistence.kg.local.ownership import give_file_to_owner

READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
FILE_BYTES = 1 << 20  # far more than any file of a store that is read as a whole


def open_file(file: Path) -> BufferedReader:
    """Open a regular file to read it.

    Reading a pipe would wait for ever, and some devices have no end.

    Raises:
        OSError: It cannot be opened, or is something else.
    """
    descriptor = os.open(file, READ_FLAGS)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file", str(file))


def read_file(file: Path, *, encoding: str = "utf-8") -> str:
    """Return the text of a regular file, at most `FILE_BYTES` of it.

    Raises:
        OSError: It cannot be read, or is something else.
        UnicodeDecodeError: It is no text.
    """
    with open_file(file) as content:
        return content.read(FILE_BYTES).decode(encoding)


def replace_file(file: Path, text: str) -> None:
    """Replace a file that only its owner may read; a reader sees the old or the new text."""
    draft = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as content:
            os.fchmod(descriptor, 0o600)
            give_file_to_owner(descriptor, draft)
            content.write(text)
            content.flush()
            os.fsync(descriptor)
        draft.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
