"""`context-persistence server`: show and control the server of a local store."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local.store import Store

STORE = click.argument("store", required=False, type=click.Path(file_okay=False, path_type=Path))


@click.group()
def server() -> None:
    """Show and control the Neo4j of a local STORE, a directory. Without one, your own store is meant."""


def _known(store: Path) -> local.ServerStatus:
    """The status of a store that exists."""
    found = local.status(store)
    if not Store(found.store).exists():
        raise click.ClickException(f"there is no store at {found.store}")
    return found


@server.command()
@STORE
def start(store: Path | None) -> None:
    """Start the server and keep it up until `server stop`."""
    place = store or local.default_store()
    status = local.start(place)
    click.echo(f"running: {status.bolt_url}  (store {status.store}, process {status.pid})")


@server.command()
@STORE
@click.option("--force", is_flag=True, help="Stop it although processes use it.")
def stop(store: Path | None, *, force: bool) -> None:
    """Stop the server."""
    place = store or local.default_store()
    running = _known(place).running
    local.stop(place, force=force)
    click.echo("stopped" if running else "it was not running")


@server.command()
@STORE
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(store: Path | None, *, as_json: bool) -> None:
    """Say whether the server runs, where, in which versions, and who uses it."""
    found = local.status(store or local.default_store())
    if as_json:
        click.echo(json.dumps(asdict(found), default=str))
        return
    click.echo(f"store: {found.store}")
    if not found.running:
        click.echo("not running" if Store(found.store).exists() else "there is no store here yet")
        return
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    click.echo(f"running: {found.bolt_url}, process {found.pid}, {versions}")
    click.echo(
        f"clients: {', '.join(map(str, found.clients)) or 'none'}{', kept until it is stopped' if found.kept else ''}"
    )


@server.command()
@STORE
@click.option("--show-password", is_flag=True, help="Print the password too.")
@click.option("--open", "opens", is_flag=True, help="Open it in the web browser.")
def browser(store: Path | None, *, show_password: bool, opens: bool) -> None:
    """Say where Neo4j Browser is found and how to log in. The server must be running."""
    place = store or local.default_store()
    found = _known(place)
    if not found.running:
        raise click.ClickException(
            "the server is not running; start it: context-persistence server start STORE"
        )
    with local.attach(place) as attachment:
        address = f"{attachment.http_url}/browser/"
        click.echo(f"address:  {address}")
        click.echo(f"connect:  {attachment.bolt_url}")
        click.echo(f"user:     {attachment.user}")
        click.echo(
            f"password: {attachment.password if show_password else '(shown with --show-password)'}"
        )
    if opens:
        click.launch(address)
