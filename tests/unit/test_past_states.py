"""What somebody or something was, and what happened: states that are over, and facts."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor


def read(extractor: Extractor, text: str) -> Extraction:
    return next(iter(extractor.extract([text])))


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("Königsberg was the capital of Prussia.", "past"),
        ("Anna Kowalska was the head of Siemens.", "past"),
        ("Anna Kowalska was a member of Greenpeace.", "past"),
        ("Anna Kowalska lived in Berlin before.", "past"),
        ("Anna Kowalska was employed at Siemens Energy.", "past"),
        ("Anna Kowalska was employed by Siemens Energy.", "past"),
        ("Anna Kowalska, once the director of Siemens Energy, paints.", "past"),
        ("Anna Kowalska was married to Jan Nowak.", "past"),
        ("Django used Redis before we moved to Kafka.", "past"),
        ("Back when Anna Kowalska worked for Siemens Energy, we had cake.", "past"),
        ("As a child, Anna Kowalska lived in Berlin.", "past"),
        ("I miss the years when Anna Kowalska led Siemens Energy.", "past"),
        ("There was a time when Anna Kowalska managed Siemens Energy.", "past"),
        ("Anna Kowalska worked for Siemens for three years.", "past"),
        ("Anna Kowalska worked for Siemens from 2010 to 2014.", "past"),
        ("Django used Redis between 2010 and 2014.", "past"),
        ("Django originally used Redis.", "past"),
        ("Django used Redis before version 12.", "past"),
        ("Before 2010, Django used Redis.", "past"),
        ("Prior to 2.0, Django used Redis.", "past"),
        ("Django used Redis up to version 4.", "past"),
        ("Back in the day Anna Kowalska worked for Siemens.", "past"),
        ("Back in 2010, Django used Redis.", "past"),
        ("Florian Lang has since two years not more worked for Daimler.", "past"),
        ("Back in the day Anna Kowalska founded Siemens.", "asserted"),
        ("Anna Kowalska has worked for Siemens for three years.", "asserted"),
        ("Anna Kowalska worked for Siemens for money.", "asserted"),
        ("Anna Kowalska originally founded Siemens.", "asserted"),
        ("Anna Kowalska is employed by Siemens Energy.", "asserted"),
        ("Anna Kowalska is married to Jan Nowak.", "asserted"),
        ("Anna Kowalska was hired by Siemens Energy.", "asserted"),
        ("Anna Kowalska worked for Siemens.", "asserted"),
        ("Anna Kowalska is the head of Siemens.", "asserted"),
        ("Anna Kowalska was still the head of Siemens.", "asserted"),
        ("Anna Kowalska was the founder of Siemens.", "asserted"),
        ("Anna Kowalska founded Siemens.", "asserted"),
        ("Anna Kowalska bought Siemens.", "asserted"),
        ("Anna Kowalska met Jan Nowak.", "asserted"),
        ("Anna Kowalska moved to Berlin.", "asserted"),
        ("Anna Kowalska has worked for Siemens since 2020.", "asserted"),
        ("In your dreams Django uses Redis.", "supposed"),
    ],
)
def test_what_somebody_was_is_over_but_an_event_is_a_fact(
    extractor: Extractor, text: str, modality: str
) -> None:
    extraction = read(extractor, text)
    relations = [
        relation
        for relation in (*extraction.relations, *extraction.unasserted)
        if "Kafka" not in {relation.source, relation.target}
    ]
    assert {relation.modality for relation in relations} == {modality}


def test_a_noun_in_the_plural_states_the_same_as_in_the_singular(extractor: Extractor) -> None:
    text = "Anna Kowalska and Jan Nowak are members of Greenpeace."
    relations = {(r.source, r.type, r.target) for r in read(extractor, text).relations}
    assert ("anna_kowalska", "member_of", "Greenpeace") in relations


def test_who_held_a_role_is_not_related_by_standing_beside_its_place(extractor: Extractor) -> None:
    extraction = read(extractor, "Marta Lind was the mayor of Lund.")
    assert [mention.type for mention in extraction.mentions if mention.name == "Lund"] == [
        "location"
    ]
    assert extraction.relations == ()


@pytest.mark.parametrize("verb", ["hired", "employed"])
def test_a_firm_that_hires_somebody_is_where_they_work(extractor: Extractor, verb: str) -> None:
    relations = read(extractor, f"Marta Lind is {verb} by Siemens Energy.").relations
    assert [(r.source, r.type, r.target) for r in relations] == [
        ("marta_lind", "works_for", "siemens_energy")
    ]


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("There is talk of Tatra Motors buying Skala Foods.", "supposed"),
        ("Tatra Motors held off on buying Skala Foods.", "denied"),
        ("Tatra Motors put off buying Skala Foods.", "planned"),
        ("The idea of Celery using Redis was dropped.", ""),
        ("The takeover of Skala Foods by Tatra Motors was blocked.", ""),
    ],
)
def test_what_did_not_happen_is_no_fact(extractor: Extractor, text: str, modality: str) -> None:
    extraction = read(extractor, text)
    assert extraction.relations == ()
    assert {relation.modality for relation in extraction.unasserted} <= {modality}


def test_what_follows_but_now_is_a_fact(extractor: Extractor) -> None:
    extraction = read(extractor, "Celery used to use Redis but now uses Kafka.")
    assert [(r.type, r.target) for r in extraction.relations] == [("uses", "Kafka")]
    assert [(r.modality, r.target) for r in extraction.unasserted] == [("past", "Redis")]
