"""The command line.

Modules that take long to import are imported by the commands that use them.
"""

import sys
from pathlib import Path

import click

from mcp_context_persistence import __version__
from mcp_context_persistence.cli.init import init
from mcp_context_persistence.cli.serve import keys, serve
from mcp_context_persistence.cli.server import server
from mcp_context_persistence.kg.errors import ContextPersistenceError, ValidationError

REDIRECTED_WIDTH = 160  # columns of the demo where its output is not a terminal


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def commands() -> None:
    """Memory for AI assistants, stored as one property graph in Neo4j."""


commands.add_command(server)
commands.add_command(init)
commands.add_command(serve)
commands.add_command(keys)


@commands.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--store",
    default=".cache/demo-store",
    show_default=True,
    help="The folder of the store, or a database URL.",
)
def demo(file: Path | None, store: str) -> None:
    """Save conversations, then search and explore them.

    FILE contains conversations as JSON or JSON lines. Without FILE, the demo uses the example
    conversations of the package.
    """
    from rich.console import Console  # noqa: PLC0415 - see above

    from mcp_context_persistence.cli.demo import run_demo  # noqa: PLC0415

    url = store if "://" in store or store.startswith((":", "local:")) else f"local:{store}"
    width = None if sys.stdout.isatty() else REDIRECTED_WIDTH
    run_demo(file, store=url, console=Console(markup=False, width=width))


def main() -> None:
    """Run a command. It exits with 0 after success, 1 after an error, 2 for wrong arguments."""
    try:
        sys.exit(commands(standalone_mode=False) or 0)
    except click.exceptions.Exit as ending:
        sys.exit(ending.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx:
            click.echo(error.ctx.get_usage(), err=True)
        click.echo(f"error: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except ValidationError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except ContextPersistenceError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
