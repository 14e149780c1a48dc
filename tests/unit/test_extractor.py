"""Entities in sentences, by the real pipeline."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.ingest.extraction.markup import remove_markup
from mcp_context_persistence.ingest.extraction.rule_data import get_confidence
from mcp_context_persistence.ingest.extraction.segmentation import (
    SEGMENT_CHARACTERS,
    split_into_segments,
)
from mcp_context_persistence.ingest.models import spacy_pipeline
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import NLPError
from mcp_context_persistence.kg.identifiers import build_entity_id

PARAGRAPH = """
The DataProcessor class in the data_processing module handles 
data transformation and cleanup operations. It uses pandas 
for data manipulation and numpy for numerical operations.
"""  # noqa: W291


def read(extractor: Extractor, text: str) -> Extraction:
    return next(iter(extractor.extract([text])))


def types(extractor: Extractor, text: str) -> dict[str, str]:
    return {mention.entity_id: mention.type for mention in read(extractor, text).mentions}


def check_offsets(text: str, extraction: Extraction) -> None:
    end = 0
    for mention in extraction.mentions:
        assert text[mention.start : mention.end] == mention.text
        assert mention.start >= end
        assert mention.entity_id
        # The name of a short form is the full name of the same text.
        assert set(remove_markup(mention.text).split()) <= set(mention.name.split())
        assert 0 < mention.confidence < 1
        end = mention.end


def test_the_documented_sentence_has_its_documented_entities(extractor: Extractor) -> None:
    found = types(extractor, "The DataProcessor class handles data transformation and cleanup.")
    assert found == {
        "DataProcessor": "class",
        "data_transformation": "concept",
        "cleanup": "concept",
    }


def test_the_documented_paragraph_has_its_documented_entities(extractor: Extractor) -> None:
    extraction = read(extractor, PARAGRAPH)
    check_offsets(PARAGRAPH, extraction)
    assert {m.entity_id: m.type for m in extraction.mentions} == {
        "DataProcessor": "class",
        "data_processing": "module",
        "data_transformation": "concept",
        "cleanup_operations": "concept",
        "pandas": "library",
        "data_manipulation": "concept",
        "numpy": "library",
        "numerical_operations": "concept",
    }
    assert all(m.confidence >= 0.5 for m in extraction.mentions)
    assert all("\n" not in m.sentence for m in extraction.mentions)
    assert extraction.mentions[0].sentence.startswith("The DataProcessor class in")


def test_the_documented_technologies_are_found(extractor: Extractor) -> None:
    found = types(
        extractor, "We built a React frontend using TypeScript and a Python backend with REST APIs"
    )
    assert found == {
        "React": "technology",
        "TypeScript": "technology",
        "Python": "technology",
        "REST": "technology",
    }


@pytest.mark.parametrize(
    ("text", "entity", "kind"),
    [
        ("The validation module ensures data quality", "validation", "module"),
        ("The validation module ensures data quality", "data_quality", "concept"),
        ("We use pandas for data manipulation", "pandas", "library"),
        ("Call load_rows() first.", "load_rows", "function"),
        ("Call `Loader.rows(limit)` first.", "Loader.rows", "function"),
        ("The bug is in src/app/main.py again.", "src/app/main.py", "file"),
        ("Run pip install fastapi to begin.", "fastapi", "library"),
        ("import polars as pl", "polars", "library"),
        ("from sklearn.linear_model import LogisticRegression", "sklearn.linear_model", "module"),
        ("from sklearn.linear_model import LogisticRegression", "LogisticRegression", "class"),
        ("The requests library is slow on our server.", "requests", "library"),
        ("A pandas.DataFrame holds the rows.", "pandas.DataFrame", "class"),
        ("The parse_header function returns nothing.", "parse_header", "function"),
        ("The Node.js server restarts.", "Node.js", "technology"),
        ("Maria reviewed the Orion Gateway project.", "orion_gateway", "project"),
        ("The Tartine Lab paper is out.", "tartine_lab", "organization"),
        ("We flew to Berlin with Angela Merkel.", "Berlin", "location"),
        ("We flew to Berlin with Angela Merkel.", "angela_merkel", "person"),
        ("Nadia Osei has lived in Paris since then.", "nadia_osei", "person"),
        ("Contact Marta Kowal in Berlin.", "marta_kowal", "person"),
        ("Kern GmbH and Faro AG met.", "kern_gmbh", "organization"),
        ("Kern GmbH and Faro AG met.", "faro_ag", "organization"),
        ("If Faro AG uses Redis, it breaks.", "faro_ag", "organization"),
        ("Perhaps Acme Corp uses Redis.", "acme_corp", "organization"),
        ("Weber GmbH & Co. KG delivers on Monday.", "weber_gmbh_&_co._kg", "organization"),
        ("Ask Tallow Robotics AG about it.", "tallow_robotics_ag", "organization"),
        ("ACME-4711 and STM32F4 are parts.", "ACME-4711", "product"),
        ("numpy==2.1.0 is pinned.", "numpy", "library"),
        ("I started pottery last month.", "pottery", "concept"),
        ("Nadia Osei, the volunteer coordinator, walked me through it.", "nadia_osei", "person"),
        ("The lab is in Dorrimoor, just down the road.", "Dorrimoor", "location"),
        ("It grows in the Tarrowick district.", "Tarrowick", "location"),
        ("Tarvek mentioned the paper on glaciers.", "Tarvek", "person"),
        ("Perrin overhauled the report.", "Perrin", "person"),
        ("Oslin and the editor had a long talk.", "Oslin", "person"),
        ("We met with their founder, Ilka Brandvold, about prices.", "ilka_brandvold", "person"),
        ("Ilka Brandvold is excited about the plan.", "ilka_brandvold", "person"),
        ("They live in a small village, Dorrimoor.", "Dorrimoor", "location"),
        ("It lies in a region called the Gravel Flats.", "gravel_flats", "location"),
        ("The bug is in the Lazy Systems repo.", "lazy_systems", "project"),
        ("We extended the Harvest Models planning tool.", "harvest_models", "project"),
        ("They work in Microsoft Research.", "microsoft_research", "organization"),
    ],
)
def test_a_name_gets_its_type(extractor: Extractor, text: str, entity: str, kind: str) -> None:
    assert types(extractor, text).get(entity) == kind


def test_the_short_name_of_an_organization_is_not_a_person(extractor: Extractor) -> None:
    text = "Tallow Robotics owns the building. Tallow bought it in spring."
    names = [m for m in read(extractor, text).mentions if m.type != "concept"]
    assert {(m.text, m.entity_id, m.type) for m in names} == {
        ("Tallow Robotics", "tallow_robotics", "organization"),
        ("Tallow", "tallow_robotics", "organization"),
    }


def test_a_subject_with_a_human_verb_is_a_person(extractor: Extractor) -> None:
    assert types(extractor, "Marcus Bell chaired the session.")["marcus_bell"] == "person"


@pytest.mark.parametrize(
    "text",
    [
        "Hey Mel! Good to see you! How have you been?",
        "Thanks a lot, that means so much to me.",
        "What kind of thing was it?",
        "I had a good time with other people last week.",
        "He/she and/or they, 24/7, e.g. now.",
        "The class (or classes) was fun, thing(s) happened.",
    ],
)
def test_small_talk_has_no_concepts(extractor: Extractor, text: str) -> None:
    assert {m.name for m in read(extractor, text).mentions if m.type != "person"} == set()


@pytest.mark.parametrize("text", ["The GmbH is large.", "A GmbH or an AG?", "Der Arzt kommt."])
def test_legal_forms_and_articles_are_no_names(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).mentions


@pytest.mark.parametrize(
    "text",
    [
        "I love spring and my yoga class.",
        "They rest and react to a spark of light.",
        "We met at the public library.",
    ],
)
def test_ordinary_words_are_not_software(extractor: Extractor, text: str) -> None:
    assert not {"class", "function", "module", "library", "technology"} & set(
        types(extractor, text).values()
    )


def test_definitions_and_imports_are_found_in_fenced_code(extractor: Extractor) -> None:
    text = (
        "Look:\n```python\nimport httpx\n\nclass Client:\n    def fetch(self): ...\n```\n"
        "That is all of it."
    )
    extraction = read(extractor, text)
    check_offsets(text, extraction)
    assert {m.entity_id: m.type for m in extraction.mentions} == {
        "httpx": "library",
        "Client": "class",
        "fetch": "function",
    }


def test_the_same_text_gives_the_same_extraction(extractor: Extractor) -> None:
    assert read(extractor, PARAGRAPH) == read(Extractor(), PARAGRAPH)


def test_extractions_are_in_the_order_of_the_texts(extractor: Extractor) -> None:
    texts = [
        "",
        "We use pandas.",
        "   ",
        "word " * (SEGMENT_CHARACTERS // 2) + "and Kafka.",
        "We use Docker.",
    ]
    found = [{m.entity_id for m in extraction.mentions} for extraction in extractor.extract(texts)]
    assert [sorted(ids & {"pandas", "Kafka", "Docker"}) for ids in found] == [
        [],
        ["pandas"],
        [],
        ["Kafka"],
        ["Docker"],
    ]
    assert list(extractor.extract([])) == []


@pytest.mark.parametrize(
    "text",
    [
        "🙂" * 50 + " uses pandas 🙂",
        "\x00\x07 pandas \x1b[0m and \u200bnumpy",
        "a\ud800b pandas",
        "naïve Zoë Müller uses pandas in Zürich",
        "שלום pandas مرحبا",
        "((((((((((" * 30 + " pandas",
        "pandas\r\n\r\n- numpy\r\n- scipy",
        "```never closed\nimport pandas",
        "`" * 99,
    ],
)
def test_unusual_texts_are_extracted_from(extractor: Extractor, text: str) -> None:
    extraction = read(extractor, text)
    check_offsets(text, extraction)


@pytest.mark.parametrize(
    "unit",
    [
        "x",
        ")",
        "a.",
        "a_",
        "/a",
        "A",
        "Aa",
        "The data (",
        "and, ",
        "not ",
        "\n",
        "import ",
        "`",
        "```\n",
        "A Inc ",
    ],
)
def test_100_kilobytes_of_one_character_do_not_take_long(extractor: Extractor, unit: str) -> None:
    text = unit * (20_000 // len(unit)) + " pandas"
    check_offsets(text, read(extractor, text))


def test_a_long_text_is_extracted_from_completely(extractor: Extractor) -> None:
    text = "The DataProcessor class uses pandas. " * 2_800
    extraction = read(extractor, text)
    check_offsets(text, extraction)
    assert len(extraction.mentions) == limits.ENTITIES_PER_TEXT
    assert extraction.truncated
    assert not read(extractor, "We use pandas.").truncated
    assert [(r.source, r.type, r.target) for r in extraction.relations] == [
        ("DataProcessor", "uses", "pandas")
    ]


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    "The DataProcessor class",
                    "uses",
                    "pandas",
                    "for",
                    "data  manipulation",
                    "Anna's",
                    "src/a.py",
                    "`f(x)`",
                    "load_it()",
                    ".",
                    "\n\n",
                    "```",
                    "\t",
                    "é😀",
                ]
            ),
            st.text(max_size=12),
        ),
        max_size=14,
    ).map(" ".join)
)
def test_offsets_are_right_for_any_text(extractor: Extractor, text: str) -> None:
    check_offsets(text, read(extractor, text))


@given(st.text(max_size=400))
def test_segments_map_positions_to_the_text(text: str) -> None:
    for segment in split_into_segments(text):
        for index, character in enumerate(segment.text):
            original = text[segment.map_position(index)]
            # A comma stands for what separates names: a sign, an emoji, the number of an item, and
            # the space before it. "<" stands for "&lt;".
            is_replaced = (character == "," and not original.isalpha()) or (
                character in "\"'<>" and original == "&"
            )
            assert character.isspace() or character == original or is_replaced


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DataProcessor", "DataProcessor"),
        ("pandas", "pandas"),
        ("data transformation", "data_transformation"),
        ("New  York\nCity", "new_york_city"),
        ("", ""),
    ],
)
def test_entity_ids(name: str, expected: str) -> None:
    assert build_entity_id(name) == expected


def test_long_ids_stay_within_the_limit_and_differ() -> None:
    first, second = build_entity_id("é" * 600), build_entity_id("é" * 601)
    assert len(first.encode()) <= limits.IDENTIFIER_BYTES
    assert first != second
    assert build_entity_id("x" * limits.IDENTIFIER_BYTES) == "x" * limits.IDENTIFIER_BYTES
    assert len(build_entity_id("word " * 600).encode()) <= limits.IDENTIFIER_BYTES


def test_a_missing_model_names_the_command() -> None:
    with pytest.raises(NLPError, match="python -m spacy download de_core_news_sm"):
        Extractor("de_core_news_sm").load()


def test_a_missing_larger_model_is_replaced_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    extractor = Extractor("en_core_web_md")
    assert not extractor.substituted
    extractor.load()
    extractor.load()
    if extractor.substituted:  # where somebody has installed it there is nothing to replace
        assert extractor.model_used == "en_core_web_sm"
        assert [
            record.getMessage()
            for record in caplog.records
            if "en_core_web_md" in record.getMessage()
        ] != []
        assert len(caplog.records) == 1


def test_changed_model_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacy_pipeline, "_PACKAGED_SHA256", "0" * 64)
    if not spacy_pipeline.is_installed("en_core_web_sm"):
        with pytest.raises(NLPError, match="differs"):
            spacy_pipeline.load("en_core_web_sm")


def test_every_measured_rule_has_a_confidence() -> None:
    assert 0.5 <= get_confidence("cue:class") <= 1
    assert get_confidence("no such rule") == 0.5


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Did ACME Corp. pay the invoice in the end?", "ACME Corp."),
        ("Does Harbor Retail use Kafka?", "Harbor Retail"),
        ("Was Blue Lake Trust asked?", "Blue Lake Trust"),
        ("Are Northwind Labs in Berlin?", "Northwind Labs"),
        ("Did Anna call?", "Anna"),
        ("Have Google replied?", "Google"),
    ],
)
def test_a_verb_at_the_start_of_a_question_does_not_belong_to_a_name(
    extractor: Extractor, question: str, name: str
) -> None:
    assert name in {mention.text for mention in read(extractor, question).mentions}
