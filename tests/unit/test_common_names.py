"""The second parse, in which sentences have common names in place of unusual ones."""

import pytest

from mcp_context_persistence.ingest.extraction.common_names import replace_names
from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, Tier


def extract(extractor: Extractor, text: str) -> Extraction:
    (extraction,) = extractor.extract([text])
    return extraction


def find_facts(extraction: Extraction) -> set[tuple[str, str, str]]:
    names = {mention.entity_id: mention.name for mention in extraction.mentions}
    return {
        (names[relation.source], relation.type, names[relation.target])
        for relation in extraction.relations
        if relation.extractor != "together"
    }


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("`LeaseTable` implements `Lease`.", ("LeaseTable", "implements", "Lease")),
        (
            "`src/core/tides.rs` defines `TideTable` and a constant.",
            ("src/core/tides.rs", "defines", "TideTable"),
        ),
        (
            "`tide-report` reads from the Kafka topic every hour.",
            ("tide-report", "reads_from", "Kafka"),
        ),
        (
            "My brother in law Tomas works at Siemens these days.",
            ("Tomas", "works_for", "Siemens"),
        ),
    ],
)
def test_a_verb_beside_an_unusual_name_is_read(
    extractor: Extractor, text: str, fact: tuple[str, str, str]
) -> None:
    extraction = extract(extractor, text)
    assert fact in find_facts(extraction)
    verbs = {"implements", "defines", "reads"}
    assert verbs.isdisjoint(mention.name for mention in extraction.mentions)


@pytest.mark.parametrize(
    "text",
    [
        "`LeaseTable` never implements `Lease`.",
        "Does `LeaseTable` implement `Lease`?",
        "`LeaseTable` should implement `Lease`.",
        "`LeaseTable` used to implement `Lease`.",
    ],
)
def test_what_is_no_fact_stays_none(extractor: Extractor, text: str) -> None:
    assert not extract(extractor, text).relations


def test_words_of_the_text_keep_their_places(extractor: Extractor) -> None:
    text = "- “Ines Falk” and `billing-worker`, with Ada in Oslo: Redis"
    (parsed,) = extractor.parse([text])
    names = [
        EntityCandidate(start, start + len(name), kind, "test", Tier.NAMED_ENTITY)
        for name, kind in (
            ("Ines Falk", "person"),
            ("billing-worker", "project"),
            ("Oslo", "location"),
            ("Redis", "technology"),
        )
        for start in [text.index(name)]
    ]
    (sentence,) = replace_names(parsed, names, [])
    assert sentence.words == [
        *("Anna", "and", "Peter", ",", "with", "Ada"),
        *("in", "London", ":", "Maria"),
    ]
    for word, (first, last) in zip(sentence.words, sentence.tokens, strict=True):
        span = text[parsed.starts[first] : parsed.ends[last]]
        assert span == word or span in {text[name.start : name.end] for name in names}


def test_sentences_that_the_parser_understands_are_parsed_once(extractor: Extractor) -> None:
    text = "Anna Meier works for Siemens."
    (parsed,) = extractor.parse([text])
    names = [
        EntityCandidate(0, 10, "person", "test", Tier.NAMED_ENTITY),
        EntityCandidate(21, 28, "organization", "test", Tier.NAMED_ENTITY),
    ]
    assert not replace_names(parsed, names, [])
