"""Check single values that callers pass.

Each function returns the checked value as a plain type, or raises `ValidationError` with the name
of the field, never with the value. The methods of a caller's own class may raise or lie, so the
values of subclasses are read by the methods of `str`, `int` and `float`.
"""

import difflib
import functools
import itertools
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    LimitError,
    ValidationError,
    VectorDBError,
)
from mcp_context_persistence.kg.fork_safety import refuse_children
from mcp_context_persistence.kg.plain_values import is_numpy, to_number, to_plain
from mcp_context_persistence.kg.progress import ReportProgress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,62}")
_SUBJECT = re.compile(r"^[A-Z][a-z]+ should\b|Input should")  # also after an alternative
ROLES = frozenset({"user", "assistant", "system", "tool", "function", "developer"})
_SHOWN_KEY_CHARACTERS = 64
_SURROGATE = "contains half of a surrogate pair, which cannot be stored"

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def reading(field: str) -> Iterator[None]:
    """Turn errors of an argument's own methods into a `ValidationError` that names the field."""
    try:
        yield
    except ContextPersistenceError:
        raise
    except Exception as error:  # the methods of the caller's class raise what they like
        raise _explain_unreadable(field) from error


def _explain_unreadable(field: str) -> ValidationError:
    return ValidationError(f"{field} cannot be read; see the cause in __cause__")


def reads_argument(
    check: Callable[Concatenate[str, object, P], R],
) -> Callable[Concatenate[str, object, P], R]:
    """Make a check raise a `ValidationError` where a method of the value raises."""

    @functools.wraps(check)
    def safe_check(field: str, value: object, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:  # not `reading`, which takes some microseconds
            return check(field, value, *args, **kwargs)
        except ContextPersistenceError:
            raise
        except Exception as error:
            raise _explain_unreadable(field) from error

    return safe_check


def check_text(field: str, value: object, *, characters: int) -> str:
    """Check a string with at least one visible character."""
    text = check_string(field, value, characters=characters)
    if not any(
        unicodedata.category(character)[0] not in "ZC"
        or unicodedata.category(character) in {"Cn", "Co"}
        for character in text
    ):
        raise ValidationError(f"{field} must not be empty")
    return text


@reads_argument
def check_string(field: str, value: object, *, characters: int) -> str:
    """Check a string that can be stored; it may be empty."""
    if not isinstance(value, str):
        raise ValidationError(f"{field} must be a string, not {type(value).__name__}")
    text = str.__str__(value)  # also of a member of a string enumeration
    if len(text) > characters:
        raise LimitError(f"{field} has more than {characters:,} characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValidationError(f"{field} {_SURROGATE}") from error
    return text


@reads_argument
def check_flag(field: str, value: object) -> bool:
    """Check a boolean. Other types are refused, because the string "false" would count as true."""
    if not isinstance(value, bool) and not is_numpy(value, "bool_"):
        raise ValidationError(f"{field} must be True or False")
    return bool(value)


@reads_argument
def check_function(field: str, value: Any) -> Any:
    """Check a callable, or None."""
    if value is not None and not callable(value):
        raise ValidationError(f"{field} must be a function")
    return value


def check_progress(value: Any) -> ReportProgress | None:
    """Check a progress function, or None; a child that the function forks cannot go on."""
    progress = check_function("progress", value)
    return refuse_children(progress) if progress else None


def check_identifier(field: str, value: object, *, size: int = limits.IDENTIFIER_BYTES) -> str:
    """Check an id or a name: visible, without line breaks, short enough for a range index."""
    text = check_text(field, value, characters=size)
    if len(text.encode("utf-8")) > size:
        raise LimitError(f"{field} has more than {size} bytes in UTF-8")
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
        raise ValidationError(f"{field} must not contain control characters or line breaks")
    return text


def check_type_name(field: str, value: object) -> str:
    """Check a type of an entity or a relationship.

    It is a letter, then at most 62 letters, digits, spaces, `_` or `-`.
    """
    name = check_identifier(field, value)
    if not TYPE.fullmatch(name):
        raise ValidationError(
            f"{field} must be a letter and then at most 62 letters, digits, spaces, '_' or '-'"
        )
    return name


def check_share(field: str, value: object) -> float:
    """Check a number from 0 to 1; booleans, strings and NaN are refused."""
    return check_number(field, value, minimum=0.0, maximum=1.0)


@reads_argument
def check_number(field: str, value: object, *, minimum: float, maximum: float) -> float:
    """Check a number within bounds; booleans, strings and NaN are refused."""
    number = to_number(value)
    if number is None or not minimum <= number <= maximum:
        raise ValidationError(f"{field} must be a number from {minimum:g} to {maximum:g}")
    return float(number)


@reads_argument
def check_integer(field: str, value: object, *, minimum: int, maximum: int) -> int:
    """Check an integer within bounds; booleans and floats are refused."""
    number = to_number(value)
    if not isinstance(number, int) or not minimum <= number <= maximum:
        raise ValidationError(f"{field} must be a whole number from {minimum} to {maximum}")
    return number


@reads_argument
def check_choice(field: str, value: object, allowed: Sequence[str]) -> str:
    """Check a string that must be one of the allowed ones."""
    choice = str.__str__(value) if isinstance(value, str) else None
    if choice is None or choice not in allowed:
        raise ValidationError(f"{field} must be one of: {', '.join(allowed)}")
    return choice


def check_statuses(value: object, allowed: Sequence[str]) -> list[str] | None:
    """Check the argument `status`: one or several of the allowed ones; None means all."""
    if value is None:
        return None
    values = check_list("status", value, limit=len(allowed), items="statuses", takes_text=True)
    if not values:
        raise ValidationError("status must not be an empty list; None means every status")
    return [check_choice("status", status, allowed) for status in values]


@reads_argument
def check_list(
    field: str, value: object, *, limit: int, items: str = "items", takes_text: bool = False
) -> list[Any]:
    """Check a list or another sequence; return its items, which are not checked.

    Args:
        field: For errors, like `items`.
        value: The list.
        limit: Items at most.
        items: What the items are.
        takes_text: Whether a string is accepted as the only item; else it is refused.
    """
    if takes_text and isinstance(value, str):
        return [value]
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise ValidationError(f"{field} must be a list of at most {limit:,} {items}")
    checked = list(itertools.islice(value, limit + 1))
    if len(checked) > limit:
        raise LimitError(f"{field} has more than {limit:,} {items}")
    return checked


def check_call_bytes(field: str, sizes: Iterable[int], *, advice: str) -> None:
    """Refuse a list whose items are together too large for one call.

    Args:
        field: For the error, like `messages`.
        sizes: Bytes of each item.
        advice: What the caller can do instead, for the error.
    """
    if sum(sizes) > limits.CALL_BYTES:
        raise LimitError(
            f"{field} have more than {limits.CALL_BYTES:,} bytes of texts, metadata and other "
            f"data: {advice}"
        )


@reads_argument
def check_mapping(field: str, value: object) -> dict[Any, Any]:
    """Check a mapping; return it with plain strings as keys. Its values are not checked."""
    if not isinstance(value, Mapping):
        raise ValidationError(f"{field} must be a mapping")
    return {str.__str__(key) if isinstance(key, str) else key: item for key, item in value.items()}


def check_metadata(field: str, value: object) -> dict[str, Any] | None:
    """Check metadata and return it as it will be read back from JSON."""
    text = dump_metadata(field, value)
    return None if text is None else json.loads(text)


@reads_argument
def dump_metadata(field: str, value: object) -> str | None:
    """Return metadata as canonical JSON (sorted keys), or None for None.

    Some values that JSON does not have become text, see `to_plain`; others are refused: NaN, sets,
    bytes, integers beyond 64 bits, keys that are no strings.
    """
    if value is None:
        return None
    plain = to_plain(field, check_mapping(field, value))
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise ValidationError(f"{field} {_SURROGATE}") from error
    if size > limits.METADATA_BYTES:
        raise LimitError(f"{field} has more than {limits.METADATA_BYTES:,} bytes as JSON")
    return text


def describe_key(key: object) -> str:
    """Return a key for an error text: a string in quotes, shortened; of anything else its type."""
    if not isinstance(key, str):
        return f"of the type {type(key).__name__}"
    text = str.__str__(key)
    if len(text) > _SHOWN_KEY_CHARACTERS:
        text = f"{text[:_SHOWN_KEY_CHARACTERS]}..."
    return repr(text)


def describe_rule(message: str) -> str:
    """Return a message of pydantic as a rule that follows the name of a field."""
    rule = _SUBJECT.sub("must", message.removeprefix("Value error, "))
    return rule.partition(" after validation")[0]


def describe_unknown_key(key: object, known_keys: Iterable[str]) -> str:
    """Return "an unknown key" with the key, and what the caller may have meant."""
    return f"an unknown key {describe_key(key)}{suggest(key, known_keys)}"


def suggest(key: object, known_keys: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown key: a similar known one, or all of them."""
    names = list(known_keys)
    text = str.__str__(key)[:_SHOWN_KEY_CHARACTERS] if isinstance(key, str) else ""
    similar = difflib.get_close_matches(text, names, n=1)
    if similar:
        return f"; did you mean {similar[0]}?"
    return f"; known are: {', '.join(names)}" if names else ""


def check_vectors(
    field: str, value: object, *, count: int, dimension: int
) -> "NDArray[np.float32]":
    """Return numbers of the shape ``(count, dimension)`` as float32.

    All numbers and the lengths of all rows must be finite, and no row may be all zeros.

    Raises:
        VectorDBError: The vectors cannot be stored.
    """
    import numpy as np  # noqa: PLC0415 - takes a tenth of a second

    try:
        numbers = np.asarray(value)
    except Exception as error:  # the caller may bring an array class of its own
        raise VectorDBError(
            f"{field} must be numbers in the shape ({count}, {dimension})"
        ) from error
    if numbers.dtype.kind not in "fiu":
        raise VectorDBError(f"{field} must be numbers in the shape ({count}, {dimension})")
    with np.errstate(over="ignore"):
        array = numbers.astype(np.float32)
    if array.shape != (count, dimension):
        raise VectorDBError(
            f"{field} must have the shape ({count}, {dimension}), not {array.shape}"
        )
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(array, axis=1)
    if not np.isfinite(array).all() or not np.isfinite(lengths).all() or not lengths.all():
        raise VectorDBError(
            f"{field} must be finite, also its rows' lengths, and must not contain a row of zeros"
        )
    return array
