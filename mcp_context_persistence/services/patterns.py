"""Types of entities of the caller's own: configured, kept with the store, and applied to what is stored."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mcp_context_persistence.ingest.extraction import user_patterns
from mcp_context_persistence.ingest.extraction.results import Extraction
from mcp_context_persistence.ingest.graph_rows import GraphRows, graph_rows, mention_rows
from mcp_context_persistence.ingest.pipeline import entity_vectors
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg import identifiers, limits, validation
from mcp_context_persistence.kg.clock import now_ms
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.errors import DatabaseError, NotFoundError
from mcp_context_persistence.kg.merging.merge import Merged
from mcp_context_persistence.kg.merging.merge import merged as stored_merged
from mcp_context_persistence.kg.schema.type_limits import types
from mcp_context_persistence.kg.writes import conversations as stored_conversations
from mcp_context_persistence.kg.writes import patterns as stored_patterns
from mcp_context_persistence.kg.writes import reextraction
from mcp_context_persistence.responses.patterns import (
    ConfigureEntityPatternsResponse,
    EntityChange,
    ReextractResponse,
)
from mcp_context_persistence.runtime.engine import Engine


def configure(engine: Engine, given: object, confidence: object) -> ConfigureEntityPatternsResponse:
    """Check patterns and put them in the place of those that the namespace has."""
    start = time.perf_counter()
    found = user_patterns.checked(given, confidence)
    labels = [identifiers.label(name) for name in found.types]

    def attempt() -> Row:
        engine.types.check((), labels)
        statement = stored_patterns.save(engine.namespace, found.written(), now=now_ms())
        return engine.types.run(statement, types((), labels))[0]

    row = engine.embeddings.again(attempt)
    return ConfigureEntityPatternsResponse(
        version=row["version"],
        changed=row["changed"],
        types=list(found.types),
        patterns=sum(map(len, found.types.values())),
        processing_time=time.perf_counter() - start,
    )


@dataclass
class _Difference:
    """What changes, as far as it is known."""

    read: int = 0
    changed: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)
    lost: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    added: dict[str, EntityChange] = field(default_factory=dict)
    removed: dict[str, EntityChange] = field(default_factory=dict)
    retyped: dict[str, EntityChange] = field(default_factory=dict)

    def compare(self, place: str, old: Mapping[str, Row], new: Mapping[str, Row]) -> bool:
        """Note how one place changes, if it does."""
        self.read += 1
        if old == new:
            return False
        self.changed += 1
        self.mentions["added"] += len(new.keys() - old.keys())
        self.mentions["removed"] += len(old.keys() - new.keys())
        self.mentions["changed"] += sum(old[one] != new[one] for one in old.keys() & new.keys())
        self.gained.update(new.keys() - old.keys())
        for one in old.keys() - new.keys():
            self.lost[one].append(place)
        return True


def reextract(engine: Engine, conversation_id: object, *, apply: bool) -> ReextractResponse:
    """Read what is stored once more, page by page, and show the difference, or apply it."""
    start = time.perf_counter()
    known = (
        None
        if conversation_id is None
        else validation.identifier("conversation_id", conversation_id)
    )
    if known is not None and not engine.graph.run(
        stored_conversations.load(engine.namespace, known, limit=1)
    ):
        raise NotFoundError("conversation_id: there is no such conversation")
    if apply:
        engine.embeddings.current()
    patterns = engine.patterns()
    merged = next(iter(engine.graph.run(stored_merged(engine.namespace))), Merged())
    difference = _Difference()
    for page in _pages(engine, known):
        read = engine.extractor.extract([row["content"] for row in page], patterns)
        found = {
            row["id"]: followed(one, merged.names) for row, one in zip(page, read, strict=True)
        }
        changed = [
            row
            for row in page
            if difference.compare(row["id"], _stored(row), _found(found[row["id"]]))
        ]
        if changed:
            write = partial(
                _page, engine, difference, changed, found, merged=merged if apply else None
            )
            engine.embeddings.again(
                write
            )  # again from the start: other types may have to stand for what was found
    if not apply:
        _removed(engine, difference)
    for one in (
        difference.added.keys() & difference.removed.keys()
    ):  # gone with one page, back with the next
        del difference.added[one], difference.removed[one]
    return _response(
        difference,
        applied=apply,
        version=patterns.version if patterns else 0,
        seconds=time.perf_counter() - start,
    )


def _pages(engine: Engine, conversation_id: str | None) -> Iterator[list[Row]]:
    """What has text that was read for entities, in pages."""
    namespace, size = engine.namespace, engine.batches.chunk_size
    if conversation_id is not None:
        known = conversation_id
        yield from _paged(
            engine,
            lambda last: reextraction.conversation(namespace, known, after=last, limit=size),
            -1,
            "position",
        )
    else:
        yield from _paged(
            engine, lambda last: reextraction.messages(namespace, after=last, limit=size), "", "id"
        )
        yield from _paged(
            engine,
            lambda last: reextraction.passages(namespace, after=last, limit=size),
            "document:",
            "id",
        )


def _paged(
    engine: Engine, page: Callable[[Any], Statement[Row]], first: int | str, key: str
) -> Iterator[list[Row]]:
    """Pages until one is empty. Each statement has a deadline of its own, because there is no end to their number."""
    last: Any = first
    while True:
        rows = engine.graph.run(page(last), deadline=engine.config.deadline)
        yield [row for row in rows if row["content"] is not None]
        if not rows:
            return
        last = rows[-1][key]


def _stored(row: Row) -> dict[str, Row]:
    return {
        one["id"]: {key: value for key, value in one.items() if key != "id"}
        for one in row["mentions"]
    }


def _found(extraction: Extraction) -> dict[str, Row]:
    found = {one["id"]: one["properties"] for one in mention_rows(extraction.mentions)}
    return {
        one: {key: value for key, value in properties.items() if key != "parts"}
        for one, properties in found.items()
    }


def _page(
    engine: Engine,
    difference: _Difference,
    changed: Sequence[Row],
    found: Mapping[str, Extraction],
    *,
    merged: Merged | None,
) -> None:
    """Note which entities come and which are of another type; write the page where `merged` says which ids mean which entities."""
    now = now_ms()
    rows = graph_rows(
        engine.namespace,
        [(row["id"], found[row["id"]]) for row in changed],
        now=now,
        admission=engine.types,
    )
    stored = _entities(engine, {row["id"]: [] for row in rows.entities})
    before = {
        one["id"]
        for row in changed
        for one in row["mentions"]
        if (one["extractor"] or "").startswith(user_patterns.RULE)
    }
    by_pattern = {
        mention.entity_id
        for row in changed
        for mention in found[row["id"]].mentions
        if mention.extractor.startswith(user_patterns.RULE)
    }
    retyped = []
    for row in rows.entities:
        properties, old = row["properties"], stored.get(row["id"])
        change = EntityChange(id=row["id"], name=properties["name"], type=properties["type"])
        if old is None:
            difference.added.setdefault(row["id"], change)
        elif (
            old["origin"] == "extracted"
            and old["type"] != change.type
            and row["id"] in by_pattern | before
        ):
            difference.retyped.setdefault(row["id"], change).previous_type = old["type"]
            retyped.append(
                reextraction.retyped(engine.namespace, old, change.type, properties["confidence"])
            )
    if merged is not None:
        mentions = {row["message_id"]: row["entities"] for row in rows.mentions}
        places = [
            {"id": row["id"], "guard": row["guard"], "entities": mentions[row["id"]]}
            for row in changed
        ]
        gone = _applied(engine, rows, places, retyped, merged=merged, now=now)
        difference.removed.update({one["id"]: EntityChange(**one) for one in gone})


def _applied(
    engine: Engine,
    rows: GraphRows,
    places: Sequence[Mapping[str, Any]],
    retyped: Sequence[Mapping[str, Any]],
    *,
    merged: Merged,
    now: int,
) -> list[dict[str, Any]]:
    """Write a page; answers with the entities that go."""
    found = engine.embeddings.current()
    if engine.merged().names != merged.names:
        raise DatabaseError("entities were merged meanwhile; call reextract again", retryable=True)
    statement = reextraction.apply(
        engine.namespace,
        places,
        entities=entity_vectors(rows, found.embedder).entities,
        retyped=retyped,
        relations=rows.relations,
        vectors=merged.writing(found.vectors, rows.ids, rows.followed),
        now=now,
    )
    written: Row = engine.types.run(statement, rows.types, deadline=engine.config.deadline)[0]
    return list(written["removed"])


def _entities(engine: Engine, lost: Mapping[str, Sequence[str]]) -> dict[str, Row]:
    found = (
        engine.graph.run(
            reextraction.entities(engine.namespace, lost), deadline=engine.config.deadline
        )
        if lost
        else []
    )
    return {row["id"]: row for row in found}


def _removed(engine: Engine, difference: _Difference) -> None:
    """Note which entities would go, if all that was found were applied."""
    lost = [(one, places) for one, places in difference.lost.items() if not difference.gained[one]]
    for start in range(0, len(lost), 1000):
        rows = _entities(engine, dict(lost[start : start + 1000])).values()
        difference.removed.update(
            {
                row["id"]: EntityChange(id=row["id"], name=row["name"], type=row["type"])
                for row in rows
                if row["goes"]
            }
        )


def _response(
    difference: _Difference, *, applied: bool, version: int, seconds: float
) -> ReextractResponse:
    for changes in (difference.added, difference.removed, difference.retyped):
        for one in changes.values():
            one.mentions = difference.gained[one.id] + len(difference.lost.get(one.id, ()))
    lists = {
        f"entities_{name}": sorted(changes.values(), key=lambda one: (-one.mentions, one.id))[
            : limits.REEXTRACT_LISTED
        ]
        for name, changes in (
            ("added", difference.added),
            ("removed", difference.removed),
            ("retyped", difference.retyped),
        )
    }
    totals = (len(difference.added), len(difference.removed), len(difference.retyped))
    return ReextractResponse(
        applied=applied,
        patterns_version=version,
        texts_read=difference.read,
        texts_changed=difference.changed,
        mentions_added=difference.mentions["added"],
        mentions_removed=difference.mentions["removed"],
        mentions_changed=difference.mentions["changed"],
        total_entities_added=totals[0],
        total_entities_removed=totals[1],
        total_entities_retyped=totals[2],
        truncated=max(totals) > limits.REEXTRACT_LISTED,
        processing_time=seconds,
        **lists,
    )
