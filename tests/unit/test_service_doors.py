"""What the doors of a service share: secrets, threads, scopes and the form of the log."""

import json
import logging
from pathlib import Path

from mcp_context_persistence.main import _build_mounted_apps
from mcp_context_persistence.mcp_server.profiles import select_tools
from mcp_context_persistence.rest.call_threads import CallThreads
from mcp_context_persistence.rest.operations import Service
from mcp_context_persistence.runtime.config.settings import load_config
from mcp_context_persistence.service import server
from mcp_context_persistence.service.clients import ClientPool
from mcp_context_persistence.service.keys import KeyFile
from mcp_context_persistence.service.settings import ServiceSettings

THREADS = CallThreads(2)


def build_infos(path):
    settings = ServiceSettings(database_url="bolt://127.0.0.1:1", keys_file=path)
    service = Service.create(ClientPool(settings), THREADS, None)
    doors = _build_mounted_apps(service, settings)
    return [door.app.state.mcp_server._info for door in doors]  # type: ignore[attr-defined]  # of Starlette


def test_replicas_with_the_same_keys_sign_alike(tmp_path):
    paths = [tmp_path / f"{name}.json" for name in ("one", "other", "missing")]
    for path in paths[:2]:
        KeyFile(path).create(namespace="a", scopes=["forget"])
    replicas = [{info.secret for info in build_infos(path)} for path in (paths[0], *paths)]
    assert replicas[0] == replicas[1]
    assert len(replicas[0]) == 1
    assert not replicas[0] & (replicas[2] | replicas[3])
    assert KeyFile(paths[0]).secret not in replicas[0]  # which signs cursors
    assert len(replicas[3]) > 1  # without keys, each server has a secret of its own


def test_all_doors_share_the_threads_of_the_service(tmp_path):
    infos = build_infos(tmp_path / "missing")
    assert [info.run_in_thread for info in infos] == [THREADS.run] * 3


def test_a_tool_of_a_call_needs_the_scope_of_its_route():
    document = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text())
    scopes = {
        operation["operationId"]: operation["x-scope"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    for tool in select_tools("full"):
        assert tool.scope == scopes[tool.name], tool.name


def test_the_lines_of_other_libraries_have_the_configured_form(monkeypatch):
    handlers = []
    monkeypatch.setattr(
        logging, "basicConfig", lambda **options: handlers.extend(options["handlers"])
    )
    record = logging.LogRecord("uvicorn", logging.WARNING, "", 0, "It is late.", None, None)
    for log_format in ("json", "text"):
        server._log_plain_lines(load_config({"log_format": log_format}))
    lines = [handler.format(record) for handler in handlers]
    assert json.loads(lines[0])["message"] == "It is late."
    assert lines[1].endswith(" - uvicorn - WARNING - It is late.")
