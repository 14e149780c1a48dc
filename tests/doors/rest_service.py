"""A service on a real socket, for tests."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import uvicorn

from mcp_context_persistence.main import create_service
from mcp_context_persistence.rest.app import BuildMountedApps, create_app
from mcp_context_persistence.service.folders import (
    digest_settings,
    find_credentials,
    service_folder,
)
from mcp_context_persistence.service.lease import LocalSecret, ServiceLease
from mcp_context_persistence.service.server import configure, listen
from mcp_context_persistence.service.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class RunningService:
    """Where it listens, and what it is."""

    port: int
    app: Any
    settings: ServiceSettings
    server: uvicorn.Server
    thread: threading.Thread

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open_client(self, key: str | None = None) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)


@contextlib.contextmanager
def run_service(
    settings: ServiceSettings,
    *,
    secret: LocalSecret | None = None,
    path: str = "/readyz",
    build_mounted_apps: BuildMountedApps | None = None,
) -> Iterator[RunningService]:
    """Run a service in a thread until the block ends; at its begin, the path answers with 200."""
    app = (
        create_app(settings, secret=secret, build_mounted_apps=build_mounted_apps)
        if build_mounted_apps
        else create_service(settings, secret=secret)
    )
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(configure(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    port = listener.getsockname()[1]
    service = RunningService(port=port, app=app, settings=settings, server=server, thread=thread)
    try:
        with service.open_client() as client:
            wait_until_ready(client, path)
        yield service
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextlib.contextmanager
def run_leased_service(server: Any, namespace: str) -> Iterator[RunningService]:
    """Run a service of a database that clients of this user find: it has the lease."""
    folder = service_folder(server.bolt_url)
    assert folder is not None
    held = ServiceLease(folder)
    assert held.take()
    settings = ServiceSettings(database_url=server.bolt_url, auth=server.auth, namespace=namespace)
    try:
        secret = held.secret.bind(find_credentials(server.bolt_url, auth=server.auth))
        with run_service(settings, secret=secret) as service:
            held.publish("127.0.0.1", service.port, settings=digest_settings())
            yield service
    finally:
        held.give_back()


def wait_until_ready(client: httpx2.Client, path: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx2.TransportError):
            response = client.get(path)
            if response.status_code == 200:
                return
        assert time.monotonic() < end, "the service does not become ready"
        time.sleep(0.05)


def send_raw(port: int, data: bytes, *, seconds: float = 10) -> bytes:
    """Send bytes, and return all that comes until the server closes or nothing comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        received = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while chunk := connection.recv(65_536):
                received += chunk
        return received


def check_problem(response, status, kind):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"/problems/{kind}"
    assert "secret" not in response.text


def find_guard(service):
    layer = service.app.middleware_stack
    while type(layer).__name__ != "Guard":
        layer = getattr(layer, "app", None) or layer._app
    return layer


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
