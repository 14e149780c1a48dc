"""JSON in texts: whole or cut off, also as Python writes dictionaries."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_START = re.compile(r"[\[{]\s*(?:[\"'\[{]|-?\d|true\b|false\b|null\b|None\b)")
_TOKEN = re.compile(
    r"\s*(?:(?P<string>\"(?:[^\"\\\n]|\\.)*+(?:\"|\Z)|'(?:[^'\\\n]|\\.)*+')"
    r"|(?P<sign>[\[\]{},:])"
    r"|[-+]?(?:\d[\w.+-]*|Infinity|NaN)|true|false|null|None|True|False|undefined|\.\.\.|…)"
)
_NAME_KEYS = frozenset({"name", "title", "display_name", "displayname", "full_name", "label"})
_MIN_ITEMS = 5  # of a list without keys


class JsonString(NamedTuple):
    """A string value, without its quotes, and the key that it has, or the list that it is in.

    The libraries that an object of dependencies has as keys count as values.
    """

    start: int
    end: int
    key: str


def find_json(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of JSON objects and lists, outermost ones only.

    A list counts where it has keys in it, or several items. What is cut off at the end counts too.
    """
    position = 0
    while (match := _START.search(text, position)) is not None:
        position = max(_find_end(text, match.start()), match.start() + 1)
        if _is_json(text, match.start(), position):
            yield match.start(), position


def _find_end(text: str, start: int) -> int:
    """Return where the object or list ends, or where its syntax does."""
    position, depth = start, 0
    while (token := _TOKEN.match(text, position)) is not None:
        position = token.end()
        sign = token["sign"]
        if sign in {"[", "{"}:
            depth += 1
        elif sign in {"]", "}"}:
            depth -= 1
            if depth == 0:
                break
    return position


def _is_json(text: str, start: int, end: int) -> bool:
    items = 0
    for previous, sign in _read_tokens(text, start, end):
        if sign == ":" and previous:
            return True
        items += sign == ","
        if items >= _MIN_ITEMS:
            return True
    return False


def _read_tokens(text: str, start: int, end: int) -> Iterator[tuple[bool, str | None]]:
    """Yield for each token whether a string precedes it, and the sign that it is."""
    follows_string = False
    for token in _TOKEN.finditer(text, start, end):
        yield follows_string, token["sign"]
        follows_string = token["string"] is not None


def find_strings(text: str, start: int, end: int) -> Iterator[JsonString]:
    """Yield the string values of JSON with their keys. Keys are no values."""
    key = ""
    parents: list[str] = []
    previous: tuple[int, int] | None = None
    for token in _TOKEN.finditer(text, start, end):
        sign = token["sign"]
        if previous is not None:
            if sign == ":":
                key = text[previous[0] : previous[1]]
                if _is_dependency(parents):
                    yield JsonString(*previous, "dependency")
            elif not _is_dependency(parents):
                yield JsonString(*previous, _join_keys(parents, key))
        if sign == "{":
            parents.append(key)
        elif sign == "}" and parents:
            key = parents.pop()
        if token["string"] is None:
            previous = None
        else:
            begin, stop = token.span("string")
            previous = (begin + 1, stop - 1)
    if previous is not None:
        yield JsonString(*previous, _join_keys(parents, key))


def _is_dependency(parents: list[str]) -> bool:
    """Return whether the keys of an object are libraries, as in `package.json`."""
    return bool(parents) and parents[-1].lower().endswith("dependencies")


def _join_keys(parents: list[str], key: str) -> str:
    """Return a key; "name" follows the key of its object: "coach name"."""
    if key.lower() in _NAME_KEYS and parents and parents[-1]:
        return f"{parents[-1]} {key}"
    return key
