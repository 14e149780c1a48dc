"""`context-persistence mcp`: serve an assistant, and write its configuration."""

from importlib.util import find_spec

import click

from mcp_context_persistence.kg.extras import install_command

PROFILES = ("small", "full", "chatgpt")


def read_store(store: str) -> str:
    """Return the URL of a store that was given as a URL or as a folder."""
    is_url = "://" in store or store.startswith((":", "local:", "sqlite:"))
    return store if is_url else f"local:{store}"


@click.group(invoke_without_command=True)
@click.option(
    "--store",
    envvar="CONTEXT_STORE",
    help="The folder of the store, or a database URL. [default: the configured one]",
)
@click.option("--namespace", envvar="CONTEXT_NAMESPACE", default="default", show_default=True)
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
    *,
    store: str | None,
    namespace: str,
    profile: str,
    tools: str | None,
    read_only: bool,
) -> None:
    """Serve an assistant over standard input and output, with the Model Context Protocol.

    Assistants run this command themselves. The commands below write their configuration.

    Example: context-persistence mcp --store ~/memory --namespace work
    """
    if context.invoked_subcommand is not None:
        return
    if find_spec("mcp") is None:
        raise click.ClickException(f"this needs the package mcp: {install_command('mcp')}")
    from mcp_context_persistence.mcp_server import stdio  # noqa: PLC0415 - slow to import

    stdio.serve(
        profile=profile,
        tools=None if tools is None else [name.strip() for name in tools.split(",")],
        read_only=read_only,
        database_url=None if store is None else read_store(store),
        namespace=namespace,
    )
