"""The README's Python blocks run, from top to bottom, in an empty directory."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_blocks_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "readme"}
    found = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(found) >= 4
    for source in found:
        exec(compile(source, "README.md", "exec"), names)
    names["client"].close()


def test_every_command_that_the_readme_names_exists():
    from click.testing import CliRunner

    from mcp_context_persistence.cli import commands

    makefile = (README.parent / "Makefile").read_text()
    text = README.read_text()
    for target in set(re.findall(r"\bmake ([a-z-]+)", text)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for words in set(re.findall(r"^context-persistence ((?:[a-z]+ ?)+)", text, re.MULTILINE)):
        names = [word for word in words.split() if word in {"server", "start", "stop", "status", "browser", "demo"}]
        result = CliRunner().invoke(commands, [*names, "--help"])
        assert result.exit_code == 0, words


def test_the_limits_page_says_what_the_code_says():
    from kg import limits

    page = (README.parent / "docs/limits.md").read_text()
    named = {name: getattr(limits, name) for name in dir(limits) if name.isupper()}
    found = dict(re.findall(r"`([A-Z_]+)` \| ([\d,.]+)", page))
    assert {name: f"{value:,}" for name, value in named.items()} == found
