"""Remarks, fiction, proofs, offers and changed plans state no facts, by the real pipeline."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor


def read(extractor: Extractor, text: str) -> Extraction:
    return next(iter(extractor.extract([text])))


@pytest.mark.parametrize(
    "text",
    [
        "Orion Foods bought Delta Mills, or so they say.",
        "Orion Foods bought Delta Mills, or so I was told.",
        "Orion Foods, it is claimed, bought Delta Mills.",
        "Orion Foods, so the rumor goes, bought Delta Mills.",
        "Fingers crossed that Orion Foods buys Delta Mills.",
        "Here's hoping Orion Foods buys Delta Mills.",
        "True or false: Orion Foods owns Delta Mills.",
        "For the sake of argument, Orion Foods owns Delta Mills.",
        "Hypothetically speaking, Orion Foods owns Delta Mills.",
        "Orion Foods owns, I believe, Delta Mills.",
        "Orion Foods owns Delta Mills (unconfirmed).",
        "Orion Foods owns Delta Mills - allegedly.",
        "Orion Foods owns Delta Mills - not!",
    ],
)
def test_a_remark_makes_a_statement_no_fact(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "In the play, Nadia Osman marries Piet Bakker.",
        "In the last act of my opera, Nadia Osman marries Piet Bakker.",
        "In the second part of her story, Nadia Osman marries Piet Bakker.",
        "The movie shows Nadia Osman marrying Piet Bakker.",
        "The story says that Nadia Osman married Piet Bakker.",
        "In a parallel universe Nadia Osman works for Orion Foods.",
        "You are Nadia Osman, and you work for Orion Foods.",
        "What changes when Orion Foods buys Delta Mills?",
    ],
)
def test_fiction_and_parts_to_play_are_no_facts(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "Can anyone confirm that Orion Foods owns Delta Mills?",
        "Please prove that Orion Foods owns Delta Mills.",
        "Nobody has shown that Orion Foods owns Delta Mills.",
        "The audit did not confirm that Orion Foods owns Delta Mills.",
    ],
)
def test_what_is_yet_to_be_proved_is_no_fact(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "Nadia Osman changed her mind about joining Orion Foods.",
        "Nadia Osman had second thoughts about joining Orion Foods.",
        "Nadia Osman passed on joining Orion Foods.",
        "Nadia Osman is dying to work for Orion Foods.",
        "Nadia Osman is itching to work for Orion Foods.",
        "Nadia Osman is looking to join Orion Foods.",
        "Orion Foods shelved its purchase of Delta Mills.",
        "Orion Foods cancelled its purchase of Delta Mills.",
        "Orion Foods called off buying Delta Mills.",
        "Orion Foods buying Delta Mills would be a mistake.",
        "Orion Foods made an offer for Delta Mills.",
        "Nadia Osman has every intention of leading Orion Foods.",
        "Nadia Osman is a candidate to lead Orion Foods.",
        "Nadia Osman, ex-head of Orion Foods, sings.",
        "Step 3: connect Nadia Osman to Orion Foods.",
    ],
)
def test_what_somebody_only_thought_of_is_no_fact(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "The audit confirmed that Orion Foods owns Delta Mills.",
        "Orion Foods uses Delta Mills because it must.",
        "I told the story: Orion Foods owns Delta Mills.",
        "Orion Foods owns Delta Mills and I said so.",
        "Orion Foods owns Delta Mills; the play was fun.",
        "Orion Foods turned down the offer of Delta Mills, so I called Delta Mills.",
        "Orion Foods owns Delta Mills (confirmed).",
    ],
)
def test_a_fact_beside_such_words_stays_a_fact(extractor: Extractor, text: str) -> None:
    names = {mention.entity_id: mention.name for mention in read(extractor, text).mentions}
    facts = [(names[i.source], names[i.target]) for i in read(extractor, text).relations]
    assert ("Orion Foods", "Delta Mills") in facts
