"""Small files that are something else: pipes, devices, folders, links without an end."""

import os

import pytest

from mcp_context_persistence.kg.local import diagnosis, orders
from mcp_context_persistence.kg.local.cds_archive import StartCache
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.identity import Identity
from mcp_context_persistence.kg.local.jars import matches_checksum
from mcp_context_persistence.kg.local.store import Store
from tests.unit.children import in_child

KINDS = {
    "pipe": os.mkfifo,
    "device": lambda file: file.symlink_to("/dev/zero"),
    "folder": lambda file: file.mkdir(),
    "link": lambda file: file.symlink_to(file.name),
}
READERS = {
    "state": lambda store: store.read_state() is None,
    "mark": lambda store: names(store.check_data, store.mark),
    "identity": lambda store: Identity.read(store.identity) is None,
    "password": lambda store: names(store.read_secret, store.secret),
    "next password": lambda store: names(store.ordered_secrets, store.next_secret),
    "order": lambda store: not orders.holds_nonce(store.stop_order_file, "nonce"),
    "log": lambda store: diagnosis.read_tail(store.logs / diagnosis.DEBUG) == "",
    "jar": lambda store: not matches_checksum(store.folder / "a.jar", "0" * 64, 0),
    "start-up cache": lambda store: StartCache.of(paths(store)).flags() == [],
}
FILES = {
    "state": "server.json",
    "mark": "store.json",
    "identity": "identity",
    "password": "password",
    "next password": "password.new",
    "order": "stop",
    "log": "logs/debug.log",
    "jar": "a.jar",
    "start-up cache": "a.archive",
}


def names(read, file):
    """Whether the error of the system names the file."""
    with pytest.raises(OSError, match=f"'{file}'"):
        read()
    return True


def paths(store):
    return {kind: str(store.folder / f"a.{kind}") for kind in ("archive", "lock", "failed")}


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("name", FILES)
def test_nobody_waits_for_a_file_that_is_something_else(tmp_path, name, kind):
    store = Store(tmp_path)
    store.make_folders()
    KINDS[kind](tmp_path / FILES[name])
    assert in_child(lambda: READERS[name](store), seconds=10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_password_that_is_no_file_is_named(tmp_path, kind):
    store = Store(tmp_path)
    KINDS[kind](store.secret)
    assert in_child(lambda: names(store.password, store.secret), seconds=10)


def test_a_file_that_cannot_be_replaced_leaves_no_draft(tmp_path):
    file = tmp_path / "keep"
    file.mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(file, "text")
    assert list(tmp_path.iterdir()) == [file]
