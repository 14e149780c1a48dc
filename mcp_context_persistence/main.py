"""The application of the service: `uvicorn mcp_context_persistence.main:app`.

`app` is made when it is first used, from the settings of the environment.
"""

from typing import TYPE_CHECKING, Any

from mcp_context_persistence.rest.app import create_app

if TYPE_CHECKING:
    from fastapi import FastAPI

    from mcp_context_persistence.service.lease import LocalSecret
    from mcp_context_persistence.service.settings import ServiceSettings

    app: FastAPI


def create_service(
    settings: "ServiceSettings | None" = None, *, secret: "LocalSecret | None" = None
) -> "FastAPI":
    """Return the REST application with every other door of the service mounted in it.

    The guard of the REST application stands before them too: it checks host, origin and key, and
    `scope["state"]["caller"]` has the caller.

    Args:
        settings: None means those of the environment.
        secret: Of the lease, see `service.lease`.
    """
    return create_app(settings, secret=secret)


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = create_service()
    return globals()["app"]
