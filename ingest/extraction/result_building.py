"""Build what an extraction returns, from the candidates of a segment of a text."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mcp_context_persistence.ingest.extraction.author_sentences import mask_quotes
from mcp_context_persistence.ingest.extraction.author_statements import find_author_statements
from mcp_context_persistence.ingest.extraction.line_marks import find_line_marks
from mcp_context_persistence.ingest.extraction.mentions import (
    Sentence,
    build_mention,
    build_sentence,
    is_in_text,
)
from mcp_context_persistence.ingest.extraction.noun_relations import SYMMETRIC_RELATIONS
from mcp_context_persistence.ingest.extraction.pasted_text import find_announced_text
from mcp_context_persistence.ingest.extraction.relation_verbs import get_noun_relation
from mcp_context_persistence.ingest.extraction.relations import find_relations
from mcp_context_persistence.ingest.extraction.results import (
    ASSERTED,
    AUTHOR_ID,
    AUTHOR_NAME,
    AUTHOR_RULE,
    NO_STATEMENTS,
    POSITIVE,
    RELATIVE_RULE,
    AuthorStatements,
    EntityCandidate,
    Mention,
    ParsedText,
    Relation,
    RelationCandidate,
)
from mcp_context_persistence.ingest.extraction.rule_data import get_confidence
from mcp_context_persistence.ingest.extraction.segmentation import Segment
from mcp_context_persistence.ingest.extraction.user_patterns import RULE_PREFIX, UserPatterns


def build_results(
    parsed: ParsedText,
    segment: Segment,
    text: str,
    patterns: UserPatterns | None,
    spans: Sequence[EntityCandidate],
) -> tuple[list[Mention], list[Relation]]:
    """Return the mentions of a segment of a text, and its relations."""
    spans = sorted(span for span in spans if is_in_text(parsed, segment, text, span))
    sentences = [build_sentence(parsed, first, end) for first, end in parsed.sentences]
    mentions = [build_mention(parsed, segment, text, span, sentences) for span in spans]
    if patterns:
        mentions = [
            replace(mention, confidence=patterns.confidence)
            if mention.extractor.startswith(RULE_PREFIX)
            else mention
            for mention in mentions
        ]
    candidates = find_relations(parsed, spans)
    return mentions, _build_relations(segment, text, candidates, mentions, sentences)


def read_author(
    parsed: ParsedText, segment: Segment, text: str, spans: Sequence[EntityCandidate]
) -> AuthorStatements:
    """Return what the author of a segment says about themself."""
    own_spans = sorted(span for span in spans if is_in_text(parsed, segment, text, span))
    all_spans, candidates = find_author_statements(parsed, own_spans)
    candidates = _leave_out_others(candidates, all_spans, segment, text) if candidates else []
    if not candidates:
        return NO_STATEMENTS
    sentences = [build_sentence(parsed, first, end) for first, end in parsed.sentences]
    mentions = [
        _name_without_author(build_mention(parsed, segment, text, span, sentences))
        for span in all_spans
    ]
    used = {end for candidate in candidates for end in (candidate.source, candidate.target)}
    new_mentions = [mentions[index] for index in sorted(used) if all_spans[index] not in spans]
    relations = _build_relations(segment, text, candidates, mentions, sentences)
    for mention in new_mentions.copy():
        if mention.extractor == RELATIVE_RULE:
            author, relation = _relate_to_author(mention, relations)
            new_mentions.append(author)
            relations.append(relation)
    return AuthorStatements(tuple(new_mentions), tuple(relations))


def _leave_out_others(
    candidates: Sequence[RelationCandidate],
    spans: Sequence[EntityCandidate],
    segment: Segment,
    text: str,
) -> list[RelationCandidate]:
    """Return the relations that are not in a pasted text or in quotation marks."""
    own_end = find_announced_text(text)
    masked = mask_quotes(text)
    kept = []
    for candidate in candidates:
        ends = [
            (
                segment.map_position(spans[end].start),
                segment.map_position(spans[end].end - 1) + 1,
            )
            for end in (candidate.source, candidate.target)
        ]
        is_quoted = all(masked[start:end] != text[start:end] for start, end in ends)
        if not is_quoted and max(ends)[0] < own_end:
            kept.append(candidate)
    return kept


def _name_without_author(mention: Mention) -> Mention:
    """Return a mention with the name that the author, or "My sister", has in every text."""
    if mention.extractor == AUTHOR_RULE:
        return replace(mention, entity_id=AUTHOR_ID, name=AUTHOR_NAME)
    if mention.extractor == RELATIVE_RULE:
        return replace(mention, name=mention.name[0].lower() + mention.name[1:])
    return mention


def _relate_to_author(mention: Mention, relations: Iterable[Relation]) -> tuple[Mention, Relation]:
    """Return the author, and how "my sister" relates to them."""
    author = replace(
        mention,
        end=mention.start + len("my"),
        text=mention.text[: len("my")],
        entity_id=AUTHOR_ID,
        name=AUTHOR_NAME,
        extractor=AUTHOR_RULE,
    )
    noun = mention.name.lower().removesuffix(" in law").rpartition(" ")[2]
    kind = get_noun_relation(noun, "of") or "knows"
    ends = (mention.entity_id, AUTHOR_ID)
    source, target = reversed(ends) if kind in SYMMETRIC_RELATIONS else ends
    template = next(
        relation
        for relation in relations
        if mention.entity_id in {relation.source, relation.target}
    )
    relation = replace(
        template, source=source, type=kind, target=target, modality=ASSERTED, polarity=POSITIVE
    )
    return author, relation


def _build_relations(
    segment: Segment,
    text: str,
    candidates: Sequence[RelationCandidate],
    mentions: list[Mention],
    sentences: list[Sentence],
) -> list[Relation]:
    """Return the relations of a segment between different entities."""
    relations = []
    begin, last = segment.map_position(0), segment.map_position(max(0, len(segment.text) - 1))
    marks = find_line_marks(text, begin, last) if candidates else []
    for candidate in candidates:
        source, target = mentions[candidate.source], mentions[candidate.target]
        if source.entity_id == target.entity_id:
            continue
        modality = candidate.modality
        if modality == ASSERTED:
            modality = next((i.modality for i in marks if i.has_both(source, target)), modality)
        if modality != candidate.modality and candidate.type == "related_to":
            continue
        sentence = sentences[candidate.sentence]
        relations.append(
            Relation(
                source=source.entity_id,
                type=candidate.type,
                target=target.entity_id,
                confidence=get_confidence(candidate.rule),
                evidence=sentence.text,
                start=segment.map_position(sentence.start),
                end=segment.map_position(sentence.end - 1) + 1,
                extractor=candidate.rule,
                modality=modality,
                polarity=candidate.polarity,
            )
        )
    return relations
