"""`completion`: print the script that completes commands and options in a shell."""

import click
from click.shell_completion import get_completion_class

from mcp_context_persistence.cli.help_pages import command

PROGRAM = "context-persistence"
VARIABLE = "_CONTEXT_PERSISTENCE_COMPLETE"


@command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in a shell.

    Examples:
      context-persistence completion bash
    """
    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise AssertionError("click completes for all of these shells")
    root = context.find_root().command
    click.echo(completion_class(root, {}, PROGRAM, VARIABLE).source())
