"""The configuration of assistants: what is written, what stays, and what is undone."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.mcp_server.install import files, json_text, toml_text
from mcp_context_persistence.mcp_server.install.assistants import ASSISTANTS, Entry
from tests.doors.mcp_sessions import COMMAND, call, environment

ENTRY = Entry(command="/opt/context-persistence", args=["mcp", "--store", "local:/s"], env={})
FILES = {
    "claude-code": ".claude.json",
    "claude-desktop": ".config/Claude/claude_desktop_config.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
    "codex": ".codex/config.toml",
    "gemini": ".gemini/settings.json",
}
COMMENTED = """// settings of the user
{
  "theme": "dark", // a comment, with "quotes" and { braces }
  /* the servers */
  "SECTION": {
    "other": {"command": "other", "args": ["//no comment"]}, // kept
  },
  "last": [1, 2, 3,],
}
"""
TOML = """# settings of the user
model = "x" # a comment

[mcp_servers.other]
command = "other" # [mcp_servers.memory]

# about the next table
[profiles.fast]
model = "y"
"""


def run(home, *arguments, **variables):
    return subprocess.run(
        [COMMAND, "mcp", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment() | {"HOME": str(home), "XDG_CONFIG_HOME": ""} | variables,
    )


def parse(assistant, path):
    return assistant.parse(path.read_text())


def write_existing(assistant, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = TOML if assistant.is_toml else COMMENTED.replace("SECTION", assistant.section)
    path.write_text(text)
    path.chmod(0o640)
    return text


@pytest.mark.parametrize("name", ASSISTANTS)
def test_an_entry_is_added_to_a_file_with_comments_and_removed_again(tmp_path, name):
    assistant, path = ASSISTANTS[name], tmp_path / FILES[name]
    text = write_existing(assistant, path)
    before = assistant.parse(text)
    done = run(tmp_path, "install", "--for", name, "--store", str(tmp_path / "my store"))
    assert done.returncode == 0, done.stderr
    after = parse(assistant, path)
    entry = after[assistant.section].pop("memory")
    assert after == before
    assert Path(entry["command"]).is_absolute()
    assert entry["args"][:3] == ["mcp", "--store", f"local:{tmp_path / 'my store'}"]
    for comment in ("# a comment", "# about the next") if assistant.is_toml else ("// kept", "/*"):
        assert comment in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    (backup,) = path.parent.glob("*.bak")
    assert backup.read_text() == text
    again = run(tmp_path, "install", "--for", name, "--store", str(tmp_path / "my store"))
    assert again.stdout.startswith("unchanged: ")
    undone = run(tmp_path, "uninstall", "--for", name)
    assert undone.returncode == 0, undone.stderr
    assert parse(assistant, path) == before
    assert run(tmp_path, "uninstall", "--for", name).stdout.startswith("unchanged: ")


@pytest.mark.parametrize("name", ASSISTANTS)
def test_a_file_is_made_where_there_is_none(tmp_path, name):
    done = run(tmp_path, "install", "--for", name, "--read-only", "--namespace", "work")
    assert done.returncode == 0, done.stderr
    assistant = ASSISTANTS[name]
    path = tmp_path / FILES[name]
    entry = parse(assistant, path)[assistant.section]["memory"]
    assert entry["args"][-3:] == ["--namespace", "work", "--read-only"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert ".local/share" in entry["args"][2]
    undone = run(tmp_path, "uninstall", "--for", name)
    assert undone.returncode == 0, undone.stderr
    assert not parse(assistant, path).get(assistant.section)


@pytest.mark.parametrize("name", ASSISTANTS)
def test_what_is_printed_is_what_would_be_written(tmp_path, name):
    printed = run(tmp_path, "install", "--for", name, "--store", "/s", "--print")
    assert printed.returncode == 0, printed.stderr
    assert not (tmp_path / FILES[name]).exists()
    run(tmp_path, "install", "--for", name, "--store", "/s")
    assert (tmp_path / FILES[name]).read_text() == printed.stdout


def test_the_entry_of_another_program_is_not_touched(tmp_path):
    path = tmp_path / ".cursor/mcp.json"
    path.parent.mkdir()
    text = '{"mcpServers": {"memory": {"command": "npx", "args": ["server-memory"]}}}'
    path.write_text(text)
    for command in ("install", "uninstall"):
        done = run(tmp_path, command, "--for", "cursor")
        assert done.returncode == 2
        assert "of another program" in done.stderr
        assert path.read_text() == text


@pytest.mark.parametrize("text", ["{", "[]", '{"mcpServers": []}', "\ufeff{]", "\udcff"])
def test_a_file_of_another_form_is_not_touched(tmp_path, text):
    path = tmp_path / ".cursor/mcp.json"
    path.parent.mkdir()
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    done = run(tmp_path, "install", "--for", "cursor")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before


def test_wrong_calls_are_refused(tmp_path):
    for arguments, words in (
        (["install"], "--for"),
        (["install", "--for", "claude-desktop", "--project", str(tmp_path)], "no configuration"),
        (["install", "--for", "cursor", "--env", "NO_SUCH_VARIABLE"], "--env"),
        (["install", "--for", "cursor", "--store", "bolt://u:p@h:1"], "password"),
        (["--tools", "nothing"], "tools must be some of"),
    ):
        done = run(tmp_path, *arguments)
        assert done.returncode == 2, arguments
        assert words in done.stderr
    done = run(tmp_path, "install", "--for", "cursor", NEO4J_URI="bolt://h:1")
    assert "NEO4J_URI" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_file_stays_a_link(tmp_path):
    target = tmp_path / "dotfiles.json"
    target.write_text("{}")
    path = tmp_path / ".claude.json"
    path.symlink_to(target)
    files.write(files.plan_install(ASSISTANTS["claude-code"], path, ENTRY))
    assert path.is_symlink()
    assert "memory" in json.loads(target.read_text())["mcpServers"]


def test_the_written_entry_starts_a_server_of_the_project(server, namespace, tmp_path):
    from mcp import StdioServerParameters

    done = run(
        tmp_path,
        *("install", "--for", "vscode", "--project", str(tmp_path)),
        *("--store", server.bolt_url, "--namespace", namespace),
        *("--env", "CONTEXT_DB_USER", "--env", "CONTEXT_DB_PASSWORD"),
        CONTEXT_DB_USER=server.user,
        CONTEXT_DB_PASSWORD=server.password,
    )
    assert done.returncode == 0, done.stderr
    entry = json.loads((tmp_path / ".vscode/mcp.json").read_text())["servers"]["memory"]
    assert entry.pop("type") == "stdio"
    start = StdioServerParameters(**entry, cwd="/")
    assert call(start, "status")["namespace"] == namespace


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
sections = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "memory"),
    st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_size=3,
)


@given(
    others=st.dictionaries(st.text(max_size=5), values, max_size=3),
    section=st.none() | sections,
    has_entry=st.booleans(),
    indent=st.none() | st.integers(0, 4),
    comments=st.booleans(),
)
def test_json_of_any_layout_keeps_the_rest(others, section, has_entry, indent, comments):
    others.pop("servers", None)
    before = others | ({} if section is None else {"servers": section})
    stored = json.loads(json.dumps(before))
    if has_entry:
        stored.setdefault("servers", {})["memory"] = {"command": "old"}
        before.setdefault("servers", {})
    text = json.dumps(stored, indent=indent)
    if comments:
        text = f"// first\n{text[:-1]}/* last */ {text[-1]}// end\n"
    path, value = ("servers", "memory"), {"command": "x", "args": ["a"], "env": {}}
    changed = json_text.set_member(text, path, value)
    assert json_text.parse(changed) == before | {"servers": {**(section or {}), "memory": value}}
    removed = json_text.remove_member(changed, path)
    assert json_text.parse(removed) == before | {"servers": section or {}}
    assert ("/* last */" in removed) == comments


@given(
    names=st.lists(st.sampled_from(["other", "memory", "memory.env", "memory2"]), unique=True),
    comments=st.booleans(),
)
def test_toml_tables_in_any_order_keep_the_rest(names, comments):
    note = "# a comment\n" if comments else ""
    text = note + "".join(f'{note}[servers.{name}]\ncommand = "[x]"\n' for name in names)
    text += f"{note}[last]\nlist = [\n  1,\n]\n"
    before = tomllib.loads(text)
    before.get("servers", {}).pop("memory", None)
    value = {"command": 'a "quoted" \\ word', "args": ["ä"], "env": {"A B": "c"}}
    changed = toml_text.set_table(text, ("servers", "memory"), value)
    after = toml_text.parse(changed)
    assert after["servers"].pop("memory") == value
    assert {key: item for key, item in after.items() if item} == {
        key: item for key, item in before.items() if item
    }


def test_dates_of_a_toml_file_stay(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("seen = 2026-01-02T03:04:05Z\n")
    files.write(files.plan_install(ASSISTANTS["codex"], path, ENTRY))
    files.write(files.plan_uninstall(ASSISTANTS["codex"], path))
    assert path.read_text().strip() == "seen = 2026-01-02T03:04:05Z"


def test_forms_that_cannot_be_changed_are_refused(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("mcp_servers = {other = {command = 'x'}}\n")
    with pytest.raises(ValidationError, match="--print"):
        files.plan_install(ASSISTANTS["codex"], path, ENTRY)
    assert sys.executable
