"""The lines of standard input, as bytes: the SDK would replace what is not in UTF-8."""

import fcntl
import os
import sys
from collections.abc import AsyncIterator
from typing import BinaryIO

import anyio

from mcp_context_persistence.mcp_server.broken_messages import RefusedText, read_text


def take_input() -> BinaryIO:
    """Return standard input, and leave nothing to read in its place.

    Tools and the processes that they start could otherwise take messages away.
    """
    try:
        descriptor = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
        nothing = os.open(os.devnull, os.O_RDONLY)
    except OSError:  # the system allows no more open files
        return sys.stdin.buffer
    os.dup2(nothing, 0)
    os.close(nothing)
    # A thread may still read when the server has ended, so it is never closed.
    return os.fdopen(descriptor, "rb", closefd=False)


async def read_lines(file: BinaryIO) -> AsyncIterator[str | RefusedText]:
    """Yield the messages, one on each line."""
    async for line in anyio.wrap_file(file):
        yield read_text(line)
