"""`context-persistence demo`: save conversations, then search and explore them."""

import sys
from pathlib import Path

import click

from mcp_context_persistence.cli.session import build_url

REDIRECTED_WIDTH = 160  # columns of the demo where its output is not a terminal


@click.command()
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
    from rich.console import Console  # noqa: PLC0415 - takes a tenth of a second

    from mcp_context_persistence.cli.demo import run_demo  # noqa: PLC0415

    width = None if sys.stdout.isatty() else REDIRECTED_WIDTH
    run_demo(file, store=build_url(store) or store, console=Console(markup=False, width=width))
