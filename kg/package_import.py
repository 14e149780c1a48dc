"""Import packages as a whole, also where Ctrl-C interrupts the caller. Standard library only.

Some packages of compiled code, such as torch, pandas and ONNX Runtime, can be imported once in a
process: after half an import they are unusable until it ends. Some raise an `ImportError` instead
of the interrupt. Python interrupts its main thread alone, so another thread imports them.

A fork waits while another thread imports a module of this library, or a package by
`import_package`. Otherwise, the child would inherit a lock that no thread releases, and its own
import of that module would never end.
"""

import concurrent.futures.thread  # noqa: F401 - see at the registration below
import importlib
import importlib.util
import logging  # noqa: F401 - see at the registration below
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from mcp_context_persistence.kg import thread_start
from mcp_context_persistence.kg.system_errors import OWN_PACKAGE

FORK_SECONDS = 60.0  # the longest wait of a fork, for models and imports together
# Called before the wait for imports, because what they wait for may import packages, too. Each gets
# the seconds that are left.
waits_before_fork: list[Callable[[float], None]] = []

# Python's locks of modules, which have no public name: weak references by names of modules. Where
# Python lacks them, a fork does not wait for imports.
_module_locks: dict[str, Any] = getattr(sys.modules["importlib._bootstrap"], "_module_locks", {})
_packages_in_progress: list[str] = []


def import_package(name: str) -> None:
    """Import a package as a whole; where the caller is interrupted, a thread completes it.

    Args:
        name: The package, which the caller then imports as usual.

    Raises:
        FileNotFoundError: The working directory of the process was deleted.
        Exception: What the package raised, `ImportError` where it is missing.
    """
    if not _is_imported(name):
        _check_folder()
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or _is_imported(name):
        _import_module(name)
        return
    ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    thread = threading.Thread(
        target=_import, args=(name, ends), name="context-persistence-import", daemon=False
    )
    try:
        thread_start.start(thread)
    except RuntimeError:  # no more threads, or the process ends
        _import_module(name)
        return
    error = ends.get()
    if error is not None:
        raise error


def _check_folder() -> None:
    """Refuse a deleted working directory: torch, which spaCy imports too, ends the process there.

    The library that it loads (oneMKL) calls `exit`.
    """
    if "torch" in sys.modules or importlib.util.find_spec("torch") is None:
        return
    try:
        os.getcwd()
    except FileNotFoundError as error:
        text = "the working directory of this process was deleted: change to another one"
        raise FileNotFoundError(error.errno, text) from error


def _is_imported(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return spec is not None and not getattr(spec, "_initializing", False)


def _import(name: str, ends: "queue.SimpleQueue[BaseException | None]") -> None:
    error: BaseException | None = None
    try:
        _import_module(name)
    except BaseException as failure:
        error = failure
    finally:
        ends.put(error)


def _import_module(name: str) -> None:
    _packages_in_progress.append(name)
    try:
        importlib.import_module(name)
    finally:
        _packages_in_progress.remove(name)


def _wait_before_fork() -> None:
    """Wait while other threads import a module of this library, or a package for it."""
    end = time.monotonic() + FORK_SECONDS
    for wait in waits_before_fork:
        wait(max(end - time.monotonic(), 0.0))
    while _do_others_import() and time.monotonic() < end:
        time.sleep(0.01)


def _do_others_import() -> bool:
    """Return whether another thread holds the lock of such a module; each lock names its owner."""
    for name, reference in _module_locks.copy().items():
        owner = getattr(reference(), "owner", None)
        if owner in (None, threading.get_ident()):
            continue
        if name in _packages_in_progress or name.partition(".")[0] == OWN_PACKAGE:
            return True
    return False


# What is registered last runs first. `logging` and `concurrent.futures.thread` take locks before a
# fork, which an import on another thread may need. They are imported above, so this wait is first.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait_before_fork)
