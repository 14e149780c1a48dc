"""The application of the service: `uvicorn mcp_context_persistence.main:app`.

`app` is made when it is first used, from the settings of the environment.
"""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.rest.app import MountedApp, create_app
from mcp_context_persistence.service.keys import KeyFile
from mcp_context_persistence.service.settings import LOOPBACK_HOSTS, ServiceSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from mcp_context_persistence.client import ContextPersistenceClient
    from mcp_context_persistence.rest.callers import Caller
    from mcp_context_persistence.rest.operations import Service
    from mcp_context_persistence.service.clients import ClientPool
    from mcp_context_persistence.service.lease import LocalSecret

    app: FastAPI


class CallerMemory:
    """Gives a tool of the MCP server the client of the caller's namespace."""

    stage: str | None = None

    def __init__(self, clients: "ClientPool", caller: "Caller") -> None:
        """Take the clients of the service, and who calls."""
        self._clients, self._caller = clients, caller

    @contextmanager
    def use(self, scope: str) -> Iterator["ContextPersistenceClient"]:
        """Yield the client of the namespace.

        Raises:
            ValidationError: The caller's key does not allow this.
            DatabaseError: The client cannot be opened.
        """
        if scope not in self._caller.scopes:
            raise ValidationError(f"the key does not have the scope {scope}")
        with self._clients.use(self._caller.namespace) as client:
            yield client


def create_service(
    settings: ServiceSettings | None = None, *, secret: "LocalSecret | None" = None
) -> "FastAPI":
    """Return the REST application with the MCP server mounted in it.

    The guard of the REST application stands before them too: it checks host, origin and key, and
    `scope["state"]["caller"]` has the caller.

    Args:
        settings: None means those of the environment.
        secret: Of the lease, see `service.lease`.
    """
    checked = settings or ServiceSettings.from_environment()
    return create_app(
        checked,
        secret=secret,
        build_mounted_apps=lambda service: _build_mounted_apps(service, checked),
    )


def _build_mounted_apps(service: "Service", settings: ServiceSettings) -> list[MountedApp]:
    """Build the MCP server with each profile; nothing where its package is not installed."""
    if find_spec("mcp") is None:
        return []
    from mcp_context_persistence.mcp_server.http import PATH  # noqa: PLC0415 - an extra
    from mcp_context_persistence.mcp_server.profiles import PROFILES  # noqa: PLC0415

    return [
        _build_mcp_app(service, settings, profile, PATH if number == 0 else f"{PATH}/{profile}")
        for number, profile in enumerate(PROFILES)
    ]


def _build_mcp_app(
    service: "Service", settings: ServiceSettings, profile: str, path: str
) -> MountedApp:
    from mcp_context_persistence.mcp_server import http  # noqa: PLC0415 - an extra
    from mcp_context_persistence.mcp_server.server import ServerOptions  # noqa: PLC0415

    names = (*LOOPBACK_HOSTS, *settings.hosts)
    app = http.build_http_app(
        lambda request: CallerMemory(service.clients, request.state.caller),
        ServerOptions(
            profile=profile,
            secret=_derive_secret(settings),
            run_in_thread=service.threads.run,
        ),
        path=path,
        allowed_hosts=[host for name in names for host in (name, f"{name}:*")],
        allowed_origins=[*http.LOOPBACK_ORIGINS, *settings.origins],
    )
    return MountedApp(path=path, app=app, run=lambda: http.run_http_app(app))


def _derive_secret(settings: ServiceSettings) -> bytes | None:
    """Return what signs the tokens of `forget`, the same in every replica; None without keys."""
    secret = KeyFile(settings.keys_file).secret if settings.keys_file else b""
    return hmac.digest(secret, b"forget", "sha256") if secret else None


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = create_service()
    return globals()["app"]
