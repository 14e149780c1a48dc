"""Free bytes and free files of a store's disk."""

import errno
import os
from types import SimpleNamespace

import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.limits import FREE_BYTES, FREE_FILES
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.space import check_space, translate_os_error

PLENTY = 1 << 40


def disk(free_bytes=PLENTY, files=PLENTY, free_files=PLENTY):
    return SimpleNamespace(f_frsize=1, f_bavail=free_bytes, f_files=files, f_favail=free_files)


@pytest.mark.parametrize(
    "statistics",
    [disk(), disk(free_bytes=FREE_BYTES), disk(free_files=FREE_FILES), disk(files=0, free_files=0)],
)
def test_a_disk_with_enough_space_is_accepted(monkeypatch, tmp_path, statistics):
    monkeypatch.setattr(os, "statvfs", lambda _folder: statistics)
    check_space(tmp_path)


@pytest.mark.parametrize(
    ("statistics", "text"),
    [
        (disk(free_bytes=17), f"17 bytes are free, {FREE_BYTES:,} are needed"),
        (disk(free_files=3), f"3 more files are possible, {FREE_FILES:,} are needed"),
    ],
)
def test_a_full_disk_is_refused_with_what_is_missing(monkeypatch, tmp_path, statistics, text):
    monkeypatch.setattr(os, "statvfs", lambda _folder: statistics)
    with pytest.raises(DatabaseError, match=text) as caught:
        check_space(tmp_path)
    assert caught.value.retryable
    assert str(tmp_path) in str(caught.value)


def test_a_system_that_tells_nothing_is_trusted(monkeypatch, tmp_path):
    def fail(_folder):
        raise OSError

    monkeypatch.setattr(os, "statvfs", fail)
    check_space(tmp_path)


def test_too_many_open_files_pass_by_themselves(tmp_path):
    error = translate_os_error(OSError(errno.EMFILE, "Too many open files"), tmp_path)
    assert error.retryable
    assert "too many open files" in str(error)


def test_the_error_names_the_file_that_cannot_be_replaced(tmp_path):
    (tmp_path / "password").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        replace_file(tmp_path / "password", "secret")
    text = str(translate_os_error(caught.value, tmp_path))
    assert f"cannot use {tmp_path / 'password'} (Is a directory)" in text
