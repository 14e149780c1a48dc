"""The words that name software, and the words that show that software is talked about."""

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Entry(NamedTuple):
    """One name: its type, and whether it counts in any spelling and any company."""

    name: str
    type: str
    sure: bool


@cache
def entries() -> tuple[Entry, ...]:
    """All names of `vocabulary.json`."""
    data = json.loads(files("ingest").joinpath("vocabulary.json").read_text(encoding="utf-8"))
    return tuple(Entry(name, kind, part == "sure") for part in ("sure", "spelled") for kind, names in data[part].items() for name in names)


@cache
def spelled() -> frozenset[str]:
    """Names that are ordinary words too, as they must be spelled to count."""
    return frozenset(entry.name for entry in entries() if not entry.sure)


@cache
def library_names() -> frozenset[str]:
    """Unmistakable names of libraries, in lower case, and two that everybody shortens."""
    return frozenset(entry.name for entry in entries() if entry.sure and entry.type == "library") | {"np", "pd", "os", "sys"}


SIGNS = frozenset(
    "api apis app apps async backend backends bug bugs class classes cli client codebase code commit compiler config cpu daemon database databases dataframe "
    "debug deploy deployed deployment deploys devops endpoint endpoints exception exceptions framework frameworks frontend function functions gpu "
    "http ide implementation implements import interpreter json kernel library libraries linter localhost loop macro merge method methods "
    "microservice microservices middleware migration migrations module modules namespace orm package packages parser parsing "
    "pipeline plugin plugins programming python query queries refactor refactored refactoring regex repo repos repository rollback "
    "runtime schema script scripts sdk server servers service services shell software source sql stack stacktrace startup subclass syntax tests "
    "thread threads timeout toolchain traceback ui unittest unittests url variable variables webhook webserver websocket workflow".split()
)
STRONG_SIGNS = SIGNS - frozenset(
    "app apps async bug bugs class classes client code commit exception exceptions function functions implementation import kernel library "
    "libraries loop macro merge method methods migration package packages pipeline programming query queries script scripts service "
    "services shell software source stack startup tests thread threads url variable variables workflow module modules server servers".split()
)
CUES = {
    "class": "class", "classes": "class", "subclass": "class", "dataclass": "class", "interface": "class", "struct": "class",
    "method": "function", "methods": "function", "function": "function", "functions": "function", "decorator": "function", "endpoint": "function",
    "module": "module", "modules": "module", "submodule": "module",
    "library": "library", "libraries": "library", "package": "library", "packages": "library", "sdk": "library",
    "framework": "technology", "database": "technology", "compiler": "technology",
    "file": "file", "script": "file",
    "project": "project", "repo": "project", "repository": "project", "codebase": "project", "initiative": "project",
}  # fmt: skip
