"""The command line."""

import sys
from pathlib import Path

import click
from rich.console import Console

from mcp_context_persistence import __version__
from mcp_context_persistence.cli.server import server
from mcp_context_persistence.kg.errors import ContextPersistenceError, ValidationError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def commands() -> None:
    """Memory for AI assistants, as one property graph in Neo4j."""


commands.add_command(server)


@commands.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--store",
    default=".cache/demo-store",
    show_default=True,
    help="Directory of the store, or any database URL.",
)
def demo(file: Path | None, store: str) -> None:
    """Run the main job and show what it does, on FILE (JSON or JSON lines of conversations) or on text that comes with the package."""
    from mcp_context_persistence.cli.demo import run  # noqa: PLC0415 - the other commands start without the language models

    url = store if "://" in store or store.startswith((":", "local:")) else f"local:{store}"
    run(file, store=url, console=Console(markup=False, width=None if sys.stdout.isatty() else 160))


def main() -> None:
    """Run a command: exit 0 when it worked, 1 when it failed, 2 when it was called wrongly."""
    try:
        sys.exit(commands(standalone_mode=False) or 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
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
