"""Processes by identity, and a child that dies with its parent. Standard library only."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mcp_context_persistence.kg.deadline import Deadline

PR_SET_PDEATHSIG = 1
KILL_PAUSE_SECONDS = 0.02


def read_start_time(pid: int) -> str:
    """Return when a process began.

    Returns:
        An opaque text that no later process with the same id has, empty where there is no process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _ask_ps(pid)
    fields = stat.rpartition(")")[2].split()
    if fields[0] in {"Z", "X"}:  # dead, and only not yet collected
        return ""
    return fields[19]  # clock ticks since boot, which no change of the clock moves


def _ask_ps(pid: int) -> str:
    if sys.platform.startswith("linux"):
        return ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return answer.stdout.strip()


def is_alive(pid: int, started: str) -> bool:
    """Return whether the process lives, and is the one that began then."""
    return pid > 0 and started != "" and read_start_time(pid) == started


def is_frozen(pid: int) -> bool:
    """Return whether a signal has stopped the process, so that it waits for SIGCONT."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in {"T", "t"}


def belongs_to_other_user(pid: int) -> bool:
    """Return whether a process belongs to a user whose processes this one cannot examine."""
    try:
        return os.geteuid() not in {0, os.stat(f"/proc/{pid}").st_uid}
    except OSError:
        return False


def kill_process(pid: int, started: str, *, seconds: float = 10.0) -> bool:
    """Kill the process if it is the one that began then, and wait for its end.

    Returns:
        Whether it has ended.
    """
    deadline = Deadline.after(seconds)
    while is_alive(pid, started):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if deadline.has_passed:
            return False
        time.sleep(KILL_PAUSE_SECONDS)
    return True


def die_with_parent(*, nice: int = 0) -> Callable[[], None]:
    """Return a function for a child, to be called before it becomes another program.

    The kernel then kills the child when the parent's thread ends. Only Linux can do that.
    Elsewhere, a server whose supervisor was killed is ended at the next attach to its store.

    Args:
        nice: How much the child's priority is lowered.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform.startswith("linux") else None

    def prepare_child() -> None:
        if nice:
            os.nice(nice)
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # the parent ended before the kernel was told
                os._exit(1)

    return prepare_child
