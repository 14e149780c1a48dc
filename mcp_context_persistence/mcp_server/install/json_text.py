"""Change one member of a JSON file as text, so that comments and layout stay.

The files of assistants are JSON with comments and commas before closing brackets.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from mcp_context_persistence.kg.errors import ValidationError

_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/|[{}\[\],:]|[^\s{}\[\],:"/]+|\s+|.', re.DOTALL
)
INDENT = "  "
NO_JSON = "the file is not valid JSON"


@dataclass(frozen=True, kw_only=True)
class _Token:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A member of an object: where its key begins, and where its value is."""

    key: str
    start: int
    value_start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class _Object:
    """An object: where it begins and ends, and its members."""

    start: int
    end: int
    members: tuple[_Member, ...]

    def find(self, key: str) -> _Member | None:
        return next((member for member in self.members if member.key == key), None)


def parse(text: str) -> Any:
    """Return the value of a JSON text with comments and trailing commas.

    Raises:
        ValidationError: It is not valid.
    """
    words = [token.text for token in _tokenize(text)]
    value_words = [
        word
        for word, following in zip(words, [*words[1:], ""], strict=False)
        if word != "," or following not in {"}", "]"}
    ]
    try:
        return json.loads(" ".join(value_words) or "{}")
    except (ValueError, RecursionError) as error:
        raise ValidationError(NO_JSON) from error


def set_member(text: str, path: tuple[str, str], value: Any) -> str:
    """Return the text with a member of an object of the outermost object set to a value."""
    if not _tokenize(text):
        text += "{}\n"
    outer = _find_object(text, 0)
    section = outer.find(path[0])
    if section is None:
        return _insert(text, outer, path[0], {path[1]: value}, depth=1)
    inner = _find_object(text, section.value_start)
    member = inner.find(path[1])
    if member is None:
        return _insert(text, inner, path[1], value, depth=2)
    return text[: member.value_start] + _dump(value, depth=2) + text[member.end :]


def remove_member(text: str, path: tuple[str, str]) -> str:
    """Return the text without a member of an object of the outermost object."""
    section = _find_object(text, 0).find(path[0])
    if section is None:
        return text
    inner = _find_object(text, section.value_start)
    member = inner.find(path[1])
    if member is None:
        return text
    position = inner.members.index(member)
    if position + 1 < len(inner.members):
        return text[: member.start] + text[inner.members[position + 1].start :]
    start = inner.members[position - 1].end if position else inner.start + 1
    end = member.end
    rest = text[end : inner.end - 1]
    if position == 0:
        rest = re.sub(r"\A\s*,?\s*", "", rest)
    elif rest.lstrip().startswith(","):
        rest = rest.lstrip()[1:]
    return text[:start] + rest + text[inner.end - 1 :]


def _insert(text: str, target: _Object, key: str, value: Any, *, depth: int) -> str:
    """Return the text with a new last member in an object."""
    line = "\n" + INDENT * depth
    member = f"{line}{json.dumps(key)}: {_dump(value, depth=depth)}"
    if target.members:
        at = target.members[-1].end
        return text[:at] + "," + member + _drop_comma(text[at:])
    at = target.start + 1
    closing = "" if text[at : target.end - 1].strip() else "\n" + INDENT * (depth - 1)
    inside = text[at : target.end - 1].rstrip() + member + (closing or "\n" + INDENT * (depth - 1))
    return text[:at] + inside + text[target.end - 1 :]


def _drop_comma(rest: str) -> str:
    """Remove the comma after the former last member."""
    tokens = _tokenize(rest)
    if tokens and tokens[0].text == ",":
        return rest[: tokens[0].start] + rest[tokens[0].end :]
    return rest


def _dump(value: Any, *, depth: int) -> str:
    text = json.dumps(value, indent=len(INDENT), ensure_ascii=False)
    return text.replace("\n", "\n" + INDENT * depth)


def _tokenize(text: str) -> list[_Token]:
    """Return the tokens of a text without spaces and comments."""
    tokens = [_Token(text=match[0], start=match.start()) for match in _TOKEN.finditer(text)]
    return [
        token
        for token in tokens
        if not token.text.isspace()
        and not token.text.startswith(("//", "/*"))
        and token.text != "\ufeff"
    ]


def _find_object(text: str, start: int) -> _Object:
    """Return the object that begins at the first token after a position."""
    tokens = [token for token in _tokenize(text) if token.start >= start]
    if not tokens or tokens[0].text != "{":
        raise ValidationError(NO_JSON)
    members: list[_Member] = []
    depth, key = 0, None
    value_start: int | None = None
    last_end = tokens[0].end
    for index, token in enumerate(tokens):
        if depth == 1 and value_start is None and token.text == ":":
            key, value_start = tokens[index - 1], tokens[index + 1].start
        ends_member = depth == 1 and token.text in ",}"
        if ends_member and key is not None and value_start is not None:
            members.append(
                _Member(
                    key=json.loads(key.text),
                    start=key.start,
                    value_start=value_start,
                    end=last_end,
                )
            )
            key, value_start = None, None
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token.text, 0)
        if depth == 0:
            return _Object(start=tokens[0].start, end=token.end, members=tuple(members))
        last_end = token.end
    raise ValidationError(NO_JSON)
