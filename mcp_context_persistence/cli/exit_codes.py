"""Exit codes of the commands, and what is printed when a command fails."""

import json
import sys
from collections.abc import Iterable

import click
from click.core import ParameterSource

from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    NotFoundError,
    ValidationError,
)

FAILED, BAD_INPUT, NOTHING_FOUND, UNREACHABLE, PARTLY_DONE = 1, 2, 3, 4, 5
INTERRUPTED = 130

EXPLANATION = (
    "Exit codes: 0 done, 1 failed, 2 bad input, 3 nothing found, 4 the store cannot be opened, "
    "5 partly done, 130 stopped."
)


class InputError(click.UsageError):
    """The command was called wrongly. The text contains nothing that the user wrote."""


class StoreError(click.ClickException):
    """The store cannot be opened."""

    exit_code = UNREACHABLE

    def __init__(self, error: ContextPersistenceError) -> None:
        """Take the error of the client."""
        super().__init__(str(error))
        self.retryable = error.retryable


def report(
    error: click.ClickException | ContextPersistenceError | OSError, *, as_json: bool
) -> int:
    """Print one line about an error to standard error, and return the exit code."""
    if isinstance(error, ContextPersistenceError):
        text, retryable, outcome = str(error), error.retryable, error.outcome
        code = _find_code(error)
    elif isinstance(error, OSError):  # the client has errors of its own for what it uses
        subject = "the output" if error.filename is None else "a file"
        text = f"{subject} could not be used: {error.strerror}"
        retryable, outcome, code = False, "unknown", FAILED
    else:
        text = describe(error)
        retryable, outcome = getattr(error, "retryable", False), "not_applied"
        code = error.exit_code
    text = " ".join(text.split())
    if as_json:
        fields = {"error": text, "exit_code": code, "retryable": retryable, "outcome": outcome}
        line = json.dumps(fields, ensure_ascii=False)
    else:
        line = f"error: {text}"
    click.echo(line, file=sys.stderr)
    return code


def _find_code(error: ContextPersistenceError) -> int:
    if isinstance(error, ValidationError):
        return BAD_INPUT
    return NOTHING_FOUND if isinstance(error, NotFoundError) else FAILED


def describe(error: click.ClickException) -> str:
    """Return the text of an error without any value that the user wrote."""
    if not isinstance(error, click.UsageError) or isinstance(error, InputError):
        return error.format_message()
    if isinstance(error, click.MissingParameter):
        text = f"{_name_parameter(error)} is missing"
    elif isinstance(error, click.BadParameter):
        text = f"{_name_parameter(error)} {_describe_type(error.param)}"
    elif isinstance(error, click.BadOptionUsage):
        text = f"{error.option_name} {'takes no' if _is_flag(error) else 'needs a'} value"
    elif isinstance(error, click.exceptions.NoSuchCommand):
        text = "there is no such command" + _list_similar(_find_similar_commands(error))
    elif isinstance(error, click.NoSuchOption):
        text = "there is no such option" + _list_similar(error.possibilities)
    elif error.ctx is not None and isinstance(error.ctx.command, click.Group):
        text = "the name of a command is missing"
    else:
        text = "there are too many arguments"
    path = error.ctx.command_path if error.ctx else "context-persistence"
    return f"{text} (see {path} --help)"


def _is_flag(error: click.BadOptionUsage) -> bool:
    parameters = error.ctx.command.params if error.ctx else []
    return any(
        isinstance(parameter, click.Option)
        and parameter.is_flag
        and error.option_name in parameter.opts
        for parameter in parameters
    )


def _find_similar_commands(error: click.exceptions.NoSuchCommand) -> list[str]:
    """Return the similar commands of a group, which may import its commands only when needed."""
    from difflib import get_close_matches  # noqa: PLC0415 - only after a mistake

    if error.ctx is None or not isinstance(error.ctx.command, click.Group):
        return []
    return get_close_matches(error.command_name, error.ctx.command.list_commands(error.ctx))


def _list_similar(names: Iterable[str] | None) -> str:
    return f"; similar ones: {', '.join(sorted(names))}" if names else ""


def _name_parameter(error: click.BadParameter) -> str:
    if error.param is None:
        return "a value"
    if isinstance(error.param, click.Option):
        source = error.ctx.get_parameter_source(str(error.param.name)) if error.ctx else None
        if source is ParameterSource.ENVIRONMENT:
            return str(error.param.envvar)
        return max(error.param.opts, key=len)
    return error.param.human_readable_name


def _describe_type(parameter: click.Parameter | None) -> str:
    """Say which values a parameter takes."""
    kind = parameter.type if parameter else None
    if isinstance(kind, click.Choice):
        return f"must be one of: {', '.join(map(str, kind.choices))}"
    if isinstance(kind, (click.IntRange, click.FloatRange)):
        noun = "an integer" if isinstance(kind, click.IntRange) else "a number"
        low = "" if kind.min is None else f" of at least {kind.min}"
        high = "" if kind.max is None else f"{' and' if low else ' of'} at most {kind.max}"
        return f"must be {noun}{low}{high}"
    if kind in {click.INT, click.FLOAT}:
        return f"must be {'an integer' if kind == click.INT else 'a number'}"
    if isinstance(kind, click.types.BoolParamType):
        return "must be 1 or 0"
    if isinstance(kind, click.Path):
        return "must be a file that exists" if kind.exists else "must be a path of the right kind"
    return "is not valid"
