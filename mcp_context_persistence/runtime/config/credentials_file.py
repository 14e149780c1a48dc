"""The file with the address and the credentials of a server, as Aura offers it for download.

Its lines are `NEO4J_URI=…`, `NEO4J_USERNAME=…`, `NEO4J_PASSWORD=…` and `NEO4J_DATABASE=…`. Lines
with other names (`AURA_INSTANCEID=…`), comments and blank lines are ignored, so that it may be an
`.env` file. It may also be the single line `USER/PASSWORD`, as the image of Neo4j reads it from
`NEO4J_AUTH_FILE`, so that a server in a container and its clients share one secret.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from mcp_context_persistence.kg.driver.url import is_same_server
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.config.sources import CONSTRUCTOR, Origin

MAX_BYTES = 65_536
FIELDS = {
    "NEO4J_URI": "database_url",
    "NEO4J_USERNAME": "database_user",
    "NEO4J_USER": "database_user",
    "NEO4J_PASSWORD": "database_password",
    "NEO4J_DATABASE": "database_name",
}
_LINE = re.compile(r"\s*(?:export\s+)?([A-Z0-9_]+)\s*=\s*(.*?)\s*")
_PAIR = re.compile(r"([^\s/=#]+)/([^\r\n]+)")
_QUOTED = re.compile(r"(['\"])(.*)\1")


def add_credentials(
    path: str, settings: Mapping[str, object], origins: dict[str, Origin]
) -> dict[str, Any]:
    """Read a file with credentials, which must not contradict the other settings.

    Args:
        path: The file.
        settings: The other settings.
        origins: Where they come from. The settings of the file are added.

    Returns:
        The settings of the file.

    Raises:
        ValidationError: The file cannot be read, or it contradicts a setting or itself.
    """
    values: dict[str, Any] = {}
    for field, (value, name) in _parse(path).items():
        origin = Origin(level=CONSTRUCTOR, name=f"{name} in the credentials file", is_file=True)
        is_set = field in origins
        if is_set and not _is_same(field, settings[field], value):
            raise ValidationError(
                f"{origins[field].name} and {origin.name} are different; remove one of them"
            )
        if is_set and field == "database_url":
            continue  # it may also have a user and a database
        origins[field] = origin
        values[field] = SecretStr(value) if field == "database_password" else value
    return values


def _is_same(field: str, setting: object, value: str) -> bool:
    if isinstance(setting, SecretStr):
        return setting.get_secret_value() == value
    if field == "database_url":
        return is_same_server(str(setting), value)
    return setting == value


def _parse(path: str) -> dict[str, tuple[str, str]]:
    """Return for each setting its value and its name in the file."""
    text = _read(path)
    pair = _PAIR.fullmatch(text.strip())
    if pair:
        fields = ("database_user", "database_password")
        return {field: (pair[n], "USER/PASSWORD") for n, field in enumerate(fields, start=1)}
    values: dict[str, tuple[str, str]] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        field = FIELDS.get(match[1]) if match else None
        if not match or not field or not match[2]:
            continue
        quoted = _QUOTED.fullmatch(match[2])
        value = quoted[2] if quoted else match[2]
        if field in values and values[field][0] != value:
            raise ValidationError(
                f"credentials_file: {values[field][1]} and {match[1]} in the file have different "
                "values"
            )
        values[field] = (value, match[1])
    if not values:
        raise ValidationError(
            "credentials_file: the file has none of NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD and "
            "NEO4J_DATABASE, and is not the line USER/PASSWORD"
        )
    return values


def _read(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ValidationError("credentials_file: there is no such file") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise ValidationError(
            "credentials_file: the file cannot be read; it must be text in UTF-8"
        ) from error
    if len(content) > MAX_BYTES:
        raise ValidationError(f"credentials_file: the file has more than {MAX_BYTES:,} bytes")
    return text
