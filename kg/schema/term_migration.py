"""The terms of texts, and filter tokens of metadata, that older versions of the schema lack."""

import logging
from collections.abc import Mapping
from typing import Any

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.filter_tokens import build_own_tokens, build_shared_tokens
from mcp_context_persistence.kg.schema.paged_migration import rewrite_nodes
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.text.terms import list_index_terms

LABELS = ("Conversation", "Message", "Chunk", "Entity", "MergedEntity", "Decision")

log = logging.getLogger(__name__)


def fill_terms(graph: Graph, deadline: Deadline) -> None:
    """Write the terms of all texts that have none, page by page.

    What is written stays when this is interrupted; the next call goes on with the rest.

    Raises:
        DatabaseError: Some are left at the deadline.
    """
    rewrite_nodes(
        graph,
        LABELS,
        deadline,
        read="schema/read_texts",
        write="schema/write_terms",
        build_row=_build_row,
        unfinished="some texts of this store have no terms for the keyword search",
    )


def _build_row(label: str, row: Row) -> Row:
    """Return the row of `schema/write_terms` for a text."""
    has_tokens = label not in {"Entity", "MergedEntity"}
    own = build_own_tokens(_read_metadata(row["metadata"])) if has_tokens else []
    shared = build_shared_tokens(_read_metadata(row["shared"]))
    return {
        "key": row["key"],
        "content": row["content"],
        "terms": " ".join(list_index_terms(row["content"])),
        "tokens": list(dict.fromkeys([*own, *shared])),
        "own": own if label == "Message" else [],
    }


def _read_metadata(text: str | None) -> Mapping[str, Any]:
    """Return stored metadata; nothing where they are damaged: calls that read them raise."""
    try:
        return load_stored(text, "metadata") or {}
    except DatabaseError as error:
        log.warning("a text gets no filter tokens: %s", error)
        return {}
