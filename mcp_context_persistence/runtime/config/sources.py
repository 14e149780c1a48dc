"""Where settings come from besides the constructor: the environment, `.env`, and a YAML file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic.fields import FieldInfo

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.url import complete_url
from mcp_context_persistence.runtime.config.config_file import (
    FILE,
    FILE_VARIABLE,
    explain_ignored,
    read_file,
)

CONSTRUCTOR = 0  # the level of the constructor; the other sources follow, the strongest first
SERVER_VARIABLE, SERVER_PREFIX = "NEO4J_URI", "NEO4J_"  # such variables belong to that server
STORE_VARIABLES = ("CONTEXT_STORE", "CONTEXT_DB_URL")  # a URL, or the path of a store's folder
USER_VARIABLES = ("NEO4J_USERNAME", "NEO4J_USER")
PREFIX = "CONTEXT_DB_"  # no other program has such variables, so an unknown one is a mistake

Fields = Mapping[str, FieldInfo]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The settings of one source by field, their names in it, and the server that it names."""

    values: dict[str, Any]
    names: dict[str, str]
    server: str | None = None


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a setting comes from.

    Attributes:
        level: 0 for the constructor, higher for weaker sources.
        name: The name of the argument, the variable or the key, with its source.
        uri: The server in NEO4J_URI of the same source, for a variable that belongs to it.
        is_file: Whether it comes from a file with credentials.
    """

    level: int
    name: str
    uri: str | None = None
    is_file: bool = False


def read(fields: Fields) -> list[Source]:
    """Read the environment, `.env` and the configuration file, the strongest first.

    Raises:
        ValidationError: A source cannot be read, or has an unknown key; the text suggests the
            nearest one.
    """
    dotenv = _read_dotenv()
    path, is_explicit = _find_file(dotenv)
    return [
        _select_variables(fields, os.environ, "the environment"),
        _select_variables(fields, dotenv, ".env"),
        _select_keys(fields, path, is_explicit=is_explicit),
    ]


def find_origins(fields: Fields, arguments: Mapping[str, str]) -> dict[str, Origin]:
    """Return where each setting comes from that is not a default.

    Args:
        fields: The settings.
        arguments: Names of the arguments of the constructor by setting.
    """
    origins = {
        field: Origin(level=CONSTRUCTOR, name=argument) for field, argument in arguments.items()
    }
    for level, source in enumerate(read(fields), start=CONSTRUCTOR + 1):
        for field, name in source.names.items():
            uri = source.server if name.startswith(SERVER_PREFIX) else None
            origins.setdefault(field, Origin(level=level, name=name, uri=uri))
    return origins


def describe_ignored_file(fields: Fields) -> tuple[bool, str] | None:
    """Say why a `config.yaml` in the working directory is ignored, None where it is not.

    Returns:
        Whether the file might be meant for this library, and the text.
    """
    path, is_explicit = _find_file(_read_dotenv())
    return None if is_explicit else explain_ignored(path, _fields_by_key(fields).keys())


def variables_of(field: FieldInfo) -> list[str]:
    """Return the environment variables of a setting, the strongest first."""
    extra: Any = field.json_schema_extra
    return list(extra["variables"])


def key_of(field: FieldInfo) -> str:
    """Return the key of a setting in the file: section, dot, key."""
    extra: Any = field.json_schema_extra
    return str(extra["key"])


def _fields_by_key(fields: Fields) -> dict[str, str]:
    return {key_of(field): name for name, field in fields.items()}


def _find_file(dotenv: Mapping[str, str | None]) -> tuple[Path, bool]:
    """Return the path of the configuration file, and whether the user named it."""
    path = os.environ.get(FILE_VARIABLE) or dotenv.get(FILE_VARIABLE)
    return (Path(path).expanduser(), True) if path else (Path(FILE), False)


def _read_dotenv() -> dict[str, str | None]:
    try:
        return dict(dotenv_values(".env"))
    except (OSError, ValueError) as error:
        raise ValidationError(
            ".env in the working directory cannot be read; it must be text in UTF-8"
        ) from error


def _select_variables(
    fields: Fields, variables: Mapping[str, str | None], source_name: str
) -> Source:
    """Select the variables that are settings. An empty variable counts as not set."""
    setting_variables = {variable for field in fields.values() for variable in variables_of(field)}
    for variable in variables:
        if variable.startswith(PREFIX) and variable not in setting_variables:
            candidates = sorted(name for name in setting_variables if name.startswith(PREFIX))
            hint = validation.suggest(variable, candidates)
            raise ValidationError(
                f"{source_name} has an unknown variable {validation.describe_key(variable)}{hint}"
            )
    _check_user_names(variables, source_name)
    chosen = {
        name: variable
        for name, field in fields.items()
        for variable in reversed(variables_of(field))  # the strongest last, so that it stays
        if variables.get(variable)
    }
    return Source(
        values={
            name: complete_url(variables[variable] or "")
            if variable in STORE_VARIABLES
            else variables[variable]
            for name, variable in chosen.items()
        },
        names={name: f"{variable} in {source_name}" for name, variable in chosen.items()},
        server=variables.get(SERVER_VARIABLE) or None,
    )


def _check_user_names(variables: Mapping[str, str | None], source_name: str) -> None:
    """Refuse two different user names of one source."""
    first, second = (variables.get(name) for name in USER_VARIABLES)
    if first and second and first != second:
        raise ValidationError(
            f"{' and '.join(USER_VARIABLES)} in {source_name} name different users; "
            "remove one of them"
        )


def _select_keys(fields: Fields, path: Path, *, is_explicit: bool) -> Source:
    fields_by_key = _fields_by_key(fields)
    values = read_file(path, fields_by_key.keys(), is_explicit=is_explicit)
    file_name = FILE_VARIABLE if is_explicit else FILE
    return Source(
        values={fields_by_key[key]: value for key, value in values.items()},
        names={fields_by_key[key]: f"{key} in {file_name}" for key in values},
    )
