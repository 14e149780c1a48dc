"""Configure a user's own entity types, and apply patterns and rules to what is stored."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mcp_context_persistence.ingest.extraction import user_patterns
from mcp_context_persistence.ingest.extraction.results import Extraction, add_author
from mcp_context_persistence.ingest.graph_rows import (
    build_mention_rows,
    build_unasserted_properties,
)
from mcp_context_persistence.kg import identifiers, limits, validation
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.kg.merging.redirects import Redirects, read_redirects
from mcp_context_persistence.kg.schema.type_limits import collect_types
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import conversations as stored_conversations
from mcp_context_persistence.kg.writes import patterns as stored_patterns
from mcp_context_persistence.kg.writes import reextraction
from mcp_context_persistence.responses.patterns import (
    ConfigureEntityPatternsResponse,
    EntityChange,
    ReextractResponse,
)
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.knowledge_writer import (
    Knowledge,
    build_knowledge,
    embed_knowledge,
    resolve_names,
)


def configure_patterns(
    engine: Engine, patterns: object, confidence: object
) -> ConfigureEntityPatternsResponse:
    """Check patterns and replace those of the namespace by them."""
    compiled = user_patterns.validate_patterns(patterns, confidence)
    labels = [identifiers.build_label(name) for name in compiled.types]

    def attempt() -> Row:
        engine.types.check((), labels)
        statement = stored_patterns.save(engine.namespace, compiled.to_json(), now=now_ms())
        return engine.types.run(statement, collect_types((), labels))[0]

    row = engine.embeddings.retry_when_stale(attempt)
    return ConfigureEntityPatternsResponse(
        version=row["version"],
        changed=row["changed"],
        types=list(compiled.types),
        patterns=sum(map(len, compiled.types.values())),
    )


@dataclass
class _Difference:
    """The difference between stored and extracted mentions, as far as it was compared."""

    read: int = 0
    changed: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)
    lost: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    added: dict[str, EntityChange] = field(default_factory=dict)
    removed: dict[str, EntityChange] = field(default_factory=dict)
    retyped: dict[str, EntityChange] = field(default_factory=dict)

    def compare(
        self,
        text_id: str,
        old_mentions: Mapping[str, Row],
        new_mentions: Mapping[str, Row],
        *,
        has_other_statements: bool,
    ) -> bool:
        """Note how the mentions of a text change; return whether they or its statements do."""
        self.read += 1
        if old_mentions == new_mentions and not has_other_statements:
            return False
        self.changed += 1
        self.mentions["added"] += len(new_mentions.keys() - old_mentions.keys())
        self.mentions["removed"] += len(old_mentions.keys() - new_mentions.keys())
        self.mentions["changed"] += sum(
            old_mentions[entity_id] != new_mentions[entity_id]
            for entity_id in old_mentions.keys() & new_mentions.keys()
        )
        self.gained.update(new_mentions.keys() - old_mentions.keys())
        for entity_id in old_mentions.keys() - new_mentions.keys():
            self.lost[entity_id].append(text_id)
        return True

    def add(self, page: "_Difference") -> None:
        """Add the difference of a page."""
        self.read, self.changed = self.read + page.read, self.changed + page.changed
        self.mentions.update(page.mentions)
        self.gained.update(page.gained)
        for entity_id, text_ids in page.lost.items():
            self.lost[entity_id] += text_ids
        self.added = page.added | self.added
        self.removed |= page.removed
        self.retyped = page.retyped | self.retyped


def reextract(engine: Engine, conversation_id: object, *, apply: bool) -> ReextractResponse:
    """Extract again from stored texts, page by page, and show or apply the difference."""
    checked_id = (
        None
        if conversation_id is None
        else validation.check_identifier("conversation_id", conversation_id)
    )
    if checked_id is not None and not engine.graph.run(
        stored_conversations.load(engine.namespace, checked_id, limit=1)
    ):
        raise NotFoundError("conversation_id: there is no such conversation")
    if apply:
        engine.embeddings.current()
    patterns = engine.state.patterns()
    difference = _Difference()
    for read_page, key, first in _page_readers(engine, checked_id):
        last_key: Any = first
        while last_key is not None:
            page = _Page(engine, partial(read_page, after=last_key), patterns, should_write=apply)
            # Each page has a deadline of its own, because the number of pages has no limit.
            with engine.graph.call(is_separate=True):
                # Again from the start, because mentions have moved or other types may be stored.
                rows = engine.embeddings.retry_when_stale(page.process)
            difference.add(page.difference)
            last_key = rows[-1][key] if rows else None
    if not apply:
        _note_removed(engine, difference)
    # An entity may be removed with one page and added again with the next.
    for entity_id in difference.added.keys() & difference.removed.keys():
        del difference.added[entity_id], difference.removed[entity_id]
    return _build_response(
        difference,
        applied=apply,
        version=patterns.version if patterns else 0,
    )


def _page_readers(
    engine: Engine, conversation_id: str | None
) -> list[tuple[Callable[..., Statement[Row]], str, int | str]]:
    """Return how the texts are read in pages: the statement, the key, and where the keys begin."""
    shared: dict[str, Any] = {"namespace": engine.namespace, "limit": engine.batches.chunk_size}
    if conversation_id is None:
        return [
            (partial(reextraction.read_messages, **shared), "id", ""),
            (partial(reextraction.read_passages, **shared), "id", "document:"),
        ]
    reader = partial(reextraction.read_conversation, conversation_id=conversation_id, **shared)
    return [(reader, "position", -1)]


class _Page:
    """A page of stored texts, with the values that its attempts share."""

    def __init__(
        self,
        engine: Engine,
        statement: Callable[[], Statement[Row]],
        patterns: user_patterns.UserPatterns | None,
        *,
        should_write: bool,
    ) -> None:
        self._engine, self._statement, self._patterns = engine, statement, patterns
        self._should_write = should_write
        self._extractions: dict[str, Extraction] = {}  # by text
        self.difference = _Difference()

    def process(self) -> list[Row]:
        """Compare the page with what is extracted now; write the difference; return the rows."""
        engine = self._engine
        self.difference = _Difference()
        # Before the page, so that the write notices a merge between the two.
        redirects = self._read_redirects()
        rows = engine.graph.run(self._statement())
        texts = [row for row in rows if row["content"] is not None]
        self._extract([row["content"] for row in texts])
        extractions = ((row["id"], self._get_extraction(row)) for row in texts)
        by_text = dict(resolve_names(engine, extractions, redirects)[0])
        changed = [row for row in texts if self._is_changed(row, by_text[row["id"]])]
        if changed:
            _apply_page(
                engine,
                self.difference,
                changed,
                by_text,
                redirects,
                should_write=self._should_write,
            )
        return rows

    def _get_extraction(self, row: Row) -> Extraction:
        extraction = self._extractions[row["content"]]
        is_users = row.get("role") == "user"
        return add_author(extraction, row["name"]) if is_users else extraction

    def _is_changed(self, row: Row, extraction: Extraction) -> bool:
        """Return whether a text has other mentions, or asserts something else, than is stored."""
        unasserted = build_unasserted_properties(extraction.unasserted)["unasserted"]
        return self.difference.compare(
            row["id"],
            _stored_mentions(row),
            _extracted_mentions(extraction),
            has_other_statements=row["unasserted"] != unasserted,
        )

    def _read_redirects(self) -> Redirects:
        if self._should_write:
            return self._engine.state.redirects()
        # A dry run does not need the embedding model of the namespace.
        return next(
            iter(self._engine.graph.run(read_redirects(self._engine.namespace))), Redirects()
        )

    def _extract(self, texts: Sequence[str]) -> None:
        missing = [text for text in dict.fromkeys(texts) if text not in self._extractions]
        extractions = self._engine.language_models.extractor.extract(missing, self._patterns)
        self._extractions.update(zip(missing, extractions, strict=True))


def _stored_mentions(row: Row) -> dict[str, Row]:
    return {
        mention["id"]: {key: value for key, value in mention.items() if key != "id"}
        for mention in row["mentions"]
    }


def _extracted_mentions(extraction: Extraction) -> dict[str, Row]:
    properties_by_id = {
        mention["id"]: mention["properties"] for mention in build_mention_rows(extraction.mentions)
    }
    return {
        mention: {key: value for key, value in properties.items() if key != "parts"}
        for mention, properties in properties_by_id.items()
    }


def _apply_page(
    engine: Engine,
    difference: _Difference,
    changed: Sequence[Row],
    by_text: Mapping[str, Extraction],
    redirects: Redirects,
    *,
    should_write: bool,
) -> None:
    """Note which entities are added or get another type, and write the page.

    Args:
        engine: Gives the graph, the models and the settings.
        difference: Where the changes are noted.
        changed: The rows of the texts whose mentions changed.
        by_text: The extractions by id of the text.
        redirects: The redirects of merged entities.
        should_write: Whether to write the page, not only to compare it.
    """
    now = now_ms()
    knowledge = build_knowledge(
        engine, [(row["id"], by_text[row["id"]]) for row in changed], redirects, now=now
    )
    retyped = _note_entity_changes(engine, difference, changed, by_text, knowledge)
    if should_write:
        rows = {row["text_id"]: row for row in knowledge.rows.mentions}
        updates = [
            {
                "id": row["id"],
                "guard": row.get("guard") or identifiers.digest(row["content"]),
                "entities": rows[row["id"]]["entities"],
                "unasserted": rows[row["id"]]["unasserted"],
            }
            for row in changed
        ]
        removed = _write_page(engine, knowledge, updates, retyped, now=now)
        difference.removed.update({mention["id"]: EntityChange(**mention) for mention in removed})


def _note_entity_changes(
    engine: Engine,
    difference: _Difference,
    changed: Sequence[Row],
    by_text: Mapping[str, Extraction],
    knowledge: Knowledge,
) -> Sequence[Row]:
    """Note which entities are added or get another type; return the rows of the latter."""
    stored = _read_entities(engine, {row["id"]: [] for row in knowledge.rows.entities})
    ids_of_patterns = {
        mention["id"]
        for row in changed
        for mention in row["mentions"]
        if (mention["extractor"] or "").startswith(user_patterns.RULE_PREFIX)
    } | {
        mention.entity_id
        for row in changed
        for mention in by_text[row["id"]].mentions
        if mention.extractor.startswith(user_patterns.RULE_PREFIX)
    }
    retyped = []
    for row in knowledge.rows.entities:
        properties, stored_entity = row["properties"], stored.get(row["id"])
        change = EntityChange(id=row["id"], name=properties["name"], type=properties["type"])
        if stored_entity is None:
            difference.added.setdefault(row["id"], change)
        elif (
            stored_entity["origin"] == "extracted"
            and stored_entity["type"] != change.type
            and row["id"] in ids_of_patterns
        ):
            difference.retyped.setdefault(row["id"], change).previous_type = stored_entity["type"]
            retyped.append(
                reextraction.retyped_row(
                    engine.namespace, stored_entity, change.type, properties["confidence"]
                )
            )
    return retyped


def _write_page(
    engine: Engine,
    knowledge: Knowledge,
    updates: Sequence[Mapping[str, Any]],
    retyped: Sequence[Mapping[str, Any]],
    *,
    now: int,
) -> list[dict[str, Any]]:
    """Write a page; return the entities that were removed."""
    embedded = embed_knowledge(knowledge, engine.embeddings.current())
    statement = reextraction.apply(
        engine.namespace,
        updates,
        entities=embedded.rows.entities,
        retyped=retyped,
        relations=embedded.rows.relations,
        guard=embedded.guard,
        now=now,
    )
    row: Row = engine.types.run(statement, embedded.rows.types)[0]
    return list(row["removed"])


def _read_entities(engine: Engine, lost: Mapping[str, Sequence[str]]) -> dict[str, Row]:
    rows = engine.graph.run(reextraction.predict_entities(engine.namespace, lost)) if lost else []
    return {row["id"]: row for row in rows}


def _note_removed(engine: Engine, difference: _Difference) -> None:
    """Note which entities would be removed if the difference were applied."""
    lost_only = [
        (entity_id, text_ids)
        for entity_id, text_ids in difference.lost.items()
        if not difference.gained[entity_id]
    ]
    for start in range(0, len(lost_only), 1000):
        with engine.graph.call(is_separate=True):
            rows = _read_entities(engine, dict(lost_only[start : start + 1000])).values()
        difference.removed.update(
            {
                row["id"]: EntityChange(id=row["id"], name=row["name"], type=row["type"])
                for row in rows
                if row["is_unsupported"]
            }
        )


def _build_response(difference: _Difference, *, applied: bool, version: int) -> ReextractResponse:
    for changes in (difference.added, difference.removed, difference.retyped):
        for change in changes.values():
            change.mentions = difference.gained[change.id] + len(difference.lost.get(change.id, ()))
    lists = {
        f"entities_{name}": sorted(
            changes.values(), key=lambda change: (-change.mentions, change.id)
        )[: limits.REEXTRACT_LISTED]
        for name, changes in (
            ("added", difference.added),
            ("removed", difference.removed),
            ("retyped", difference.retyped),
        )
    }
    counts = (len(difference.added), len(difference.removed), len(difference.retyped))
    return ReextractResponse(
        applied=applied,
        patterns_version=version,
        texts_read=difference.read,
        texts_changed=difference.changed,
        mentions_added=difference.mentions["added"],
        mentions_removed=difference.mentions["removed"],
        mentions_changed=difference.mentions["changed"],
        total_entities_added=counts[0],
        total_entities_removed=counts[1],
        total_entities_retyped=counts[2],
        truncated=max(counts) > limits.REEXTRACT_LISTED,
        **lists,
    )
