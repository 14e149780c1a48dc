"""Entities and relations of texts: one parse by spaCy, then rules of our own."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest.extraction.code_tokens import definitions
from mcp_context_persistence.ingest.extraction.context_rules import surroundings
from mcp_context_persistence.ingest.extraction.named_entities import named, short_names
from mcp_context_persistence.ingest.extraction.noun_phrases import concepts
from mcp_context_persistence.ingest.extraction.relations import relations
from mcp_context_persistence.ingest.extraction.results import (
    Extraction,
    Found,
    Mention,
    Parsed,
    Relation,
)
from mcp_context_persistence.ingest.extraction.rule_confidence import confidence
from mcp_context_persistence.ingest.extraction.segmentation import Piece, code_blocks, pieces
from mcp_context_persistence.ingest.extraction.software_entities import software
from mcp_context_persistence.ingest.extraction.software_terms import entries
from mcp_context_persistence.ingest.extraction.user_patterns import RULE, Patterns
from mcp_context_persistence.ingest.models import registry, spacy_pipeline
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import NLPError
from mcp_context_persistence.kg.identifiers import entity_id

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.matcher import PhraseMatcher
    from spacy.tokens import Doc

    from mcp_context_persistence.ingest.extraction.gliner import Recogniser

__all__ = ["Extraction", "Extractor", "Mention", "Relation", "entity_id"]

EVIDENCE_CHARACTERS = 500
_BATCH = 256  # pieces that are parsed together
_UNUSED = (
    "senter",
    "lemmatizer",
    "attribute_ruler",
    "textcat",
)  # no rule reads what they add; they take 7 % of the time


class Extractor:
    """Finds entities and relations in texts. The model is loaded at the first use; instances may be shared between threads.

    Attributes:
        model: The spaCy model that was asked for.
        model_used: The one that is loaded, or ``None`` before the first use.
        substituted: Whether the asked-for model is not installed and a smaller one stands in for it.
    """

    def __init__(
        self, model: str = "en_core_web_sm", *, recogniser: "Recogniser | None" = None
    ) -> None:
        """Nothing is loaded yet.

        Args:
            model: A spaCy pipeline.
            recogniser: A second recogniser of names.
        """
        self.model = model
        self.model_used: str | None = None
        self.substituted = False
        self._recogniser = recogniser
        self._parser = registry.Lazy(
            self._load, lambda loaded: spacy_pipeline.weight_bytes(loaded[0])
        )

    def load(self) -> None:
        """Loads the model now.

        Raises:
            NLPError: The model is not installed or damaged; the text names the command that installs it.
        """
        with self._parser.using():
            pass

    def _load(self) -> "tuple[Language, PhraseMatcher]":
        from spacy.matcher import PhraseMatcher  # noqa: PLC0415 - spaCy takes a second to import

        loaded = spacy_pipeline.load(self.model, without=_UNUSED)
        matcher = PhraseMatcher(loaded.nlp.vocab, attr="LOWER")
        for entry in entries():
            matcher.add(
                f"{entry.type}:{'sure' if entry.sure else 'spelled'}",
                [loaded.nlp.make_doc(entry.name)],
            )
        self.model_used, self.substituted = loaded.name, loaded.substituted_for is not None
        return loaded.nlp, matcher

    def extract(
        self, texts: Sequence[str], patterns: Patterns | None = None
    ) -> Iterator[Extraction]:
        """What each text says, in the order of the texts.

        Args:
            texts: Any strings; an empty one gives an empty extraction.
            patterns: Of the caller's own types; they go before all other rules.

        Yields:
            One extraction per text. Mentions do not overlap. Code in fences is read for definitions and imports only.

        Raises:
            NLPError: The model is missing, or it failed.
        """
        jobs = ((number, piece) for number, text in enumerate(texts) for piece in pieces(text))
        for number, parts in groupby(self._read(texts, jobs, patterns), key=itemgetter(0)):
            mentions, found = _coded(texts[number]), []
            for _, more, related in parts:
                mentions += more
                found += related
            yield _extraction(mentions, found)

    def _read(
        self, texts: Sequence[str], jobs: Iterator[tuple[int, Piece]], patterns: Patterns | None
    ) -> Iterator[tuple[int, list[Mention], list[Relation]]]:
        while batch := list(islice(jobs, _BATCH)):
            yield from self._read_batch(texts, batch, patterns)

    def _read_batch(
        self, texts: Sequence[str], batch: list[tuple[int, Piece]], patterns: Patterns | None
    ) -> list[tuple[int, list[Mention], list[Relation]]]:
        try:
            parsed = self._parse([piece.text for _, piece in batch])
            recognised = self._recogniser.found(parsed) if self._recogniser else [[]] * len(parsed)
            return [
                (number, *_understood(one, piece, texts[number], patterns, more))
                for (number, piece), one, more in zip(batch, parsed, recognised, strict=True)
            ]
        except (ValueError, RuntimeError, MemoryError, KeyError, IndexError) as error:
            raise NLPError("spaCy failed on a text; see the cause.") from error

    def _parse(self, texts: Sequence[str]) -> list[Parsed]:
        # Words that only these texts have are forgotten afterwards.
        with self._parser.using() as (nlp, vocabulary), nlp.memory_zone():
            return [_parsed(doc, vocabulary) for doc in nlp.pipe(texts, batch_size=_BATCH)]


def _parsed(doc: "Doc", vocabulary: "PhraseMatcher") -> Parsed:
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
    return Parsed(
        text=doc.text, words=words, lowers=lowers, tags=tags, deps=deps, heads=heads, starts=starts, ends=ends, children=children,
        sentences=[(span.start, span.end) for span in doc.sents], named=[(span.start, span.end, span.label_) for span in doc.ents],
        known=_known(doc, vocabulary),
    )  # fmt: skip


def _known(doc: "Doc", vocabulary: "PhraseMatcher") -> list[tuple[int, int, str, bool]]:
    """Vocabulary words of the text; of two that overlap the longer one."""
    known: list[tuple[int, int, str, bool]] = []
    matches: Any = sorted(vocabulary(doc), key=lambda match: (match[1], -match[2]))
    for key, first, last in matches:
        if not known or first >= known[-1][1]:
            kind, _, certainty = doc.vocab.strings[key].partition(":")
            known.append((first, last, kind, certainty == "sure"))
    return known


def _understood(
    parsed: Parsed, piece: Piece, text: str, patterns: Patterns | None, recognised: Sequence[Found]
) -> tuple[list[Mention], list[Relation]]:
    taken = bytearray(len(parsed.text))
    own = patterns.found(parsed.text) if patterns else ()
    spans = _chosen(
        [*own, *software(parsed), *named(parsed), *surroundings(parsed), *recognised], taken
    )
    spans = short_names(parsed.text, spans) + _chosen(concepts(parsed, taken), taken)
    spans = sorted(span for span in spans if _readable(parsed, piece, text, span))
    sentences = [_sentence(parsed, first, last) for first, last in parsed.sentences]
    mentions = [_mention(parsed, piece, text, span, sentences) for span in spans]
    if patterns:
        mentions = [
            replace(one, confidence=patterns.confidence) if one.extractor.startswith(RULE) else one
            for one in mentions
        ]
    links = relations(parsed, spans)
    found = [
        Relation(
            source=mentions[link.source].entity_id,
            type=link.type,
            target=mentions[link.target].entity_id,
            confidence=confidence(link.rule),
            evidence=sentences[link.sentence][2],
            start=piece.position(sentences[link.sentence][0]),
            end=piece.position(sentences[link.sentence][1] - 1) + 1,
            extractor=link.rule,
        )
        for link in links
        if mentions[link.source].entity_id != mentions[link.target].entity_id
    ]
    return mentions, found


def _readable(parsed: Parsed, piece: Piece, text: str, span: Found) -> bool:
    """Whether the text has these words as they were parsed, without characters that were left out."""
    original = text[piece.position(span.start) : piece.position(span.end - 1) + 1]
    return original.split() == parsed.text[span.start : span.end].split()


def _chosen(found: Iterable[Found], taken: bytearray) -> list[Found]:
    """Candidates that do not overlap: lower tiers first, then longer ones, then earlier ones. Marks their characters."""
    chosen = []
    for span in sorted(set(found), key=lambda span: (span.tier, span.start - span.end, span)):
        if span.start < span.end and not any(taken[span.start : span.end]):
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            chosen.append(span)
    return chosen


def _sentence(parsed: Parsed, first: int, last: int) -> tuple[int, int, str]:
    start, end = parsed.starts[first], parsed.ends[last - 1]
    text = " ".join(parsed.text[start:end].split())
    return (
        start,
        end,
        text if len(text) <= EVIDENCE_CHARACTERS else text[: EVIDENCE_CHARACTERS - 1] + "…",
    )


def _mention(
    parsed: Parsed, piece: Piece, text: str, span: Found, sentences: list[tuple[int, int, str]]
) -> Mention:
    name = " ".join(parsed.text[span.start : span.end].split())
    description = next(
        (words for begin, stop, words in sentences if begin <= span.start < stop), ""
    )
    start, end = piece.position(span.start), piece.position(span.end - 1) + 1
    return Mention(
        start=start, end=end, text=text[start:end], entity_id=entity_id(name), name=name, type=span.type,
        confidence=confidence(span.rule) if span.confidence is None else span.confidence, extractor=span.rule,
        description=description,
    )  # fmt: skip


def _coded(text: str) -> list[Mention]:
    """Definitions and imports in fenced code."""
    mentions = []
    for block in code_blocks(text):
        taken = bytearray(len(block.code))
        for span in _chosen(definitions(block.code), taken):
            name = block.code[span.start : span.end]
            line = (
                block.code[block.code.rfind("\n", 0, span.start) + 1 :]
                .partition("\n")[0]
                .strip()[:EVIDENCE_CHARACTERS]
            )
            mentions.append(
                Mention(
                    start=block.start + span.start,
                    end=block.start + span.end,
                    text=name,
                    entity_id=entity_id(name),
                    name=name,
                    type=span.type,
                    confidence=confidence(span.rule),
                    extractor=span.rule,
                    description=line,
                )
            )
    return mentions


def _extraction(mentions: list[Mention], found: list[Relation]) -> Extraction:
    statements: dict[tuple[str, str, str], Relation] = {}
    for relation in found:
        statements.setdefault((relation.source, relation.type, relation.target), relation)
    ordered = sorted(mentions, key=lambda mention: mention.start)[: limits.ENTITIES_PER_TEXT]
    ids = {mention.entity_id for mention in ordered}
    return Extraction(
        mentions=tuple(ordered),
        relations=tuple(
            relation
            for relation in statements.values()
            if relation.source in ids and relation.target in ids
        ),
        truncated=len(mentions) > limits.ENTITIES_PER_TEXT,
    )
