"""Relations of whole phrases: definite nouns, premises, events, possessives, signatures."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.ingest.extraction.user_patterns import UserPatterns


def find_facts(extractor: Extractor, text: str) -> set[tuple[str, str, str]]:
    (extraction,) = extractor.extract([text])
    return find_facts_of(extraction)


def find_facts_of(extraction: Extraction) -> set[tuple[str, str, str]]:
    return {(relation.source, relation.type, relation.target) for relation in extraction.relations}


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        (
            "Fenwick Tools opened a plant in Leeds. The company has its headquarters in York.",
            ("fenwick_tools", "located_in", "York"),
        ),
        (
            "Orla Byrne joined Tidewater Labs in May. "
            "The startup lent her a ThinkPad X1 for the first weeks.",
            ("orla_byrne", "uses", "thinkpad_x1"),
        ),
        (
            "The city council issued Paul Adair a Nikon D850 for the survey.",
            ("paul_adair", "uses", "nikon_d850"),
        ),
        ("Ines Falk works from the Graz office.", ("ines_falk", "located_in", "Graz")),
        (
            "Brightwell Logistics operates out of a warehouse in Hull.",
            ("brightwell_logistics", "located_in", "Hull"),
        ),
        (
            "Brightwell Logistics runs two depots near Hull.",
            ("brightwell_logistics", "located_in", "Hull"),
        ),
        (
            "Larkspur Foods owns a bakery in Ghent and a mill outside Bruges.",
            ("larkspur_foods", "located_in", "Ghent"),
        ),
        (
            "Larkspur Foods owns a bakery in Ghent and a mill outside Bruges.",
            ("larkspur_foods", "located_in", "Bruges"),
        ),
        (
            "Quorum Labs started a joint study with Aldgate University.",
            ("quorum_labs", "works_with", "aldgate_university"),
        ),
        (
            "Quorum Labs signed a partnership with Aldgate University.",
            ("quorum_labs", "works_with", "aldgate_university"),
        ),
        (
            "Mira Stone plays chess with Jonas Weber. The two met at university.",
            ("mira_stone", "knows", "jonas_weber"),
        ),
        (
            "Quorum Labs competes with Vantage Systems. Both companies are based in Oslo.",
            ("quorum_labs", "located_in", "Oslo"),
        ),
        (
            "Quorum Labs competes with Vantage Systems. Both companies are based in Oslo.",
            ("vantage_systems", "located_in", "Oslo"),
        ),
        ("Anna Keller and Bob Stone married in 2019.", ("anna_keller", "marries", "bob_stone")),
        (
            "Hanna Vogel lives in Kiel. Her colleague, Pedro Lima, is from Porto.",
            ("hanna_vogel", "knows", "pedro_lima"),
        ),
        ("Pedro Lima is Hanna's cousin.", ("pedro_lima", "family_of", "Hanna")),
        (
            "Petra Novak's cousin is called Omar Haddad.",
            ("omar_haddad", "family_of", "petra_novak"),
        ),
        (
            "Ada Lind works as a nurse at Tidewater Labs.",
            ("ada_lind", "works_for", "tidewater_labs"),
        ),
        ("My wife Ingrid works for Equinor.", ("Ingrid", "works_for", "Equinor")),
        ("My sister Anna lives in Bergen.", ("Anna", "lives_in", "Bergen")),
        (
            "Our accountant, Ines Moreau, works at Deloitte.",
            ("ines_moreau", "works_for", "Deloitte"),
        ),
        ("The plumber Karl Dietz lives in Jena.", ("karl_dietz", "lives_in", "Jena")),
        ("Rosa Vidal is Fenwick Tools' founder.", ("rosa_vidal", "founds", "fenwick_tools")),
        (
            "Fenwick Tools' director Rosa Vidal spoke in Paris.",
            ("rosa_vidal", "leads", "fenwick_tools"),
        ),
        (
            "Aldgate University hosted the Data Ethics Workshop in Leeds.",
            ("aldgate_university", "organizes", "data_ethics_workshop"),
        ),
        (
            "Tidewater Labs held a safety workshop in Galway. Orla Byrne led the session.",
            ("safety_workshop", "occurs_in", "Galway"),
        ),
        (
            "Tidewater Labs held a safety workshop in Galway. Orla Byrne led the session.",
            ("orla_byrne", "leads", "safety_workshop"),
        ),
        ("Omar Haddad lives at 14 Garden Street.", ("omar_haddad", "lives_in", "14_garden_street")),
        (
            "Paulo Dias has lived at 7 Rua das Flores for years.",
            ("paulo_dias", "lives_in", "7_rua_das_flores"),
        ),
        (
            "Tidewater Labs bought two Zebra 400 printers. "
            "Orla Byrne uses the printers for labels.",
            ("orla_byrne", "uses", "zebra_400"),
        ),
        ("Fenwick Tools is in York, England.", ("York", "located_in", "England")),
        (
            "Attendees: Lena Fuchs (Tidewater Labs), Omar Haddad (Berlin)",
            ("lena_fuchs", "works_for", "tidewater_labs"),
        ),
        (
            "Attendees: Lena Fuchs (Tidewater Labs), Omar Haddad (Berlin)",
            ("omar_haddad", "located_in", "Berlin"),
        ),
        (
            "Regards,\nLena Fuchs\nHead of Sales\nTidewater Labs, Galway",
            ("lena_fuchs", "works_for", "tidewater_labs"),
        ),
        (
            "Yesterday Lena Fuchs from Tidewater Labs called about the invoice.",
            ("lena_fuchs", "works_for", "tidewater_labs"),
        ),
        (
            "The contract was signed by Rosa Vidal, CFO at Fenwick Tools.",
            ("rosa_vidal", "works_for", "fenwick_tools"),
        ),
        ("Tidewater Labs in Galway builds sensors.", ("tidewater_labs", "located_in", "Galway")),
        (
            "Hanna Vogel lives in Kiel. Her brother Emil Vogel studies physics.",
            ("emil_vogel", "family_of", "hanna_vogel"),
        ),
        ("Ines Falk works for Siemens.", ("ines_falk", "works_for", "Siemens")),
        ("Jonas Beck joined Globex in 2021.", ("jonas_beck", "works_for", "Globex")),
        (
            "Prometheus, unlike Graphite, supports Kubernetes.",
            ("Prometheus", "supports", "Kubernetes"),
        ),
        ("The director of Fenwick Tools is Rosa Vidal.", ("rosa_vidal", "leads", "fenwick_tools")),
        ("The wife of Marek Lipa is Dana Lipa.", ("dana_lipa", "marries", "marek_lipa")),
        ("Jenkins was replaced with GitHub Actions.", ("github_actions", "replaces", "Jenkins")),
        (
            "We moved the builds from Jenkins to GitHub Actions.",
            ("github_actions", "replaces", "Jenkins"),
        ),
        ("Pavel Novak built the page with Django.", ("pavel_novak", "uses", "Django")),
        (
            "Rosa Vidal (external, Fenwick Tools Ltd) called.",
            ("rosa_vidal", "works_for", "fenwick_tools_ltd"),
        ),
        ("We met Rosa Vidal, a buyer for Siemens AG.", ("rosa_vidal", "works_for", "siemens_ag")),
        (
            "I know the owner of Tidewater Labs in Galway.",
            ("tidewater_labs", "located_in", "Galway"),
        ),
        ("I sold the boat to Rosa Vidal from Oslo.", ("rosa_vidal", "comes_from", "Oslo")),
        ("Siemens AG, a firm based in Munich, called.", ("siemens_ag", "located_in", "Munich")),
    ],
)
def test_states(extractor: Extractor, text: str, statement: tuple[str, str, str]) -> None:
    assert statement in find_facts(extractor, text)


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        (
            "Orla Byrne joined Tidewater Labs in May. "
            "The startup lent her a ThinkPad X1 for the first weeks.",
            ("tidewater_labs", "publishes", "thinkpad_x1"),
        ),
        ("Anna Keller sent Bob Stone a letter from Paris.", ("anna_keller", "works_for", "Paris")),
        ("Anna Keller sent Bob Stone a letter from Paris.", ("bob_stone", "uses", "letter")),
        ("Offices in Paris, Berlin and Rome were closed.", ("Paris", "located_in", "Berlin")),
        (
            "Her brother Emil Vogel does not work for Tidewater Labs.",
            ("emil_vogel", "works_for", "tidewater_labs"),
        ),
        ("Fenwick Tools plans to open a depot in Leeds.", ("fenwick_tools", "located_in", "Leeds")),
        (
            "Rosa Vidal (former CTO, Fenwick Tools Ltd) called.",
            ("rosa_vidal", "works_for", "fenwick_tools_ltd"),
        ),
        ("Rosa Vidal is a customer at Siemens AG.", ("rosa_vidal", "works_for", "siemens_ag")),
        ("Please replace Jenkins with GitHub Actions.", ("github_actions", "replaces", "Jenkins")),
        (
            "Liv moved the builds from Jenkins to GitHub Actions.",
            ("Liv", "migrates_to", "github_actions"),
        ),
        ("We moved the cache from store.py to cache.py.", ("cache.py", "replaces", "store.py")),
        ("Anna Holm wrote the importer in Python.", ("anna_holm", "written_in", "Python")),
        ("Fenwick Tools sold its office in Leeds.", ("fenwick_tools", "located_in", "Leeds")),
        ("The two never met: Mira Stone and Jonas Weber.", ("mira_stone", "knows", "jonas_weber")),
    ],
)
def test_does_not_state(extractor: Extractor, text: str, statement: tuple[str, str, str]) -> None:
    assert statement not in find_facts(extractor, text)


@pytest.mark.parametrize(
    "text",
    [
        "Vesper Analytics sold it to Acme Corp. Marek lives in Oslo.",
        "We hired Tarn Tools Ltd. Marek lives in Oslo.",
    ],
)
def test_abbreviated_form_ends_sentence(extractor: Extractor, text: str) -> None:
    assert ("Marek", "lives_in", "Oslo") in find_facts(extractor, text)


def test_abbreviated_form_inside_name(extractor: Extractor) -> None:
    (extraction,) = extractor.extract(["Acme Corp. CEO Ines Falk lives in Oslo."])
    assert {mention.sentence for mention in extraction.mentions} == {
        "Acme Corp. CEO Ines Falk lives in Oslo."
    }


@pytest.mark.parametrize(
    "text",
    [
        "The pq1uq1 file was saved. She uses Redis for the cache.",
        "She saved pq1oq2. The company has its office in York.",
        "uq3pq1uq4 uses Redis. Both use Kafka.",
        "Cache here: uq3pq1. The cache uses Kafka.",
    ],
)
def test_two_names_in_one_word_are_read(extractor: Extractor, text: str) -> None:
    """Patterns of a user may match parts of a word."""
    types = {"project": ["pq[0-9]"], "person": ["uq[0-9]"], "organization": ["oq[0-9]"]}
    (extraction,) = extractor.extract([text], UserPatterns(types, confidence=0.9))
    names = {mention.name for mention in extraction.mentions}
    assert {name for name in ("pq1", "uq1", "oq2", "uq3", "uq4") if name in text} <= names
    # "The cache" is not a name in the middle of a word.
    assert ("uq3", "uses", "Kafka") not in find_facts_of(extraction)


def test_what_somebody_is_called_calls_nothing(extractor: Extractor) -> None:
    assert find_facts(extractor, "Our accountant is called Ines Moreau.") == set()
