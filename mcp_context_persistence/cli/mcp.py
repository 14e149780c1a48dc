"""`context-persistence mcp`: serve an assistant, and write its configuration."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from mcp_context_persistence.cli.exit_codes import InputError
from mcp_context_persistence.cli.session import Session, uses_options
from mcp_context_persistence.kg.extras import install_command

if TYPE_CHECKING:
    from mcp_context_persistence.mcp_server.install.assistants import Assistant

PROFILES = ("small", "full", "chatgpt")
ASSISTANTS = ("claude-code", "claude-desktop", "cursor", "vscode", "codex", "gemini")
STORE_VARIABLES = ("CONTEXT_STORE", "CONTEXT_DB_URL")  # as in the settings


@click.group(invoke_without_command=True)
@uses_options("--store", "--namespace")
@click.option(
    "--profile",
    envvar="CONTEXT_MCP_PROFILE",
    type=click.Choice(PROFILES),
    default="small",
    show_default=True,
    help="The tools: eight for most uses, one for each call of the client, or two for ChatGPT.",
)
@click.option(
    "--tools", envvar="CONTEXT_MCP_TOOLS", help="Names of tools, with commas, instead of a profile."
)
@click.option(
    "--read-only", envvar="CONTEXT_MCP_READ_ONLY", is_flag=True, help="No tools that write."
)
@click.pass_context
def mcp(
    context: click.Context,
    session: Session,
    *,
    profile: str,
    tools: str | None,
    read_only: bool,
) -> None:
    """Serve an assistant over standard input and output, with the Model Context Protocol.

    Assistants run this command themselves. The commands below write their configuration.

    Example: context-persistence mcp --store ~/memory --namespace work
    """
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    if find_spec("mcp") is None:
        raise click.ClickException(f"this needs the package mcp: {install_command('mcp')}")
    from mcp_context_persistence.mcp_server import stdio  # noqa: PLC0415 - slow to import

    if session.store is None:  # a path is made absolute before the folder of the process changes
        session.store = next(filter(None, map(os.environ.get, STORE_VARIABLES)), None)
    stdio.serve(
        profile=profile,
        tools=None if tools is None else [name.strip() for name in tools.split(",")],
        read_only=read_only,
        database_url=session.url,
        namespace=session.namespace,
    )


def _refuse_options_before(context: click.Context) -> None:
    """Refuse options of the server before a subcommand, which would not see them."""
    for name in ("profile", "tools", "read_only"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = name.replace("_", "-")
            raise InputError(f"--{option} is an option of `mcp` alone, without a further command")


FOR = click.option(
    "--for",
    "assistant",
    required=True,
    type=click.Choice(ASSISTANTS),
    help="The assistant.",
)
PROJECT = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of a project whose configuration is changed, instead of the user's.",
)


@mcp.command()
@FOR
@PROJECT
@uses_options("--store", "--namespace")
@click.option("--profile", type=click.Choice(PROFILES), default="small", show_default=True)
@click.option("--read-only", is_flag=True, help="No tools that write.")
@click.option("--env", "variables", multiple=True, help="A variable to pass on; may be repeated.")
@click.option("--print", "print_only", is_flag=True, help="Print the entry and change nothing.")
def install(
    session: Session,
    *,
    assistant: str,
    project: Path | None,
    profile: str,
    read_only: bool,
    variables: tuple[str, ...],
    print_only: bool,
) -> None:
    """Write the server into the configuration of an assistant.

    The rest of the file and its comments stay. The file is copied before.

    Example: context-persistence mcp install --for claude-code --print
    """
    from mcp_context_persistence.mcp_server.install import files  # noqa: PLC0415 - rarely used
    from mcp_context_persistence.mcp_server.install.assistants import Entry  # noqa: PLC0415

    command, first = _find_command()
    arguments = [*first, "mcp", "--store", _find_store(session), "--namespace", session.namespace]
    arguments += ["--profile", profile] if profile != "small" else []
    arguments += ["--read-only"] if read_only else []
    entry = Entry(command=command, args=arguments, env=_read_variables(variables))
    target = _get_assistant(assistant)
    if print_only:
        click.echo(files.render_entry(target, entry), nl=False)
        return
    change = files.write(files.plan_install(target, _locate(target, project), entry))
    _report(change.path, backup=change.backup, is_changed=change.is_changed)


@mcp.command()
@FOR
@PROJECT
def uninstall(*, assistant: str, project: Path | None) -> None:
    """Remove the server from the configuration of an assistant.

    Example: context-persistence mcp uninstall --for cursor
    """
    from mcp_context_persistence.mcp_server.install import files  # noqa: PLC0415 - rarely used

    target = _get_assistant(assistant)
    change = files.write(files.plan_uninstall(target, _locate(target, project)))
    _report(change.path, backup=change.backup, is_changed=change.is_changed)


def _get_assistant(name: str) -> "Assistant":
    from mcp_context_persistence.mcp_server.install import assistants  # noqa: PLC0415 - rarely used

    return assistants.ASSISTANTS[name]


def _locate(assistant: "Assistant", project: Path | None) -> Path:
    path = assistant.locate(project)
    if path is None:
        raise InputError(f"{assistant.name} has no configuration for projects; leave out --project")
    return path


def _find_command() -> tuple[str, list[str]]:
    """Return the absolute path of this command, with the arguments that it needs first."""
    script = Path(sys.executable).with_name("context-persistence")
    if script.exists():
        return str(script), []
    return sys.executable, ["-m", "mcp_context_persistence.cli.main"]


def _find_store(session: Session) -> str:
    """Return the store with an absolute path: the assistant has another folder and variables."""
    if session.url is None:
        from mcp_context_persistence.runtime.config.settings import load_config  # noqa: PLC0415 - slow to import
        from mcp_context_persistence.runtime.config.target import default_url  # noqa: PLC0415

        if origin := load_config().origins.get("database_url"):
            raise InputError(f"give --store: the assistant does not get your {origin.name}")
        return default_url()
    if "@" in session.url and not session.url.startswith("local:"):
        raise InputError("--store must have no password: use --env CONTEXT_DB_PASSWORD")
    return session.url


def _read_variables(names: tuple[str, ...]) -> dict[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise InputError("--env names a variable that is not set")
    return {name: os.environ[name] for name in names}


def _report(path: Path, *, backup: Path | None, is_changed: bool) -> None:
    if not is_changed:
        click.echo(f"unchanged: {path}")
        return
    click.echo(f"written: {path}")
    if backup is not None:
        click.echo(f"copy of the file before: {backup}")
    click.echo("Start the assistant again.")
