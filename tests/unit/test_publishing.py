"""What registries and bundles say about the MCP server, against the project file."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from mcp_context_persistence import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVER = json.loads((ROOT / "server.json").read_text())
BUNDLE = ROOT / "packaging" / "mcpb"
MANIFEST = json.loads((BUNDLE / "manifest.json").read_text())


def test_the_registry_entry_names_this_version_of_this_package():
    (package,) = SERVER["packages"]
    assert SERVER["version"] == package["version"] == __version__
    assert package["registryType"] == "pypi"
    assert package["identifier"] == PROJECT["name"]
    assert package["transport"] == {"type": "stdio"}
    runtime = [argument["value"] for argument in package["runtimeArguments"]]
    assert runtime == [f"{PROJECT['name']}[mcp]=={__version__}", *PROJECT["scripts"]]
    assert [argument["value"] for argument in package["packageArguments"]] == ["mcp"]
    assert len(SERVER["description"]) <= 100
    assert re.fullmatch(r"io\.github\.[\w-]+/context-persistence", SERVER["name"])


def test_the_readme_claims_the_name_of_the_registry_entry():
    names = re.findall(r"<!-- mcp-name: (\S+) -->", (ROOT / "README.md").read_text())
    assert names == [SERVER["name"]]


def test_the_bundle_is_of_this_version_of_this_package():
    assert MANIFEST["manifest_version"] == "0.4"
    assert MANIFEST["version"] == __version__
    assert MANIFEST["description"] == SERVER["description"]
    assert MANIFEST["license"] == PROJECT["license"]
    assert MANIFEST["compatibility"]["runtimes"]["python"] == PROJECT["requires-python"]
    bundled = tomllib.loads((BUNDLE / "pyproject.toml").read_text())["project"]
    assert bundled["dependencies"] == [f"{PROJECT['name']}[mcp]=={__version__}"]
    assert bundled["version"] == __version__
    assert bundled["requires-python"] == PROJECT["requires-python"]
    assert MANIFEST["server"]["type"] == "uv"
    assert (BUNDLE / MANIFEST["server"]["entry_point"]).is_file()


def test_the_bundle_lists_the_tools_and_uses_variables_of_the_command():
    from click import Option

    from mcp_context_persistence.cli.main import commands
    from mcp_context_persistence.cli.mcp import STORE_VARIABLES, mcp

    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    from mcp_context_persistence.mcp_server.profiles import SMALL

    assert [tool["name"] for tool in MANIFEST["tools"]] == [tool.name for tool in SMALL]
    variables = {
        name
        for option in [*commands.params, *mcp.params]
        if isinstance(option, Option) and option.envvar
        for name in ([option.envvar] if isinstance(option.envvar, str) else option.envvar)
    }
    assert set(MANIFEST["server"]["mcp_config"]["env"]) <= variables | set(STORE_VARIABLES)
