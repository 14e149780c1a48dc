"""Commands whose help page shows the examples of their docstring line by line."""

import inspect
from functools import partial
from typing import Any

import click

HEADING = "Examples:"


def split_help(text: str | None) -> tuple[str, list[str]]:
    """Return a help text without its examples, and the examples."""
    body, _, examples = inspect.cleandoc(text or "").partition(f"\n\n{HEADING}\n")
    return body, [line.strip() for line in examples.splitlines() if line.strip()]


class _HelpWithExamples(click.Command):
    """Writes the examples in a section of their own, which is not wrapped."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help text and the examples."""
        text, examples = self.help, []
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


command: Any = partial(click.command, cls=Command)
group: Any = partial(click.group, cls=Group)
