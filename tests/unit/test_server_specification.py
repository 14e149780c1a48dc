"""Configuration and command line of the managed server."""

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import configuration, jars, java, server_specification
from mcp_context_persistence.kg.local.environment import filter_environment
from mcp_context_persistence.kg.local.settings import ServerSettings
from mcp_context_persistence.kg.local.store import Store


def test_passwords_are_hashed_like_the_servers_own_tool_does(tmp_path):
    digest = hashlib.sha256(bytes(32) + b"secret").digest()
    for _ in range(1023):
        digest = hashlib.sha256(digest).digest()
    assert (
        configuration.hash_password("secret", bytes(32))
        == f"SHA-256,{digest.hex()},{'00' * 32},1024"
    )


def test_the_password_is_neither_in_specification_nor_environment(
    small_lock, tmp_path, monkeypatch
):
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dx=y")
    monkeypatch.setenv("CONTEXT_DB_URL", "bolt://u:p@h")
    store = Store(tmp_path / "s")
    store.prepare()
    provisioned = jars.provision()
    runtime = java.Java(program=Path("/java"), version="25.0.1", has_vectors=True)
    specification = server_specification.make_specification(
        store, provisioned, runtime, ServerSettings(), is_throwaway=False
    )
    text = json.dumps(specification)
    assert store.password() not in text + str(filter_environment())
    assert not {"JAVA_TOOL_OPTIONS", "CONTEXT_DB_URL"} & set(filter_environment())
    configuration.write(store, specification["options"])
    text = (store.conf / "neo4j.conf").read_text()
    assert "server.default_listen_address=127.0.0.1" in text
    assert store.password() not in text


def test_a_plain_start_has_neither_a_cache_nor_quick_start_flags(small_lock, tmp_path):
    store = Store(tmp_path / "s")
    runtime = java.Java(program=Path("/java"), version="25.0.1", has_vectors=False)
    plain = server_specification.make_specification(
        store, jars.provision(), runtime, ServerSettings(has_start_cache=False), is_throwaway=True
    )
    assert plain["cache"] is None
    assert not set(server_specification.START_FLAGS) & set(plain["flags"])


def test_java_gets_the_options_of_the_variable_last(small_lock, tmp_path, monkeypatch):
    monkeypatch.setenv("CONTEXT_JAVA_OPTIONS", "-Xint '-Da=b c'")
    runtime = java.Java(program=Path("/java"), version="25.0.1", has_vectors=False)

    def make():
        return server_specification.make_specification(
            Store(tmp_path / "s"), jars.provision(), runtime, ServerSettings(), is_throwaway=True
        )

    specification = make()
    flags = specification["flags"]
    places = [flags.index(option) for option in ("-Xint", "-Da=b c")]
    assert places[0] + 1 == places[1] > flags.index(server_specification.START_FLAGS[-1])
    monkeypatch.delenv("CONTEXT_JAVA_OPTIONS")
    assert make()["cache"] != specification["cache"]  # an archive may not fit other options


@pytest.mark.parametrize("options", ["-Xint 'a", "-Xint org.Main", "@file"])
def test_words_that_are_no_options_of_java_are_refused(options, monkeypatch):
    monkeypatch.setenv("CONTEXT_JAVA_OPTIONS", options)
    with pytest.raises(DatabaseError, match="CONTEXT_JAVA_OPTIONS"):
        server_specification.read_java_options()


def test_only_allowed_variables_are_passed_to_the_server(monkeypatch):
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "JAVA_TOOL_OPTIONS",
        "NEO4J_AUTH",
        "CONTEXT_DB_URL",
        "LC_ALL",
        "LANG",
        "LD_PRELOAD",
    ):
        monkeypatch.setenv(name, "x")
    assert set(filter_environment()) <= {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TZ",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
    }


@pytest.mark.parametrize("program", ["", "/usr/bin/uwsgi", None])
def test_the_supervisor_runs_with_python_where_a_program_embeds_it(monkeypatch, program):
    monkeypatch.setattr(sys, "executable", program)
    python = server_specification.supervisor_command()[0]
    assert os.path.samefile(sys.exec_prefix, Path(python).parents[1])
    monkeypatch.setattr(sys, "exec_prefix", "/nowhere")
    monkeypatch.setattr(sys, "base_exec_prefix", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DatabaseError, match="server start"):
        server_specification.supervisor_command()
