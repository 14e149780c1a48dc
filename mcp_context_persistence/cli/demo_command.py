"""`context-persistence demo`: save conversations, then search and explore them."""

import sys
from pathlib import Path

import click

from mcp_context_persistence.cli.session import Session, uses_options

DEMO_STORE = ".cache/demo-store"
REDIRECTED_WIDTH = 160  # columns of the demo where its output is not a terminal


@click.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@uses_options("--store")
def demo(session: Session, file: Path | None) -> None:
    """Save conversations, then search and explore them.

    FILE contains conversations as JSON or JSON lines. Without FILE, the demo uses the example
    conversations of the package. Without --store, it uses a store of its own, .cache/demo-store.
    """
    from rich.console import Console  # noqa: PLC0415 - takes a tenth of a second

    from mcp_context_persistence.cli.demo import run_demo  # noqa: PLC0415

    width = None if sys.stdout.isatty() else REDIRECTED_WIDTH
    session.store = session.store or DEMO_STORE
    run_demo(file, store=str(session.url), console=Console(markup=False, width=width))
