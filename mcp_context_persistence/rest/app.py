"""The REST application."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_context_persistence import __version__
from mcp_context_persistence.rest.call_threads import CallThreads
from mcp_context_persistence.rest.callers import Credentials
from mcp_context_persistence.rest.guard import Answer, Guard
from mcp_context_persistence.rest.local_calls import LocalCalls
from mcp_context_persistence.rest.operations import (
    PROBLEM_RESPONSES,
    SCOPE_KEY,
    Service,
    StrictRoute,
)
from mcp_context_persistence.rest.problems import PROBLEMS, ProblemDetails
from mcp_context_persistence.rest.readiness import Readiness
from mcp_context_persistence.rest.request_metrics import RequestMetrics
from mcp_context_persistence.rest.routers import (
    analytics,
    conversations,
    decisions,
    documents,
    graph,
    ingest,
    instructions,
    namespaces,
    search,
    texts,
    transfer,
)
from mcp_context_persistence.rest.routing import Routes
from mcp_context_persistence.service import calls
from mcp_context_persistence.service.clients import ClientPool
from mcp_context_persistence.service.lease import (
    CHALLENGE_CHARACTERS,
    CHALLENGE_HEADER,
    PROOF_HEADER,
    LocalSecret,
)
from mcp_context_persistence.service.settings import ServiceSettings

ROUTERS = (
    conversations,
    documents,
    decisions,
    instructions,
    graph,
    search,
    analytics,
    texts,
    ingest,
    transfer,
    namespaces,
)
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DESCRIPTION = """Memory for AI assistants, stored as one property graph in Neo4j.

The namespace comes from the key. Every error is a problem (RFC 9457) that says whether the same
request may succeed later (`retryable`) and what happened to the data (`outcome`)."""


@dataclass(frozen=True, kw_only=True)
class MountedApp:
    """Another application of the service.

    Attributes:
        path: Its only address, such as `/mcp`.
        app: The application; `scope["state"]["caller"]` has the caller, whose scopes it checks.
        run: Returns what keeps it running: a mounted application has no lifespan of its own.
    """

    path: str
    app: ASGIApp
    run: Callable[[], AbstractAsyncContextManager[None]] = nullcontext


class _Endpoint:
    """An application as the endpoint of a route, which takes a function for a handler."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


BuildMountedApps = Callable[[Service], Sequence[MountedApp]]


def create_app(
    settings: ServiceSettings | None = None,
    *,
    secret: LocalSecret | None = None,
    build_mounted_apps: BuildMountedApps = lambda _service: (),
) -> FastAPI:
    """Return the application; it opens the store when it starts.

    Args:
        settings: None means those of the environment.
        secret: Of the lease, so that other processes of the same user can call.
        build_mounted_apps: Returns the other applications of the service, behind the same guard.

    Raises:
        ValidationError: The environment is not valid.
    """
    settings = settings or ServiceSettings.from_environment()
    credentials, metrics = Credentials(settings, secret), RequestMetrics()
    clients, threads = ClientPool(settings), CallThreads(settings.threads)
    service = Service.create(
        clients, threads, credentials.keys.secret if credentials.keys else None
    )
    readiness, mounted = Readiness(clients, settings.namespace), list(build_mounted_apps(service))
    if secret is not None:
        mounted.append(MountedApp(path=calls.PATH, app=LocalCalls(clients, threads)))

    app = FastAPI(
        title="Context Persistence",
        version=__version__,
        description=DESCRIPTION,
        lifespan=_build_lifespan(service, readiness, mounted),
        docs_url=None,  # these pages load scripts of other sites
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.service = service
    _add_routes(app, metrics, mounted)
    app.middleware_stack = Guard(
        Routes(app.router, app.routes),
        settings=settings,
        credentials=credentials,
        metrics=metrics,
        open_answers=_build_open_answers(readiness, secret),
    )
    return app


def _build_lifespan(
    service: Service, readiness: Readiness, mounted: Sequence[MountedApp]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return what runs as long as the application: it opens the store, and closes it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        may_wait = True
        readiness.start()
        await run_sync(app.openapi)  # which takes a while
        try:
            async with AsyncExitStack() as running:
                for mounted_app in mounted:
                    await running.enter_async_context(mounted_app.run())
                try:
                    yield
                except asyncio.CancelledError:  # after a second Ctrl-C
                    may_wait = False
        finally:
            readiness.stop_later()
            if may_wait:
                await run_sync(readiness.stop)
                await run_sync(service.clients.close)
            service.threads.close()

    return lifespan


def _add_routes(app: FastAPI, metrics: RequestMetrics, mounted: Sequence[MountedApp]) -> None:
    for router in (*(module.router for module in ROUTERS), _build_operators_router(metrics)):
        app.router.routes.extend(router.routes)
    app.router.routes.extend(
        Route(mounted_app.path, endpoint=_Endpoint(mounted_app.app)) for mounted_app in mounted
    )
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]  # as its documentation says


def _build_operators_router(metrics: RequestMetrics) -> APIRouter:
    router = APIRouter(route_class=StrictRoute, tags=["operation"])

    @router.get(
        "/metrics",
        operation_id="metrics",
        summary="Read the counts and times of the requests, as Prometheus does.",
        response_class=Response,
        responses={
            200: {
                "description": "Metrics",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **PROBLEM_RESPONSES,
        },
        openapi_extra={SCOPE_KEY: "metrics"},
    )
    def read_metrics() -> Response:
        return Response(metrics.render(), media_type=METRICS_TYPE)

    return router


def _build_open_answers(readiness: Readiness, secret: LocalSecret | None) -> dict[str, Answer]:
    """Return the answers that need no key; they tell neither versions nor names."""
    probes = CapacityLimiter(2)  # of their own, so that they do not wait for calls

    async def answer_health(headers: Headers) -> Response:
        challenge = headers.get(CHALLENGE_HEADER, "")
        is_challenge = secret is not None and len(challenge) == CHALLENGE_CHARACTERS
        proof = secret.prove(challenge) if secret is not None and is_challenge else None
        return _json({"status": "alive"}, headers={PROOF_HEADER: proof} if proof else None)

    async def answer_readiness(_headers: Headers) -> Response:
        is_ready, parts = await run_sync(readiness.check, limiter=probes)
        return _json({"ready": is_ready, **parts}, status=200 if is_ready else 503)

    return {"/healthz": answer_health, "/readyz": answer_readiness}


def _json(
    content: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(json.dumps(content), status, headers, "application/json")


def _describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (ProblemDetails, ingest.LineAnswer):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        kinds = [f"/problems/{kind}" for kind in PROBLEMS]
        schemas["ProblemDetails"]["properties"]["type"]["enum"] = kinds
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
        app.openapi_schema = document
    return app.openapi_schema
