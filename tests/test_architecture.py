"""Check what linters cannot: sizes, where Cypher is written, and that all statements are in use."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_context_persistence import cypher

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("mcp_context_persistence", "ingest", "queries", "kg", "cypher")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PYTHON = sorted(
    [
        *SOURCES,
        *(path for folder in ("tests", "bench", "tools") for path in (ROOT / folder).rglob("*.py")),
    ]
)
SKIPPED = re.compile(r"\.venv|\.git|\.cache|\..*_cache|\.hypothesis|build|dist")
TEXTS = sorted(
    path
    for top in ROOT.iterdir()
    if not SKIPPED.fullmatch(top.name)
    for path in ([top] if top.is_file() else top.rglob("*"))
    if path.suffix in {".py", ".md", ".toml", ".txt", ".yml", ".json", ".cypher", ".sh"}
    or path.name in {"Makefile", "run"}
    if path.is_file()
)
# Longer on purpose: name -> why it reads better in one piece.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}

KEYWORDS = re.compile(r"\b(MATCH|MERGE|UNWIND|DETACH DELETE)\b|\bCREATE \(")
STATEMENT_NAME = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*[a-z0-9]")
# In pieces, so that this file does not find itself.
REGISTRIES = [
    f"{host}.{end}"
    for host, end in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("maven", "org"),
        ("apache", "org/maven2"),
        ("docker", "io/"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("debian", "org"),
        ("ubuntu", "com"),
        ("npmjs", "org"),
        ("anaconda", "org"),
    )
]


def within(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def strings(path: Path) -> Iterator[str]:
    """Every string constant of a file but its docstrings."""
    tree = ast.parse(path.read_text())
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_files_stay_small() -> None:
    long = {within(path) for path in PYTHON if len(path.read_text().splitlines()) > 400}
    assert long == LONG_FILES.keys()


def test_functions_stay_small() -> None:
    long = {
        f"{within(path)}::{node.name}"
        for path in PYTHON
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) > 50
    }
    assert long == LONG_FUNCTIONS.keys()


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its lines but those of its docstring, which may be as long as the reader needs it."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    prose = ast.get_docstring(function, clean=False)
    return lines - (prose.count("\n") + 1 if prose else 0)


def test_cypher_stands_only_in_cypher_files() -> None:
    assert [
        (within(path), text) for path in SOURCES for text in strings(path) if KEYWORDS.search(text)
    ] == []


def test_names_of_statements_are_written_out() -> None:
    """A search for the name of a `.cypher` file must find its callers, so no code builds names."""
    built = [
        f"{within(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Statement"
        for option in node.keywords
        if option.arg == "name" and isinstance(option.value, ast.JoinedStr | ast.BinOp | ast.Call)
    ]
    assert built == []


def test_every_statement_has_a_caller_and_every_caller_a_statement() -> None:
    statements = {
        name for name in cypher.list_names() if not name.startswith("explore/")
    }  # Those are for people.
    folders = {name.split("/")[0] for name in statements}
    called = {
        text
        for path in SOURCES
        for text in strings(path)
        if STATEMENT_NAME.fullmatch(text) and text.split("/")[0] in folders
    }
    assert called == statements


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_come_from_this_repository(package: str) -> None:
    """Another distribution also installs a top-level `queries`."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin == str(ROOT / package / "__init__.py")


def test_no_registry_is_named() -> None:
    """Each machine configures its own pip, Maven, apt and Docker registries."""
    named = [
        (within(path), host) for path in TEXTS for host in REGISTRIES if host in path.read_text()
    ]
    assert named == []
