"""The words that name software, and the words that show that software is talked about."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.lexicons import words


class Entry(NamedTuple):
    """One name: its type, and whether it counts in any spelling and any company."""

    name: str
    type: str
    sure: bool


@cache
def entries() -> tuple[Entry, ...]:
    """All names of `vocabulary.json`."""
    data = json.loads(Path(__file__).with_name("software_terms.json").read_text(encoding="utf-8"))
    return tuple(
        Entry(name, kind, part == "sure")
        for part in ("sure", "spelled")
        for kind, names in data[part].items()
        for name in names
    )


@cache
def spelled() -> frozenset[str]:
    """Names that are ordinary words too, as they must be spelled to count."""
    return frozenset(entry.name for entry in entries() if not entry.sure)


@cache
def spelled_lowers() -> frozenset[str]:
    """The same names in lower case; they count so before a word such as "library"."""
    return frozenset(name.lower() for name in spelled())


@cache
def library_names() -> frozenset[str]:
    """Unmistakable names of libraries, in lower case, and two that everybody shortens."""
    return frozenset(
        entry.name for entry in entries() if entry.sure and entry.type == "library"
    ) | {"np", "pd", "os", "sys"}


SIGNS = words("signs of software")
STRONG_SIGNS = SIGNS - words("weak signs of software")
CUES = {
    "class": "class", "classes": "class", "subclass": "class", "dataclass": "class", "interface": "class", "struct": "class",
    "method": "function", "methods": "function", "function": "function", "functions": "function", "decorator": "function", "endpoint": "function",
    "module": "module", "modules": "module", "submodule": "module",
    "library": "library", "libraries": "library", "package": "library", "packages": "library", "sdk": "library",
    "framework": "technology", "database": "technology", "compiler": "technology",
    "file": "file", "script": "file",
    "project": "project", "repo": "project", "repository": "project", "codebase": "project", "initiative": "project",
}  # fmt: skip
