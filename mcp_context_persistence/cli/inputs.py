"""Read what users pass to commands: files, standard input and filters."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import click

from mcp_context_persistence.cli.exit_codes import InputError
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.json_objects import DoubledKeyError, build_object

STANDARD_INPUT = Path("-")
# Of one line, and of a document that is read as a whole.
DOCUMENT_BYTES = 64 * 2**20
DOCUMENT = "FILE"  # the location of a document in errors

file_argument = click.argument("file", required=False, type=click.Path(path_type=Path))


@contextmanager
def open_input(path: Path | None) -> Iterator[BinaryIO]:
    """Open a file, or standard input for `-` and for no path.

    Raises:
        InputError: No path is given, and standard input is a terminal.
        ValidationError: The file cannot be read.
    """
    if path is None and sys.stdin.isatty():
        raise InputError("name a file, or - for standard input")
    source = None if path == STANDARD_INPUT else path
    try:
        with nullcontext(sys.stdin.buffer) if source is None else source.open("rb") as file:
            yield file
    except OSError as error:
        raise ValidationError(f"{_name(path)} cannot be read: {error.strerror}") from error


def read_text(path: Path | None) -> str:
    """Read a whole file or standard input as text."""
    with open_input(path) as file:
        return _decode(_read_document(file), _name(path))


def _name(path: Path | None) -> str:
    return "standard input" if path is None or path == STANDARD_INPUT else DOCUMENT


def read_argument(text: str) -> str:
    """Return the text of an argument; `-` stands for standard input."""
    return read_text(STANDARD_INPUT).strip() if text == "-" else text


def read_objects(path: Path | None, *, yields_errors: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield the location of each object and the object, of JSON lines, a list, or one object.

    Of JSON lines, only one line at a time is in memory.

    Args:
        path: The file; None means standard input.
        yields_errors: Whether the error of a line that is not JSON is yielded instead of an object,
            so that the lines after it are read.

    Raises:
        ValidationError: It is not JSON; the text says where.
    """
    with open_input(path) as file:
        number, line = _read_first_line(file)
        try:
            first = json.loads(_decode(line, f"line {number}")) if line else None
        except (ValueError, RecursionError):
            yield from _read_list(line + _read_document(file))
            return
        if isinstance(first, list):
            yield from _number(_parse(line, f"line {number}"))
            return
        while line:
            if line.strip():
                try:
                    item = _parse(line.rstrip(), f"line {number}")
                except ValidationError as error:
                    if not yields_errors:
                        raise
                    item = error
                yield f"line {number}", item
            number, line = number + 1, _read_line(file, number + 1)


def _read_first_line(file: BinaryIO) -> tuple[int, bytes]:
    """Return the first line that is not empty, and its number."""
    number, line = 1, _read_line(file, 1).removeprefix(b"\xef\xbb\xbf")
    while line and not line.strip():
        number, line = number + 1, _read_line(file, number + 1)
    return number, line


def _read_line(file: BinaryIO, number: int) -> bytes:
    line = file.readline(DOCUMENT_BYTES + 1)
    if len(line) > DOCUMENT_BYTES:
        raise ValidationError(f"line {number} has more than {DOCUMENT_BYTES} bytes")
    return line


def _read_document(file: BinaryIO) -> bytes:
    data = file.read(DOCUMENT_BYTES + 1)
    if len(data) > DOCUMENT_BYTES:
        raise ValidationError(
            f"FILE has more than {DOCUMENT_BYTES} bytes; write one object per line, which is read "
            "line by line"
        )
    return data


def _read_list(data: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the objects of a document of several lines."""
    content = _parse(data, DOCUMENT)
    yield from _number(content if isinstance(content, list) else [content])


def _number(items: list[Any]) -> Iterator[tuple[str, Any]]:
    return ((f"item {number}", item) for number, item in enumerate(items, start=1))


def _decode(data: bytes, location: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValidationError(f"{location}: this is not UTF-8") from error


def _parse(data: bytes, location: str) -> Any:
    """Parse JSON strictly: no NaN, and no key twice."""
    text = _decode(data, location)
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=build_object)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}" if location == DOCUMENT else location
        raise ValidationError(f"{line}, column {error.colno}: this is not JSON") from error
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise ValidationError(f"{location}: {reason}") from error


def _refuse_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


_FILTERS: tuple[tuple[str, str, bool], ...] = (
    ("--project", "Only this project; may be repeated.", True),
    ("--tag", "Only this tag; may be repeated.", True),
    ("--conversation", "Only this conversation; may be repeated.", True),
    ("--since", "Only from this time on, such as 2026-01-31.", False),
    ("--until", "Only up to this time.", False),
    ("--where", "Only this metadata, as KEY=VALUE; may be repeated.", True),
)
_NAMES = {"project": "project", "tag": "tags", "conversation": "conversation_id"}


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that become filters; the command gets them all as keywords."""
    for flag, text, is_multiple in reversed(_FILTERS):
        function = click.option(flag, multiple=is_multiple, help=text)(function)
    return function


def build_filters(
    options: dict[str, Any], **more: tuple[str, ...] | float | None
) -> dict[str, Any] | None:
    """Return the filters of a call, None without any.

    Args:
        options: The values of `filter_options`.
        more: Other filters by their names; empty ones are left out.
    """
    filters: dict[str, Any] = {
        _NAMES[name]: list(values) for name in _NAMES if (values := options[name])
    }
    dates = {"start": options["since"], "end": options["until"]}
    if any(dates.values()):
        filters["date_range"] = {name: value for name, value in dates.items() if value}
    for pair in options["where"]:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise InputError("--where must have the form KEY=VALUE")
        filters[f"metadata.{key}"] = _read_value(value)
    for name, values in more.items():
        if values not in {None, ()}:
            filters[name] = list(values) if isinstance(values, tuple) else values
    return filters or None


def _read_value(text: str) -> Any:
    """Return a value as JSON; what is not JSON is a string."""
    try:
        return json.loads(text, object_pairs_hook=build_object)
    except DoubledKeyError as error:
        raise InputError(f"--where: {error}") from error
    except (ValueError, RecursionError):
        return text
