"""What the commands share: their options, the client, and notes on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from mcp_context_persistence.cli.exit_codes import InputError, StoreError
from mcp_context_persistence.cli.field_names import name_parameters
from mcp_context_persistence.kg.errors import DatabaseError, NotFoundError, ValidationError
from mcp_context_persistence.kg.shell_commands import format_command
from mcp_context_persistence.kg.url import complete_url

if TYPE_CHECKING:
    from mcp_context_persistence.client import ContextPersistenceClient
    from mcp_context_persistence.runtime.progress_lines import ProgressLines


F = TypeVar("F", bound=Callable[..., Any] | click.Command)


@dataclass
class Session:
    """The options that all commands share.

    Attributes:
        store: A folder or a database URL; None where the settings name the store.
        namespace: The namespace.
        is_namespace_option: Whether it is that of an option, not of a variable or the default.
        as_json: Whether JSON is printed.
        quiet: Whether there are no notes and no progress.
        debug: Whether an error shows where it comes from.
    """

    store: str | None = None
    namespace: str = "default"
    is_namespace_option: bool = False
    as_json: bool = False
    quiet: bool = False
    debug: bool = False

    @contextmanager
    def open_client(self, *, may_create: bool = False) -> Iterator["ContextPersistenceClient"]:
        """Open the store, or use the service that has it open.

        Args:
            may_create: Whether the store is made where it is missing. A command that only reads or
                changes what is stored makes none: the name of the store is mistyped then.

        Raises:
            StoreError: There is no store, or it cannot be opened.
        """
        from mcp_context_persistence.service.remote import connect  # noqa: PLC0415 - takes a while

        open_store = partial(self.open_store, may_create=may_create)
        remote: Any = connect(self.url, self.namespace, open_store=open_store)
        with remote or open_store() as client:
            yield client

    def open_store(self, *, may_create: bool) -> "ContextPersistenceClient":
        """Open the store in this process; its server waits for the next command afterwards.

        Args:
            may_create: As in `open_client`.

        Raises:
            StoreError: There is no store, or it cannot be opened.
        """
        from mcp_context_persistence.client import ContextPersistenceClient  # noqa: PLC0415 - takes a second

        self.check_store(may_create=may_create)
        progress = self._build_progress()
        try:
            client = ContextPersistenceClient(self.url, namespace=self.namespace, progress=progress)
        except DatabaseError as error:
            raise StoreError(error) from error
        attachment = client._engine.connection.attachment
        if attachment is not None:
            attachment.linger()
            if progress.has_reported("start") and not self.as_json:
                self._note_lingering(attachment.store)
        return client

    def _note_lingering(self, store: Path) -> None:
        """Say on a terminal how long the server runs that was just started."""
        from mcp_context_persistence.kg.local.settings import COMMAND_LINGER_SECONDS  # noqa: PLC0415 - takes 50 ms

        command = format_command(
            *("context-persistence", "server", "start"), value=str(store), placeholder="STORE"
        )
        self.note(
            f"Neo4j waits {COMMAND_LINGER_SECONDS:g} s for the next command, then it stops; "
            f"to keep it running: {command}"
        )

    @property
    def url(self) -> str | None:
        """The database URL of --store; None where the settings name the store."""
        return None if self.store is None else complete_url(self.store)

    def check_store(self, *, may_create: bool = False) -> None:
        """Refuse a local store that is missing, or note that it is made.

        Raises:
            StoreError: There is no store, and the command makes none.
        """
        from mcp_context_persistence.kg import local  # noqa: PLC0415 - takes 50 ms
        from mcp_context_persistence.kg.local.store import Store  # noqa: PLC0415
        from mcp_context_persistence.service.folders import find_target  # noqa: PLC0415

        folder = getattr(find_target(self.url), "path", None)
        if folder is None:
            return
        store = Store(folder)
        if store.exists() or store.secret.exists() or store.has_data:  # it may have lost some files
            return
        if not may_create:
            raise StoreError(NotFoundError(describe_missing(folder)))
        if folder != local.default_store():
            self.note(f"there is no store in {folder} yet: creating it")

    def find_folder(self, name: str | None, hint: str) -> Path:
        """Return the folder of the local store that a command is for.

        Args:
            name: The argument STORE, which means the same as --store.
            hint: What to do where the store is not in a folder.

        Raises:
            InputError: The store is a database server or a throwaway store.
        """
        from mcp_context_persistence.service.folders import find_target  # noqa: PLC0415 - see above

        if name is not None and self.store is not None:
            raise InputError("STORE and --store mean the same: give one of them")
        self.store = self.store if name is None else name
        folder: Path | None = getattr(find_target(self.url), "path", None)
        if folder is None:
            raise InputError(f"this needs a store in a folder of this machine: {hint}")
        return folder

    def _build_progress(self) -> "ProgressLines":
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


def describe_missing(folder: Path) -> str:
    """Say that there is no store in a folder, and what to do."""
    command = format_command("context-persistence", "init", value=str(folder), placeholder="STORE")
    return f"there is no store at {folder}: name another one with --store, or make it: {command}"


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep the value of a shared option, whether it stands before or after the command."""
    session = context.find_root().ensure_object(Session)
    if value not in {None, False} and parameter.name:
        setattr(session, parameter.name, value)
        if parameter.name == "namespace":
            source = context.get_parameter_source(parameter.name)
            session.is_namespace_option = source is not ParameterSource.ENVIRONMENT


_OPTIONS = (
    ("--store", None, {"metavar": "STORE", "help": "A folder or a database URL."}),
    (
        "--namespace",
        "CONTEXT_NAMESPACE",
        {"metavar": "NAME", "help": "A separate part of the store."},
    ),
    ("--json", "CONTEXT_JSON", {"is_flag": True, "help": "Print JSON, for programs."}),
    ("--quiet", "CONTEXT_QUIET", {"is_flag": True, "help": "No notes and no progress."}),
    ("--debug", None, {"is_flag": True, "help": "Show where an error comes from."}),
)


def shared_options(function: F, *flags: str, is_root: bool = False) -> F:
    """Add options that several commands share; the root also reads them from the environment.

    Args:
        function: The function of the command.
        flags: The options; all of them without any.
        is_root: Whether it is the command before all others. The variables of the store are read
            with the other settings.
    """
    for flag, variable, settings in reversed(_OPTIONS):
        if flags and flag not in flags:
            continue
        name = "as_json" if flag == "--json" else flag.removeprefix("--")
        function = click.option(
            flag,
            name,
            envvar=variable if is_root else None,
            callback=_keep,
            expose_value=False,
            **settings,
        )(function)
    return function


def uses_options(*flags: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add some of the shared options to a command, and pass it the `Session` first."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            try:
                return function(*args, **options)
            except (ValidationError, NotFoundError) as error:
                name_parameters(error, click.get_current_context())
                raise

        return shared_options(click.make_pass_decorator(Session, ensure=True)(run), *flags)

    return decorate


def uses_store(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add all shared options to a command, and pass it the `Session` as its first argument."""
    return uses_options()(function)
