"""Attaching to a store without a server: what is refused, and what is cleaned up."""

import errno
import io
import json
import os
import subprocess
import sys
import tempfile
import time

import pytest

from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.kg.local import (
    joining,
    lifecycle,
    server_specification,
    status,
    supervisor,
    throwaway,
)
from mcp_context_persistence.kg.local.store import Store


def test_a_file_is_refused_as_a_store_and_stays_untouched(tmp_path):
    file = tmp_path / "memory.db"
    file.write_bytes(b"SQLite format 3\0rest")
    with pytest.raises(ValidationError, match="untouched"):
        lifecycle.attach(file)
    with pytest.raises(ValidationError, match="untouched"):
        status.read_status(file)
    assert file.read_bytes() == b"SQLite format 3\0rest"
    assert [entry.name for entry in tmp_path.iterdir()] == ["memory.db"]


@pytest.mark.parametrize(
    ("look", "unreadable"),
    [
        (lifecycle.stop, "server.lock"),
        (status.read_status, "leases/1-a.lease"),
    ],
)
def test_the_error_names_what_cannot_be_read(tmp_path, look, unreadable):
    """Such as a file of another user. Here a folder is in its place, because root reads all."""
    store = Store(tmp_path / "store")
    store.prepare()
    (store.folder / unreadable).mkdir()
    with pytest.raises(DatabaseError, match=rf"cannot use {store.folder / unreadable} "):
        look(store.folder)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ValidationError, match="other files"):
        lifecycle.attach(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("ahead", [0, 3 * 86_400], ids=["right clock", "clock ahead"])
def test_only_old_throwaway_stores_without_clients_are_deleted(tmp_path, monkeypatch, ahead):
    """Another process may just have made the young store; its lease is not there yet."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    old, young, foreign = (
        tmp_path / f"{throwaway.PREFIX}{name}" for name in ("old", "young", "foreign")
    )
    for folder in (old, young):
        Store(folder).prepare()
    foreign.mkdir()
    for folder in (old, foreign):
        os.utime(folder, (1, 1))
    throwaway.remove_stray_stores()
    assert set(tmp_path.iterdir()) == {young, foreign}


def test_a_full_temporary_folder_is_named(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("mkdtemp", "TemporaryFile"):
        monkeypatch.setattr(tempfile, name, refuse)
    with pytest.raises(DatabaseError, match="free some space") as caught:
        lifecycle.attach(None)
    assert caught.value.retryable
    assert str(tmp_path) in str(caught.value)


def test_a_supervisor_that_hangs_at_its_start_is_a_database_error(tmp_path, monkeypatch):
    store = Store(tmp_path / "s")
    store.prepare()

    def hang(command, **_):
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(server_specification, "renew_nonce", lambda _: {"nonce": "n"})
    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(DatabaseError, match="supervisor"):
        joining._spawn(store, {})


def test_a_supervisor_that_the_system_refuses_says_so(tmp_path, monkeypatch):
    store = Store(tmp_path / "s")
    store.prepare()

    def refuse():
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    def run(command, **_):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fork", refuse)
            patch.setattr(sys, "stdin", io.StringIO("{}\n"))
            with pytest.raises(SystemExit) as ended:
                supervisor.main(0)
        return subprocess.CompletedProcess(command, ended.value.code)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(DatabaseError, match="ulimit -u") as caught:
        joining._spawn(store, {})
    assert caught.value.retryable


@pytest.mark.parametrize("encoding", ["utf-8", "iso8859-1", "ascii"])
def test_the_supervisor_finds_the_folder_in_any_locale_of_the_client(
    tmp_path, monkeypatch, encoding
):
    store = Store(tmp_path / "s")
    store.prepare()
    path = "/störe ł".encode()  # what the file system has
    inputs = []

    def run(command, *, input, **_):
        inputs.append(input)
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode(encoding, "surrogateescape"))
    specification = {"store": path.decode(encoding, "surrogateescape")}
    with pytest.raises(DatabaseError):
        joining._spawn(store, specification)
    received = inputs[0].decode("utf-8", "surrogateescape")
    assert json.loads(received)["store"] == path.decode()
