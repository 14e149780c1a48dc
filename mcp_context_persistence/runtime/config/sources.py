"""Where settings come from beside the constructor: the environment, `.env`, and a YAML file."""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values
from pydantic.fields import FieldInfo

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import ValidationError

FILE = "config.yaml"
FILE_VARIABLE = "CONTEXT_CONFIG"
PREFIX = (
    "CONTEXT_DB_"  # variables that are nobody else's, so that an unknown one is a slip of the pen
)

Fields = Mapping[str, FieldInfo]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The settings that one place holds, by field, and what they are called there."""

    values: dict[str, Any]
    names: dict[str, str]


def read(fields: Fields) -> list[Source]:
    """The environment, `.env` in the working directory, and the configuration file, the strongest first.

    Raises:
        ValidationError: A source cannot be read, or holds an unknown key; the text names the nearest.
    """
    dotenv = _dotenv()
    named = os.environ.get(FILE_VARIABLE) or dotenv.get(FILE_VARIABLE)
    return [
        _variables(fields, os.environ, "the environment"),
        _variables(fields, dotenv, ".env"),
        _file(fields, Path(named).expanduser() if named else Path(FILE), needed=bool(named)),
    ]


def variables_of(field: FieldInfo) -> list[str]:
    """The environment variables of a setting, the strongest first."""
    extra: Any = field.json_schema_extra
    return list(extra["variables"])


def key_of(field: FieldInfo) -> str:
    """The place of a setting in the file: section, dot, key."""
    extra: Any = field.json_schema_extra
    return str(extra["key"])


def nearest(key: object, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown key: the known one that is most like it, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1) if isinstance(key, str) else []
    return f"; did you mean {near[0]}?" if near else f"; known are: {', '.join(names)}"


def _dotenv() -> dict[str, str | None]:
    try:
        return dict(dotenv_values(".env"))
    except (OSError, ValueError) as error:
        raise ValidationError(
            ".env in the working directory cannot be read; it must be text in UTF-8"
        ) from error


def _variables(fields: Fields, present: Mapping[str, str | None], place: str) -> Source:
    """An empty variable counts as not set."""
    known = {variable for field in fields.values() for variable in variables_of(field)}
    for variable in present:
        if variable.startswith(PREFIX) and variable not in known:
            hint = nearest(variable, (name for name in known if name.startswith(PREFIX)))
            raise ValidationError(
                f"{place} has an unknown variable {validation.describe_key(variable)}{hint}"
            )
    names = {
        name: variable
        for name, field in fields.items()
        for variable in reversed(variables_of(field))  # the strongest last, so that it stays
        if present.get(variable)
    }
    return Source(
        values={name: present[variable] for name, variable in names.items()},
        names={name: f"{variable} in {place}" for name, variable in names.items()},
    )


def _file(fields: Fields, path: Path, *, needed: bool) -> Source:
    """The file's sections as flat settings; a null counts as not set."""
    content = _yaml(path, needed=needed)
    where = FILE_VARIABLE if needed else FILE
    fields_of = {key_of(field): name for name, field in fields.items()}
    sections = {key.split(".")[0] for key in fields_of}
    found = {}
    for section, keys in content.items():
        if section not in sections:
            raise ValidationError(
                f"{where}: unknown section {validation.describe_key(section)}"
                f"{nearest(section, sections)}{_foreign(needed=needed)}"
            )
        if not isinstance(keys, Mapping | None):
            raise ValidationError(f"{where}: section {section} must hold keys and values")
        for key, value in (keys or {}).items():
            if f"{section}.{key}" not in fields_of:
                hint = nearest(f"{section}.{key}", fields_of)
                raise ValidationError(
                    f"{where}: section {section} has an unknown key "
                    f"{validation.describe_key(key)}{hint}{_foreign(needed=needed)}"
                )
            if value is not None:
                found[f"{section}.{key}"] = value
    return Source(
        values={fields_of[key]: value for key, value in found.items()},
        names={fields_of[key]: f"{key} in {where}" for key in found},
    )


def _foreign(*, needed: bool) -> str:
    return (
        ""
        if needed
        else f" (if this file is another program's, name your own, or {os.devnull}, in {FILE_VARIABLE})"
    )


def _yaml(path: Path, *, needed: bool) -> Mapping[Any, Any]:
    where = FILE_VARIABLE if needed else FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if needed:
            raise ValidationError(f"{FILE_VARIABLE}: there is no such file") from error
        return {}
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise ValidationError(
            f"{where}: not valid YAML{line}"
        ) from None  # the parser's text shows the line, secrets included
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValidationError(
            f"{where}: the file cannot be read; it must be YAML in UTF-8"
        ) from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise ValidationError(
            f"{where}: the file must hold sections, such as database: and search:"
        )
    return content
