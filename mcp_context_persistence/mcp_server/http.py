"""The MCP server as an ASGI application, for a service that mounts it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.routing import Route

from mcp_context_persistence.kg import limits
from mcp_context_persistence.mcp_server.memory import FindMemory
from mcp_context_persistence.mcp_server.server import ServerOptions, build_server
from mcp_context_persistence.mcp_server.strict_bodies import StrictBodies
from mcp_context_persistence.service.settings import LOOPBACK_HOSTS as LOOPBACK_NAMES

PATH = "/mcp"
LOOPBACK_HOSTS = tuple(f"{name}:*" for name in LOOPBACK_NAMES)
LOOPBACK_ORIGINS = tuple(f"http://{name}:*" for name in LOOPBACK_NAMES)


def build_http_app(
    find_memory: FindMemory,
    options: ServerOptions | None = None,
    *,
    path: str = PATH,
    allowed_hosts: Sequence[str] = LOOPBACK_HOSTS,
    allowed_origins: Sequence[str] = LOOPBACK_ORIGINS,
) -> Starlette:
    """Build an application that answers POST at one address with JSON and keeps no sessions.

    It authenticates nobody: a middleware of the service does. Mount it last, at `/`. Where it is
    mounted, its own lifespan does not run; use `run_http_app` in that of the service.

    Args:
        find_memory: Returns the memory for a request (a Starlette `Request`). What a middleware
            puts into `scope["state"]` is in `request.state`.
        options: Which tools there are.
        path: The address.
        allowed_hosts: Values of the header Host, with `:*` for any port; others get 421.
        allowed_origins: Values of the header Origin, if there is one; others get 403.

    Raises:
        ValidationError: There is no such profile or tool.
    """
    server = build_server(find_memory, options)
    app = server.streamable_http_app(
        streamable_http_path=path,
        stateless_http=True,
        json_response=True,
        max_request_body_size=limits.MCP_REQUEST_BYTES,
        transport_security=TransportSecuritySettings(
            allowed_hosts=list(allowed_hosts), allowed_origins=list(allowed_origins)
        ),
    )
    for route in app.routes:
        # A GET would hold a place among the requests for as long as the client likes.
        assert isinstance(route, Route)  # noqa: S101 - the SDK adds no others
        route.methods = {"POST"}
    app.add_middleware(StrictBodies)
    app.state.mcp_server = server
    return app


@asynccontextmanager
async def run_http_app(app: Starlette) -> AsyncIterator[None]:
    """Keep a mounted application of `build_http_app` running; an application runs once."""
    async with app.state.mcp_server.session_manager.run():
        yield
