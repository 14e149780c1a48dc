"""Relations of records, of lines with an affiliation, and of things with a name beside them."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extractor


def find_facts(extractor: Extractor, text: str) -> set[tuple[str, str, str]]:
    (extraction,) = extractor.extract([text])
    names = {mention.entity_id: mention.name for mention in extraction.mentions}
    return {
        (names[relation.source], relation.type, names[relation.target])
        for relation in extraction.relations
        if relation.extractor != "together"
    }


PERSON = "name: Anna Meier\ncompany: Siemens AG\ncity: Munich\nphone: (missing)"


def test_a_record_says_what_its_subject_is_and_has(extractor: Extractor) -> None:
    assert find_facts(extractor, PERSON) >= {
        ("Anna Meier", "works_for", "Siemens AG"),
        ("Anna Meier", "lives_in", "Munich"),
    }


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (
            "## Siemens AG\nstage: negotiation\ncontact: Anna Meier",
            ("Anna Meier", "works_for", "Siemens AG"),
        ),
        (
            "service: `billing-worker`\nowner: Anna Meier\nqueue: RabbitMQ",
            ("billing-worker", "uses", "RabbitMQ"),
        ),
        (
            "- **project**: `billing-worker`\n- **depends on**: Redis, Kafka and PostgreSQL",
            ("billing-worker", "depends_on", "PostgreSQL"),
        ),
    ],
)
def test_records_have_titles_marks_and_lists(
    extractor: Extractor, text: str, fact: tuple[str, str, str]
) -> None:
    assert fact in find_facts(extractor, text)


@pytest.mark.parametrize(
    "text",
    [
        "company: Siemens AG",
        "name: Anna Meier\n\ncompany: Siemens AG",
        "name: Anna Meier\ncompany: formerly Siemens AG",
        "name: Anna Meier\ncompany: Siemens AG?",
        "name: Anna Meier\nnote: Siemens AG",
        "name: Anna Meier\ncompany: not Siemens AG",
        "name: Anna Meier\ncompany: Siemens AG (applied)",
        "name: Anna Meier\ncompany: Siemens AG or Bosch",
        "customer: Siemens AG\nowner: Anna Meier",
        "name: Anna Meier\nphone: 12\nname: Omar Said\nphone: 13",
    ],
)
def test_what_is_no_record_or_doubtful_states_nothing(extractor: Extractor, text: str) -> None:
    assert not find_facts(extractor, text)


def test_the_lines_of_a_record_are_not_joined(extractor: Extractor) -> None:
    (extraction,) = extractor.extract([PERSON])
    assert {"Anna Meier", "Siemens AG", "Munich"} <= {m.name for m in extraction.mentions}
    assert all("\n" not in mention.text for mention in extraction.mentions)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (
            "Guests:\n- Anna Meier – Siemens AG, Munich\n- two more",
            {("Anna Meier", "works_for", "Siemens AG"), ("Siemens AG", "located_in", "Munich")},
        ),
        ("Anna Meier, Siemens AG", {("Anna Meier", "works_for", "Siemens AG")}),
        ("Anna Meier, Siemens AG and Bosch met in Ulm.", set[tuple[str, str, str]]()),
        ("We called Siemens AG, Munich, and Ulm.", set[tuple[str, str, str]]()),
        ("Unlike Siemens AG, Germany wants subsidies.", set[tuple[str, str, str]]()),
        ("Anna Meier – Siemens AG offer expired", set[tuple[str, str, str]]()),
    ],
)
def test_a_line_may_begin_with_a_person_and_an_organization(
    extractor: Extractor, text: str, facts: set[tuple[str, str, str]]
) -> None:
    found = find_facts(extractor, text)
    assert found >= facts
    assert facts or not {kind for _, kind, _ in found} & {"works_for", "located_in"}


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (
            "Your Polish teacher, Anna Meier, lives in Munich and teaches online.",
            ("Anna Meier", "lives_in", "Munich"),
        ),
        (
            "`parse_tides` returns a `TideTable`, and `TideCard` renders it.",
            ("TideCard", "renders", "TideTable"),
        ),
        ("Anna Meier was born in Munich.", ("Anna Meier", "born_in", "Munich")),
        (
            "The test `test_tides` was written by Anna Meier for the new release.",
            ("Anna Meier", "writes", "test_tides"),
        ),
        ("Anna Meier works with Omar Said in Munich.", ("Anna Meier", "works_with", "Omar Said")),
    ],
)
def test_nouns_and_pronouns_stand_for_names(
    extractor: Extractor, text: str, fact: tuple[str, str, str]
) -> None:
    assert fact in find_facts(extractor, text)


@pytest.mark.parametrize(
    "text",
    [
        "`TideTable` is new. It renders it twice.",  # which of the two is which?
        "Anna Meier works in Munich. Omar Said runs in Munich.",
        "Carl hates Berta because Dora married him.",
    ],
)
def test_pronouns_and_places_that_say_too_little(extractor: Extractor, text: str) -> None:
    kinds = {kind for _, kind, _ in find_facts(extractor, text)}
    assert not kinds & {"renders", "runs_on", "marries"}
