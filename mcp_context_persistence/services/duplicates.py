"""Entities that are the same thing under several names: found, merged, and parted again."""

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.clock import now_ms
from mcp_context_persistence.kg.driver.graph import Run
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.errors import GraphError, NotFoundError, ValidationError
from mcp_context_persistence.kg.merging import merge as merging
from mcp_context_persistence.kg.merging import unmerge
from mcp_context_persistence.kg.writes import entities
from mcp_context_persistence.queries.entity_resolution import record_matching, scoring
from mcp_context_persistence.queries.entity_resolution.blocking import EntityProfile
from mcp_context_persistence.queries.entity_resolution.name_matching import settings
from mcp_context_persistence.queries.entity_resolution.scoring import Pair
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


def find(
    engine: Engine, entity_id: object, entity_types: object, *, min_score: object, limit: object
) -> FindDuplicateEntitiesResponse:
    """Compare the entities of the namespace with each other, or one with the others."""
    start = time.perf_counter()
    least = validation.confidence("min_score", min_score)
    most = validation.whole("limit", limit, least=1, most=limits.DUPLICATE_PAIRS)
    types = _types(entity_types)
    asked = (
        None
        if entity_id is None
        else engine.entity_ids({"entity_id": validation.identifier("entity_id", entity_id)})[
            "entity_id"
        ]
    )
    used = engine.embeddings.current().vectors.space.vectors
    rows = engine.graph.run(
        merging.things(
            engine.namespace, types=types, limit=limits.COMPARED_ENTITIES + 1, vectors=used
        )
    )
    compared = rows[: limits.COMPARED_ENTITIES]
    if asked is not None and all(row["id"] != asked for row in compared):
        raise NotFoundError(
            "entity_id: it is not among the entities that are compared; narrow them by entity_types"
        )
    things = {row["id"]: _thing(row) for row in compared}
    related, told_by = _related(engine, things.values())
    found = scoring.pairs(list(things.values()), related=related)
    groups = [group for group in scoring.clusters(list(things.values()), found) if len(group) > 1]
    shown = [
        pair
        for pair in found
        if pair.score >= least and (asked is None or asked in {pair.first, pair.second})
    ]
    return FindDuplicateEntitiesResponse(
        pairs=[_pair(pair, things) for pair in shown[:most]],
        groups=[_group(group, things) for group in groups if asked is None or asked in group],
        total_pairs=len(shown),
        compared=len(compared),
        neighbors_by=told_by,
        truncated=len(rows) > len(compared) or len(shown) > most,
        processing_time=time.perf_counter() - start,
    )


def _related(
    engine: Engine, things: Iterable[EntityProfile]
) -> tuple[list[tuple[str, str]] | None, Literal["gds", "cypher"] | None]:
    """Entities that share neighbours, as the server's library knows them, and who told; None where they must be found from what was read."""
    wanted = settings()["related"]
    if all(len(one.neighbours) < wanted["shared"] for one in things):
        return [], None
    told = engine.analytics.related(
        engine.namespace, cutoff=wanted["overlap"], least=wanted["shared"]
    )
    return told, "cypher" if told is None else "gds"


def _types(given: object) -> list[str] | None:
    if given is None:
        return None
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, Sequence) or len(listed) > limits.FILTER_VALUES:
        raise ValidationError(
            f"entity_types must be a type or a list of at most {limits.FILTER_VALUES} types"
        )
    if not listed:
        raise ValidationError("entity_types must not be an empty list; None means all types")
    return [validation.type_name("entity_types", one).lower() for one in listed]


def _thing(row: Row) -> EntityProfile:
    name, kind = row["name"] or row["id"], row["type"] or "concept"
    fields = json.loads(row["metadata"]) if row["metadata"] else {}
    vector = None
    if row["vector"] is not None:
        vector = np.asarray(row["vector"], np.float32)
        length = float(np.linalg.norm(vector))
        vector = vector / length if length else None
    return EntityProfile(
        id=row["id"],
        name=name,
        type=kind,
        aliases=tuple(row["aliases"] or ()),
        contexts=frozenset(row["contexts"]),
        neighbours=frozenset(row["neighbours"]) - {row["id"]},
        vector=vector,
        fields=record_matching.named(kind, name, fields),
    )


def _pair(pair: Pair, things: Mapping[str, EntityProfile]) -> DuplicatePair:
    kept = things[pair.first]
    return DuplicatePair(
        keep_id=kept.id,
        keep_name=kept.name,
        duplicate_id=pair.second,
        duplicate_name=things[pair.second].name,
        type=kept.type,
        score=pair.score,
        band="same" if pair.band == "same" else "review",
        evidence=[
            DuplicateEvidence(stage=one.stage, score=one.score, detail=one.detail)
            for one in pair.evidence
        ],
    )


def _group(group: Sequence[str], things: Mapping[str, EntityProfile]) -> DuplicateGroup:
    kept = scoring.main_name(things[one] for one in group).id
    return DuplicateGroup(keep_id=kept, duplicate_ids=[one for one in group if one != kept])


def merge(
    engine: Engine,
    keep: object,
    duplicates: object,
    *,
    reason: object,
    merged_by: object,
    evidence: object,
) -> MergeEntitiesResponse:
    """Merge entities into one."""
    start, now = time.perf_counter(), now_ms()
    listed = [duplicates] if isinstance(duplicates, str) else duplicates
    if not isinstance(listed, Sequence) or not 1 <= len(listed) <= limits.MERGED_AT_ONCE:
        raise ValidationError(
            f"duplicates must be an entity or a list of 1 to {limits.MERGED_AT_ONCE} entities"
        )
    words = {"keep": validation.identifier("keep", keep)}
    words |= {
        f"duplicates.{place}": validation.identifier(f"duplicates.{place}", one)
        for place, one in enumerate(listed)
    }
    why = {
        "reason": None
        if reason is None
        else validation.anything("reason", reason, characters=limits.DESCRIPTION_CHARACTERS),
        "merged_by": None if merged_by is None else validation.identifier("merged_by", merged_by),
        "evidence": _evidence(evidence),
    }
    merge_id = f"merge:{uuid.uuid4().hex}"

    def made(kept: str, others: Sequence[str], counts: Mapping[str, int]) -> MergeEntitiesResponse:
        engine.embeddings.forget()
        return MergeEntitiesResponse(
            merge_id=merge_id,
            kept_id=kept,
            merged_ids=list(others),
            **counts,
            processing_time=time.perf_counter() - start,
        )

    def attempt() -> MergeEntitiesResponse:
        vectors = engine.embeddings.current().vectors
        ids = engine.entity_ids(words)
        kept, others = ids["keep"], sorted({one for field, one in ids.items() if field != "keep"})
        if kept in others:
            raise ValidationError(
                "duplicates: the entity to keep is among them, perhaps by another of its names"
            )

        def work(run: Run) -> dict[str, int]:
            return merging.merge(
                run, engine.namespace, merge_id, kept, others, why=why, vectors=vectors, now=now
            )

        return made(kept, others, engine.graph.transact(work, name="merge_entities"))

    def whole() -> MergeEntitiesResponse:
        try:
            return attempt()
        except (NotFoundError, ValidationError):
            rows = engine.graph.run(merging.read(engine.namespace, merge_id))
            if not rows:
                raise
            row = rows[0]["merge"]  # an attempt whose answer was lost has merged them
            return made(row["kept_id"], row["merged_ids"], json.loads(row["counts"]))

    return engine.embeddings.again(whole)


def _evidence(given: object) -> str | None:
    """What a caller says in support of a merge, such as pairs of `find`, as JSON."""
    if given is None:
        return None
    listed = given if isinstance(given, (list, tuple)) else [given]
    plain: list[Any] = [
        one.model_dump() if isinstance(one, DuplicatePair) else one for one in listed
    ]
    return validation.metadata("evidence", {"pairs": plain})


def undo(engine: Engine, merge_id: object) -> UndoMergeResponse:
    """Part what was merged."""
    start, now = time.perf_counter(), now_ms()
    known = validation.identifier("merge_id", merge_id)

    def made(row: Row, counts: Mapping[str, int]) -> UndoMergeResponse:
        engine.embeddings.forget()
        return UndoMergeResponse(
            merge_id=known,
            kept_id=row["kept_id"],
            restored_ids=list(row["merged_ids"]),
            **counts,
            processing_time=time.perf_counter() - start,
        )

    def whole() -> UndoMergeResponse:
        encoding = engine.embeddings.current()
        vectors, names = encoding.vectors, engine.merged()
        order = engine.graph.run(
            merging.later(engine.namespace, [known])
        )  # first: what is undone meanwhile is undone, not deleted
        rows = engine.graph.run(merging.read(engine.namespace, known))
        if not rows or not order:
            raise NotFoundError("merge_id: there is no such merge")
        row = rows[0]["merge"]
        if row["undone_ms"] == now:  # by an attempt whose answer was lost
            return made(row, json.loads(row["counts"]))
        if row["undone_ms"] is not None:
            raise ValidationError("merge_id: this merge was undone already")
        _refuse(order[0])
        embedded: dict[str, Any] = {}
        if (row["model"], row["vectors"]) != (vectors.space.model, vectors.space.vectors):
            stored = engine.graph.run(merging.claim(engine.namespace, row["merged_ids"]))
            texts = {one["id"]: _words(one) for one in stored}
            embedded = dict(zip(texts, encoding.embedder.embed(list(texts.values())), strict=True))

        def work(run: Run) -> dict[str, int]:
            return unmerge.undo(
                run, engine.namespace, row, names, vectors=vectors, embedded=embedded, now=now
            )

        return made(row, engine.graph.transact(work, name="undo_merge"))

    return engine.embeddings.again(whole)


def _refuse(row: Row) -> None:
    if row["later"]:
        more = row["count"] - len(row["later"])
        others = ", ".join([*row["later"], *([f"and {more:,} more"] if more else [])])
        raise GraphError(
            f"later merges of the same entities must be undone first, in this order: {others}"
        )
    if not row["whole"]:
        raise ValidationError(
            "merge_id: an entity of this merge was deleted, so that it cannot be undone"
        )


def _words(row: Row) -> str:
    """What the vector of a stored entity is made of."""
    own = row["properties"]
    return entities.named(
        own["name"] or row["id"], "" if own["origin"] == "extracted" else own["description"]
    )


def history(engine: Engine, *, limit: object, before: object) -> ListMergesResponse:
    """The merges of the namespace, newest first."""
    start = time.perf_counter()
    most = validation.whole("limit", limit, least=1, most=limits.LISTED_MERGES)
    newer = None if before is None else validation.identifier("before", before)
    row = engine.graph.run(merging.listed(engine.namespace, before=newer, limit=most + 1))[0]
    if not row["known"]:
        raise NotFoundError("before: there is no such merge")
    shown = row["merges"][:most]
    order = {
        one["id"]: one
        for one in engine.graph.run(merging.later(engine.namespace, [one["id"] for one in shown]))
    }
    return ListMergesResponse(
        merges=[_record(one, order[one["id"]]) for one in shown if one["id"] in order],
        total_merges=row["total"],
        truncated=len(row["merges"]) > most,
        processing_time=time.perf_counter() - start,
    )


def _record(row: Row, order: Row) -> MergeRecord:
    kept, *merged = (
        MergeMember(id=one["id"], name=one["name"] or one["id"])
        for one in (row["kept"], *row["merged"])
    )
    return MergeRecord(
        merge_id=row["id"],
        kept=kept,
        merged=merged,
        merged_at=validation.moment(row["created_ms"]),
        reason=row["reason"],
        merged_by=row["merged_by"],
        evidence=json.loads(row["evidence"])["pairs"] if row["evidence"] else [],
        undone_at=validation.moment(row["undone_ms"]),
        can_undo=order["whole"] and not order["later"],
        undo_first=order["later"],
        undo_first_count=order["count"],
    )
