"""What the tools say about names that no entity has."""

from collections.abc import Mapping

from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.mcp_server.citations import cite
from mcp_context_persistence.mcp_server.tool import Call

NEAREST = 3  # names that are offered for one that does not exist


def find_missing(call: Call, names: Mapping[str, str]) -> dict[str, str]:
    """Return, by argument, the ids and names that no entity has."""
    return {field: name for field, name in names.items() if not _exists(call, name)}


def describe_missing(call: Call, missing: Mapping[str, str]) -> str:
    """Say which entities do not exist, with the nearest names that do."""
    sentences = []
    for field, name in missing.items():
        candidates = call.client.search_hybrid(name, filters={"content_types": ["entity"]},
                                          limit=NEAREST).results  # fmt: skip
        ids = ", ".join(cite("entity", result.id) for result in candidates)
        nearest = f"the nearest are {ids}" if ids else "there is none like it"
        sentences.append(f"{field}: no entity has this name; {nearest}")
    return "; ".join(sentences)


def _exists(call: Call, name: str) -> bool:
    try:
        call.client.get_entity(name)
    except NotFoundError:
        return False
    return True
