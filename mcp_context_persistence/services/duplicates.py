"""Find entities that are probably the same, merge them, and undo merges."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mcp_context_persistence.kg import limits, timestamps, validation
from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.errors import GraphError, NotFoundError, ValidationError
from mcp_context_persistence.kg.merging import merge as merging
from mcp_context_persistence.kg.merging import statements, unmerge
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import entities
from mcp_context_persistence.queries.entity_resolution import record_matching, scoring
from mcp_context_persistence.queries.entity_resolution.blocking import EntityProfile
from mcp_context_persistence.queries.entity_resolution.name_matching import load_settings
from mcp_context_persistence.queries.entity_resolution.scoring import ScoredPair
from mcp_context_persistence.responses.duplicates import (
    DuplicateEvidence,
    DuplicateGroup,
    DuplicatePair,
    FindDuplicateEntitiesResponse,
    ListMergesResponse,
    MergeEntitiesResponse,
    MergeMember,
    MergeRecord,
    UndoMergeResponse,
)
from mcp_context_persistence.runtime.engine import Engine


def find_duplicates(
    engine: Engine, entity_id: object, entity_types: object, *, min_score: object, limit: object
) -> FindDuplicateEntitiesResponse:
    """Compare the entities of the namespace with each other, or one with the others."""
    smallest_score = validation.check_share("min_score", min_score)
    pair_limit = validation.check_integer("limit", limit, minimum=1, maximum=limits.DUPLICATE_PAIRS)
    type_names = _check_types(entity_types)
    compared_id = (
        None
        if entity_id is None
        else engine.state.resolve_entities(
            {"entity_id": validation.check_identifier("entity_id", entity_id)}
        )["entity_id"]
    )
    profiles, is_truncated = _read_profiles(engine, type_names)
    if compared_id is not None and compared_id not in profiles:
        raise NotFoundError(
            f"entity_id: the entity is not among the first {limits.COMPARED_ENTITIES:,} entities, "
            "which are compared; name its type in entity_types"
        )
    shared_neighbors, neighbors_by = _find_shared_neighbors(engine, profiles.values())
    pairs_found = scoring.score_pairs(list(profiles.values()), related=shared_neighbors)
    groups = [
        group
        for group in scoring.group_duplicates(list(profiles.values()), pairs_found)
        if len(group) > 1
    ]
    shown = [
        pair
        for pair in pairs_found
        if pair.score >= smallest_score
        and (compared_id is None or compared_id in {pair.first, pair.second})
    ]
    return FindDuplicateEntitiesResponse(
        pairs=[_build_pair(pair, profiles) for pair in shown[:pair_limit]],
        groups=[
            _build_group(group, profiles)
            for group in groups
            if compared_id is None or compared_id in group
        ],
        total_pairs=len(shown),
        compared=len(profiles),
        neighbors_by=neighbors_by,
        truncated=is_truncated or len(shown) > pair_limit,
    )


def _read_profiles(
    engine: Engine, type_names: Sequence[str] | None
) -> tuple[dict[str, EntityProfile], bool]:
    """Read the entities to compare, by id; return also whether there are more of them."""
    rows = engine.graph.run(
        statements.read_profiles(
            engine.namespace,
            types=type_names,
            limit=limits.COMPARED_ENTITIES + 1,
            vector_property=engine.embeddings.current().vector_state.active.property_name,
        )
    )
    profiles = {row["id"]: _build_profile(row) for row in rows[: limits.COMPARED_ENTITIES]}
    return profiles, len(rows) > limits.COMPARED_ENTITIES


def _find_shared_neighbors(
    engine: Engine, profiles: Iterable[EntityProfile]
) -> tuple[list[tuple[str, str]] | None, Literal["gds", "cypher"] | None]:
    """Find the pairs of entities that share neighbors.

    Returns:
        The pairs, and which program found them. The pairs are None where the server has no Graph
        Data Science, so that the caller must find them in the rows that were read.
    """
    related_settings = load_settings()["related"]
    if all(len(profile.neighbors) < related_settings["min_shared"] for profile in profiles):
        return [], None
    pairs_found = engine.analytics.find_related_pairs(
        engine.namespace,
        min_similarity=related_settings["min_overlap"],
        min_neighbors=related_settings["min_shared"],
    )
    return pairs_found, "cypher" if pairs_found is None else "gds"


def _check_types(entity_types: object) -> list[str] | None:
    if entity_types is None:
        return None
    type_list = validation.check_list(
        "entity_types", entity_types, limit=limits.FILTER_VALUES, items="types", takes_text=True
    )
    if not type_list:
        raise ValidationError("entity_types must not be an empty list; None means all types")
    return [
        validation.check_type_name("entity_types", type_name).lower() for type_name in type_list
    ]


def _build_profile(row: Row) -> EntityProfile:
    name, entity_type = row["name"] or row["id"], row["type"] or "concept"
    fields = load_stored(row["metadata"], "metadata of an entity") or {}
    vector = None
    if row["vector"] is not None:
        vector = np.asarray(row["vector"], np.float32)
        length = float(np.linalg.norm(vector))
        vector = vector / length if length else None
    return EntityProfile(
        id=row["id"],
        name=name,
        type=entity_type,
        aliases=tuple(row["aliases"] or ()),
        contexts=frozenset(row["contexts"]),
        neighbors=frozenset(row["neighbors"]) - {row["id"]},
        vector=vector,
        fields=record_matching.build_record(entity_type, name, fields),
    )


def _build_pair(pair: ScoredPair, profiles: Mapping[str, EntityProfile]) -> DuplicatePair:
    profile = profiles[pair.first]
    return DuplicatePair(
        keep_id=profile.id,
        keep_name=profile.name,
        duplicate_id=pair.second,
        duplicate_name=profiles[pair.second].name,
        type=profile.type,
        score=pair.score,
        band="same" if pair.band == "same" else "review",
        evidence=[
            DuplicateEvidence(stage=evidence.stage, score=evidence.score, detail=evidence.detail)
            for evidence in pair.evidence
        ],
    )


def _build_group(group: Sequence[str], profiles: Mapping[str, EntityProfile]) -> DuplicateGroup:
    keep_id = scoring.choose_main_profile(profiles[entity_id] for entity_id in group).id
    return DuplicateGroup(
        keep_id=keep_id, duplicate_ids=[entity_id for entity_id in group if entity_id != keep_id]
    )


def merge_entities(
    engine: Engine,
    keep: object,
    duplicates: object,
    *,
    reason: object,
    merged_by: object,
    evidence: object,
) -> MergeEntitiesResponse:
    """Merge entities into one."""
    references = _check_references(keep, duplicates)
    provenance = _check_provenance(reason, merged_by, evidence)
    merge_id, now = f"merge:{uuid.uuid4().hex}", now_ms()

    def merge_or_read() -> tuple[str, list[str], Mapping[str, int]]:
        try:
            return _write_merge(engine, merge_id, references, provenance, now=now)
        except (NotFoundError, ValidationError):
            rows = engine.graph.run(statements.read_merge(engine.namespace, merge_id))
            if not rows:
                raise
            row = rows[0]["merge"]  # written by an attempt whose answer was lost
            return (
                row["kept_id"],
                list(row["merged_ids"]),
                load_stored(row["counts"], "counts of a merge"),
            )

    kept_id, merged_ids, counts = engine.embeddings.retry_when_stale(merge_or_read)
    engine.embeddings.forget()
    return MergeEntitiesResponse(
        merge_id=merge_id, kept_id=kept_id, merged_ids=merged_ids, **counts
    )


def _write_merge(
    engine: Engine,
    merge_id: str,
    references: Mapping[str, str],
    provenance: Mapping[str, str | None],
    *,
    now: int,
) -> tuple[str, list[str], Mapping[str, int]]:
    """Merge entities in one transaction; return the kept id, the merged ids, and the counts."""
    guard = engine.embeddings.current().vector_state.guard()
    ids = engine.state.resolve_entities(references)
    kept_id = ids["keep_id"]
    merged_ids = sorted({entity_id for field, entity_id in ids.items() if field != "keep_id"})
    if kept_id in merged_ids:
        raise ValidationError(
            "duplicate_ids: one of them is the entity in keep_id, perhaps by another of its names; "
            "remove it"
        )

    def work(run: Run) -> dict[str, int]:
        return merging.merge_entities(
            run,
            engine.namespace,
            merge_id,
            kept_id,
            merged_ids,
            reason=provenance,
            guard=guard,
            now=now,
        )

    return kept_id, merged_ids, engine.graph.transact(work, name="merge_entities")


def _check_references(keep_id: object, duplicate_ids: object) -> dict[str, str]:
    """Return the references to the entities of a merge, by field."""
    duplicate_list = validation.check_list(
        "duplicate_ids",
        duplicate_ids,
        limit=limits.MERGED_AT_ONCE,
        items="entities",
        takes_text=True,
    )
    if not duplicate_list:
        raise ValidationError("duplicate_ids must not be empty")
    references = {"keep_id": validation.check_identifier("keep_id", keep_id)}
    return references | {
        f"duplicate_ids.{index}": validation.check_identifier(f"duplicate_ids.{index}", reference)
        for index, reference in enumerate(duplicate_list)
    }


def _check_provenance(reason: object, merged_by: object, evidence: object) -> dict[str, str | None]:
    """Return who merges entities and why, as it is stored."""
    return {
        "reason": None
        if reason is None
        else validation.check_string("reason", reason, characters=limits.DESCRIPTION_CHARACTERS),
        "merged_by": None
        if merged_by is None
        else validation.check_identifier("merged_by", merged_by),
        "evidence": _serialize_evidence(evidence),
    }


def _serialize_evidence(evidence: object) -> str | None:
    """Return a caller's evidence for a merge, such as pairs of `find_duplicates`, as JSON."""
    if evidence is None:
        return None
    with validation.reading("evidence"):
        evidence_list = evidence if isinstance(evidence, (list, tuple)) else [evidence]
        plain: list[Any] = [
            item.model_dump() if isinstance(item, DuplicatePair) else item for item in evidence_list
        ]
    return validation.dump_metadata("evidence", {"pairs": plain})


def undo_merge(engine: Engine, merge_id: object) -> UndoMergeResponse:
    """Undo a merge."""
    now = now_ms()
    checked_id = validation.check_identifier("merge_id", merge_id)

    def build_response(row: Row, counts: Mapping[str, int]) -> UndoMergeResponse:
        engine.embeddings.forget()
        stored = engine.graph.run(entities.read_entities(engine.namespace, row["merged_ids"]))
        ids = {stored_row["id"] for stored_row in stored}
        return UndoMergeResponse(
            merge_id=checked_id,
            kept_id=row["kept_id"],
            restored_ids=[entity_id for entity_id in row["merged_ids"] if entity_id in ids],
            **counts,
        )

    def undo_or_read() -> UndoMergeResponse:
        embedding = engine.embeddings.current()
        guard, names = embedding.vector_state.guard(), engine.state.redirects()
        # Read before the merge: one that is undone meanwhile must be found undone, not deleted.
        undo_orders = engine.graph.run(statements.read_later_merges(engine.namespace, [checked_id]))
        rows = engine.graph.run(statements.read_merge(engine.namespace, checked_id))
        if not rows or not undo_orders:
            raise NotFoundError("merge_id: there is no such merge")
        row = rows[0]["merge"]
        if row["undone_ms"] == now:  # by an attempt whose answer was lost
            return build_response(row, load_stored(row["counts"], "counts of a merge"))
        if row["undone_ms"] is not None:
            raise ValidationError("merge_id: this merge was undone already")
        _require_undoable(undo_orders[0])
        stored = engine.graph.run(statements.claim_entities(engine.namespace, row["merged_ids"]))
        texts = {stored_row["id"]: _vector_text(stored_row) for stored_row in stored}
        embedded = dict(zip(texts, embedding.embedder.embed(list(texts.values())), strict=True))

        def work(run: Run) -> dict[str, int]:
            return unmerge.undo_merge(
                run, engine.namespace, row, names, guard, entity_vectors=embedded, now=now
            )

        return build_response(row, engine.graph.transact(work, name="undo_merge"))

    return engine.embeddings.retry_when_stale(undo_or_read)


def _require_undoable(row: Row) -> None:
    if row["later"]:
        unnamed_count = row["count"] - len(row["later"])
        merge_names = ", ".join(
            [*row["later"], *([f"and {unnamed_count:,} more"] if unnamed_count else [])]
        )
        raise GraphError(
            f"later merges of the same entities must be undone first, in this order: {merge_names}"
        )
    if not row["is_complete"]:
        raise ValidationError(
            "merge_id: an entity of this merge was deleted, so the merge cannot be undone"
        )


def _vector_text(row: Row) -> str:
    """Return the text that the vector of a stored entity is made of."""
    properties = row["properties"]
    return entities.embedding_text(
        properties["name"] or row["id"],
        "" if properties["origin"] == "extracted" else properties["description"],
    )


def list_merges(engine: Engine, *, limit: object, cursor: object) -> ListMergesResponse:
    """List the merges of the namespace, newest first."""
    merge_limit = validation.check_integer("limit", limit, minimum=1, maximum=limits.LISTED_MERGES)
    before = None if cursor is None else validation.check_identifier("cursor", cursor)
    row = engine.graph.run(
        statements.list_merges(engine.namespace, before=before, limit=merge_limit + 1)
    )[0]
    if not row["before_exists"]:
        raise NotFoundError("cursor: the merge before its page was deleted; begin again without it")
    page = row["merges"][:merge_limit]
    undo_orders = {
        merge["id"]: merge
        for merge in engine.graph.run(
            statements.read_later_merges(engine.namespace, [merge["id"] for merge in page])
        )
    }
    return ListMergesResponse(
        merges=[
            _build_record(merge, undo_orders[merge["id"]])
            for merge in page
            if merge["id"] in undo_orders
        ],
        total_merges=row["total"],
        next_cursor=page[-1]["id"] if len(row["merges"]) > merge_limit else None,
    )


def _build_record(row: Row, order: Row) -> MergeRecord:
    kept, *merged = (
        MergeMember(id=member["id"], name=member["name"] or member["id"])
        for member in (row["kept"], *row["merged"])
    )
    return MergeRecord(
        merge_id=row["id"],
        kept=kept,
        merged=merged,
        merged_at=timestamps.from_milliseconds(row["created_ms"]),
        reason=row["reason"],
        merged_by=row["merged_by"],
        evidence=(load_stored(row["evidence"], "evidence of a merge") or {"pairs": []})["pairs"],
        undone_at=timestamps.from_milliseconds(row["undone_ms"]),
        can_undo=order["is_complete"] and not order["later"],
        undo_first=order["later"],
        undo_first_count=order["count"],
    )
