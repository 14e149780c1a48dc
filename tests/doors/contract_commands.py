"""The command line as a door of the contract."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import click

from mcp_context_persistence.cli.main import commands
from tests.doors.cli_runner import Commands
from tests.doors.contract import KINDS, Failure, NoSuchCallError
from tests.doors.contract_command_table import COMMANDS, NO_COMMAND, Command

PAGE = 100  # the smallest page that a command reads


@dataclass
class CommandDoor:
    """The command line."""

    lacks: ClassVar[Collection[str]] = NO_COMMAND
    commands: Commands
    name: str = "command line"

    @property
    def namespace(self) -> str:
        return self.commands.namespace

    def call(self, call: str, arguments: Mapping[str, Any]) -> Any:
        if call not in COMMANDS:
            raise NoSuchCallError
        command = COMMANDS[call]
        words, text = build_words(command, arguments)
        result = self.commands.run("--quiet", "--json", *words, text=text)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        if result.stderr or result.exit_code not in {0, 3}:
            if call == "batch_save_conversations" and lines:
                return lines  # a response for each conversation, also for those that failed
            plain = self.commands.run("--quiet", *words, text=text)
            failure = read_failure(result, plain)
            return replace(failure, text=f"{failure.text} {list_named(command, failure.text)}")
        answer = lines if command.shows and command.shows != "counts" else lines[0]
        is_empty = answer == [] or (isinstance(answer, dict) and answer.get("existed") is False)
        is_search = call in {"search_hybrid", "find_shortest_paths"} or call.startswith("delete_")
        if (result.exit_code == 3) != (is_empty and is_search):
            return Failure(
                kinds=frozenset(), text=result.stdout, is_wrong=f"ends with {result.exit_code}"
            )
        return answer

    def send(self, text: bytes) -> Any:
        """Ingest one line, which must fail."""
        result = self.commands.run("--json", "ingest", "-", text=text)
        if result.exit_code == 0:
            return result.stdout
        return read_failure(result, self.commands.run("ingest", "-", text=text))

    def project(self, call: str, arguments: Mapping[str, Any], answer: Any) -> Any:
        path = COMMANDS[call].shows
        if path in {"", "*"} or answer == {}:
            return answer
        repeated = {name: answer[name] for name in COMMANDS[call].repeats if name in answer}
        operation = arguments.get("operation", "context")
        for name in path.replace("OPERATION", str(operation)).split("."):
            answer = answer.get(name, {})
        return [item | repeated for item in answer] if repeated else answer


def list_named(command: Command, text: str) -> list[str]:
    """Return the arguments of the call whose options, or places, the text of an error names."""
    context = commands.make_context("context-persistence", ["--help"], resilient_parsing=True)
    group: click.Command = commands
    for word in command.words.split():
        if isinstance(group, click.Group):
            group = group.get_command(context, word) or group
    places = [
        parameter.human_readable_name.strip("[].")
        for parameter in group.params
        if isinstance(parameter, click.Argument)
    ]
    labels = dict(zip(reversed(command.places), reversed(places), strict=False))
    labels |= {**command.options, **command.filters}
    labels |= {"metadata": "--where", "date_range": "--since"}
    return [name for name, label in labels.items() if re.search(rf"{label}(?![\w-])", text)]


def read_failure(result: Any, plain: Any) -> Failure:
    """Return the failure of a command that ran with --json and once more without it."""
    code = result.exit_code
    kinds = frozenset(name for name, kind in KINDS.items() if kind.exit_code == code)
    wrong, content = "", {}
    try:
        content = json.loads(result.stderr)
    except ValueError:
        wrong = "is no JSON"
    if result.stderr.count("\n") != 1 or plain.stderr.count("\n") != 1:
        wrong = "is not one line"
    elif content.get("exit_code") != code or plain.exit_code != code:
        wrong = wrong or f"ends with {code} and {plain.exit_code}"
    elif not plain.stderr.startswith("error: "):
        wrong = "does not begin with error"
    elif plain.stdout:
        wrong = "prints to standard output"
    return Failure(
        kinds=kinds,
        text=result.stderr + plain.stderr,
        retryable=content.get("retryable"),
        outcome=content.get("outcome"),
        is_wrong=wrong,
    )


def build_words(command: Command, arguments: Mapping[str, Any]) -> tuple[list[str], str | None]:
    """Return the words of a command, and its standard input.

    Raises:
        NoSuchCallError: It cannot be said in words.
    """
    given = {**command.defaults, **arguments}
    words, places = command.words.split(), []
    text: str | None = None
    if command.lines:
        rows = {name: given.pop(name) for name in command.lines if name in given}
        text = _write_lines(command, rows)
    if command.text:
        text = _need_text(given.pop(command.text, None))
        _need_unicode(text)
    for (name, value), word in command.values.items():
        if (name in given and given[name] is value) or given.get(name) == value:
            words += word.split()
            given.pop(name)
    for name in command.places:
        value = given.pop(name, None)
        if value is not None or name in arguments:
            items = value if isinstance(value, list) and name.endswith("_ids") else [value]
            places += [_need_text(item) for item in items]
    for name, value in given.items():
        words += _build_option(command, name, value)
    return [*words, *(["--", *places] if places else [])], text


def _build_option(command: Command, name: str, value: Any) -> list[str]:
    if name == "filters" and command.filters and isinstance(value, dict):
        return _build_filters(command, value)
    if name in command.flags and isinstance(value, bool):
        return [command.flags[name]] if value else []
    if name in command.unset and isinstance(value, bool):
        return [] if value else [command.unset[name]]
    if name not in command.options or value is None or isinstance(value, dict):
        raise NoSuchCallError
    items = value if isinstance(value, list) else [value]
    if not items or (len(items) > 1 and name in command.singles):
        raise NoSuchCallError
    if name in command.pages and isinstance(value, int) and value > PAGE:
        raise NoSuchCallError
    return [word for item in items for word in (command.options[name], str(item))]


def _build_filters(command: Command, filters: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in filters.items():
        if name == "date_range" and isinstance(value, dict):
            flags = {"start": "--since", "end": "--until"}
            if not value.keys() <= flags.keys():
                raise NoSuchCallError
            words += [word for key, item in value.items() for word in (flags[key], str(item))]
        elif name.startswith("metadata."):
            words += ["--where", f"{name.removeprefix('metadata.')}={json.dumps(value)}"]
        elif name in command.filters and value:
            for item in value if isinstance(value, list) else [value]:
                words += [command.filters[name], _need_text(item)]
        else:
            raise NoSuchCallError
    return words


def _write_lines(command: Command, rows: Mapping[str, Any]) -> str:
    if len(command.lines) > 1:
        return json.dumps(rows)
    (items,) = rows.values()
    if not isinstance(items, list):
        raise NoSuchCallError  # lines are always a list
    return "".join(f"{json.dumps(item)}\n" for item in items)


def _need_text(value: Any) -> str:
    """Return a text; other values cannot be told from texts on a command line."""
    if not isinstance(value, str):
        raise NoSuchCallError
    return value


def _need_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoSuchCallError from None  # a pipe has bytes
