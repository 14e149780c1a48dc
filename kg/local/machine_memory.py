"""How much memory the machine and the control groups of this process allow.

Standard library only.
"""

import contextlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
LIMIT_FILES = {"memory": "memory.limit_in_bytes", "": "memory.max"}  # of version 1, of version 2


@cache  # a memory limit asks for the size of the server again and again
def read_memory_limit(groups: Path = GROUPS, mount: Path = MOUNT) -> int | None:
    """Return the bytes that all processes here may have together, None where that is not known.

    A container's limit is that of its control group, or of one above it.

    Args:
        groups: Lists the control groups of this process.
        mount: Where control groups are mounted.
    """
    sizes = [*_read_limits(groups, mount)]
    with contextlib.suppress(AttributeError, OSError, ValueError):  # not on every system
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min((size for size in sizes if size > 0), default=None)


def _read_limits(groups: Path, mount: Path) -> Iterator[int]:
    """Yield the limits of the process's control groups; a group without one has none or `max`."""
    try:
        lines = groups.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, entry = line.partition(":")
        controllers, _, name = entry.partition(":")
        controller = "memory" if "memory" in controllers.split(",") else controllers
        if controller not in LIMIT_FILES:
            continue
        path = PurePosixPath(name.lstrip("/"))
        # In a container, its own group may be mounted as the first one, whatever its name is.
        for group in (path, *path.parents):
            with contextlib.suppress(OSError, ValueError):
                yield int((mount / controller / group / LIMIT_FILES[controller]).read_text())
