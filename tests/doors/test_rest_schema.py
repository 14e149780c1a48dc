"""The OpenAPI document: the committed file is that of the application, and what it says holds."""

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.rest.problems import PROBLEMS
from mcp_context_persistence.service.keys import SCOPES, KeyFile
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.rest_service import run_service
from tools.write_openapi import FILE, render

ROOT = Path(__file__).parents[2]


def test_the_committed_document_is_that_of_the_application():
    assert FILE.read_text() == render(), "run: python -m tools.write_openapi"


def test_the_page_lists_every_kind_of_problem():
    page = (ROOT / "docs/rest.md").read_text()
    for kind, (status, _) in PROBLEMS.items():
        assert f"| `{kind}` | {status} |" in page


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_schemathesis_finds_nothing(server, tmp_path):
    namespace = f"test-rest-{uuid.uuid4().hex[:12]}"
    keys = KeyFile(tmp_path / "api_keys.json")
    _, token = keys.create(namespace=namespace, scopes=SCOPES)
    settings = ServiceSettings(
        database_url=server.bolt_url,
        auth=server.auth,
        namespace=namespace,
        keys_file=keys.path,
        requests_per_minute=1_000_000,
    )
    with run_service(settings) as service:
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", ROOT / "tests/doors/schemathesis.toml"),
                *("run", FILE, "--url", service.url),
                *("--header", f"Authorization: Bearer {token}"),
                *("--checks", "all", "--max-examples", os.environ.get("EXAMPLES", "25")),
                *("--phases", "examples,coverage,fuzzing,stateful"),
                *("--exclude-operation-id", "batch_save_conversations"),  # it knows no JSON lines
                *("--request-timeout", "60", "--continue-on-failure", "--seed", "1"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as client:
        client.delete_namespace(namespace)
    assert finished.returncode == 0, finished.stdout[-20_000:] + finished.stderr[-2_000:]


def test_the_examples_of_the_page_run(open_service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/rest.md").read_text().replace("http://127.0.0.1:8000", open_service.url)
    names: dict[str, Any] = {"__name__": "page"}
    for source in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(source, "rest.md", "exec"), names)
    assert names["answer"].json()["results"]
    names["copy_namespace"](names["client"], names["client"])
    names["client"].close()


def test_the_page_lists_every_call(open_service):
    page = (ROOT / "docs/rest.md").read_text()
    table = page.partition("## Addresses")[2].partition("## Keys")[0]
    operations = {
        operation["operationId"].partition(".")[0]
        for methods in open_service.app.openapi()["paths"].values()
        for operation in methods.values()
    }
    assert {name for name in operations if f"`{name}`" not in table} == set()
