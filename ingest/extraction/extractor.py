"""Finds entities and relations in texts: parses them with spaCy, then applies the rules."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from mcp_context_persistence.ingest.extraction.code_tokens import find_definitions
from mcp_context_persistence.ingest.extraction.context_rules import find_people_and_places
from mcp_context_persistence.ingest.extraction.named_entities import (
    find_named_entities,
    retype_short_names,
)
from mcp_context_persistence.ingest.extraction.noun_phrases import find_concepts
from mcp_context_persistence.ingest.extraction.relations import find_relations
from mcp_context_persistence.ingest.extraction.results import (
    EntityCandidate,
    Extraction,
    Mention,
    ParsedText,
    Relation,
)
from mcp_context_persistence.ingest.extraction.rule_data import get_confidence
from mcp_context_persistence.ingest.extraction.segmentation import (
    Segment,
    find_code_blocks,
    split_into_segments,
)
from mcp_context_persistence.ingest.extraction.software_entities import find_software
from mcp_context_persistence.ingest.extraction.software_terms import list_software_terms
from mcp_context_persistence.ingest.extraction.user_patterns import RULE_PREFIX, UserPatterns
from mcp_context_persistence.ingest.models import registry, spacy_pipeline
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import NLPError
from mcp_context_persistence.kg.identifiers import build_entity_id

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.matcher import PhraseMatcher
    from spacy.tokens import Doc

    from mcp_context_persistence.ingest.extraction.gliner import GlinerRecognizer

__all__ = ["Extraction", "Extractor", "Mention", "Relation"]

EVIDENCE_CHARACTERS = 500
_BATCH_SIZE = 256  # segments that are parsed together
# No rule uses the results of these components. They take 7 % of the time.
_UNUSED_COMPONENTS = ("senter", "lemmatizer", "attribute_ruler", "textcat")


class _Sentence(NamedTuple):
    """A sentence: its span of characters in the segment, and its text with normalized spaces."""

    start: int
    end: int
    text: str


class Extractor:
    """Finds entities and relations in texts.

    The model is loaded at the first use. Threads may share an instance.

    Attributes:
        model: The name of the requested spaCy model.
        model_used: The name of the loaded model, or ``None`` before the first use.
        substituted: Whether a smaller model replaces the requested one, which is not installed.
    """

    def __init__(
        self, model: str = "en_core_web_sm", *, recognizer: "GlinerRecognizer | None" = None
    ) -> None:
        """Keep the settings; nothing is loaded.

        Args:
            model: A spaCy pipeline.
            recognizer: A second recognizer of names.
        """
        self.model = model
        self.model_used: str | None = None
        self.substituted = False
        self._recognizer = recognizer
        self._parser = registry.Lazy(
            self._load, lambda loaded: spacy_pipeline.weight_bytes(loaded[0])
        )

    def load(self) -> None:
        """Load the model now.

        Raises:
            NLPError: The model is not installed or damaged; the text names the command that
                installs it.
        """
        with self._parser.using():
            pass

    def _load(self) -> "tuple[Language, PhraseMatcher]":
        from spacy.matcher import PhraseMatcher  # noqa: PLC0415 - spaCy takes a second to import

        loaded = spacy_pipeline.load(self.model, without=_UNUSED_COMPONENTS)
        matcher = PhraseMatcher(loaded.nlp.vocab, attr="LOWER")
        for term in list_software_terms():
            certainty = "unambiguous" if term.is_unambiguous else "ambiguous"
            matcher.add(f"{term.type}:{certainty}", [loaded.nlp.make_doc(term.name)])
        self.model_used, self.substituted = loaded.name, loaded.substituted_for is not None
        return loaded.nlp, matcher

    def extract(
        self, texts: Sequence[str], patterns: UserPatterns | None = None
    ) -> Iterator[Extraction]:
        """Yield the entities and relations of each text, in the order of the texts.

        Args:
            texts: Any strings; an empty one gives an empty extraction.
            patterns: Entity types of the user; they win over all rules.

        Yields:
            One extraction per text. Mentions do not overlap. In fenced code, only definitions and
            imports are found.

        Raises:
            NLPError: The model is missing, or it failed.
        """
        segments = (
            (index, segment)
            for index, text in enumerate(texts)
            for segment in split_into_segments(text)
        )
        extracted = self._extract_segments(texts, segments, patterns)
        for index, group in groupby(extracted, key=itemgetter(0)):
            mentions, relations = _find_code_mentions(texts[index]), []
            for _, segment_mentions, segment_relations in group:
                mentions += segment_mentions
                relations += segment_relations
            yield _build_extraction(mentions, relations)

    def _extract_segments(
        self,
        texts: Sequence[str],
        segments: Iterator[tuple[int, Segment]],
        patterns: UserPatterns | None,
    ) -> Iterator[tuple[int, list[Mention], list[Relation]]]:
        while batch := list(islice(segments, _BATCH_SIZE)):
            yield from self._extract_batch(texts, batch, patterns)

    def _extract_batch(
        self, texts: Sequence[str], batch: list[tuple[int, Segment]], patterns: UserPatterns | None
    ) -> list[tuple[int, list[Mention], list[Relation]]]:
        try:
            parsed_texts = self._parse([segment.text for _, segment in batch])
            recognized = (
                self._recognizer.find_names(parsed_texts)
                if self._recognizer
                else [[]] * len(parsed_texts)
            )
            return [
                (index, *_apply_rules(parsed, segment, texts[index], patterns, names))
                for (index, segment), parsed, names in zip(
                    batch, parsed_texts, recognized, strict=True
                )
            ]
        except (ValueError, RuntimeError, MemoryError, KeyError, IndexError) as error:
            raise NLPError("spaCy failed on a text; see the cause.") from error

    def _parse(self, texts: Sequence[str]) -> list[ParsedText]:
        # The memory zone forgets words that only these texts have.
        with self._parser.using() as (nlp, matcher), nlp.memory_zone():
            return [_convert_doc(doc, matcher) for doc in nlp.pipe(texts, batch_size=_BATCH_SIZE)]


def _convert_doc(doc: "Doc", matcher: "PhraseMatcher") -> ParsedText:
    words, lowers, tags, deps, heads, starts, ends = [], [], [], [], [], [], []
    children: list[list[int]] = []
    for token in doc:
        words.append(token.text)
        lowers.append(token.lower_)
        tags.append(token.tag_)
        deps.append(token.dep_)
        heads.append(token.head.i)
        starts.append(token.idx)
        ends.append(token.idx + len(token))
        children.append([])
    for i, head in enumerate(heads):
        if head != i:
            children[head].append(i)
    return ParsedText(
        text=doc.text,
        words=words,
        lowers=lowers,
        tags=tags,
        deps=deps,
        heads=heads,
        starts=starts,
        ends=ends,
        children=children,
        sentences=[(span.start, span.end) for span in doc.sents],
        entity_spans=[(span.start, span.end, span.label_) for span in doc.ents],
        term_spans=_find_terms(doc, matcher),
    )


def _find_terms(doc: "Doc", matcher: "PhraseMatcher") -> list[tuple[int, int, str, bool]]:
    """Return the known software terms of a text; of two that overlap, the longer one."""
    terms: list[tuple[int, int, str, bool]] = []
    matches: Any = sorted(matcher(doc), key=lambda match: (match[1], -match[2]))
    for key, first, end in matches:
        if not terms or first >= terms[-1][1]:
            kind, _, certainty = doc.vocab.strings[key].partition(":")
            terms.append((first, end, kind, certainty == "unambiguous"))
    return terms


def _apply_rules(
    parsed: ParsedText,
    segment: Segment,
    text: str,
    patterns: UserPatterns | None,
    names: Sequence[EntityCandidate],
) -> tuple[list[Mention], list[Relation]]:
    """Return the mentions and relations of a segment.

    Args:
        parsed: The segment's parse.
        segment: The segment.
        text: The text that it is a part of.
        patterns: Entity types of the user.
        names: Candidates of the second recognizer.
    """
    occupied = bytearray(len(parsed.text))
    user_candidates = patterns.find_candidates(parsed.text) if patterns else ()
    spans = _select_candidates(
        [
            *user_candidates,
            *find_software(parsed),
            *find_named_entities(parsed),
            *find_people_and_places(parsed),
            *names,
        ],
        occupied,
    )
    spans = retype_short_names(parsed.text, spans)
    spans += _select_candidates(find_concepts(parsed, occupied), occupied)
    spans = sorted(span for span in spans if _is_in_text(parsed, segment, text, span))
    sentences = [_build_sentence(parsed, first, end) for first, end in parsed.sentences]
    mentions = [_build_mention(parsed, segment, text, span, sentences) for span in spans]
    if patterns:
        mentions = [
            replace(mention, confidence=patterns.confidence)
            if mention.extractor.startswith(RULE_PREFIX)
            else mention
            for mention in mentions
        ]
    return mentions, _build_relations(parsed, segment, spans, mentions, sentences)


def _build_relations(
    parsed: ParsedText,
    segment: Segment,
    spans: list[EntityCandidate],
    mentions: list[Mention],
    sentences: list[_Sentence],
) -> list[Relation]:
    """Return the relations of a segment between different entities."""
    relations = []
    for candidate in find_relations(parsed, spans):
        source, target = mentions[candidate.source], mentions[candidate.target]
        if source.entity_id == target.entity_id:
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
            )
        )
    return relations


def _is_in_text(parsed: ParsedText, segment: Segment, text: str, span: EntityCandidate) -> bool:
    """Return whether the text has the span's words without characters that were left out."""
    start, end = segment.map_position(span.start), segment.map_position(span.end - 1) + 1
    return text[start:end].split() == parsed.text[span.start : span.end].split()


def _select_candidates(
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


def _build_sentence(parsed: ParsedText, first: int, end: int) -> _Sentence:
    start, stop = parsed.starts[first], parsed.ends[end - 1]
    text = " ".join(parsed.text[start:stop].split())
    if len(text) > EVIDENCE_CHARACTERS:
        text = text[: EVIDENCE_CHARACTERS - 1] + "…"
    return _Sentence(start, stop, text)


def _build_mention(
    parsed: ParsedText,
    segment: Segment,
    text: str,
    span: EntityCandidate,
    sentences: list[_Sentence],
) -> Mention:
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


def _find_code_mentions(text: str) -> list[Mention]:
    """Return the definitions and imports of fenced code."""
    mentions = []
    for block in find_code_blocks(text):
        occupied = bytearray(len(block.code))
        for span in _select_candidates(find_definitions(block.code), occupied):
            name = block.code[span.start : span.end]
            line_start = block.code.rfind("\n", 0, span.start) + 1
            line = block.code[line_start:].partition("\n")[0].strip()
            mentions.append(
                Mention(
                    start=block.start + span.start,
                    end=block.start + span.end,
                    text=name,
                    entity_id=build_entity_id(name),
                    name=name,
                    type=span.type,
                    confidence=get_confidence(span.rule),
                    extractor=span.rule,
                    sentence=line[:EVIDENCE_CHARACTERS],
                )
            )
    return mentions


def _build_extraction(mentions: list[Mention], relations: list[Relation]) -> Extraction:
    """Return an extraction with at most `ENTITIES_PER_TEXT` mentions and each relation once."""
    unique: dict[tuple[str, str, str], Relation] = {}
    for relation in relations:
        unique.setdefault((relation.source, relation.type, relation.target), relation)
    ordered = sorted(mentions, key=lambda mention: mention.start)[: limits.ENTITIES_PER_TEXT]
    ids = {mention.entity_id for mention in ordered}
    return Extraction(
        mentions=tuple(ordered),
        relations=tuple(
            relation
            for relation in unique.values()
            if relation.source in ids and relation.target in ids
        ),
        truncated=len(mentions) > limits.ENTITIES_PER_TEXT,
    )
