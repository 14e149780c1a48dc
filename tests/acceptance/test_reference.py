"""Run the blocks of the reference in order, and compare its signatures and defaults."""

import ast
import inspect
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from mcp_context_persistence import ContextPersistenceClient

ROOT = Path(__file__).parents[2]
REFERENCE = Path(
    os.environ.get("CONTEXT_REFERENCE", ROOT.parent / "shared/reference/python-sdk.md")
)
SECTIONS = (
    ("## Quick Start", "## Configuration"),
    ("### Batch Operations", "### Custom Embedding Models"),
    ("### Knowledge Graph Analytics", "## Performance Optimization"),
    ("### Parallel Processing", "## Deployment"),
    ("### Monitoring and Logging", "## Best Practices"),
)
FREE = {
    "database_url",
    "vector_db_url",
}  # their defaults name stores that the reference was written for


def blocks():
    if not REFERENCE.is_file():
        warnings.warn(
            f"the reference is not at {REFERENCE}; its blocks are not checked", stacklevel=1
        )
        return []
    text = REFERENCE.read_text()
    spans = [(text.index(first), text.index(last)) for first, last in SECTIONS]
    return [
        (text[: match.start()].count("\n") + 1, match[1])
        for match in re.finditer(r"```python\n(.*?)```", text, re.DOTALL)
        if any(first <= match.start() < last for first, last in spans)
    ]


def signatures(source):
    """The methods of a block that documents a signature, else nothing."""
    body = ast.parse(source).body
    found = []
    for node in body:
        inside = (
            node.body
            if isinstance(node, ast.ClassDef) and node.name == "ContextPersistenceClient"
            else [node]
        )
        found += [
            one
            for one in inside
            if isinstance(one, ast.FunctionDef) and one.args.args and one.args.args[0].arg == "self"
        ]
    return found


def check_signature(documented):
    have = inspect.signature(getattr(ContextPersistenceClient, documented.name)).parameters
    names = [one.arg for one in documented.args.args if one.arg != "self"]
    assert [name for name in have if name in names] == names
    assert list(have)[1 : len(names) + 1] == names
    defaults = dict(zip(reversed(names), reversed(documented.args.defaults), strict=False))
    for name in names:
        if name not in FREE and name in defaults:
            assert have[name].default == ast.literal_eval(defaults[name]), name


def run_blocks():
    """Run the blocks in order, in one namespace, and then the tests that they define."""
    names: dict[str, Any] = {
        "__name__": "reference",
        "include_metadata": True,
        "messages": [{"role": "user", "content": "We use pandas."}],
    }
    clients = []  # the blocks make several, and the last of them uses the name for a fixture
    for line, source in blocks():
        documented = signatures(source)
        for one in documented:
            check_signature(one)
        if documented:
            continue
        runnable = source.replace(
            "postgresql://user:pass@localhost/context_db", "sqlite:///context.db"
        )
        exec(compile(runnable, f"reference, line {line}", "exec"), names)
        if isinstance(names.get("client"), ContextPersistenceClient):
            clients.append(names["client"])
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        with ContextPersistenceClient(
            database_url="sqlite:///:memory:", vector_db_url=":memory:"
        ) as client:
            test(client)
    assert clients
    for client in clients:
        client.close()


def test_the_documented_blocks_run_in_order(tmp_path, monkeypatch):
    """They run in a process of their own: one of them limits its memory to 2 GB."""
    if not blocks():
        pytest.skip(f"LOUD: the reference is not at {REFERENCE}")
    monkeypatch.delenv("CONTEXT_DB_URL", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", "from tests.acceptance import test_reference as t; t.run_blocks()"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout
    assert "Saved conversation with 2 messages" in shown
    assert "Failed" not in shown
    assert "Successfully saved 10/10 conversations" in shown
    assert "Processed 3 texts in parallel" in shown
    assert re.search(
        r"Memory usage: [1-9]\d{8,}\nMemory limit: 2000000000\nCleanup threshold: 0.8\n", shown
    )
    assert re.search(r"Found [1-9]\d* similar conversations", shown)


def test_the_documented_models_have_their_fields():
    import mcp_context_persistence.models as ours

    found = {
        node.name: [
            (one.target.id, one.value) for one in node.body if isinstance(one, ast.AnnAssign)
        ]
        for _, source in blocks()
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
        and any(getattr(base, "id", "") == "BaseModel" for base in node.bases)
    }
    if not found:
        pytest.skip(f"LOUD: the reference is not at {REFERENCE}")
    assert set(found) == {
        "Message",
        "Conversation",
        "Entity",
        "Relationship",
        "SaveConversationResponse",
        "ExtractEntitiesResponse",
    }
    for name, fields in found.items():
        model = getattr(ours, name)
        for field, value in fields:
            assert field in model.model_fields, (name, field)
            required = (
                isinstance(value, ast.Call)
                and bool(value.args)
                and getattr(value.args[0], "value", None) is ...
            )
            if not (name.endswith("Response") and field in {"success"}):
                assert model.model_fields[field].is_required() == required, (name, field)
