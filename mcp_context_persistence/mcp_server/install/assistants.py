"""The assistants: where their configuration is, and the form of an entry."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_context_persistence.mcp_server.install import json_text, toml_text

SERVER_NAME = "memory"
START_SECONDS = 30  # that an assistant waits for the list of tools
CALL_SECONDS = 300  # that it waits for a call; the first one may download and start the server


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What an assistant runs."""

    command: str
    args: Sequence[str]
    env: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the form that most assistants read."""
        return {"command": self.command, "args": list(self.args), "env": dict(self.env)}


@dataclass(frozen=True, kw_only=True)
class Assistant:
    """One assistant.

    Attributes:
        name: Its name on the command line.
        locate: Returns its file: of a project in a folder, or of the user (None).
        section: The key of all servers in its file.
        build: Returns its form of an entry.
        is_toml: Whether its file is TOML.
    """

    name: str
    locate: Callable[[Path | None], Path | None]
    section: str
    build: Callable[[Entry], dict[str, Any]]
    is_toml: bool = False

    def parse(self, text: str) -> Any:
        """Return the value of the text of its file."""
        return toml_text.parse(text) if self.is_toml else json_text.parse(text)

    def add(self, text: str, value: dict[str, Any]) -> str:
        """Return the text of its file with an entry."""
        path = (self.section, SERVER_NAME)
        change = toml_text.set_table if self.is_toml else json_text.set_member
        return change(text, path, value)

    def remove(self, text: str) -> str:
        """Return the text of its file without the entry."""
        path = (self.section, SERVER_NAME)
        change = toml_text.remove_table if self.is_toml else json_text.remove_member
        return change(text, path)


def _home(*parts: str) -> Path:
    return Path.home().joinpath(*parts)


def _config(*parts: str) -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or _home(".config")).joinpath(*parts)


ASSISTANTS = {
    assistant.name: assistant
    for assistant in (
        Assistant(
            name="claude-code",
            locate=lambda folder: folder / ".mcp.json" if folder else _home(".claude.json"),
            section="mcpServers",
            build=Entry.as_json,
        ),
        Assistant(
            name="claude-desktop",
            locate=lambda folder: (
                None if folder else _config("Claude", "claude_desktop_config.json")
            ),
            section="mcpServers",
            build=Entry.as_json,
        ),
        Assistant(
            name="cursor",
            locate=lambda folder: (
                folder / ".cursor" / "mcp.json" if folder else _home(".cursor", "mcp.json")
            ),
            section="mcpServers",
            build=Entry.as_json,
        ),
        Assistant(
            name="vscode",
            locate=lambda folder: (
                folder / ".vscode" / "mcp.json" if folder else _config("Code", "User", "mcp.json")
            ),
            section="servers",
            build=lambda entry: {"type": "stdio", **entry.as_json()},
        ),
        Assistant(
            name="codex",
            locate=lambda folder: (
                folder / ".codex" / "config.toml" if folder else _home(".codex", "config.toml")
            ),
            section="mcp_servers",
            build=lambda entry: {
                "command": entry.command,
                "args": list(entry.args),
                "startup_timeout_sec": START_SECONDS,
                "tool_timeout_sec": CALL_SECONDS,
                **({"env": dict(entry.env)} if entry.env else {}),
            },
            is_toml=True,
        ),
        Assistant(
            name="gemini",
            locate=lambda folder: (
                folder / ".gemini" / "settings.json"
                if folder
                else _home(".gemini", "settings.json")
            ),
            section="mcpServers",
            build=lambda entry: {**entry.as_json(), "timeout": CALL_SECONDS * 1000},
        ),
    )
}
