"""Which store a command works on, and what it does where there is none."""

import json
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from mcp_context_persistence.cli import main
from mcp_context_persistence.cli.session import Session
from mcp_context_persistence.kg import local
from mcp_context_persistence.mcp_server import stdio
from mcp_context_persistence.service import server
from mcp_context_persistence.service.keys import KeyFile
from tests.doors.test_cli_contract import list_commands

# Each command that needs a store that exists, with the words that it needs.
NEEDS_STORE = """
load a; search a; context a; list; delete message a --yes; export; instructions list
instructions retire a; relate a uses b; graph a; decisions list; decisions propose a
decisions accept a; decisions reject a; stats; analytics; communities; duplicates; merge a b
keys create; keys list; keys revoke a; keys rotate a; server stop; server browser
"""
# The others make a store, work without one, or say that there is none.
WORKS_WITHOUT = """
init; demo; server start; server status; save; append; ingest; extract; decisions save
instructions save; serve; mcp; mcp install; mcp uninstall; config; completion
"""
VARIABLES = (
    "CONTEXT_STORE",
    "CONTEXT_DB_URL",
    "NEO4J_URI",
    "DATABASE_URL",
    "CONTEXT_API_KEYS_FILE",
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder, with the data folder of a new user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return lambda *words, **variables: CliRunner().invoke(main.commands, words, env=variables)


def split(table):
    return [shlex.split(words) for line in table.split("\n") for words in line.split(";") if words]


def test_each_command_says_whether_it_needs_a_store():
    listed = {tuple(words) for words in split(NEEDS_STORE)} | {
        tuple(words) for words in split(WORKS_WITHOUT)
    }
    for words, command in list_commands(main.commands):
        if not hasattr(command, "list_commands"):
            assert [entry for entry in listed if entry[: len(words)] == words], words


@pytest.mark.parametrize("words", split(NEEDS_STORE), ids=" ".join)
def test_a_store_that_is_missing_is_refused_and_not_made(run, tmp_path, words):
    for options, folder in ((["--store", "typo"], "typo"), ([], "home/context-persistence/store")):
        result = run(*options, *words)
        assert result.exit_code == 4, result.stderr
        assert result.stderr == (
            f"error: there is no store at {tmp_path / folder}: name another one with --store, or "
            f"make it: context-persistence init {tmp_path / folder}\n"
        )
        assert list(tmp_path.iterdir()) == []


def test_a_key_for_a_file_needs_no_store(run, tmp_path):
    assert run("keys", "create", "--file", "keys.json").exit_code == 0
    variables = {"CONTEXT_API_KEYS_FILE": str(tmp_path / "others.json")}
    assert run("keys", "create", "--store", "typo", **variables).exit_code == 0
    assert not (tmp_path / "typo").exists()


def read_store(run, tmp_path, *words, **variables):
    """Return the name of the store that some commands use, which must be the same one."""
    status = run(*words, "server", "status", "--json", **variables)
    config = run(*words, "config", "--json", **variables)
    keys = run(*words, "keys", "list", **variables)
    search = run(*words, "search", "x", **variables)
    folder = json.loads(status.stdout)["store"]
    url = json.loads(config.stdout)["database_url"]
    assert str(tmp_path / url.removeprefix("local:")) == folder
    for result in (keys, search):
        assert f"no store at {folder}:" in result.stderr
    return folder.removeprefix(f"{tmp_path}/")


def test_every_command_takes_the_store_from_the_same_places_in_the_same_order(run, tmp_path):
    default = local.default_store()
    assert read_store(run, tmp_path) == str(default).removeprefix(f"{tmp_path}/")
    (tmp_path / "config.yaml").write_text("database:\n  url: local:file\n")
    assert read_store(run, tmp_path) == "file"
    (tmp_path / ".env").write_text("CONTEXT_DB_URL=dotenv\n")
    assert read_store(run, tmp_path) == "dotenv"
    variables = {"DATABASE_URL": "local:fourth"}
    for name, text in (
        ("NEO4J_URI", "local:third"), ("CONTEXT_DB_URL", "second"), ("CONTEXT_STORE", "first"),
    ):  # fmt: skip
        previous, variables = variables, {**variables, name: text}
        assert read_store(run, tmp_path, **previous) != read_store(run, tmp_path, **variables)
        assert read_store(run, tmp_path, **variables) == text.removeprefix("local:")
    assert read_store(run, tmp_path, "--store", "option", **variables) == "option"


@pytest.mark.parametrize(
    "words",
    ["server status --json --store here", "server status --json here",
     "--store here server status --json", "--json --store here server status"],
)  # fmt: skip
def test_the_option_stands_anywhere_and_is_the_argument_too(run, tmp_path, words):
    assert json.loads(run(*words.split()).stdout)["store"] == str(tmp_path / "here")


def test_an_assistant_gets_the_store_of_the_option_and_none_of_a_setting(run, tmp_path):
    words = ("mcp", "install", "--for", "claude-code", "--print")
    assert f"local:{tmp_path / 'here'}" in run("--store", "here", *words).stdout
    assert f"local:{local.default_store()}" in run(*words).stdout
    for name in VARIABLES[:4]:
        refused = run(*words, **{name: "local:here"})
        assert refused.exit_code == 2
        assert f"give --store: the assistant does not get your {name}" in refused.stderr


@pytest.mark.parametrize("store", [":memory:", "bolt://127.0.0.1:1"])
@pytest.mark.parametrize("command", ["init", "server start", "server stop", "server status"])
def test_a_store_that_is_no_folder_is_refused_with_a_hint(run, tmp_path, command, store):
    for words in ([*command.split(), store], ["--store", store, *command.split()]):
        refused = run(*words)
        assert refused.exit_code == 2
        assert "a store in a folder of this machine: name its folder" in refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["init", "server start", "save"])
def test_an_address_without_its_scheme_makes_no_folder(run, tmp_path, command):
    refused = run("--store", "localhost:7687", *command.split())
    assert refused.exit_code == 2
    assert "bolt://HOST:PORT" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_named_once(run):
    refused = run("--store", "a", "server", "status", "b")
    assert refused.exit_code == 2
    assert "STORE and --store mean the same" in refused.stderr


@pytest.mark.parametrize("file", ["store.json", "password", "data/databases"])
def test_a_store_that_has_lost_files_is_no_missing_store(tmp_path, file):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    Session(store=str(tmp_path)).check_store()


class Opened:
    """A client of a local store whose server had to be started."""

    def __init__(self, url, *, namespace, progress):
        progress("start", 0, 180)
        store = Path(url.removeprefix("local:"))
        self.lingers = 0
        self._engine = SimpleNamespace(
            connection=SimpleNamespace(attachment=SimpleNamespace(store=store, linger=self.linger))
        )

    def linger(self):
        self.lingers += 1


@pytest.mark.parametrize(
    ("options", "is_terminal", "is_noted"),
    [({}, True, True), ({}, False, False), ({"as_json": True}, True, False),
     ({"quiet": True}, True, False)],
)  # fmt: skip
def test_people_are_told_how_long_a_server_waits(
    tmp_path, monkeypatch, capsys, options, is_terminal, is_noted
):
    monkeypatch.setattr("mcp_context_persistence.client.ContextPersistenceClient", Opened)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    session = Session(store=str(tmp_path / "new"), **options)
    client: Any = session.open_store(may_create=True)
    assert client.lingers == 1
    command = f"to keep it running: context-persistence server start {tmp_path / 'new'}\n"
    assert capsys.readouterr().err.endswith(command) is is_noted


@pytest.fixture
def read_namespace(run, monkeypatch, tmp_path):
    """Run a command and return the namespace that it works on."""
    seen: list[str] = []
    monkeypatch.setattr(stdio, "serve", lambda **options: seen.append(options["namespace"]))

    def serve(settings, *_, **__):
        seen.append(settings.namespace)
        return True

    monkeypatch.setattr(server, "serve", serve)

    def read(before, command, after, **variables):
        seen.clear()
        result = run(*before, *command, *after, **variables)
        assert result.exit_code == 0, result.stderr
        if command[0] == "keys":
            (key,) = KeyFile(tmp_path / "keys.json").list_keys()
            (tmp_path / "keys.json").unlink()
            return key.namespace
        if "install" in command:
            arguments = json.loads(result.stdout)["mcpServers"]["memory"]["args"]
            return arguments[arguments.index("--namespace") + 1]
        return seen[0]

    return read


@pytest.mark.parametrize(
    "command",
    split(
        "keys create --file keys.json; serve --store a; mcp --store a"
        "; mcp install --for cursor --print --store a"
    ),
    ids=" ".join,
)
def test_the_namespace_may_stand_before_and_after_a_command(read_namespace, command):
    assert read_namespace((), command, ()) == "default"
    assert read_namespace(("--namespace", "team"), command, ()) == "team"
    assert read_namespace((), command, ("--namespace", "team")) == "team"
    assert read_namespace(("--namespace", "a"), command, ("--namespace", "team")) == "team"


def test_the_namespace_of_callers_without_a_key_has_a_variable_of_its_own(read_namespace):
    variables = {"CONTEXT_NAMESPACE": "mine", "CONTEXT_API_NAMESPACE": "visitors"}
    command = ["serve", "--store", "a"]
    assert read_namespace((), command, (), **variables) == "visitors"
    assert read_namespace(("--namespace", "team"), command, (), **variables) == "team"
    assert read_namespace((), ["mcp"], (), **variables) == "mine"


@pytest.mark.parametrize("option", ["--profile full", "--tools recall", "--read-only"])
def test_options_of_the_mcp_server_are_not_lost_before_a_subcommand(run, option):
    result = run("mcp", *option.split(), "install", "--for", "cursor", "--print")
    assert result.exit_code == 2
    assert option.split()[0] in result.stderr
