"""Sessions with MCP servers: in this process, and in others as assistants start them."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.server.mcpserver import MCPServer

from mcp_context_persistence.mcp_server.memory import OpenMemory
from mcp_context_persistence.mcp_server.server import ServerOptions, build_server

COMMAND = str(Path(sys.executable).with_name("context-persistence"))
ERAS = ("legacy", "2026-07-28")


def run_session(server: Any, use: Callable[[Client], Awaitable[Any]], era: str = "auto") -> Any:
    """Open a session, use it, and return what the function returns."""

    async def main() -> Any:
        async with Client(server, mode=era) as session:
            return await use(session)

    return asyncio.run(main())


def start_as_assistants_do(folder: Path, *arguments: str, **variables: str) -> Any:
    """Return how to start a server with almost no variables, in a folder of its own."""
    return StdioServerParameters(
        command=COMMAND,
        args=["mcp", *arguments],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", **variables},
    )


def serve_client(client: Any, **options: Any) -> MCPServer:
    """Return a server in this process for an open client."""
    return build_server(lambda _: OpenMemory(client=client), ServerOptions(**options))


def call(server: Any, name: str, era: str = "auto", **arguments: Any) -> Any:
    """Call one tool in a session of its own; return its data."""
    result = run_session(server, lambda session: session.call_tool(name, arguments), era)
    assert not result.is_error, result.content[0].text
    return result.structured_content


def refuse(server: Any, name: str, **arguments: Any) -> str:
    """Call one tool that refuses; return its text."""
    result = run_session(server, lambda session: session.call_tool(name, arguments))
    assert result.is_error
    assert result.structured_content is None
    return result.content[0].text


def environment() -> dict[str, str]:
    """Return the variables of this process without those that configure the library."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CONTEXT_", "NEO4J_"))
    }
