"""The command line.

Modules that take long to import are imported by the commands that use them.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from mcp_context_persistence import __version__
from mcp_context_persistence.cli import exit_codes
from mcp_context_persistence.cli.session import Session, shared_options
from mcp_context_persistence.cli.standard_streams import discard_output, open_missing_streams
from mcp_context_persistence.kg.errors import ContextPersistenceError

PACKAGE = "mcp_context_persistence.cli"
# The module of each command below this package, and the help text in the list of commands.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "Download and verify the server and the models."),
    "demo": ("demo_command", "Save conversations, then search and explore them."),
    "server": ("server", "Show and control the Neo4j server of a store."),
    "save": ("conversations", "Save conversations, or a document."),
    "append": ("conversations", "Add messages to the end of a conversation."),
    "load": ("conversations", "Show the messages of a conversation, or a document."),
    "search": ("searching", "Search everything that is stored."),
    "context": ("searching", "Build a text for a prompt from what is stored."),
    "list": ("listing", "List conversations, documents, decisions, entities or merges."),
    "delete": ("deletion", "Delete something, and what only it supports."),
    "export": ("transfer", "Write the namespace as JSON lines."),
    "ingest": ("transfer", "Read the JSON lines of export."),
    "instructions": ("instructions", "List, save and retire instructions of the user."),
    "extract": ("knowledge", "Extract entities and relationships from a text."),
    "relate": ("knowledge", "Create a relationship between two entities."),
    "graph": ("knowledge", "Show what is near an entity, or the paths to another one."),
    "decisions": ("decisions", "List, save, propose and review decisions."),
    "stats": ("analysis", "Count what is stored."),
    "analytics": ("analysis", "Measure the graph, or find its central entities."),
    "communities": ("analysis", "Find groups of entities with many relationships."),
    "duplicates": ("merging", "Find entities that are probably the same."),
    "merge": ("merging", "Merge entities into one, or undo a merge."),
    "serve": ("serve", "Serve REST on this machine, or to others with keys."),
    "keys": ("serve", "Create, list, rotate and revoke the keys of the REST service."),
    "mcp": ("mcp", "Serve assistants over the Model Context Protocol."),
    "config": ("analysis", "Show the settings in effect."),
    "completion": ("completion", "Print the script that completes commands in a shell."),
}


class CommandGroup(click.Group):
    """The group of all commands; it imports the module of a command when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"{PACKAGE}.{COMMANDS[cmd_name][0]}")
        attribute = f"{cmd_name}_command" if cmd_name == "list" else cmd_name
        command: click.Command = getattr(module, attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run a command, and exit with its code."""
        options["standalone_mode"] = False
        arguments = args[0] if args else options.get("args")
        sys.exit(_run(lambda: super(CommandGroup, self).main(*args, **options), arguments))


def _run(command: Callable[[], Any], arguments: Sequence[str] | None) -> int:
    """Run a command, and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in words or os.environ.get("CONTEXT_JSON", "0") not in {"", "0"}
    try:
        code = command()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return exit_codes.BAD_INPUT
    except click.Abort:
        click.echo("stopped", err=True)
        return exit_codes.INTERRUPTED
    except (click.ClickException, ContextPersistenceError, OSError) as error:
        if "--debug" in words:
            raise
        if isinstance(error, OSError):
            discard_output()
        return exit_codes.report(error, as_json=as_json)
    return code if isinstance(code, int) else 0


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=exit_codes.EXPLANATION,
)
@click.version_option(__version__)
@click.pass_context
def commands(context: click.Context) -> None:
    """Memory for AI assistants, stored as one property graph in Neo4j.

    Without --store, the commands use the store that the settings name (docs/configuration.md), or
    that of your user account. The options of this page may stand before or after the command.
    """
    context.ensure_object(Session)


commands = shared_options(commands, is_root=True)


def main() -> None:
    """Run the command of the arguments of this process."""
    open_missing_streams()
    commands()


if __name__ == "__main__":
    main()
