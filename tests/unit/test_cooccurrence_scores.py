"""Test how the words around two names say that they are together in what is no fact."""

import pytest

from mcp_context_persistence.ingest.extraction.cooccurrence_scores import (
    hash_words,
    is_doubtful,
    read_weights,
)
from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.extraction.hashed_words import BUCKETS


@pytest.fixture(scope="module")
def extractor():
    return Extractor()


def list_facts(extractor, text):
    (extraction,) = extractor.extract([text])
    return {(relation.source, relation.target) for relation in extraction.relations}


def find(text, name):
    return text.index(name), text.index(name) + len(name)


@pytest.mark.parametrize(
    "text",
    [
        "The planned move of Marlo to Lagos is off the table.",
        "Word on the street: Marta leaves Marlo.",
        "Marta and Marlo have parted ways.",
        "Ana as head of Marlo is a pipe dream.",
    ],
)
def test_names_together_in_what_is_no_fact_are_not_related(extractor, text):
    assert list_facts(extractor, text) == set()


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("Marta, who runs Marlo, lives in Oslo.", ("Marlo", "Oslo")),
        ("Tern depends on Postgres and Redis.", ("Postgres", "Redis")),
        ("Marlo opened an office in Lagos with Tern.", ("Marlo", "Lagos")),
        ("Bo met Ana in Oslo.", ("Ana", "Oslo")),
    ],
)
def test_names_together_in_a_fact_are_related(extractor, text, pair):
    assert pair in list_facts(extractor, text)


def test_what_a_rule_finds_stays(extractor):
    text = "No wonder Ana joined Marlo."
    assert is_doubtful(text, [], find(text, "Ana"), find(text, "Marlo")) is False
    assert ("Ana", "Marlo") in list_facts(extractor, text)


def test_the_order_of_the_names_does_not_matter():
    text = "Rumor has it that Marlo gets a new home in Tern."
    spans = find(text, "Marlo"), find(text, "Tern")
    assert hash_words(text, [], *spans) == hash_words(text, [], *reversed(spans))


def test_each_place_has_terms_of_its_own():
    texts = "never A B", "A never B", "A B never"
    buckets = {
        frozenset(hash_words(text, [(0, len(text))], find(text, "A"), find(text, "B")))
        for text in texts
    }
    assert len(buckets) == len(texts)


def test_only_the_next_sentence_counts_beside_the_own():
    text = "A met B. Not really. Never mind."
    ends = find(text, "A"), find(text, "B")
    sentences = [(0, 8), (9, 20), (21, 32)]
    assert hash_words(text, sentences, *ends) == hash_words(text[:20], sentences[:2], *ends)
    assert hash_words(text, sentences, *ends) != hash_words(text[:8], sentences[:1], *ends)


def test_names_outside_all_sentences_are_scored():
    text = "Marlo Tern"
    ends = find(text, "Marlo"), find(text, "Tern")
    assert hash_words(text, [(20, 30)], *ends) == hash_words(text, [], *ends)


def test_the_weights_have_one_for_each_bucket():
    assert read_weights().shape == (BUCKETS + 1,)
