"""Delete documents, decisions, entities, relationships and namespaces."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.error_mapping import is_out_of_memory
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement
from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.kg.identifiers import build_relationship_type
from mcp_context_persistence.kg.merging.redirects import Redirects
from mcp_context_persistence.kg.merging.snapshots import remove_entities, remove_relationship
from mcp_context_persistence.kg.namespaces import read_settled_merges
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import deletion as statements
from mcp_context_persistence.kg.writes.deletion import Texts
from mcp_context_persistence.kg.writes.references import resolve_references
from mcp_context_persistence.responses.deletion import (
    DeletedCounts,
    DeleteDecisionResponse,
    DeleteDocumentResponse,
    DeleteEntityResponse,
    DeleteNamespaceResponse,
    DeleteRelationshipResponse,
)
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.deletion import Removal, delete_texts, run_deletion


def delete_document(
    engine: Engine, document_id: object, *, dry_run: object
) -> DeleteDocumentResponse:
    """Delete a document with its passages."""
    checked_id = validation.check_identifier("document_id", document_id)
    is_preview = validation.check_flag("dry_run", dry_run)

    def work(run: Run) -> Removal:
        rows = run(statements.delete_document(engine.namespace, checked_id, now=now_ms()))
        if not rows:
            return Removal()
        texts = Texts(passages=rows[0]["passage_ids"])
        removal = delete_texts(engine, run, texts, preview=is_preview)
        removal.existed = True
        removal.deleted["documents"] = 1
        return removal

    removal = run_deletion(engine, work, name="delete_document", dry_run=is_preview)
    return DeleteDocumentResponse(document_id=checked_id, dry_run=is_preview, **removal.fields())


def delete_decision(
    engine: Engine, decision_id: object, *, dry_run: object
) -> DeleteDecisionResponse:
    """Delete a decision, whatever its status."""
    checked_id = validation.check_identifier("decision_id", decision_id)
    is_preview = validation.check_flag("dry_run", dry_run)

    def work(run: Run) -> Removal:
        texts = Texts(decisions=[checked_id])
        removal = delete_texts(engine, run, texts, preview=is_preview)
        removal.existed = removal.deleted["decisions"] > 0
        return removal

    removal = run_deletion(engine, work, name="delete_decision", dry_run=is_preview)
    return DeleteDecisionResponse(decision_id=checked_id, dry_run=is_preview, **removal.fields())


def delete_entity(engine: Engine, entity_id: object, *, dry_run: object) -> DeleteEntityResponse:
    """Delete an entity with its mentions, relationships and merges."""
    checked_id = validation.check_identifier("entity_id", entity_id)
    is_preview = validation.check_flag("dry_run", dry_run)

    def work(run: Run, merges: int) -> Removal:
        now = now_ms()
        rows = run(statements.lock_entity(engine.namespace, checked_id, now=now))
        if not rows:
            return Removal()
        state = rows[0]
        if state["is_merged"]:
            raise ValidationError(
                "entity_id: this entity was merged into another one; undo the merge first, or "
                "delete the entity that it was merged into"
            )
        ids = state["ids"]
        snapshots = remove_entities(state["snapshots"], ids)
        if snapshots:
            run(statements.save_snapshots(engine.namespace, snapshots))
        texts = [
            {"label": text["label"], "id": text["id"], "properties": _keep_unasserted(text, ids)}
            for text in state["texts"]
        ]
        row = run(
            statements.delete_entity(
                engine.namespace, checked_id, ids=ids, texts=texts, merges=merges, now=now
            )
        )[0]
        counts = {name: row[name] for name in ("entities", "relationships", "mentions", "merges")}
        return Removal(
            existed=True, deleted=Counter(counts), changed=Counter({"texts": row["texts"]})
        )

    def attempt() -> Removal:
        merges = next(iter(engine.graph.run(read_settled_merges(engine.namespace))), 0)
        return run_deletion(
            engine, partial(work, merges=merges), name="delete_entity", dry_run=is_preview
        )

    removal = engine.embeddings.retry_when_stale(attempt)
    if removal.deleted["merges"] and not is_preview:
        engine.embeddings.forget()
    return DeleteEntityResponse(entity_id=checked_id, dry_run=is_preview, **removal.fields())


def _keep_unasserted(text: Row, ids: Collection[str]) -> dict[str, Any]:
    """Return the relations that a text does not assert, without those of deleted entities."""
    remaining = [
        statement
        for statement in text["unasserted"] or ()
        if (fields := json.loads(statement))["source"] not in ids and fields["target"] not in ids
    ]
    ends = dict.fromkeys(
        end
        for statement in remaining
        for end in (json.loads(statement)["source"], json.loads(statement)["target"])
    )
    return {"unasserted": remaining or None, "unasserted_ids": list(ends) or None}


def delete_relationship(
    engine: Engine, source: object, target: object, relationship_type: object, *, dry_run: object
) -> DeleteRelationshipResponse:
    """Delete the relationship of a type between two entities."""
    references = {
        "source_entity_id": validation.check_identifier("source_entity_id", source),
        "target_entity_id": validation.check_identifier("target_entity_id", target),
    }
    type_name = validation.check_type_name("relationship_type", relationship_type)
    stored_type = build_relationship_type(type_name)
    is_preview = validation.check_flag("dry_run", dry_run)
    redirects = engine.state.redirects()
    ids = dict(references)

    def work(run: Run) -> Removal:
        resolved = resolve_references(run, engine.namespace, references.values())
        if not resolved.keys() >= set(references.values()):
            return Removal()
        ids.update({field: resolved[reference] for field, reference in references.items()})
        return _delete_relationship(engine, run, (*ids.values(), stored_type), redirects)

    removal = run_deletion(engine, work, name="delete_relationship", dry_run=is_preview)
    return DeleteRelationshipResponse(
        **ids, relationship_type=type_name, dry_run=is_preview, **removal.fields()
    )


def _delete_relationship(
    engine: Engine, run: Run, key: tuple[str, ...], redirects: Redirects
) -> Removal:
    source, target, stored_type = key
    rows = run(
        statements.delete_relationship(engine.namespace, source, stored_type, target, now=now_ms())
    )
    if not rows or not rows[0]["relationships"]:
        return Removal()
    snapshots = remove_relationship(
        rows[0]["snapshots"], (source, stored_type, target), redirects.targets
    )
    if snapshots:
        run(statements.save_snapshots(engine.namespace, snapshots))
    counts = {name: rows[0][name] for name in ("relationships", "entities")}
    return Removal(existed=True, deleted=Counter(counts))


def delete_namespace(
    engine: Engine, name: str, confirm: object, *, dry_run: object
) -> DeleteNamespaceResponse:
    """Delete everything in the namespace of the client.

    Args:
        engine: Gives the graph.
        name: The name of the namespace, as the client was opened with it.
        confirm: Must be the same name.
        dry_run: Whether to only count.
    """
    is_preview = validation.check_flag("dry_run", dry_run)
    if validation.check_identifier("confirm", confirm) != name:
        raise ValidationError("confirm must be the name of the namespace of this client")
    counts: Counter[str] = Counter()
    if is_preview:
        row = engine.graph.run(statements.count_namespace(engine.namespace))[0]
        counts.update(_read_counts(row))
    else:
        for row in _delete_nodes(engine):
            counts.update(_read_counts(row))
        engine.cache.clear()
        engine.embeddings.forget()
    return DeleteNamespaceResponse(
        namespace=name,
        existed=any(counts.values()),
        dry_run=is_preview,
        deleted=DeletedCounts(**counts),
    )


def _delete_nodes(engine: Engine) -> Iterator[Row]:
    """Delete the nodes of the namespace until there are none: a writer may add some meanwhile."""
    is_done = False
    while not is_done:
        is_done = not list(_repeat(engine, statements.mark_conversations))
        for row in _repeat(engine, statements.delete_namespace):
            is_done = False
            yield row


def _repeat(engine: Engine, build: Callable[..., Statement[Row]]) -> Iterator[Row]:
    """Run a statement about some nodes of the namespace, each time by itself, until it finds none.

    Nodes with much text or many relationships may need too much memory: then it takes fewer. After
    each failure, it needs twice as many successes before it tries more.
    """
    limit = limits.DELETED_AT_ONCE
    successes_needed, successes = 1, 0
    while True:
        try:
            with engine.graph.call(is_separate=True):
                row = engine.graph.run(build(engine.namespace, limit=limit))[0]
        except DatabaseError as error:
            if not is_out_of_memory(error) or limit == 1:
                raise
            limit = max(1, limit // 4)
            successes_needed, successes = 2 * successes_needed, 0
            continue
        if not row["nodes"]:
            return
        successes += 1
        if successes == successes_needed:
            limit, successes = min(2 * limit, limits.DELETED_AT_ONCE), 0
        yield row


def _read_counts(row: Row) -> dict[str, int]:
    return {name: row[name] for name in DeletedCounts.model_fields}
