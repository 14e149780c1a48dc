"""Helpers of the tests of local stores: recorded signals, copies, statements, small disks."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import neo4j
import psutil
import pytest

from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local.store import State, Store

QUICK = local.ServerSettings(heap="512m", page_cache="64m", linger_seconds=0.0)


def run(attachment: local.Attachment, text: str, *, password: str = "") -> list[dict[str, Any]]:
    auth = (attachment.user, password or attachment.password)
    with neo4j.GraphDatabase.driver(attachment.bolt_url, auth=auth) as driver:
        return [record.data() for record in driver.execute_query(text).records]


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.1)


def state_of(folder: Path) -> State:
    state = Store(folder).read_state()
    assert state is not None
    return state


def is_gone(state: State) -> bool:
    return not any(psutil.pid_exists(pid) for pid in (state.pid, state.supervisor) if pid)


def copy(source: Path, target: Path) -> Path:
    """Copy a folder as people do, with times and owners."""
    subprocess.run(["cp", "-a", source, target], check=True)
    return target


def pack(folder: Path, archive: Path) -> None:
    """Pack a folder with tar. A file may change meanwhile, which is status 1."""
    done = subprocess.run(
        ["tar", "-C", folder, "-cf", archive, "."], check=False, capture_output=True
    )
    assert done.returncode in {0, 1}, done.stderr


def unpack(archive: Path, folder: Path) -> None:
    """Unpack it over what is there; files are replaced by new ones."""
    subprocess.run(["tar", "-C", folder, "-xf", archive], check=True)


def restore(source: Path, archive: Path, target: Path) -> Path:
    """Pack a folder with tar, and unpack it somewhere else."""
    target.mkdir()
    pack(source, archive)
    unpack(archive, target)
    return target


@contextmanager
def stopped_at_the_end(*folders: Path) -> Iterator[None]:
    try:
        yield
    finally:
        for folder in folders:
            try:
                local.stop(folder, force=True)
            except DatabaseError:
                end_by_force(folder)


def end_by_force(folder: Path) -> None:
    """End what serves a folder, whatever state it is in."""
    state = Store(folder).read_state()
    for pid in (state.supervisor, state.pid) if state else ():
        if pid and psutil.pid_exists(pid):
            psutil.Process(pid).kill()


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Record every signal that this process sends, as process id and number."""
    sent: list[tuple[int, int]] = []
    send = os.kill

    def record(pid: int, number: int) -> None:
        if number:  # 0 only asks whether the process is there
            sent.append((pid, number))
        send(pid, number)

    monkeypatch.setattr(os, "kill", record)
    return sent


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a small file system in memory; where that is not allowed, the test fails."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(
            f"a full disk cannot be tested here, mount refuses a tmpfs: {done.stderr.strip()}"
        )
    try:
        yield folder
    finally:
        with suppress(OSError):  # it may have been made read-only
            (folder / "ballast").unlink(missing_ok=True)
        for _ in range(50):
            if subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.2)


def fill(folder: Path, *, leave: int = 0) -> None:
    """Write ballast until only so many bytes are free."""
    descriptor = os.open(folder / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        while shutil.disk_usage(folder).free > leave:
            os.write(descriptor, bytes(4096))
    except OSError:
        pass  # it is full
    finally:
        os.close(descriptor)


def look_at(folder):
    """Do everything that does not open the store."""
    assert not local.read_status(folder).running
    assert local.read_size(folder).pid == 0
    local.stop(folder)
    local.stop(folder, force=True)
