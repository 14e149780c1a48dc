"""The files of a store."""

import json
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.kg.local.lifecycle import attach
from mcp_context_persistence.kg.local.store import State, Store
from mcp_context_persistence.service.keys import KeyFile
from mcp_context_persistence.service.lease import ServiceLease


@pytest.mark.parametrize(
    "mark", ['{"format": 1, "neo4j": "2027.01.0"}', '{"format": 9, "neo4j": "2026.02.3"}']
)
def test_a_store_of_a_newer_version_is_refused(tmp_path, mark):
    (tmp_path / "store.json").write_text(mark)
    with pytest.raises(DatabaseError, match="upgrade"):
        Store(tmp_path).prepare()


def test_a_store_is_private(tmp_path):
    store = Store(tmp_path / "störe 1")
    store.prepare()
    store.write_mark()
    store.write_state(State(phase="stopped", nonce="n"))
    secret = store.password()
    assert store.password() == secret
    assert len(secret) >= 43
    for entry in store.folder.iterdir():
        assert stat.S_IMODE(entry.stat().st_mode) == (0o700 if entry.is_dir() else 0o600), (
            entry.name
        )
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_a_path_that_java_cannot_use_is_refused_and_nothing_is_made(tmp_path):
    folder = tmp_path / os.fsdecode(b"bad\xff")
    with pytest.raises(ValidationError, match="not UTF-8"):
        attach(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the umask")
@pytest.mark.parametrize("umask", [0o777, 0o377, 0o477, 0o100])
@pytest.mark.parametrize(
    "make",
    [
        attach,
        lambda folder: attach(None),
        lambda folder: ServiceLease(folder).take(),
        lambda folder: KeyFile(folder / "keys.json").revoke("one"),
    ],
    ids=["store", "throwaway", "service", "keys"],
)
def test_a_umask_that_takes_rights_from_the_owner_is_refused_and_nothing_is_made(
    tmp_path, monkeypatch, make, umask
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old = os.umask(umask)
    try:
        with pytest.raises(DatabaseError, match=f"umask .*{umask:04o}.* set another one"):
            make(tmp_path / "new" / "store")
    finally:
        os.umask(old)
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_state_is_none(tmp_path):
    store = Store(tmp_path)
    assert store.read_state() is None
    store.state_file.write_text("{")
    assert store.read_state() is None


def test_unknown_fields_of_a_state_are_ignored_and_wrong_types_refused(tmp_path):
    store = Store(tmp_path)
    store.state_file.write_text(
        json.dumps({"phase": "running", "nonce": "n", "pid": 1, "later": 1})
    )
    state = store.read_state()
    assert state is not None
    assert state.pid == 1
    store.state_file.write_text(json.dumps({"phase": "running", "nonce": "n", "pid": "one"}))
    assert store.read_state() is None


@pytest.mark.parametrize(
    "damage",
    [
        {"bolt_port": 70_000},
        {"http_port": -1},
        {"phase": ["running"]},
        {"nonce": {"a": 1}},
        {"versions": 5},
        {"versions": {"neo4j": 5}},
    ],
)
def test_a_state_with_impossible_values_is_none(tmp_path, damage):
    store = Store(tmp_path)
    store.write_state(State(phase="stopped", nonce="n", versions={"neo4j": "2026.02.3"}))
    assert store.read_state() is not None
    row = json.loads(store.state_file.read_text()) | damage
    store.state_file.write_text(json.dumps(row))
    assert store.read_state() is None


@pytest.mark.parametrize("name", ["password", "password.new"])
def test_a_damaged_password_counts_as_lost(with_data, name):
    file = with_data.folder / name
    file.write_bytes(b"p\xc3\xa4ss\xff")
    assert with_data.ordered_secrets() == []
    if name == "password":
        with pytest.raises(DatabaseError, match=r"`password`.*backup") as caught:
            with_data.password()
        assert not caught.value.retryable


def test_drafts_of_a_killed_process_are_accepted_and_other_files_refused(tmp_path):
    store = Store(tmp_path)
    for name in (".password.4711", ".password.4711-140", ".store.json.1-2", ".server.json.12"):
        (tmp_path / name).write_text("half")
    store.prepare()
    (tmp_path / ".password.txt").write_text("dear")
    with pytest.raises(ValidationError, match="other files"):
        store.prepare()


def make_store(folder, *, has_data=True):
    """Make the files of a store as its server leaves them."""
    store = Store(folder)
    store.prepare()
    store.adopt()
    store.password()
    for file in (store.server_lock, store.join_lock):
        file.touch()
    (folder / "run").mkdir()
    if has_data:
        (store.data / "databases").mkdir()
    store.write_mark()
    return store


def test_a_store_that_has_lost_its_mark_is_still_that_store(tmp_path):
    store = make_store(tmp_path)
    store.mark.unlink()
    store.prepare()
    store.mark.write_text("{")
    with pytest.raises(DatabaseError, match="delete it"):
        store.prepare()


def test_another_process_may_write_the_mark_meanwhile(tmp_path, monkeypatch):
    store = make_store(tmp_path)
    monkeypatch.setattr(store, "exists", lambda: False)  # before it was written
    store.prepare()


def test_a_store_without_its_mark_but_with_other_files_says_what_to_move(tmp_path):
    store = make_store(tmp_path)
    store.mark.unlink()
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DatabaseError, match=r"lost its file `store\.json`.*move"):
        store.prepare()
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_the_data_of_another_neo4j_is_not_taken_for_a_store(tmp_path):
    for name in ("conf", "logs", "run", "data/databases"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ValidationError, match="not a local store"):
        Store(tmp_path).prepare()
    assert not Store(tmp_path).leases.exists()


def test_a_store_that_has_lost_its_data_is_not_opened_as_an_empty_one(tmp_path):
    store = make_store(tmp_path)
    (store.data / "databases").rmdir()
    with pytest.raises(DatabaseError, match=r"lost its data.*backup") as caught:
        store.prepare()
    assert not caught.value.retryable
    (store.data / "databases").mkdir()
    store.prepare()


def test_a_store_whose_first_server_was_killed_early_is_opened_again(tmp_path):
    make_store(tmp_path, has_data=False).prepare()


def test_removed_folders_are_made_again(tmp_path):
    store = make_store(tmp_path)
    for folder in (store.conf, store.logs, store.leases, store.temporary):
        folder.rmdir()
    store.make_folders()
    for folder in (store.conf, store.logs, store.leases, store.temporary):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.fixture
def with_data(tmp_path):
    """Return a store with data, whose files were written a minute ago."""
    store = Store(tmp_path / "store")
    store.prepare()
    store.adopt()
    store.password()
    (store.data / "databases").mkdir()
    (store.data / "databases" / "values").write_text("1")
    return store


def age(store, seconds):
    """Make the data of a store older than its state."""
    changed = store.state_file.stat().st_mtime - seconds
    for entry in (store.data, *store.data.rglob("*")):
        os.utime(entry, (changed, changed))


def adopted_copy(store, target):
    duplicate = Store(Path(shutil.copytree(store.folder, target)))
    duplicate.prepare()
    duplicate.adopt()
    return duplicate


@pytest.mark.parametrize(
    ("phase", "seconds", "is_checked"),
    [
        ("stopped", 60, False),
        ("stopped", -60, True),  # a server was started while the folder was copied
        ("running", 60, True),
        ("stopping", 60, True),
        ("starting", 60, True),
        ("failed", 60, True),
    ],
)
def test_a_copy_is_checked_unless_the_server_had_stopped(
    with_data, tmp_path, phase, seconds, is_checked
):
    with_data.write_state(State(phase=phase, nonce="1"))
    age(with_data, seconds)
    assert adopted_copy(with_data, tmp_path / "copy").unchecked.exists() is is_checked
    with_data.adopt()
    assert not with_data.unchecked.exists()


def test_a_copy_without_a_state_is_checked(with_data, tmp_path):
    assert adopted_copy(with_data, tmp_path / "copy").unchecked.exists()


def test_a_moved_store_is_not_checked(with_data, tmp_path):
    with_data.write_state(State(phase="running", nonce="1"))
    moved = Store(with_data.folder.rename(tmp_path / "moved"))
    moved.adopt()
    assert not moved.unchecked.exists()


def test_a_copy_does_not_share_the_data_of_the_original(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    store.write_mark()
    store.password()
    store.adopt()
    store.data.rename(tmp_path / "large disk")
    store.data.symlink_to(tmp_path / "large disk")
    (store.data / "databases").mkdir()
    store.adopt()
    store.folder.rename(tmp_path / "moved")
    store = Store(tmp_path / "moved")
    store.adopt()
    shutil.copytree(store.folder, tmp_path / "copy", symlinks=True)
    with pytest.raises(DatabaseError, match="shares its folder `data`"):
        Store(tmp_path / "copy").adopt()
    assert not Store(tmp_path / "copy").ordered_secrets()
    store.adopt()
