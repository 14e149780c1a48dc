"""Build mentions of candidates: choose between candidates, and map them back to the text."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.code_names import (
    find_files_and_errors,
    find_names_in_code,
    find_names_in_log,
)
from mcp_context_persistence.ingest.extraction.data_shapes import DataSpan, Shape
from mcp_context_persistence.ingest.extraction.markup import (
    find_handles,
    find_windows_paths,
    remove_markup,
)
from mcp_context_persistence.ingest.extraction.results import (
    EntityCandidate,
    Mention,
    ParsedText,
    Tier,
)
from mcp_context_persistence.ingest.extraction.rule_data import get_confidence
from mcp_context_persistence.ingest.extraction.segmentation import Segment
from mcp_context_persistence.ingest.extraction.user_patterns import RULE_PREFIX, UserPatterns
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.identifiers import build_entity_id

EVIDENCE_CHARACTERS = 500


class Sentence(NamedTuple):
    """A sentence: its span of characters in the segment, and its text with normalized spaces."""

    start: int
    end: int
    text: str


def select_candidates(
    candidates: Iterable[EntityCandidate], occupied: bytearray
) -> list[EntityCandidate]:
    """Return candidates that do not overlap, and mark their characters as occupied.

    Lower tiers win, then longer candidates, then earlier ones.
    """
    selected = []
    for span in sorted(set(candidates), key=lambda span: (span.tier, span.start - span.end, span)):
        if span.start < span.end and not any(occupied[span.start : span.end]):
            occupied[span.start : span.end] = b"\1" * (span.end - span.start)
            selected.append(span)
    return selected


def is_in_text(parsed: ParsedText, segment: Segment, text: str, span: EntityCandidate) -> bool:
    """Return whether the text has the span's words, and at most markup between them."""
    start, end = segment.map_position(span.start), segment.map_position(span.end - 1) + 1
    words = parsed.text[span.start : span.end].split()
    return text[start:end].split() == words or remove_markup(text[start:end]).split() == words


def build_sentence(parsed: ParsedText, first: int, end: int) -> Sentence:
    """Return the sentence of some tokens."""
    start, stop = parsed.starts[first], parsed.ends[end - 1]
    text = " ".join(parsed.text[start:stop].split())
    if len(text) > EVIDENCE_CHARACTERS:
        text = text[: EVIDENCE_CHARACTERS - 1] + "…"
    return Sentence(start, stop, text)


def build_mention(
    parsed: ParsedText,
    segment: Segment,
    text: str,
    span: EntityCandidate,
    sentences: Sequence[Sentence],
) -> Mention:
    """Return the mention of a candidate."""
    name = " ".join(parsed.text[span.start : span.end].split())
    sentence_text = next(
        (sentence.text for sentence in sentences if sentence.start <= span.start < sentence.end),
        "",
    )
    start, end = segment.map_position(span.start), segment.map_position(span.end - 1) + 1
    return Mention(
        start=start,
        end=end,
        text=text[start:end],
        entity_id=build_entity_id(name),
        name=name,
        type=span.type,
        confidence=get_confidence(span.rule) if span.confidence is None else span.confidence,
        extractor=span.rule,
        sentence=sentence_text,
    )


def find_data_mentions(
    text: str, data: Sequence[DataSpan], patterns: UserPatterns | None
) -> list[Mention]:
    """Return the names in code and logs, and what the user's patterns find in data."""
    mentions: list[Mention] = []
    for start, end, shape in data:
        data_text = text[start:end]
        occupied = bytearray(len(data_text))
        candidates: list[EntityCandidate] = []
        if patterns and shape not in {Shape.BLOB, Shape.FENCED}:
            candidates += patterns.find_candidates(data_text)
        if shape in {Shape.CODE, Shape.FENCED}:
            candidates += find_names_in_code(data_text)
        elif shape == Shape.LOG:
            candidates += find_names_in_log(data_text)
        elif shape in {Shape.JSON, Shape.TABLE, Shape.ELEMENTS}:
            candidates += find_files_and_errors(data_text)
        mentions += [
            _build_data_mention(data_text, start, span, patterns)
            for span in sorted(select_candidates(candidates, occupied))
        ]
    return mentions


def find_sign_mentions(text: str, data: Sequence[DataSpan]) -> list[Mention]:
    """Return the people whom handles name, and the files of paths of Windows, in the prose."""
    spans = [
        *(
            EntityCandidate(*span, "person", "sign:handle", Tier.CODE)
            for span in find_handles(text)
        ),
        *(
            EntityCandidate(*span, "file", "code:path", Tier.CODE)
            for span in find_windows_paths(text)
        ),
    ]
    return [
        _build_data_mention(text, 0, span, None)
        for span in select_candidates(spans, bytearray(len(text)))
        if find_span(data, span.start) is None
    ]


def find_span(data: Sequence[DataSpan], position: int) -> DataSpan | None:
    """Return the span of data at a position, None for prose."""
    index = bisect_right(data, position, key=lambda span: span.start) - 1
    return data[index] if index >= 0 and position < data[index].end else None


def limit_data_mentions(mentions: list[Mention], data: Sequence[DataSpan]) -> list[Mention]:
    """Return mentions with those of the first `kg.limits.ENTITIES_IN_DATA` entities in the data.

    What the user's patterns find is not counted.
    """
    if not data:
        return mentions
    selected, ids = list[Mention](), set[str]()
    for mention in sorted(mentions, key=lambda mention: mention.start):
        if find_span(data, mention.start) and not mention.extractor.startswith(RULE_PREFIX):
            if mention.entity_id not in ids and len(ids) >= limits.ENTITIES_IN_DATA:
                continue
            ids.add(mention.entity_id)
        selected.append(mention)
    return selected


def _build_data_mention(
    data_text: str, offset: int, span: EntityCandidate, patterns: UserPatterns | None
) -> Mention:
    name = data_text[span.start : span.end]
    line_start = data_text.rfind("\n", 0, span.start) + 1
    line = data_text[line_start : line_start + 2 * EVIDENCE_CHARACTERS].partition("\n")[0].strip()
    is_users = patterns is not None and span.rule.startswith(RULE_PREFIX)
    return Mention(
        start=offset + span.start,
        end=offset + span.end,
        text=name,
        entity_id=build_entity_id(name),
        name=" ".join(name.split()),
        type=span.type,
        confidence=patterns.confidence if patterns and is_users else get_confidence(span.rule),
        extractor=span.rule,
        sentence=line[:EVIDENCE_CHARACTERS],
    )
