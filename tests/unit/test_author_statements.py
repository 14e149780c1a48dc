"""What the author of a message says about themself."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.extraction.results import add_author


def find(extractor: Extractor, text: str) -> set[tuple[str, str, str, str]]:
    (extraction,) = extractor.extract([text])
    return {
        (relation.source, relation.type, relation.target, relation.modality)
        for relation in extraction.author.relations
    }


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("I've been working for Acme Corp since 2019.", ("me", "works_for", "acme_corp")),
        ("I live in Lisbon.", ("me", "lives_in", "Lisbon")),
        ("I moved to Lund last spring.", ("me", "migrates_to", "Lund")),
        ("I'm based in Toronto.", ("me", "located_in", "Toronto")),
        ("I'm married to Tom.", ("me", "marries", "Tom")),
        ("I'm engaged to Priya Nair.", ("me", "engaged_to", "priya_nair")),
        ("I work as a nurse at Tidewater Labs.", ("me", "works_for", "tidewater_labs")),
        ("I'm from Ghana.", ("me", "comes_from", "Ghana")),
        ("I was born in Leeds.", ("me", "born_in", "Leeds")),
        ("We live in Ghent.", ("me", "lives_in", "Ghent")),
        ("I'm taking metformin.", ("me", "takes", "metformin")),
        ("I take vitamin D every morning.", ("me", "takes", "vitamin_d")),
        ("My mom lives in Tampere.", ("my_mom", "family_of", "me")),
        ("I studied at Uppsala University.", ("me", "studies_at", "uppsala_university")),
        ("I founded Brightwell Bakery in 2016.", ("me", "founds", "brightwell_bakery")),
        ("I own a Volvo.", ("me", "owns", "Volvo")),
        ("I bought a new bike.", ("me", "owns", "bike")),
        ("I lead the Orion project.", ("me", "leads", "Orion")),
        ("I play the cello.", ("me", "plays", "cello")),
        ("I prefer tea.", ("me", "prefers", "tea")),
        ("I take metformin for my diabetes.", ("me", "takes", "metformin")),
        ("I'm allergic to shellfish and peanuts.", ("me", "allergic_to", "shellfish")),
        ("I'm allergic to shellfish and peanuts.", ("me", "allergic_to", "peanuts")),
        ("My wife Ingrid works for Equinor.", ("me", "marries", "Ingrid")),
        ("My sister is Anna Berg.", ("anna_berg", "family_of", "me")),
        ("My boss is called Marcus Lind.", ("marcus_lind", "manages", "me")),
        ("Our accountant is called Ines Moreau.", ("me", "knows", "ines_moreau")),
        ("My dentist is Dr. Anna Okafor.", ("me", "knows", "anna_okafor")),
        ("My colleague Omar Haddad lives in Leeds.", ("me", "knows", "omar_haddad")),
        ("My name is Petra Novak.", ("me", "same_as", "petra_novak")),
        ("I'm Beatriz, a nurse from Porto.", ("me", "same_as", "Beatriz")),
        ("My husband's name is Tom.", ("me", "marries", "Tom")),
        ("im a member of the Otley Cycling Club", ("me", "member_of", "otley_cycling_club")),
        ("ive been a member of the Green Party", ("me", "member_of", "green_party")),
        ("i joined the Otley Cycling Club", ("me", "member_of", "otley_cycling_club")),
        ("I run Harbour Bakery with my husband Joel.", ("me", "runs", "harbour_bakery")),
        ("I founded Brightloom in 2019.", ("me", "founds", "Brightloom")),
        ("I studied physics at Heidelberg.", ("me", "studies_at", "Heidelberg")),
        ("i go to Ohio State", ("me", "studies_at", "ohio_state")),
        ("I did my masters at Siemens.", ("me", "studies_at", "Siemens")),
        ("My brother in law owns a Volvo.", ("my_brother_in_law", "family_of", "me")),
        ("My fiance is called Matteo.", ("me", "knows", "Matteo")),
        ("I got a job at Siemens!", ("me", "works_for", "Siemens")),
        ("I'm on metformin.", ("me", "takes", "metformin")),
        ("My dad takes warfarin.", ("my_dad", "takes", "warfarin")),
        ("My boyfriend is allergic to nuts.", ("my_boyfriend", "allergic_to", "nuts")),
        ("My husband Rolf is allergic to wasps.", ("Rolf", "allergic_to", "wasps")),
        ("My son goes to Oakwood Academy.", ("my_son", "studies_at", "oakwood_academy")),
        ("I grew up in Zagreb.", ("me", "comes_from", "Zagreb")),
        ("I live in Leeds, can I vote here?", ("me", "lives_in", "Leeds")),
        ("My mum lives in Leeds so what can she do?", ("my_mum", "lives_in", "Leeds")),
        ("I'm a nurse at Acme Corp.", ("me", "works_for", "acme_corp.")),
        ("I drive for Ocado four days a week.", ("me", "works_for", "Ocado")),
        ("I volunteer for the Samaritans.", ("me", "works_for", "Samaritans")),
        ("I report to Joanna Pike.", ("me", "reports_to", "joanna_pike")),
        ("As somebody who works for Barclays, I know banks.", ("me", "works_for", "Barclays")),
        ("They put me on warfarin.", ("me", "takes", "warfarin")),
        ("My twins Poppy and Jack start school.", ("Poppy", "family_of", "me")),
        ("My twins Poppy and Jack start school.", ("Jack", "family_of", "me")),
        ("My kids, Ada and Finn, love it.", ("Finn", "family_of", "me")),
        ("Our sons are called Ed and Tom.", ("Ed", "family_of", "me")),
        ("My boss is Karen Wu, she reports to Tim Roth.", ("karen_wu", "manages", "me")),
        ("My sister Hannah works at Lidl, is that legal?", ("Hannah", "works_for", "Lidl")),
    ],
)
def test_authors_state_facts_about_themselves(
    extractor: Extractor, text: str, relation: tuple[str, str, str]
) -> None:
    assert (*relation, "asserted") in find(extractor, text)


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("I don't live in Lisbon.", "denied"),
        ("I used to live in Porto.", "past"),
        ("If I lived in Oslo, I would ski.", "supposed"),
        ("Do I live in Oslo?", "asked"),
        ("I want to move to Oslo.", "wished"),
        ("I quit Acme last week.", "past"),
        ("I live in Oslo, don't I?", "asked"),
        ("I might move to Oslo, can you compare rents?", "supposed"),
        ("Act as if I live in Oslo.", "supposed"),
        ("As somebody who doesn't work for Barclays, I wonder.", "denied"),
        ("She might put me on sertraline.", "supposed"),
        ("Are our sons called Ed and Tom?", "asked"),
    ],
)
def test_what_authors_do_not_state_as_a_fact_is_none(
    extractor: Extractor, text: str, modality: str
) -> None:
    assert {relation[3] for relation in find(extractor, text)} == {modality}


@pytest.mark.parametrize(
    "text",
    [
        "I use pandas, and I think Redis is great.",
        "My code calls parse_config.",
        "Our CEO is Ada Lind.",
        "Our server is called Atlas.",
        "She put me on the spot.",
        "My kids, Monday is off.",
        "I prefer Bosch tools to Makita ones.",
        "I report to Leeds at noon.",
        "My dog is called Biscuit.",
        "I bought milk yesterday.",
        "I bought a ticket for the concert.",
        "I take the bus.",
        "I take your point.",
        "I took French in school.",
        "I'm taking notes.",
        "We migrated to Kafka.",
        "I was born in 1988.",
        "I'm from the future.",
        "I'm on holiday.",
        "I'm Catholic.",
        "I found Brightloom on page 3.",
        "I go to Leeds on Fridays.",
        "I left Leeds at noon.",
        "My dad takes the bus.",
        'He wrote "my name is Bond" on the wall.',
        "Translate into Spanish: I live in Boston.",
        "Write a story that begins with: My name is Eleanor.",
        "I'd like your idea.",
        "Ada lives in Oslo, and I like it.",
        "She works for Acme Corp.",
        "Write a story that begins with: he lived in Oslo.",
    ],
)
def test_other_sentences_say_nothing_about_the_author(extractor: Extractor, text: str) -> None:
    assert find(extractor, text) == set()


def test_he_and_she_never_mean_the_author(extractor: Extractor) -> None:
    text = "I met Tom in Leeds. He works for Acme Corp. I like her brother, Jan Hora."
    assert find(extractor, text) == {("me", "knows", "Tom", "asserted")}
    assert find(extractor, "I live in Porto and my sister Anna lives in Oslo.") == {
        ("me", "lives_in", "Porto", "asserted"),
        ("Anna", "family_of", "me", "asserted"),
    }


def test_the_author_is_no_mention_of_the_text_until_somebody_says_who_it_is(
    extractor: Extractor,
) -> None:
    (extraction,) = extractor.extract(["Ada Lind told me that I live in Lisbon. I live in Lisbon."])
    assert "me" not in {mention.entity_id for mention in extraction.mentions}
    assert all("me" not in {one.source, one.target} for one in extraction.relations)
    named = add_author(extraction, "Petra Novak")
    fact = next(one for one in named.relations if one.type == "lives_in")
    assert (fact.source, fact.target) == ("petra_novak", "Lisbon")
    mention = next(one for one in named.mentions if one.entity_id == "petra_novak")
    assert (mention.name, mention.type, mention.text) == ("Petra Novak", "person", "I")
    starts = [one.start for one in named.mentions]
    assert starts == sorted(starts)
    unnamed = add_author(extraction, None)
    assert "me" in {one.entity_id for one in unnamed.mentions}


def test_a_short_name_of_a_relative_is_that_of_the_full_one(extractor: Extractor) -> None:
    text = "Anna Berg called from Leeds. My sister Anna lives in Bergen."
    assert ("anna_berg", "family_of", "me", "asserted") in find(extractor, text)


def test_relatives_without_a_name_are_people_of_the_author(extractor: Extractor) -> None:
    text = "My older sister lives in Bergen, and my landlord works for Equinor."
    assert find(extractor, text) == {
        ("my_older_sister", "lives_in", "Bergen", "asserted"),
        ("my_older_sister", "family_of", "me", "asserted"),
        ("my_landlord", "works_for", "Equinor", "asserted"),
        ("me", "knows", "my_landlord", "asserted"),
    }
    (extraction,) = extractor.extract([text])
    named = add_author(extraction, "Petra Novak")
    names = {mention.name for mention in named.mentions if mention.type == "person"}
    assert names == {"Petra Novak", "Petra Novak's older sister", "Petra Novak's landlord"}
    assert ("petra_novak's_older_sister", "family_of", "petra_novak") in {
        (relation.source, relation.type, relation.target) for relation in named.relations
    }
    ids = {mention.entity_id for mention in named.mentions}
    assert all({one.source, one.target} <= ids for one in named.relations)


@pytest.mark.parametrize("text", ["My sister is tired.", "My boss hates Mondays."])
def test_relatives_without_a_fact_are_no_entities(extractor: Extractor, text: str) -> None:
    assert find(extractor, text) == set()
