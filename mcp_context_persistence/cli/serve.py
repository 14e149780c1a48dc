"""`context-persistence serve` and `context-persistence keys`."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mcp_context_persistence.cli.session import Session, uses_options
from mcp_context_persistence.kg.errors import ContextPersistenceError, ValidationError

SCOPES = ("read", "write", "forget", "admin", "metrics")


@click.command()
@uses_options("--store", "--namespace")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: a free one."
)
def serve(session: Session, host: str, port: int) -> None:
    """Serve the store over HTTP until Ctrl-C or SIGTERM.

    Callers without a key use the namespace of the option, or of the variable CONTEXT_API_NAMESPACE.

    Other commands and programs of your user find the service by themselves. A store has one
    service: if it runs already, the command prints its address.
    """
    from mcp_context_persistence.kg.extras import install_command  # noqa: PLC0415 - see main

    try:
        from mcp_context_persistence.main import create_service  # noqa: PLC0415 - slow to import
        from mcp_context_persistence.service import server  # noqa: PLC0415 - slow to import
        from mcp_context_persistence.service.settings import ServiceSettings  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in {"fastapi", "uvicorn", "starlette", "anyio"}:
            raise
        raise ValidationError(f"the service needs: {install_command('api')}") from error
    arguments: dict[str, Any] = {"database_url": session.url}
    if session.is_namespace_option:
        arguments["namespace"] = session.namespace
    session.check_store(may_create=True)
    settings = ServiceSettings.from_environment(**arguments)
    try:
        has_ended = server.serve(
            settings,
            lambda service_settings, secret: create_service(service_settings, secret=secret),
            host=host,
            port=port,
            report=lambda address: click.echo(f"serving on {address.url}"),
        )
    except server.AlreadyRunningError as running:
        if running.address is None:
            raise ContextPersistenceError(
                "another process serves this store, and is starting or stopping: try again"
            ) from None
        click.echo(f"already served on {running.address.url} by process {running.address.pid}")
        return
    if has_ended is False:
        sys.stderr.flush()
        os._exit(0)


@click.group()
def keys() -> None:
    """Make and remove the keys of the service.

    Without keys, the service answers only on its own machine.
    """


def _open_file(session: Session, file: Path | None) -> Any:
    """Open the file of the keys: the named one, or the one in the folder of an existing store."""
    from mcp_context_persistence.service.keys import KeyFile  # noqa: PLC0415 - see main
    from mcp_context_persistence.service.settings import KEYS_VARIABLE, find_keys_file  # noqa: PLC0415

    path = file or find_keys_file(session.url)
    if path is None:
        raise ValidationError("store: a throwaway store has no keys")
    if file is None and not os.environ.get(KEYS_VARIABLE) and not path.exists():
        session.check_store()
    return KeyFile(path)


FILE = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of the keys.  [default: CONTEXT_API_KEYS_FILE, or api_keys.json in the store]",
)


@keys.command()
@uses_options("--store", "--namespace")
@FILE
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), default=("read", "write"),
    show_default=True, help="What the key may do; may be repeated.",
)  # fmt: skip
@click.option("--days", type=float, help="How many days the key is valid.  [default: no end]")
@click.option("--name", default="", help="A name for the list of keys.")
def create(
    session: Session,
    file: Path | None,
    scopes: tuple[str, ...],
    days: float | None,
    name: str,
) -> None:
    """Make a key for the namespace and print it; it is shown only once."""
    _, token = _open_file(session, file).create(
        namespace=session.namespace, scopes=scopes, days=days, name=name
    )
    click.echo(token)


@keys.command("list")
@uses_options("--store", "--json")
@FILE
def list_command(session: Session, file: Path | None) -> None:
    """List the keys, without their secrets."""
    rows = [
        asdict(key) | {"valid": key.is_valid()} for key in _open_file(session, file).list_keys()
    ]
    for row in rows:
        del row["digest"]
    if session.as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("there are no keys", err=True)
    for row in rows:
        end = row["expires"] or "never"
        text = f"{row['id']}  {row['namespace']}  {','.join(row['scopes'])}  expires {end}"
        click.echo(f"{text}{'' if row['valid'] else ' (expired)'}  {row['name']}".rstrip())


@keys.command()
@click.argument("key_id")
@uses_options("--store")
@FILE
def revoke(session: Session, key_id: str, file: Path | None) -> None:
    """Remove the key with this id; requests with it are refused at once."""
    _open_file(session, file).revoke(key_id)
    click.echo("revoked")


@keys.command()
@click.argument("key_id")
@uses_options("--store")
@FILE
@click.option("--hours", default=24.0, show_default=True, help="How long the old key stays valid.")
def rotate(session: Session, key_id: str, file: Path | None, hours: float) -> None:
    """Make a key with the rights of the key with this id, and print it; the old one ends later."""
    _, token = _open_file(session, file).rotate(key_id, hours=hours)
    click.echo(token)
