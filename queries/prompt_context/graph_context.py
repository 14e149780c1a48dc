"""Read what the graph says about texts: their entities, and the evidence of decisions."""

from collections.abc import Sequence

from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is
from mcp_context_persistence.queries.prompt_context.excerpts import (
    NO_FACTS,
    GraphFacts,
    citation_key,
)

MAX_TEXTS = 200  # of each kind, best first; the others are not relevant enough to be shown
MAX_ENTITIES = 20  # of a text, those with the highest confidence


def read_facts(run: Run, namespace: str, rows: Sequence[Row], *, entities: bool) -> GraphFacts:
    """Read the facts about rows with one statement, or with none if nothing is needed.

    Args:
        run: Runs a statement and returns its rows.
        namespace: The namespace.
        rows: Messages, decisions and passages of documents, best first.
        entities: Whether the entities that they mention are needed.
    """
    rows_by_kind = {
        kind: [row for row in rows if row["kind"] == kind][:MAX_TEXTS]
        for kind in ("message", "decision", "document")
    }
    if not entities:
        rows_by_kind |= {"message": [], "document": []}
    if not any(rows_by_kind.values()):
        return NO_FACTS
    batch = {
        "namespace": namespace,
        "messages": [row["id"] for row in rows_by_kind["message"]],
        "decisions": [row["id"] for row in rows_by_kind["decision"]],
        "chunks": [row["id"] for row in rows_by_kind["document"]],
        "entities": MAX_ENTITIES,
    }
    keys = {
        (kind, row["id"]): citation_key(row)
        for kind, kind_rows in rows_by_kind.items()
        for row in kind_rows
    }
    statement = Statement(name="search/surroundings", parameters={"batch": batch}, read=as_is)
    facts = {keys[fact["kind"], fact["id"]]: fact for fact in run(statement)}
    return GraphFacts(
        entities={key: fact["entities"] for key, fact in facts.items() if entities},
        evidence={key: fact for key, fact in facts.items() if fact["position"] is not None},
    )
