"""Errors as problem details (RFC 9457). No text of them has a value that the caller sent."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mcp_context_persistence import exceptions
from mcp_context_persistence.kg.driver.daemon_threads import OverdueError
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    LimitError,
    NotFoundError,
    ValidationError,
)
from mcp_context_persistence.kg.validation import describe_rule

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
TOO_LARGE = frozenset({"string_too_long", "too_long"})  # types of pydantic's errors
MAX_FIELDS = 5  # that one problem lists
# Type of the problem: status and title. docs/rest.md lists them too.
PROBLEMS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request is not valid HTTP"),
    "unauthorized": (401, "A key is needed"),
    "forbidden": (403, "The caller may not do this"),
    "not-found": (404, "There is no such item"),
    "no-route": (404, "There is no such address"),
    "method-not-allowed": (405, "The address has no such method"),
    "timeout": (408, "The request did not arrive in time"),
    "conflict": (409, "The Idempotency-Key belongs to another request"),
    "precondition-failed": (412, "The item has changed"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "The content type is not supported"),
    "wrong-host": (421, "The service does not have this host name"),
    "invalid": (422, "The request is not valid"),
    "rate-limited": (429, "Too many requests"),
    "failed": (500, "The call failed"),
    "unavailable": (503, "The service cannot answer now"),
    "deadline": (504, "The call did not end in time"),
}
NO_ROUTE = "there is no such address; /openapi.json describes all of them"
_BY_STATUS = {status: kind for kind, (status, _) in reversed(PROBLEMS.items())} | {404: "no-route"}
_FIELD = re.compile(r"[a-z_]+(?:\.[a-z_0-9]+)*")
# What pydantic writes into a location for one type of several: `str`, `list[constrained-str]`.
_ALTERNATIVE = re.compile(r"str|int|float|bool|.*[^a-z0-9_].*")
_NO_FIELDS = frozenset({"give", "there", "the", "this", "query_terms"})


class ProblemDetails(BaseModel):
    """A problem, as every error is answered."""

    type: str = Field(..., description="/problems/ and the kind of the problem")
    title: str = Field(..., description="The same for every problem of this kind")
    status: int = Field(..., description="The status of the response")
    detail: str = Field(..., description="What is wrong, without any value of the request")
    field: str | None = Field(None, description="The field that is not valid")
    retryable: bool = Field(..., description="Whether the same request may succeed later")
    outcome: str = Field(
        ..., description="What happened to the data: not_applied, applied or unknown"
    )
    error: str | None = Field(None, description="Class of the client's error")
    request_id: str | None = Field(
        None, description="The header X-Request-Id; the log has it for failures"
    )


class ProblemError(HTTPException):
    """An error that is answered as a problem."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        field: str | None = None,
        retryable: bool = False,
        outcome: str = "not_applied",
        error: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Name its kind, of `PROBLEMS`, and what is wrong."""
        super().__init__(PROBLEMS[kind][0], detail, dict(headers) if headers else None)
        self.kind, self.field = kind, field
        self.retryable, self.outcome, self.error = retryable, outcome, error

    def as_dict(self, request_id: str | None = None) -> dict[str, Any]:
        """Return the problem as JSON has it."""
        status, title = PROBLEMS[self.kind]
        problem: dict[str, Any] = {
            "type": f"/problems/{self.kind}",
            "title": title,
            "status": status,
            "detail": self.detail,
            "retryable": self.retryable,
            "outcome": self.outcome,
        }
        if self.field:
            problem["field"] = self.field
        if self.error:
            problem["error"] = self.error
        if request_id:
            problem["request_id"] = request_id
        return problem

    def respond(self, request_id: str | None = None) -> Response:
        """Return the response."""
        headers = dict(self.headers or {})
        if self.retryable and self.status_code in {429, 503}:
            headers.setdefault("Retry-After", str(RETRY_SECONDS))
        return Response(
            json.dumps(self.as_dict(request_id)),
            self.status_code,
            headers=headers,
            media_type=MEDIA_TYPE,
        )


def from_client_error(error: ContextPersistenceError) -> ProblemError:
    """Return the problem for an error of the client."""
    kind = "failed"
    if isinstance(error, LimitError):
        kind = "too-large"
    elif isinstance(error, ValidationError):
        kind = "invalid"
    elif isinstance(error, NotFoundError):
        kind = "not-found"
    elif _is_overdue(error):
        kind = "deadline"
    elif error.retryable:
        kind = "unavailable"
    text = str(error)
    return ProblemError(
        kind,
        text,
        field=_read_field(text) if kind in {"invalid", "too-large"} else None,
        retryable=error.retryable,
        outcome=error.outcome,
        error=find_class(error),
    )


def make_failure() -> ProblemError:
    """Return the problem of a request that failed for a reason that nobody foresaw."""
    return ProblemError("failed", "the log of the service says why", outcome="unknown")


def make_interruption() -> ProblemError:
    """Return the problem of a request whose call still runs when the service ends."""
    return ProblemError(
        "unavailable",
        "the service was stopped during the request",
        retryable=True,
        outcome="unknown",
        headers={"Connection": "close"},
    )


def from_http_error(error: HTTPException) -> ProblemError:
    """Return the problem for an error of the framework, whose text may quote the request."""
    if isinstance(error, ProblemError):
        return error
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = "failed" if error.status_code >= 500 else "bad-request"
    detail = NO_ROUTE if kind == "no-route" else PROBLEMS[kind][1]
    return ProblemError(kind, detail, headers=error.headers)


def from_validation_errors(
    errors: Sequence[Mapping[str, Any]], *, source: str, known_keys: Iterable[str] = ()
) -> ProblemError:
    """Return the problem for errors of pydantic: fields and rules, never values or unknown keys.

    Args:
        errors: The errors.
        source: The part of the request that they are about: `path`, `query` or `body`.
        known_keys: The fields of that part.
    """
    texts, first = [], None
    errors = _leave_out_alternatives(errors)
    for error in errors[:MAX_FIELDS]:
        kind, location = str(error["type"]), list(error["loc"])
        if kind == "extra_forbidden":
            location, rule = location[:-1], describe_unknown_field(known_keys)
        elif kind == "missing":
            rule = "is missing"
        else:
            rule = _describe_rule(kind, str(error["msg"]))
        names = [str(item) for item in location if isinstance(item, int) or _is_name(item)]
        field = ".".join(names)
        first = first or field or None
        texts.append(f"{field or f'the {source}'} {rule}")
    is_too_large = {str(error["type"]) for error in errors} <= TOO_LARGE
    return ProblemError(
        "too-large" if is_too_large else "invalid", "; ".join(dict.fromkeys(texts)), field=first
    )


def _describe_rule(kind: str, message: str) -> str:
    """Return an error of pydantic as a rule that follows the name of a field."""
    if kind in {"model_type", "dict_type"}:  # their messages name a class of this library
        return "must be a JSON object"
    return describe_rule(message)


def describe_unknown_field(known_keys: Iterable[str]) -> str:
    """Say that there is an unknown field, and which fields are known, without the unknown key."""
    names = ", ".join(known_keys)
    return f"has an unknown field; known are: {names}" if names else "has an unknown field"


def _leave_out_alternatives(errors: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Leave out that a value is not of one type where it is of another one, and not valid."""
    invalid = [tuple(error["loc"]) for error in errors if not _is_of_type(error)]
    return [
        error
        for error in errors
        if not (_is_of_type(error) and _ALTERNATIVE.fullmatch(str(error["loc"][-1])))
        or not any(_is_within(location, error["loc"][:-1]) for location in invalid)
    ]


def _is_name(item: str) -> bool:
    return bool(_FIELD.fullmatch(item)) and not _ALTERNATIVE.fullmatch(item)


def _is_of_type(error: Mapping[str, Any]) -> bool:
    return str(error["type"]).endswith("_type") and bool(error["loc"])


def _is_within(location: Sequence[Any], field: Sequence[Any]) -> bool:
    return tuple(location[: len(field)]) == tuple(field)


def find_class(error: ContextPersistenceError) -> str:
    """Return the public class of an error."""
    names = (base.__name__ for base in type(error).__mro__)
    return next(name for name in names if name in exceptions.__all__)


def _is_overdue(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OverdueError):
            return True
        cause = cause.__cause__
    return False


def _read_field(text: str) -> str | None:
    """Return the field that an error of the client names: its text begins with it."""
    match = _FIELD.match(text)
    return match[0] if match and match[0] not in _NO_FIELDS else None
