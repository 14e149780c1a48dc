"""How much memory the control groups of a process allow, of both versions."""

import os

import pytest

from mcp_context_persistence.kg.local import sizes
from mcp_context_persistence.kg.local.machine_memory import read_memory_limit
from mcp_context_persistence.kg.local.settings import ServerSettings
from mcp_context_persistence.runtime.memory_limit import server_settings

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
GIB = 1 << 30


@pytest.mark.parametrize(
    ("groups", "files", "size"),
    [
        pytest.param("", {}, MACHINE, id="no groups"),
        pytest.param("0::/", {"memory.max": "max\n"}, MACHINE, id="no limit"),
        pytest.param("0::/", {"memory.max": f"{GIB}\n"}, GIB, id="version 2"),
        pytest.param(
            "0::/a/b", {"a/memory.max": f"{GIB}\n", "a/b/memory.max": "max"}, GIB, id="above"
        ),
        pytest.param(
            "4:memory:/a\n0::/", {"memory/a/memory.limit_in_bytes": f"{GIB}"}, GIB, id="version 1"
        ),
        pytest.param(
            "4:cpu,memory:/docker/0a", {"memory/memory.limit_in_bytes": f"{GIB}"}, GIB, id="inside"
        ),
        pytest.param(
            "4:memory:/", {"memory/memory.limit_in_bytes": f"{2**63 - 4096}"}, MACHINE, id="huge"
        ),
        pytest.param("0::/", {"memory.max": "many\n"}, MACHINE, id="no number"),
        pytest.param("wrong\n::\n", {"memory.max": f"{GIB}"}, GIB, id="odd lines"),
    ],
)
def test_the_smallest_limit_counts(tmp_path, groups, files, size):
    (tmp_path / "cgroup").write_text(groups)
    for name, content in files.items():
        file = tmp_path / "mount" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    assert read_memory_limit(tmp_path / "cgroup", tmp_path / "mount") == size


def test_a_system_without_control_groups_has_the_memory_of_its_machine(tmp_path):
    assert read_memory_limit(tmp_path / "missing", tmp_path) == MACHINE


@pytest.mark.parametrize(
    ("machine", "limit", "heap", "page_cache"),
    [
        (64 * GIB, None, "1024m", "256m"),
        (2 * GIB, None, "534m", "134m"),
        (GIB, None, "496m", "32m"),
        (GIB, 4 * GIB, "496m", "32m"),
        (64 * GIB, 2_000_000_000, "496m", "32m"),
        (None, None, "1024m", "256m"),
    ],
)
def test_a_server_fits_the_machine_and_the_limit(monkeypatch, machine, limit, heap, page_cache):
    monkeypatch.setattr(sizes, "read_memory_limit", lambda: machine)
    settings = server_settings(limit)
    assert (settings.heap, settings.page_cache) == (heap, page_cache)
    if limit is None:
        assert settings == ServerSettings()
