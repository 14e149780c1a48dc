"""Read what the graph says about texts: their entities, and the evidence of decisions."""

from collections.abc import Sequence

from mcp_context_persistence.kg.driver.statement import Run, Statement, as_is
from mcp_context_persistence.queries.prompt_context.excerpts import (
    NO_FACTS,
    GraphFacts,
    citation_key,
)
from mcp_context_persistence.queries.search.candidate import Candidate

MAX_TEXTS = 200  # of each kind, best first; the others are not relevant enough to be shown
MAX_ENTITIES = 20  # of a text, those with the highest confidence


def read_facts(
    run: Run, namespace: str, candidates: Sequence[Candidate], *, entities: bool
) -> GraphFacts:
    """Read the facts about candidates with one statement, or with none if nothing is needed.

    Args:
        run: Runs a statement and returns its rows.
        namespace: Name of the namespace.
        candidates: Messages, decisions and passages of documents, best first.
        entities: Whether the entities that they mention are needed.
    """
    by_kind = {
        kind: [candidate for candidate in candidates if candidate.kind == kind][:MAX_TEXTS]
        for kind in ("message", "decision", "document")
    }
    if not entities:
        by_kind |= {"message": [], "document": []}
    if not any(by_kind.values()):
        return NO_FACTS
    batch = {
        "namespace": namespace,
        "messages": [candidate.id for candidate in by_kind["message"]],
        "decisions": [candidate.id for candidate in by_kind["decision"]],
        "chunks": [candidate.id for candidate in by_kind["document"]],
        "entities": MAX_ENTITIES,
    }
    keys = {
        (kind, candidate.id): citation_key(candidate)
        for kind, candidates in by_kind.items()
        for candidate in candidates
    }
    statement = Statement(name="search/graph_context", parameters={"batch": batch}, read=as_is)
    facts = {keys[fact["kind"], fact["id"]]: fact for fact in run(statement)}
    return GraphFacts(
        entities={key: fact["entities"] for key, fact in facts.items() if entities},
        evidence={key: fact for key, fact in facts.items() if fact["position"] is not None},
    )
