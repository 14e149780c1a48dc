"""What the graph knows of texts that are to be shown: what they mention, and where decisions come from."""

from collections.abc import Sequence

from mcp_context_persistence.kg.driver.statement import Run, Statement, as_is
from mcp_context_persistence.queries.prompt_context.builder import NOTHING, Around, key
from mcp_context_persistence.queries.search.candidate import Candidate

TEXTS = 200  # of each kind, best first; the others are worth too little to be shown
ENTITIES = 20  # of a text, the surest ones


def read(run: Run, namespace: str, rows: Sequence[Candidate], *, entities: bool) -> Around:
    """One statement; none where nothing would come of it.

    Args:
        run: Runs a statement and returns its rows.
        namespace: Where the texts are.
        rows: Messages, decisions and passages of documents, best first.
        entities: Whether it matters what they mention.
    """
    asked = {
        kind: [row for row in rows if row.kind == kind][:TEXTS]
        for kind in ("message", "decision", "document")
    }
    if not entities:
        asked |= {"message": [], "document": []}
    if not any(asked.values()):
        return NOTHING
    batch = {
        "namespace": namespace,
        "messages": [row.id for row in asked["message"]],
        "decisions": [row.id for row in asked["decision"]],
        "chunks": [row.id for row in asked["document"]],
        "entities": ENTITIES,
    }
    cited = {(kind, row.id): key(row) for kind, some in asked.items() for row in some}
    found = {
        cited[one["kind"], one["id"]]: one
        for one in run(
            Statement(name="search/graph_context", parameters={"batch": batch}, read=as_is)
        )
    }
    return Around(
        entities={name: one["entities"] for name, one in found.items() if entities},
        evidence={name: one for name, one in found.items() if one["position"] is not None},
    )
