"""Which tools a server has."""

from collections.abc import Sequence

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.mcp_server.tool import ToolSpec
from mcp_context_persistence.mcp_server.tools import (
    exploring,
    forgetting,
    remembering,
    reporting,
    searching,
)

SMALL = (
    searching.RECALL,
    searching.CONTEXT,
    remembering.REMEMBER,
    remembering.DECIDE,
    remembering.RELATE,
    exploring.EXPLORE,
    forgetting.FORGET,
    reporting.STATUS,
)
PROFILES = ("small", "full", "chatgpt")


def select_tools(
    profile: str = "small", names: Sequence[str] | None = None, *, read_only: bool = False
) -> tuple[ToolSpec, ...]:
    """Return the tools of a server, in their order.

    Args:
        profile: `small`, `full` or `chatgpt`.
        names: Tools to take, of any profile, instead of those of the profile.
        read_only: Whether to leave out all tools that write.

    Raises:
        ValidationError: There is no such profile or tool, or no tool is left.
    """
    tools = _load_profile(profile) if names is None else _find_tools(names)
    if read_only:
        tools = tuple(tool for tool in tools if tool.is_read_only)
    if not tools:
        raise ValidationError("no tool is left: choose other tools")
    return tools


def _load_profile(profile: str) -> tuple[ToolSpec, ...]:
    if profile == "small":
        return SMALL
    if profile == "chatgpt":
        from mcp_context_persistence.mcp_server import chatgpt  # noqa: PLC0415 - rarely used

        return chatgpt.TOOLS
    if profile == "full":
        from mcp_context_persistence.mcp_server.tools import client_calls  # noqa: PLC0415 - slow

        return client_calls.build_tools()
    raise ValidationError(f"profile must be one of: {', '.join(PROFILES)}")


def _find_tools(names: Sequence[str]) -> tuple[ToolSpec, ...]:
    """Return the tools of some names; only the profiles that are needed are loaded."""
    tools: dict[str, ToolSpec] = {}
    for profile in ("small", "chatgpt", "full"):
        tools = {tool.name: tool for tool in _load_profile(profile)} | tools
        if set(names) <= tools.keys():
            return tuple(tools[name] for name in dict.fromkeys(names))
    raise ValidationError(f"tools must be some of: {', '.join(sorted(tools))}")
