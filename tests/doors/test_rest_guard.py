"""The guard stands before every door of the service, and keys close it at once."""

import contextlib
import logging
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import anyio
import httpx2
import pytest
from starlette.responses import Response, StreamingResponse

from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.app import MountedApp
from mcp_context_persistence.service.keys import KeyFile
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.rest_service import check_problem, find_guard, run_service, wait_until

SETTINGS = ServiceSettings(database_url="bolt://127.0.0.1:1")


def test_another_door_is_behind_the_same_guard():
    """It runs with the service, and gets the caller and the whole body."""
    events = []

    @contextlib.asynccontextmanager
    async def run():
        events.append("begin")
        yield
        events.append("end")

    async def door(scope, receive, send):
        body = (await receive())["body"]
        text = f"{scope['state']['caller'].namespace} {scope['path']} {body.decode()}"
        await Response(text)(scope, receive, send)

    def build_mounted_apps(_service):
        return [MountedApp(path="/other", app=door, run=run)]

    with (
        run_service(SETTINGS, path="/healthz", build_mounted_apps=build_mounted_apps) as service,
        service.open_client() as http,
    ):
        assert http.post("/other", content=b"x").text == "default /other x"
        check_problem(http.post("/other", headers={"Host": "a.example"}), 421, "wrong-host")
        check_problem(http.post("/other/", content=b"x"), 404, "no-route")
        response = http.post("/other", content=b"x", headers={"Authorization": "Bearer secret"})
        check_problem(response, 401, "unauthorized")
        assert events == ["begin"]
    assert events == ["begin", "end"]


def test_a_client_that_does_not_read_is_left(monkeypatch):
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.5)
    has_begun = threading.Event()

    async def door(scope, receive, send):
        async def stream():
            while True:
                has_begun.set()
                yield b"x" * 65_536

        await StreamingResponse(stream())(scope, receive, send)

    def build_mounted_apps(_service):
        return [MountedApp(path="/endless", app=door)]

    with run_service(SETTINGS, path="/healthz", build_mounted_apps=build_mounted_apps) as service:
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert has_begun.wait(30)
            guard = find_guard(service)
            wait_until(lambda: guard._shares.requests == 0)
        with service.open_client() as http:
            assert http.get("/healthz").status_code == 200


@pytest.mark.parametrize("has_begun_to_answer", [False, True])
def test_a_second_interrupt_ends_requests_with_a_problem(has_begun_to_answer, caplog):
    has_begun = threading.Event()

    async def door(scope, receive, send):
        async def wait():
            yield b"x"
            has_begun.set()
            await anyio.sleep(600)

        response = StreamingResponse(wait())
        if has_begun_to_answer:
            await response(scope, receive, send)
        has_begun.set()
        await anyio.sleep(600)

    def build_mounted_apps(_service):
        return [MountedApp(path="/wait", app=door)]

    def get(http):
        try:
            return http.get("/wait")
        except httpx2.RemoteProtocolError:
            return None

    with (
        caplog.at_level(logging.ERROR),
        run_service(SETTINGS, path="/healthz", build_mounted_apps=build_mounted_apps) as service,
        service.open_client() as http,
        ThreadPoolExecutor(1) as threads,
    ):
        answer = threads.submit(get, http)
        assert has_begun.wait(30)
        for _ in range(2):
            service.server.handle_exit(signal.SIGINT, None)
        response = answer.result(30)
    if has_begun_to_answer:
        assert response is None  # the connection ends in the middle of the answer
    else:
        check_problem(response, 503, "unavailable")
        assert response.json()["outcome"] == "unknown"
        assert response.headers["retry-after"]
    assert not any(record.exc_info for record in caplog.records)


def test_a_file_of_keys_that_cannot_be_looked_at_opens_nothing(tmp_path):
    (tmp_path / "to_nothing").symlink_to(tmp_path / "missing")
    (tmp_path / "to_itself").symlink_to(tmp_path / "to_itself")
    for name, is_closed in (
        ("missing", False), ("to_nothing", True), ("to_itself", True), ("x" * 300, True)
    ):  # fmt: skip
        settings = replace(SETTINGS, keys_file=tmp_path / name)
        assert settings.has_keys is is_closed, name


def test_a_first_key_closes_the_service_at_once(tmp_path):
    settings = replace(SETTINGS, keys_file=tmp_path / "api_keys.json")
    with run_service(settings, path="/healthz") as service, service.open_client() as http:
        check_problem(http.get("/v1/nothing"), 404, "no-route")
        _, token = KeyFile(settings.keys_file).create(namespace="a", scopes=["read"])
        check_problem(http.get("/v1/nothing"), 401, "unauthorized")
        headers = {"Authorization": f"Bearer {token}"}
        check_problem(http.get("/v1/nothing", headers=headers), 404, "no-route")
        settings.keys_file.unlink()
        check_problem(http.get("/v1/nothing"), 401, "unauthorized")
        check_problem(http.get("/v1/nothing", headers=headers), 401, "unauthorized")
