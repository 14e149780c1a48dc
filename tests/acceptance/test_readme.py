"""Run the Python blocks of the README and of some pages of docs, and check their tables."""

import re
from pathlib import Path
from typing import Any

import pytest

from mcp_context_persistence import AsyncContextPersistenceClient, ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.queries.search.filters import CONTENT_TYPES, KEYS
from mcp_context_persistence.queries.search.request import SEARCH_MODES

README = Path(__file__).parents[2] / "README.md"
SEARCHING = README.parent / "docs/searching.md"
MESSAGES = README.parent / "docs/messages.md"
INSTRUCTIONS = README.parent / "docs/instructions.md"
MCP = README.parent / "docs/mcp.md"


PAGES = [README, SEARCHING, MESSAGES, INSTRUCTIONS, MCP]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for the store `memory` of the pages: its server runs from page to page."""
    folder = tmp_path_factory.mktemp("pages")
    yield folder
    local.stop(folder / "memory", force=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CONTEXT_DB_URL", "local:memory")  # where a page names no store
    names: dict[str, Any] = {"__name__": "page"}
    found = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert found
    for source in found:
        exec(compile(source, page.name, "exec"), names)
    names["client"].close()
    with ContextPersistenceClient("local:memory") as client:
        client.delete_namespace(client.namespace)


def named(page, heading):
    """What stands in the first column of the table below a heading."""
    table = page.read_text().split(f"{heading}\n")[1].split("\n#")[0]
    return set(
        re.findall(r"`([\w.]+)`", " ".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))
    )


def test_the_readme_lists_every_call():
    calls = {name for name in dir(ContextPersistenceClient) if not name.startswith("_")} - {
        "close",
        "namespace",
    }
    assert named(README, "### The calls") == calls
    assert calls - {"metrics_port"} <= set(dir(AsyncContextPersistenceClient))


def test_the_page_on_searching_lists_every_mode_and_filter():
    assert named(SEARCHING, "## Modes") - {"mode"} == set(SEARCH_MODES)
    assert named(SEARCHING, "## Filters") == set(KEYS)
    text = SEARCHING.read_text()
    assert [kind for kind in CONTENT_TYPES if kind not in text] == []


def test_saving_by_place_and_by_id_is_what_the_readme_says(client):
    said = [{"role": "user", "content": "One."}, {"role": "user", "content": "Two."}]
    client.save_conversation("by-place", said[:1], metadata={"a": 1, "b": 2})
    client.save_conversation("by-place", said[1:], metadata={"b": 3})
    client.save_conversation("by-place", said[1:])
    found = client.load_conversation_history("by-place")
    assert [message.content for message in found.messages] == ["Two."]
    assert found.metadata == {"b": 3}
    for number, message in enumerate(said):
        client.save_conversation("by-id", [{**message, "id": f"own-{number}"}])
    assert [message.content for message in client.load_conversation_history("by-id").messages] == [
        "One.",
        "Two.",
    ]


def test_every_command_that_the_readme_names_exists():
    from click.testing import CliRunner

    from mcp_context_persistence.cli.main import commands

    makefile = (README.parent / "Makefile").read_text()
    text = README.read_text()
    for target in set(re.findall(r"\bmake ([a-z-]+)", text)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for words in set(re.findall(r"^context-persistence ((?:[a-z]+ ?)+)", text, re.MULTILINE)):
        names = [
            word
            for word in words.split()
            if word in {"server", "start", "stop", "status", "browser", "demo", "mcp", "install"}
        ]
        result = CliRunner().invoke(commands, [*names, "--help"])
        assert result.exit_code == 0, words


def test_the_page_on_mcp_lists_every_tool():
    from mcp_context_persistence.mcp_server.install.assistants import ASSISTANTS
    from mcp_context_persistence.mcp_server.profiles import SMALL

    assert {tool.name for tool in SMALL} <= named(MCP, "## Tools")
    assert set(re.findall(r"^\| `([a-z-]+)` \| `~", MCP.read_text(), re.M)) == set(ASSISTANTS)


def test_the_limits_page_says_what_the_code_says():
    from mcp_context_persistence.kg import limits

    page = (README.parent / "docs/limits.md").read_text()
    named = {name: getattr(limits, name) for name in dir(limits) if name.isupper()}
    found = dict(re.findall(r"`([A-Z_]+)` \| ([\d,.]+)", page))
    assert {name: f"{value:,}" for name, value in named.items()} == found
