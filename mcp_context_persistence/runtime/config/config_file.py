"""The configuration file, and how a `config.yaml` of another program is recognized.

A file that the user names is always checked strictly. A `config.yaml` that merely lies in the
working directory is used, and then checked strictly too, if it has at least one key of this library
and no section that is unlike those of this library. Otherwise it belongs to another program and is
ignored.
"""

import difflib
import os
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import ValidationError

Keys = AbstractSet[str]

FILE = "config.yaml"
FILE_VARIABLE = "CONTEXT_CONFIG"

_LINE = re.compile(r"^( *)([A-Za-z_]+) *:", re.MULTILINE)  # of a key, in YAML that cannot be parsed

_NO_SETTING = f"{FILE} in the working directory is ignored: it has no setting of this library"
_FOREIGN_HINT = (
    f" (if this file is another program's, name your own, or {os.devnull}, in {FILE_VARIABLE})"
)


class _UnreadableFileError(Exception):
    """The file is not YAML with sections. `text` has the file as far as it could be read."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason)
        self.text = text


def read_file(path: Path, keys: Keys, *, is_explicit: bool) -> dict[str, Any]:
    """Read the values of a configuration file by `section.key`. A null counts as not set.

    Args:
        path: The file; it may be missing where the user did not name it.
        keys: All `section.key` that there are.
        is_explicit: Whether the user named the file.

    Raises:
        ValidationError: The file cannot be read or has an unknown key; the text suggests the
            nearest one.
    """
    file_name = FILE_VARIABLE if is_explicit else FILE
    try:
        content = _parse(path)
        if not is_explicit and not _is_ours(content, keys):
            return {}
    except FileNotFoundError as error:
        if is_explicit:
            raise ValidationError(f"{FILE_VARIABLE}: there is no such file") from error
        return {}
    except _UnreadableFileError as error:
        if is_explicit or not keys.isdisjoint(_scan_keys(error.text)):
            raise ValidationError(f"{file_name}: {error}") from None  # its cause shows the lines
        return {}
    return _check(content, keys, file_name, hint="" if is_explicit else _FOREIGN_HINT)


def explain_ignored(path: Path, keys: Keys) -> tuple[bool, str] | None:
    """Say why a file that the user did not name is ignored, None where it is used or missing.

    Returns:
        Whether the file might be meant for this library, since it has some of its keys, and the
        text.
    """
    try:
        content = _parse(path)
    except (FileNotFoundError, ValidationError):
        return None
    except _UnreadableFileError:
        return False, _NO_SETTING
    if not content or _is_ours(content, keys):
        return None
    if not _keys_of(content).isdisjoint(keys):
        text = (
            f"{FILE} in the working directory is ignored although it has settings of this library, "
            f"because it has other sections too; if it is meant, name it in {FILE_VARIABLE}"
        )
        return True, text
    return False, _NO_SETTING


def _parse(path: Path) -> Mapping[Any, Any]:
    """Parse the file.

    Raises:
        FileNotFoundError: There is no file.
        _UnreadableFileError: It is not YAML with sections.
    """
    if not path.exists():
        raise FileNotFoundError
    import yaml  # noqa: PLC0415 - most processes have no file, and it takes a while

    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except FileNotFoundError:
        raise
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise _UnreadableFileError(f"not valid YAML{line}", text) from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise _UnreadableFileError(
            "the file cannot be read; it must be YAML in UTF-8", text
        ) from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise _UnreadableFileError("the file must contain sections, such as database: and search:")
    return content


def _is_ours(content: Mapping[Any, Any], keys: Keys) -> bool:
    """Return whether a file that the user did not name is a configuration of this library."""
    sections = sorted(_sections(keys))
    return not _keys_of(content).isdisjoint(keys) and all(
        isinstance(section, str) and difflib.get_close_matches(section, sections, n=1)
        for section in content
    )


def _sections(keys: Keys) -> set[str]:
    return {key.split(".")[0] for key in keys}


def _keys_of(content: Mapping[Any, Any]) -> set[str]:
    return {
        f"{section}.{key}"
        for section, values in content.items()
        if isinstance(values, Mapping)
        for key in values
    }


def _scan_keys(text: str) -> set[str]:
    """Return what looks like `section.key` in a text that is not valid YAML."""
    scanned, section = set(), ""
    for indent, key in _LINE.findall(text):
        if indent:
            scanned.add(f"{section}.{key}")
        else:
            section = key
    return scanned


def _check(content: Mapping[Any, Any], keys: Keys, file_name: str, *, hint: str) -> dict[str, Any]:
    """Return the values by `section.key`, and refuse unknown sections and keys."""
    sections = _sections(keys)
    settings = {}
    for section, values in content.items():
        if section not in sections:
            raise ValidationError(
                f"{file_name}: unknown section {validation.describe_key(section)}"
                f"{validation.suggest(section, sorted(sections))}{hint}"
            )
        if not isinstance(values, Mapping | None):
            raise ValidationError(f"{file_name}: section {section} must contain keys and values")
        for key, value in (values or {}).items():
            if f"{section}.{key}" not in keys:
                raise ValidationError(
                    f"{file_name}: section {section} has an unknown key "
                    f"{validation.describe_key(key)}"
                    f"{validation.suggest(f'{section}.{key}', sorted(keys))}{hint}"
                )
            if value is not None:
                settings[f"{section}.{key}"] = value
    return settings
