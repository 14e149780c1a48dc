"""Find entities and relations in texts: parse them with spaCy, then apply the rules."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import compress, groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from mcp_context_persistence.ingest.extraction.common_names import replace_names, update_parse
from mcp_context_persistence.ingest.extraction.context_rules import find_people_and_places
from mcp_context_persistence.ingest.extraction.data_shapes import DataSpan, find_data
from mcp_context_persistence.ingest.extraction.data_values import (
    Value,
    find_values,
    restrict_to_cells,
)
from mcp_context_persistence.ingest.extraction.joined_names import find_joined_names
from mcp_context_persistence.ingest.extraction.mentions import (
    EVIDENCE_CHARACTERS,
    find_data_mentions,
    find_sign_mentions,
    limit_data_mentions,
    select_candidates,
)
from mcp_context_persistence.ingest.extraction.name_patterns import find_name_patterns
from mcp_context_persistence.ingest.extraction.name_scores import NameScorer
from mcp_context_persistence.ingest.extraction.name_types import (
    find_unlabeled_names,
    retype_names,
)
from mcp_context_persistence.ingest.extraction.named_entities import find_named_entities
from mcp_context_persistence.ingest.extraction.noun_phrases import find_concepts
from mcp_context_persistence.ingest.extraction.parsing import (
    build_term_matcher,
    convert_doc,
    make_doc,
)
from mcp_context_persistence.ingest.extraction.record_relations import find_record_relations
from mcp_context_persistence.ingest.extraction.result_building import (
    build_results,
    read_author,
)
from mcp_context_persistence.ingest.extraction.results import (
    NO_STATEMENTS,
    AuthorStatements,
    EntityCandidate,
    Extraction,
    Mention,
    ParsedText,
    Relation,
    build_extraction,
)
from mcp_context_persistence.ingest.extraction.segmentation import (
    Segment,
    join_values,
    split_into_segments,
)
from mcp_context_persistence.ingest.extraction.short_names import (
    link_short_names,
    retype_short_names,
)
from mcp_context_persistence.ingest.extraction.software_entities import find_software
from mcp_context_persistence.ingest.extraction.understood_languages import (
    is_understood,
    keep_clear_forms,
)
from mcp_context_persistence.ingest.extraction.user_patterns import UserPatterns
from mcp_context_persistence.ingest.models import registry, spacy_pipeline
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import NLPError
from mcp_context_persistence.kg.system_errors import describe_exhaustion

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.matcher import PhraseMatcher

    from mcp_context_persistence.ingest.extraction.gliner import GlinerRecognizer

__all__ = ["EVIDENCE_CHARACTERS", "Extraction", "Extractor", "Mention", "Relation"]

_BATCH_SIZE = 256  # segments that are parsed together
# No rule uses the results of these components. They take 7 % of the time.
_UNUSED_COMPONENTS = ("senter", "lemmatizer", "attribute_ruler", "textcat")


class _Data(NamedTuple):
    """What is no prose in a text, the values in it to read, and whether there are more."""

    spans: list[DataSpan]
    values: list[Value]
    is_cut: bool


class _Part(NamedTuple):
    """What a segment has."""

    text_index: int
    mentions: list[Mention]
    relations: list[Relation]
    is_understood: bool
    author: AuthorStatements


class Extractor:
    """Finds entities and relations in texts.

    The model is loaded at the first use. Threads may share an instance.

    Attributes:
        model: The name of the requested spaCy model.
        language: The code of the language of all texts, ``None`` where each may have another.
        model_used: The name of the loaded model, or ``None`` before the first use.
        substituted: Whether a smaller model replaces the requested one, which is not installed.
    """

    def __init__(
        self,
        model: str = "en_core_web_sm",
        *,
        recognizer: "GlinerRecognizer | None" = None,
        language: str | None = None,
        scorer: NameScorer | None = None,
    ) -> None:
        """Keep the settings; nothing is loaded.

        Args:
            model: A spaCy pipeline.
            recognizer: A second recognizer of names.
            language: The code of the language of all texts; recognized in each where it is None.
            scorer: Scores the words of names; by default one that may download its model.
        """
        self.model, self.language = model, language
        self.model_used: str | None = None
        self.substituted = False
        self._recognizer, self._scorer = recognizer, scorer or NameScorer()
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
        loaded = spacy_pipeline.load(self.model, without=_UNUSED_COMPONENTS)
        matcher = build_term_matcher(loaded.nlp)
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
            One extraction per text. Mentions do not overlap. In code and logs, only names of code
            are found; in tables and JSON, only names and short sentences are read. In a language
            that the model does not understand, names are found whose own form shows what they are.

        Raises:
            NLPError: The model is missing, or it failed.
        """
        data: dict[int, _Data] = {}
        segments = (
            (index, segment)
            for index, text in enumerate(texts)
            for segment in _split(text, data.setdefault(index, _find_data(text)))
        )
        extracted = self._extract_segments(texts, segments, patterns)
        for index, group in groupby(extracted, key=attrgetter("text_index")):
            spans, _, is_cut = data.pop(index)
            mentions = find_data_mentions(texts[index], spans, patterns)
            mentions += find_sign_mentions(texts[index], spans)
            relations: list[Relation] = []
            are_understood = True
            author = NO_STATEMENTS
            for part in group:
                mentions += part.mentions
                relations += part.relations
                are_understood &= part.is_understood
                if part.author.relations:
                    author = AuthorStatements(
                        author.mentions + part.author.mentions,
                        author.relations + part.author.relations,
                    )
            if author.relations:
                _, linked = link_short_names(mentions, author.relations)
                author = AuthorStatements(author.mentions, tuple(linked))
            if are_understood:
                relations = [*find_record_relations(texts[index], mentions), *relations]
            mentions, relations = link_short_names(mentions, relations)
            limited = limit_data_mentions(mentions, spans)
            extraction = _limit_extraction(limited, relations)
            is_cut = is_cut or len(limited) < len(mentions)
            yield (
                replace(
                    extraction,
                    truncated=extraction.truncated or is_cut,
                    is_understood=are_understood,
                    author=author,
                )
                if is_cut or not are_understood or author.relations
                else extraction
            )

    def _extract_segments(
        self,
        texts: Sequence[str],
        segments: Iterator[tuple[int, Segment]],
        patterns: UserPatterns | None,
    ) -> Iterator[_Part]:
        while batch := list(islice(segments, _BATCH_SIZE)):
            yield from self._extract_batch(texts, batch, patterns)

    def _extract_batch(
        self, texts: Sequence[str], batch: list[tuple[int, Segment]], patterns: UserPatterns | None
    ) -> list[_Part]:
        try:
            are_understood = [
                is_understood(segment.text, self.model, self.language) for _, segment in batch
            ]
            parsed_texts = self.parse([segment.text for _, segment in batch])
            scored = iter(self._scorer.score(list(compress(parsed_texts, are_understood))))
            parsed_texts = [
                next(scored) if reads_grammar else parsed
                for parsed, reads_grammar in zip(parsed_texts, are_understood, strict=True)
            ]
            recognized = (
                self._recognizer.find_names(parsed_texts)
                if self._recognizer
                else [[]] * len(parsed_texts)
            )
            names = [
                _select_names(parsed, segment, patterns, candidates, reads_grammar=reads_grammar)
                for (_, segment), parsed, candidates, reads_grammar in zip(
                    batch, parsed_texts, recognized, are_understood, strict=True
                )
            ]
            parsed_texts = self._parse_again(
                parsed_texts, [segment for _, segment in batch], names, are_understood
            )
            return [
                _read_segment(
                    index, segment, texts[index], parsed, patterns, spans, reads_grammar=is_read
                )
                for (index, segment), parsed, spans, is_read in zip(
                    batch, parsed_texts, names, are_understood, strict=True
                )
            ]
        except (ValueError, RuntimeError, MemoryError, KeyError, IndexError) as error:
            raise NLPError(
                "spaCy failed on a text; see the cause.", retryable=bool(describe_exhaustion(error))
            ) from error

    def parse(self, texts: Sequence[str]) -> list[ParsedText]:
        """Return the parse of each text, before any rule."""
        # The memory zone forgets words that only these texts have.
        with self._parser.using() as (nlp, matcher), nlp.memory_zone():
            docs = (make_doc(nlp, text) for text in texts)
            parsed = nlp.pipe(docs, batch_size=_BATCH_SIZE)
            return [
                convert_doc(doc, text, matcher) for doc, text in zip(parsed, texts, strict=True)
            ]

    def _parse_again(
        self,
        parsed_texts: list[ParsedText],
        segments: Sequence[Segment],
        names: list[list[EntityCandidate]],
        are_understood: list[bool],
    ) -> list[ParsedText]:
        """Return the parses, with the grammar that some sentences have with common names."""
        plain = [
            replace_names(parsed, spans, _find_concepts(parsed, segment, spans))
            if reads_grammar
            else []
            for parsed, segment, spans, reads_grammar in zip(
                parsed_texts, segments, names, are_understood, strict=True
            )
        ]
        if not any(plain):
            return parsed_texts
        with self._parser.using() as (nlp, _), nlp.memory_zone():
            docs = (sentence.build_doc(nlp.vocab) for sentences in plain for sentence in sentences)
            read = nlp.pipe(docs, batch_size=_BATCH_SIZE, disable=["ner"])
            return [
                update_parse(parsed, sentences, islice(read, len(sentences)))
                if sentences
                else parsed
                for parsed, sentences in zip(parsed_texts, plain, strict=True)
            ]


def _find_data(text: str) -> _Data:
    spans = find_data(text)
    return _Data(spans, *find_values(text, spans)) if spans else _Data([], [], False)


def _split(text: str, data: _Data) -> Iterator[Segment]:
    """Yield the prose of a text, and the values of its data."""
    yield from split_into_segments(text, data.spans)
    if data.values:
        yield join_values(text, data.values)


def _read_segment(
    index: int,
    segment: Segment,
    text: str,
    parsed: ParsedText,
    patterns: UserPatterns | None,
    names: list[EntityCandidate],
    *,
    reads_grammar: bool,
) -> _Part:
    spans = [*names, *_find_concepts(parsed, segment, names)] if reads_grammar else names
    mentions, relations = build_results(parsed, segment, text, patterns, spans)
    if not reads_grammar:
        return _Part(index, mentions, [], reads_grammar, NO_STATEMENTS)
    author = NO_STATEMENTS if segment.cells else read_author(parsed, segment, text, spans)
    return _Part(index, mentions, relations, reads_grammar, author)


def _find_concepts(
    parsed: ParsedText, segment: Segment, names: Sequence[EntityCandidate]
) -> list[EntityCandidate]:
    """Return the concepts outside of the names of a segment; values of data have none."""
    if segment.cells:
        return []
    occupied = bytearray(len(parsed.text))
    select_candidates(names, occupied)
    return select_candidates(find_concepts(parsed, occupied), occupied)


def _select_names(
    parsed: ParsedText,
    segment: Segment,
    patterns: UserPatterns | None,
    names: Sequence[EntityCandidate],
    *,
    reads_grammar: bool,
) -> list[EntityCandidate]:
    """Return the names in a segment, without overlaps.

    Args:
        parsed: The segment's parse.
        segment: The segment.
        patterns: Entity types of the user.
        names: Candidates of the second recognizer.
        reads_grammar: Whether the parse is of the segment's language.
    """
    occupied = bytearray(len(parsed.text))
    candidates = [*find_software(parsed), *find_name_patterns(parsed.text)]
    if reads_grammar:
        candidates += [*find_named_entities(parsed), *find_joined_names(parsed)]
        candidates += find_people_and_places(parsed)
    else:
        candidates = list(keep_clear_forms(candidates))
    candidates += names
    if segment.cells:
        candidates = restrict_to_cells(candidates, segment.cells)
    elif patterns:
        candidates += patterns.find_candidates(parsed.text)
    spans = select_candidates(candidates, occupied)
    if not reads_grammar:
        return spans
    spans = retype_names(parsed, spans)
    if not segment.cells:
        spans += select_candidates(find_unlabeled_names(parsed, occupied), occupied)
    return retype_short_names(parsed.text, spans)


def _limit_extraction(mentions: list[Mention], relations: list[Relation]) -> Extraction:
    """Return an extraction with at most `ENTITIES_PER_TEXT` mentions."""
    ordered = sorted(mentions, key=lambda mention: mention.start)[: limits.ENTITIES_PER_TEXT]
    ids = {mention.entity_id for mention in ordered}
    return build_extraction(
        ordered,
        (relation for relation in relations if relation.source in ids and relation.target in ids),
        is_truncated=len(mentions) > limits.ENTITIES_PER_TEXT,
    )
