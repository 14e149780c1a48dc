"""`context-persistence server`: show and control the server of a local store."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from mcp_context_persistence.cli.session import Session, uses_options
from mcp_context_persistence.kg import local
from mcp_context_persistence.runtime.progress_lines import ProgressLines

STORE = click.argument("name", metavar="[STORE]", required=False)
HINT = "name its folder; whoever runs a database server starts and stops it"


@click.group()
def server() -> None:
    """Show and control the Neo4j server of a store.

    STORE is the folder of the store, as in --store. Without it, the settings name the store
    (docs/configuration.md), or it is that of your user account.
    """


def _exists(store: Path) -> bool:
    from mcp_context_persistence.kg.local.store import Store  # noqa: PLC0415 - takes 50 ms

    return Store(store).exists()


@server.command()
@uses_options("--store")
@STORE
def start(session: Session, name: str | None) -> None:
    """Start the server; it runs until `server stop`."""
    folder = session.find_folder(name, HINT)
    session.check_store(may_create=True)
    progress = ProgressLines(partial(click.echo, err=True))
    status = local.start(folder, progress=progress)
    click.echo(f"running: {status.bolt_url}  (store {status.store}, process {status.pid})")


@server.command()
@uses_options("--store")
@STORE
@click.option("--force", is_flag=True, help="Stop the server even if processes use it.")
def stop(session: Session, name: str | None, *, force: bool) -> None:
    """Stop the server."""
    folder = session.find_folder(name, HINT)
    session.check_store()
    was_running = local.read_status(folder).running
    local.stop(folder, force=force)
    click.echo("stopped" if was_running else "it was not running")


@server.command()
@uses_options("--store", "--json")
@STORE
def status(session: Session, name: str | None) -> None:
    """Show whether the server runs.

    The output also has the address, the versions and the clients of the server.
    """
    server_status = local.read_status(session.find_folder(name, HINT))
    if session.as_json:
        click.echo(json.dumps(asdict(server_status), default=str))
        return
    click.echo(f"store: {server_status.store}")
    if not server_status.running:
        click.echo("not running" if _exists(server_status.store) else "there is no store here yet")
        return
    versions = ", ".join(f"{name} {version}" for name, version in server_status.versions.items())
    click.echo(f"running: {server_status.bolt_url}, process {server_status.pid}, {versions}")
    clients = ", ".join(map(str, server_status.clients)) or "none"
    click.echo(f"clients: {clients}{', kept until it is stopped' if server_status.kept else ''}")


@server.command()
@uses_options("--store")
@STORE
@click.option("--show-password", is_flag=True, help="Also print the password.")
@click.option("--open", "should_open", is_flag=True, help="Open Neo4j Browser in your web browser.")
def browser(session: Session, name: str | None, *, show_password: bool, should_open: bool) -> None:
    """Show the address of Neo4j Browser and how to log in. The server must be running."""
    folder = session.find_folder(name, HINT)
    session.check_store()
    if not local.read_status(folder).running:
        raise click.ClickException(
            "the server is not running; start it: context-persistence server start STORE"
        )
    with local.attach(folder) as attachment:
        address = f"{attachment.http_url}/browser/"
        click.echo(f"address:  {address}")
        click.echo(f"connect:  {attachment.bolt_url}")
        click.echo(f"user:     {attachment.user}")
        click.echo(
            f"password: {attachment.password if show_password else '(shown with --show-password)'}"
        )
    if should_open:
        click.launch(address)
