"""Purposes, sources and mended faults state no facts, good news does, by the real pipeline."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor


def read(extractor: Extractor, text: str) -> Extraction:
    return next(iter(extractor.extract([text])))


@pytest.mark.parametrize(
    "text",
    [
        "We added a driver so that Django can use Redis.",
        "So that Django can use Redis, we added a driver.",
        "Add a driver so Django can use Redis.",
        "Please book a van so that Nadia Osman gets moved to Berlin.",
        "Fix the bug where Django uses Redis.",
        "Fixed a bug in which Django connected to Redis.",
        "Fix crash when Django uses Redis.",
        "Orion Foods owns Delta Mills, as Bob claims.",
        "Orion Foods owns Delta Mills, at least that's what Bob says.",
        "Nadia Osman works for Orion Foods in the movie.",
        "Proposal (rejected): Django uses Redis.",
        "Nadia Osman starts at Siemens on Monday.",
        "Nadia Osman's dream job is at Siemens.",
        "Subject to contract, Orion Foods buys Delta Mills.",
        "Pending approval, Nadia Osman moves to Berlin.",
        "In the event of Orion Foods acquiring Delta Mills, notice is due.",
        "Tobias raised the option of Mattermost using Redis.",
        "Action item: Django connects to Redis.",
        "Nadia Osman has left Siemens already.",
    ],
)
def test_purposes_sources_and_mended_faults_are_no_facts(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "Clara Weiss has never set foot in Berlin, let alone lived in Berlin.",
        "Django is nowhere near using Redis.",
        "Sunita Rao is not at all living in Chennai nowadays.",
        "In no event shall Django use Redis.",
        "This doesn't mean that Django uses Redis.",
        "I tried everything but Django just won't use Redis.",
    ],
)
def test_a_climax_or_a_phrase_of_denial_denies(extractor: Extractor, text: str) -> None:
    extraction = read(extractor, text)
    assert not extraction.relations
    assert [relation.modality for relation in extraction.unasserted] == ["denied"]


@pytest.mark.parametrize(
    "text",
    [
        "You'll be pleased to hear that Orion Foods owns Delta Mills.",
        "I was sad to read that Orion Foods owns Delta Mills.",
        "It is not a secret that Orion Foods owns Delta Mills.",
        "Rest assured that Orion Foods owns Delta Mills.",
        "Orion Foods owns Delta Mills, as I said.",
        "Orion Foods went back to owning Delta Mills.",
    ],
)
def test_news_that_somebody_is_glad_of_is_a_fact(extractor: Extractor, text: str) -> None:
    types = {relation.type for relation in read(extractor, text).relations}
    assert "owns" in types


def test_whoever_is_elected_head_leads(extractor: Extractor) -> None:
    extraction = read(extractor, "Carla Diaz was elected head of Harbor Trust.")
    assert [relation.type for relation in extraction.relations] == ["leads"]
