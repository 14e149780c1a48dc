"""Write and remove the entry of this server in the file of an assistant."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.mcp_server.install.assistants import SERVER_NAME, Assistant, Entry

PROGRAMS = frozenset({"context-persistence", "mcp_context_persistence.cli.main"})
MAX_BYTES = 20_000_000  # of the file of an assistant
BY_HAND = "change it yourself (mcp install --print prints the entry)"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a file.

    Attributes:
        path: The file.
        text: Its new text.
        is_changed: Whether the text differs from the stored one.
        backup: The copy of the file before the change; None if there was none, or no change.
    """

    path: Path
    text: str
    is_changed: bool
    backup: Path | None = None


def render_entry(assistant: Assistant, entry: Entry) -> str:
    """Return what a person would write into an empty file."""
    return assistant.add("", assistant.build(entry))


def plan_install(assistant: Assistant, path: Path, entry: Entry) -> Change:
    """Return the file with the entry, without writing it.

    Raises:
        ValidationError: The file is not valid, is not the user's, or has an entry with this name
            that is of another program.
    """
    text = _read(path)
    before = _parse(assistant, text)
    _check_ours(assistant, before)
    after = deepcopy(before)
    after.setdefault(assistant.section, {})[SERVER_NAME] = assistant.build(entry)
    return _plan(assistant, path, text, assistant.add(text, assistant.build(entry)), after)


def plan_uninstall(assistant: Assistant, path: Path) -> Change:
    """Return the file without the entry, without writing it.

    Raises:
        ValidationError: As in `plan_install`.
    """
    text = _read(path)
    before = _parse(assistant, text)
    _check_ours(assistant, before)
    if SERVER_NAME not in before.get(assistant.section, {}):
        return Change(path=path, text=text, is_changed=False)
    after = deepcopy(before)
    del after[assistant.section][SERVER_NAME]
    return _plan(assistant, path, text, assistant.remove(text), after)


def write(change: Change) -> Change:
    """Copy the file, then replace it at once; return the change with the copy."""
    path = change.path.resolve()
    if not change.is_changed:
        return change
    path.parent.mkdir(parents=True, exist_ok=True)
    backup, mode = None, 0o600
    if path.exists():
        backup = _choose_backup(path)
        shutil.copy2(path, backup)
        mode = path.stat().st_mode & 0o777
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(change.text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    return Change(path=path, text=change.text, is_changed=True, backup=backup)


def _choose_backup(path: Path) -> Path:
    """Return the name of a copy that does not exist yet."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = [path.with_name(f"{path.name}.{stamp}.bak")]
    while names[-1].exists():
        names.append(path.with_name(f"{path.name}.{stamp}-{len(names)}.bak"))
    return names[-1]


def _read(path: Path) -> str:
    """Return the text of a file of the user; an empty one if there is no file."""
    if not path.exists():
        return ""
    status = path.stat()
    if status.st_uid != os.getuid():
        raise ValidationError(f"{path} belongs to another user; {BY_HAND}")
    if status.st_size > MAX_BYTES:
        raise ValidationError(f"{path} is too large; {BY_HAND}")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise ValidationError(f"{path} is not in UTF-8; {BY_HAND}") from error


def _parse(assistant: Assistant, text: str) -> dict[str, Any]:
    value = assistant.parse(text)
    if not isinstance(value, dict) or not isinstance(value.get(assistant.section, {}), dict):
        raise ValidationError(f"the file has another form than expected; {BY_HAND}")
    return value


def _check_ours(assistant: Assistant, value: dict[str, Any]) -> None:
    """Refuse to touch an entry with our name that runs another program."""
    entry = value.get(assistant.section, {}).get(SERVER_NAME)
    if entry is None:
        return
    command = str(entry.get("command", "")) if isinstance(entry, dict) else ""
    arguments = entry.get("args") if isinstance(entry, dict) else None
    words = [command, *map(str, arguments if isinstance(arguments, list) else [])]
    if PROGRAMS.isdisjoint(Path(word).name for word in words) or "mcp" not in words:
        raise ValidationError(
            f"the file has an entry {SERVER_NAME} of another program; rename it, or {BY_HAND}"
        )


def _plan(assistant: Assistant, path: Path, text: str, new_text: str, after: Any) -> Change:
    """Return a change, after a check that the new text has the new entry and no other change."""
    try:
        is_right = _drop_empty_section(assistant, _parse(assistant, new_text)) == (
            _drop_empty_section(assistant, after)
        )
    except ValidationError:
        is_right = False
    if not is_right:
        raise ValidationError(f"the file has a form that cannot be changed safely; {BY_HAND}")
    return Change(path=path, text=new_text, is_changed=new_text != text)


def _drop_empty_section(assistant: Assistant, value: dict[str, Any]) -> dict[str, Any]:
    """Return the value of a file; in TOML, the table of all servers ends with the last server."""
    return {key: item for key, item in value.items() if key != assistant.section or item}
