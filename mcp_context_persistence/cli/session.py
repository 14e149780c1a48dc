"""What the commands share: their options, the client, and notes on standard error."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mcp_context_persistence.cli.exit_codes import StoreError
from mcp_context_persistence.kg.errors import DatabaseError

if TYPE_CHECKING:
    from mcp_context_persistence.client import ContextPersistenceClient


F = TypeVar("F", bound=Callable[..., Any] | click.Command)


@dataclass
class Session:
    """The options that all commands share."""

    store: str | None = None
    namespace: str = "default"
    as_json: bool = False
    quiet: bool = False
    debug: bool = False

    @contextmanager
    def open_client(self) -> Iterator["ContextPersistenceClient"]:
        """Open the store, or use the service that has it open.

        Raises:
            StoreError: The store cannot be opened.
        """
        from mcp_context_persistence.service.remote import connect  # noqa: PLC0415 - takes a while

        remote: Any = connect(build_url(self.store), self.namespace, open_store=self._open_store)
        with remote or self._open_store() as client:
            yield client

    def _open_store(self) -> "ContextPersistenceClient":
        from mcp_context_persistence.client import ContextPersistenceClient  # noqa: PLC0415 - takes a second

        url = build_url(self.store)
        self._note_new_store(url)
        try:
            return ContextPersistenceClient(
                url, namespace=self.namespace, progress=self._build_progress()
            )
        except DatabaseError as error:
            raise StoreError(error) from error

    def _note_new_store(self, url: str | None) -> None:
        """Print a note if the store of --store is a new folder: its name may be mistyped."""
        folder = Path((url or "").removeprefix("local:"))
        if folder.is_absolute() and not folder.exists():
            self.note(f"there is no store in {folder} yet: creating it")

    def _build_progress(self) -> Callable[[str, int, int], None]:
        from mcp_context_persistence.runtime.progress_lines import ProgressLines  # noqa: PLC0415

        return ProgressLines(self.note, is_quiet=self.quiet or not sys.stderr.isatty())

    def note(self, text: str) -> None:
        """Print a note to standard error, unless the user wants none."""
        if not self.quiet:
            click.echo(text, file=sys.stderr)

    def count(self, noun: str, done: int) -> None:
        """Show on a terminal how much is done."""
        if not self.quiet and sys.stderr.isatty():
            click.echo(f"\r{done:,} {noun}", nl=False, file=sys.stderr)

    def end_count(self) -> None:
        """End the line of `count`."""
        if not self.quiet and sys.stderr.isatty():
            click.echo("", file=sys.stderr)


def build_url(store: str | None) -> str | None:
    """Return the database URL of a store, which may also be the path of its folder.

    Paths become absolute: other processes get them, which have other working directories.
    """
    if store is None or store in {":memory:", "sqlite:///:memory:"}:
        return store
    folder = store.removeprefix("sqlite:///").removeprefix("local:")
    if not folder or "://" in folder or folder.startswith(":"):
        return store
    path = os.path.expanduser(folder)  # which raises nothing for an unknown user
    return f"local:{path if path.startswith('~') else Path(path).absolute()}"


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep the value of a shared option, whether it stands before or after the command."""
    session = context.find_root().ensure_object(Session)
    if value not in {None, False} and parameter.name:
        setattr(session, parameter.name, value)


_OPTIONS = (
    ("--store", "CONTEXT_DB_URL", {"metavar": "STORE", "help": "A folder or a database URL."}),
    (
        "--namespace",
        "CONTEXT_NAMESPACE",
        {"metavar": "NAME", "help": "A separate part of the store."},
    ),
    ("--json", "CONTEXT_JSON", {"is_flag": True, "help": "Print JSON, for programs."}),
    ("--quiet", "CONTEXT_QUIET", {"is_flag": True, "help": "No notes and no progress."}),
    ("--debug", "CONTEXT_DEBUG", {"is_flag": True, "help": "Show where an error comes from."}),
)


def shared_options(function: F, *, is_root: bool = False) -> F:
    """Add the options that all commands share; the root also reads them from the environment."""
    for flag, variable, settings in reversed(_OPTIONS):
        # The client reads the URL of the database itself, with the other settings.
        envvar = variable if is_root and flag != "--store" else None
        name = "as_json" if flag == "--json" else flag.removeprefix("--")
        function = click.option(
            flag, name, envvar=envvar, callback=_keep, expose_value=False, **settings
        )(function)
    return function


def uses_store(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the shared options to a command, and pass it the `Session` as its first argument."""
    return shared_options(click.make_pass_decorator(Session, ensure=True)(function))
