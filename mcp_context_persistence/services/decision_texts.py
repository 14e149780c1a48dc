"""Decisions whose context was a text that is replaced or deleted keep only their sentence."""

from collections.abc import Sequence

from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.namespaces import touch
from mcp_context_persistence.kg.text.terms import text_properties
from mcp_context_persistence.kg.writes import deletion as statements
from mcp_context_persistence.runtime.engine import Engine


def shorten_decisions(engine: Engine, run: Run, decisions: Sequence[Row], *, now: int) -> int:
    """Make the outcome of decisions their context, at the end of a transaction.

    They are no longer about entities that only the lost text named.

    Args:
        engine: Gives the model.
        run: Runs a statement of the transaction.
        decisions: Rows of `delete/evidence`. One that the transaction has deleted is left out.
        now: Milliseconds since 1970.

    Returns:
        How many entities were deleted.
    """
    if not decisions:
        return 0
    model = engine.embeddings.current()
    rows = []
    for decision in decisions:
        properties, vector = {"context": decision["outcome"]}, None
        if decision["status"] != "rejected":  # no search finds a rejected one
            content = f"{decision['outcome']}\n{decision['outcome']}"
            properties |= text_properties(content)
            vector = model.embedder.embed_query(content)
        rows.append({"id": decision["id"], "properties": properties, "vector": vector})
    guard = model.vector_state.guard()
    written = run(statements.save_decision_texts(engine.namespace, rows, guard, now=now))
    run(touch(engine.namespace, guard))
    return sum(row["entities"] for row in written)
