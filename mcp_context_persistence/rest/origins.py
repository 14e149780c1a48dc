"""Which pages may call, and what their browsers are told about it (CORS).

A browser asks before it lets a page send a key to another origin, and shows the page an answer only
if the answer allows it. Only the origins that are listed are allowed this. Pages on the loopback
address may call, as programs of this machine do, but pages of other origins read nothing.
"""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from mcp_context_persistence.rest.problems import ProblemError
from mcp_context_persistence.service.settings import is_loopback

METHODS = "GET, POST, PUT, PATCH, DELETE"
SENT = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
    "MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id"
)
SHOWN = "Allow, ETag, Location, Retry-After, WWW-Authenticate, X-Request-Id"
PREFLIGHT_SECONDS = 600  # for which a browser need not ask again


class Origins:
    """The origins of requests."""

    def __init__(self, listed: Collection[str]) -> None:
        """Take the origins of pages that may call, in lower case."""
        self._listed = frozenset(listed)

    def check(self, headers: Headers) -> None:
        """Refuse pages of other sites: a browser sends its own credentials for them.

        Raises:
            ProblemError: The request comes from such a page.
        """
        if "origin" not in headers and headers.get("sec-fetch-site") == "cross-site":
            raise ProblemError("forbidden", "web pages of other sites may not call")
        for origin in headers.getlist("origin"):
            scheme, _, rest = origin.lower().partition("://")
            is_local = scheme in {"http", "https"} and is_loopback(cut_port(rest))
            if not is_local and origin.lower() not in self._listed:
                raise ProblemError(
                    "forbidden",
                    "this origin may not call; add it to CONTEXT_API_ORIGINS",
                )

    def answer_preflight(self, method: str, headers: Headers) -> Response | None:
        """Return the answer to a browser that asks what a page may send; None for other requests.

        It has no key, and says the same about all addresses.
        """
        is_question = method == "OPTIONS" and "access-control-request-method" in headers
        if not is_question or self._find_listed(headers) is None:
            return None
        allowed = {
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": SENT,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        }
        return Response(status_code=204, headers=allowed)

    def mark(self, headers: Headers, answer: MutableHeaders) -> None:
        """Let the browser show an answer to a page of a listed origin.

        Args:
            headers: Of the request.
            answer: The headers of its answer, also of an error.
        """
        if self._listed:
            answer.add_vary_header("Origin")
        origin = self._find_listed(headers)
        if origin is not None:
            answer["Access-Control-Allow-Origin"] = origin
            answer["Access-Control-Expose-Headers"] = SHOWN

    def _find_listed(self, headers: Headers) -> str | None:
        """Return the origin of a request, as it was sent, if it is listed."""
        origins = headers.getlist("origin")
        return origins[0] if len(origins) == 1 and origins[0].lower() in self._listed else None


def cut_port(address: str) -> str:
    """Return a host without its port."""
    name, _, port = address.rpartition(":")
    return name if name and port.isascii() and port.isdigit() else address
