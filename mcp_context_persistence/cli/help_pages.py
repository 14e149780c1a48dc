"""Commands whose help page shows the examples of their docstring line by line."""

import inspect
from collections.abc import Callable
from typing import Any

import click

HEADING = "Examples:"


def split_help(text: str | None) -> tuple[str, list[str]]:
    """Return a help text without its examples, and the examples."""
    body, _, examples = inspect.cleandoc(text or "").partition(f"\n\n{HEADING}\n")
    return body, [line.strip() for line in examples.splitlines() if line.strip()]


class _HelpWithExamples(click.Command):
    """Writes the examples in a section of their own, which is not wrapped."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options and arguments; an error knows the command that it is about."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help text and the examples."""
        text = self.help
        examples: list[str] = []
        try:
            self.help, examples = split_help(text)
            super().format_help_text(ctx, formatter)
        finally:
            self.help = text
        if examples:
            with formatter.section(HEADING.rstrip(":")):
                for line in examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Command(_HelpWithExamples):
    """A command with examples."""


class Group(_HelpWithExamples, click.Group):
    """A group of commands with examples."""


def command(name: str | None = None) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command with examples."""
    return click.command(name=name, cls=Command)


def group() -> Callable[[Callable[..., Any]], Group]:
    """Make a function a group of commands with examples."""
    return click.group(cls=Group)
