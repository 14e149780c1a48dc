"""Locks and events in forked children: none that a thread of the parent holds stays held."""

import ast
import importlib
import os
import re
import sys
import threading
from pathlib import Path

import pytest

import mcp_context_persistence
from mcp_context_persistence.kg.driver.daemon_threads import DaemonThreads
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.runtime.cache.stores import MemoryStore
from mcp_context_persistence.runtime.progress_lines import ProgressLines
from mcp_context_persistence.runtime.telemetry.metrics import Metrics
from tests.unit.children import held, in_child

PACKAGE = Path(mcp_context_persistence.__file__).parent
MODULE_LOCK = re.compile(r"^(\w+) = threading\.Lock\(\)", re.MULTILINE)
PRIMITIVES = {"Lock", "RLock", "Event", "Condition", "Semaphore", "BoundedSemaphore", "Barrier"}
# They belong to a call that is running, which a child does not go on with; the state of the process
# is replaced as a whole; the lock of `leases` is taken for the time of the fork.
NOT_RENEWED = {
    *("Attempt", "_Task", "FailureStreak", "BatchPipeline"),
    *("_ProcessState", "leases", "fork_safety"),
}


def modules():
    """Yield the name and the file of each module; links to the other folders are followed."""
    for folder in (PACKAGE, *filter(Path.is_dir, sorted(PACKAGE.iterdir()))):
        for file in sorted(folder.glob("*.py") if folder == PACKAGE else folder.rglob("*.py")):
            yield ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts), file


def module_locks():
    """Yield the module and the name of each lock."""
    for module, file in modules():
        for name in MODULE_LOCK.findall(file.read_text(encoding="utf-8")):
            yield module, name


def makes_primitive(node):
    """Return whether code makes a lock or an event that stays: as an attribute or a global."""
    return isinstance(node, ast.Assign | ast.AnnAssign) and any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr in PRIMITIVES) == ("threading", True)
        for call in ast.walk(node.value or node)
    )


def owners():
    """Yield each class and each module that has a lock or an event, with its code."""
    for _, file in modules():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if any(map(makes_primitive, tree.body)):
            yield file.stem, ast.Module([node for node in tree.body if not is_definition(node)], [])
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and any(map(makes_attribute, ast.walk(node))):
                yield node.name, node


def is_definition(node):
    return isinstance(node, ast.ClassDef | ast.FunctionDef)


def makes_attribute(node):
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return makes_primitive(node) and any(
        isinstance(target, ast.Attribute)
        for name in targets
        if name is not None
        for target in ast.walk(name)
    )


def test_every_lock_and_event_that_outlives_a_call_is_renewed_in_a_child():
    found = dict(owners())
    assert len(found) > 20
    missing = {
        name for name, code in found.items() if "renew_locks_in_children" not in ast.dump(code)
    }
    assert missing == NOT_RENEWED


class Owner:
    """Has all that is renewed."""

    def __init__(self):
        self.lock, self.reentrant = threading.Lock(), threading.RLock()
        self.is_set, self.is_unset = threading.Event(), threading.Event()
        self.is_set.set()
        renew_locks_in_children(self)


def test_a_child_has_new_locks_and_events():
    owner = Owner()
    inner_locks = [vars(event)["_cond"] for event in (owner.is_set, owner.is_unset)]
    with held(owner.lock, owner.reentrant, *inner_locks):
        assert in_child(
            lambda: (
                owner.lock.acquire(timeout=1)
                and owner.reentrant.acquire(timeout=1)
                and owner.is_set.wait(1)
                and not owner.is_unset.wait(0.1)
            )
        )


def test_a_child_leaves_the_lock_that_its_thread_has_entered():
    owner, child = Owner(), -1
    try:
        with owner.lock:
            child = os.fork()
        is_free = owner.lock.acquire(timeout=1)
    finally:
        if child == 0:
            os._exit(0 if sys.exc_info()[0] is None and is_free else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("make", "use"),
    [
        (lambda: MemoryStore(entries=1, seconds=9), lambda store: store.put(b"k", b"v") == 0),
        (Metrics, lambda metrics: metrics.summarize().total_requests == 0),
        (lambda: ProgressLines(str), lambda lines: lines("start", 1, 2) is None),
        (lambda: DaemonThreads(name="t"), lambda threads: threads.call(int, seconds=5) == 0),
    ],
    ids=["MemoryStore", "Metrics", "ProgressLines", "DaemonThreads"],
)
def test_a_child_uses_an_object_whose_lock_a_thread_of_the_parent_holds(make, use):
    shared = make()
    with held(shared._lock):
        assert in_child(lambda: use(shared), seconds=5)


@pytest.mark.parametrize(("module", "name"), list(module_locks()))
def test_a_lock_of_a_module_is_free_in_a_child(module, name):
    holder = importlib.import_module(module)
    with getattr(holder, name):
        assert in_child(lambda: getattr(holder, name).acquire(timeout=1))
