"""Read JSON strictly: what two programs could read differently is refused."""

import json
import math
import re
from typing import Any, NoReturn

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.json_objects import DoubledKeyError, build_object
from mcp_context_persistence.rest.problems import ProblemError

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# Also one without an end. Nothing is tried twice, so that it takes one pass whatever was sent.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
QUOTES_PER_CONTAINER = 20  # more of them take too long to look at
_INTEGER_CHARACTERS = 20  # of a sign and 64 bits


class _RefusedError(Exception):
    """The JSON is not strict. The text of the error says why, without a subject."""


def load_json(data: bytes, *, name: str = "the body") -> Any:
    """Parse a text in JSON.

    Args:
        data: The text.
        name: What it is, for an error.

    Raises:
        ProblemError: It is not JSON in UTF-8, or has NaN, a doubled key, half of a surrogate pair,
            a number out of range, or too many levels.
    """
    try:
        return _load(data)
    except _RefusedError as error:
        raise ProblemError("invalid", f"{name} {error}") from error


def _load(data: bytes) -> Any:
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_read_float,
            parse_int=_read_integer,
            object_pairs_hook=build_object,
        )
    except UnicodeDecodeError as error:
        raise _RefusedError("is not in UTF-8") from error
    except RecursionError as error:
        raise _refuse_depth() from error
    except DoubledKeyError as error:
        raise _RefusedError("has an object with the same key twice") from error
    except ValueError as error:
        raise _RefusedError("is not valid JSON") from error
    if data.count(b"[") + data.count(b"{") > limits.JSON_DEPTH:
        _check_depth(value)
    if _SURROGATE.search(data):
        _check_surrogates(value)
    return value


def check_containers(text: bytes) -> None:
    """Refuse a text in JSON with so many arrays and objects that its parser would stop all else.

    Raises:
        ProblemError: It has more of them than the limit.
    """
    if _count_containers(text) <= limits.JSON_CONTAINERS:
        return
    if text.count(b'"') <= QUOTES_PER_CONTAINER * limits.JSON_CONTAINERS:
        text = _STRING.sub(b"", text)  # texts may have as many brackets as they like
    if _count_containers(text) > limits.JSON_CONTAINERS:
        raise ProblemError(
            "too-large", f"the body has more than {limits.JSON_CONTAINERS:,} arrays and objects"
        )


def _count_containers(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _refuse_depth() -> _RefusedError:
    return _RefusedError(f"has more than {limits.JSON_DEPTH} levels")


def _refuse_constant(_text: str) -> NoReturn:
    raise _RefusedError("has a number that is not finite")


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _RefusedError("has a number that is not finite")
    return number


def _read_integer(text: str) -> int:
    if len(text) > _INTEGER_CHARACTERS or not -(2**63) <= int(text) < 2**63:
        raise _RefusedError("has an integer beyond 64 bits")
    return int(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(limits.JSON_DEPTH + 1):
        containers = [item for item in level if isinstance(item, (dict, list))]
        if not containers:
            return
        level = [
            item
            for container in containers
            for item in (container.values() if isinstance(container, dict) else container)
        ]
    raise _refuse_depth()


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise _RefusedError("has half of a surrogate pair") from error
