"""The way from the guard to a route: the only layer between them."""

import logging
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.rest.body_reader import ClientLeftError
from mcp_context_persistence.rest.operations import StrictRoute
from mcp_context_persistence.rest.problems import (
    ProblemError,
    from_client_error,
    from_http_error,
    make_failure,
)

log = logging.getLogger("mcp_context_persistence.service")


class Routes:
    """An ASGI application that finds the route of a request, and raises problems."""

    def __init__(self, router: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        """Take all routes.

        Args:
            router: Finds the routes whose paths have parameters, and answers what has no route.
            routes: All of them.
        """
        self._router = router
        self._routes = [route for route in routes if isinstance(route, Route)]
        self._by_address = {
            (method, route.path): route
            for route in self._routes
            if isinstance(route, StrictRoute) and not route.param_convertors
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            ProblemError: The request was refused, or the call failed.
        """
        if scope["type"] == "lifespan":
            await self._router(scope, receive, send)
            return
        route = self._by_address.get((scope["method"], scope["path"]))
        try:
            if route is None:
                await self._router(scope, receive, send)
            else:
                scope.update(route=route, path_params={})
                await route.app(scope, receive, send)
        except HTTPException as error:
            raise self._note(scope, from_http_error(error)) from None
        except ContextPersistenceError as error:
            raise self._note(scope, from_client_error(error)) from None
        except ClientLeftError:
            raise
        except Exception:
            self._note(scope, make_failure())
            raise

    def _note(self, scope: Scope, problem: ProblemError) -> ProblemError:
        """Return the problem; write it into the log where the service, not the caller, is wrong."""
        if problem.status_code >= 500:
            request_id = scope["state"]["request_id"]
            log.warning("request %s: %s: %s", request_id, problem.kind, problem.detail)
        if problem.status_code == 405:
            methods = ", ".join(self._list_methods(scope["path"]))
            problem.detail = f"this address answers only: {methods}"
            problem.headers = {"Allow": methods}
        return problem

    def _list_methods(self, path: str) -> list[str]:
        """Return the methods of all routes with this path; the router knows those of the first."""
        matching = (route for route in self._routes if route.path_regex.match(path))
        return sorted({method for route in matching for method in route.methods or ()})
