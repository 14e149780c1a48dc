"""The start-up cache: made once, by one process, in limited time."""

import gzip
import os
import time

from mcp_context_persistence.kg.local.cds_archive import CLASS_LIST, StartCache


def cache_in(folder):
    return StartCache(
        archive=folder / "a.archive", lock=folder / "a.lock", failed=folder / "a.failed"
    )


def dump_program(folder, script):
    program = folder / "java"
    program.write_text(
        '#!/bin/sh\nfor word; do case "$word" in '
        '-XX:SharedArchiveFile=*) draft="${word#*=}";; esac; done\n'
        f"{script}\n"
    )
    program.chmod(0o755)
    return str(program)


def test_the_start_cache_is_made_once_and_then_used(tmp_path):
    cache = cache_in(tmp_path)
    assert cache.flags() == []
    cache.begin_making(dump_program(tmp_path, 'echo archive > "$draft"'), [], "x", supervised=False)
    cache_in(tmp_path).begin_making(
        "/nowhere", [], "x", supervised=False
    )  # another process: the lock is descriptor
    cache.finish(seconds=20)
    assert cache.flags()[-1].endswith("a.archive")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.archive", "a.lock", "java"]


def test_a_start_cache_that_cannot_be_made_is_not_tried_again(tmp_path):
    cache = cache_in(tmp_path)
    cache.begin_making(dump_program(tmp_path, "exit 1"), [], "x", supervised=False)
    cache.finish(seconds=20)
    assert cache.failed.exists()
    assert cache.flags() == []


def test_making_the_start_cache_ends_in_time_and_leaves_nothing(tmp_path):
    cache = cache_in(tmp_path)
    cache.begin_making(dump_program(tmp_path, "exec sleep 60"), [], "x", supervised=False)
    cache.finish(seconds=0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.lock", "java"]


def test_a_clock_that_is_ahead_deletes_no_archive_in_use(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 4e9)
    (tmp_path / "other.archive").touch()
    (tmp_path / "unused.archive").touch()
    os.utime(tmp_path / "unused.archive", (1, 1))
    cache = cache_in(tmp_path)
    cache.begin_making(dump_program(tmp_path, 'echo archive > "$draft"'), [], "x", supervised=False)
    cache.finish(seconds=20)
    assert {file.name for file in tmp_path.glob("*.archive")} == {"a.archive", "other.archive"}


def test_the_class_list_contains_no_paths():
    lines = gzip.decompress(CLASS_LIST.read_bytes()).decode().splitlines()
    assert len(lines) > 15_000
    assert not [line for line in lines if "source:" in line or line.startswith("@cp")]
