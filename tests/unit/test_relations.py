"""Statements in sentences, by the real pipeline."""

import re

import pytest

from mcp_context_persistence.ingest.extraction.extractor import EVIDENCE_CHARACTERS, Extractor
from mcp_context_persistence.ingest.extraction.relation_verbs import (
    find_lemma,
    list_relation_types,
    list_third_person_forms,
)


def said(extractor: Extractor, text: str) -> set[tuple[str, str, str]]:
    (extraction,) = extractor.extract([text])
    ids = {mention.entity_id for mention in extraction.mentions}
    for relation in extraction.relations:
        assert {relation.source, relation.target} <= ids
        assert relation.type in list_relation_types()
        assert 0 < relation.confidence < 1
        assert (
            " ".join(text[relation.start : relation.end].split())[:EVIDENCE_CHARACTERS]
            == relation.evidence
        )
    return {(relation.source, relation.type, relation.target) for relation in extraction.relations}


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        (
            "Django uses Redis but Kafka uses Postgres.",
            {("Django", "uses", "Redis"), ("Kafka", "uses", "Postgres")},
        ),
        (
            "Django uses Redis and Kafka uses Postgres.",
            {("Django", "uses", "Redis"), ("Kafka", "uses", "Postgres")},
        ),
        (
            "Anna works for Siemens but Omar works for Bosch.",
            {("Anna", "works_for", "Siemens"), ("Omar", "works_for", "Bosch")},
        ),
        ("Django uses Redis and Kafka doesn't use Postgres.", {("Django", "uses", "Redis")}),
        ("Anna knows Tom and Omar well.", {("Anna", "knows", "Tom"), ("Anna", "knows", "Omar")}),
    ],
)
def test_each_of_two_joined_clauses_has_its_own_subject(
    extractor: Extractor, text: str, statements: set[tuple[str, str, str]]
) -> None:
    assert {each for each in said(extractor, text) if each[1] != "related_to"} == statements


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        (
            "The DataProcessor class handles data transformation and cleanup.",
            ("DataProcessor", "handles", "data_transformation"),
        ),
        (
            "The DataProcessor class handles data transformation and cleanup.",
            ("DataProcessor", "handles", "cleanup"),
        ),
        ("FastAPI depends on Starlette and Pydantic.", ("FastAPI", "depends_on", "Starlette")),
        ("FastAPI depends on Starlette and Pydantic.", ("FastAPI", "depends_on", "Pydantic")),
        ("TensorFlow and PyTorch use CUDA.", ("PyTorch", "uses", "CUDA")),
        ("pandas is used by the DataProcessor class.", ("DataProcessor", "uses", "pandas")),
        ("The API server, which depends on Redis, is slow.", ("api_server", "depends_on", "Redis")),
        ("pandas, a library for data analysis, is fast.", ("pandas", "used_for", "data_analysis")),
        (
            "Vesper Analytics is a subsidiary of Acme Corp.",
            ("vesper_analytics", "part_of", "acme_corp."),
        ),
        (
            "We use pandas for data manipulation and numpy for numerical operations.",
            ("pandas", "used_for", "data_manipulation"),
        ),
        (
            "We use pandas for data manipulation and numpy for numerical operations.",
            ("numpy", "used_for", "numerical_operations"),
        ),
        (
            "The DataProcessor class reads files. It uses pandas.",
            ("DataProcessor", "uses", "pandas"),
        ),
        (
            "The compute_score method of the Ranker class is slow.",
            ("compute_score", "part_of", "Ranker"),
        ),
        ("The Parser class extends BaseParser.", ("Parser", "extends", "BaseParser")),
        ("Priya Raghavan joined Acme Corp in March.", ("priya_raghavan", "works_for", "acme_corp")),
        (
            "Marcus Bell interviewed at Northwind Logistics twice. "
            "He signed with Harbour Freight Union.",
            ("marcus_bell", "works_for", "harbour_freight_union"),
        ),
        ("The Kubernetes cluster runs on AWS.", ("Kubernetes", "runs_on", "AWS")),
        (
            "Tallow Robotics keeps its head office in Berlin.",
            ("tallow_robotics", "located_in", "Berlin"),
        ),
        (
            "Elmsford Seed Bank grew fast. The bank has its offices in Berlin.",
            ("elmsford_seed_bank", "located_in", "Berlin"),
        ),
        (
            "Tallow Robotics grew fast. Its parent company, Acme Corporation, sold it.",
            ("tallow_robotics", "part_of", "acme_corporation"),
        ),
    ],
)
def test_a_sentence_states_a_relation(
    extractor: Extractor, text: str, statement: tuple[str, str, str]
) -> None:
    assert statement in said(extractor, text)


@pytest.mark.parametrize(
    "text",
    [
        "DataProcessor does not use pandas.",
        "DataProcessor doesn't use pandas.",
        "DataProcessor no longer uses pandas.",
        "DataProcessor never uses pandas.",
        "DataProcessor stopped using pandas.",
        "DataProcessor runs without pandas.",
        "DataProcessor uses numpy instead of pandas.",
        "DataProcessor uses numpy but not pandas.",
        "DataProcessor might use pandas.",
        "Does DataProcessor use pandas?",
        "I don't think that DataProcessor uses pandas.",
        "pandas is not used by DataProcessor.",
        "If DataProcessor uses pandas, it breaks.",
    ],
)
def test_a_denied_or_doubted_relation_is_not_stated(extractor: Extractor, text: str) -> None:
    found = said(extractor, text)
    assert not {(a, b) for a, kind, b in found if kind != "related_to"} & {
        ("DataProcessor", "pandas"),
        ("pandas", "DataProcessor"),
    }
    if any(word in text for word in ("not", "n't", "no longer", "never", "without", "instead")):
        assert not any(kind == "related_to" for _, kind, _ in found)


def test_a_denied_employment_is_not_stated(extractor: Extractor) -> None:
    text = (
        "Marcus Bell interviewed at Northwind Logistics twice. "
        "Marcus did not join Northwind; he signed with Harbour Freight Union instead."
    )
    assert not any(
        kind == "works_for" and "orthwind" in target for _, kind, target in said(extractor, text)
    )


def test_names_in_one_sentence_co_occur(extractor: Extractor) -> None:
    (extraction,) = extractor.extract(
        ["React, Django, Kafka, Docker, Redis, pandas and numpy were everywhere in Berlin."]
    )
    pairs = [relation for relation in extraction.relations if relation.type == "related_to"]
    assert len(pairs) == 10
    assert all(relation.extractor == "together" for relation in pairs)


def test_a_stated_pair_is_not_a_co_occurrence_too(extractor: Extractor) -> None:
    assert said(extractor, "FastAPI depends on Starlette.") == {
        ("FastAPI", "depends_on", "Starlette")
    }


def test_concepts_are_not_related_by_co_occurrence(extractor: Extractor) -> None:
    assert said(extractor, "Pottery, camping and mental health.") == set()


def test_types_are_few_and_fit_the_database() -> None:
    assert len(list_relation_types()) < 200
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,62}", kind) for kind in list_relation_types())


@pytest.mark.parametrize(
    ("form", "verb"),
    [
        ("uses", "use"),
        ("using", "use"),
        ("used", "use"),
        ("wrote", "write"),
        ("carries", "carries"),
        ("met", "meet"),
        ("modifies", "modify"),
    ],
)
def test_forms_have_their_lemma(form: str, verb: str) -> None:
    assert find_lemma(form) == verb


def test_third_person_forms_are_listed() -> None:
    assert {"uses", "handles", "modifies", "publishes"} <= list_third_person_forms()


@pytest.mark.parametrize(
    "text",
    [
        "Tallow Robotics has no office in Berlin.",
        "Tallow Robotics does not keep its head office in Berlin.",
        "Elmsford Seed Bank grew fast. The club has its offices in Berlin.",
    ],
)
def test_no_office_is_read_where_there_is_none(extractor: Extractor, text: str) -> None:
    assert not {statement for statement in said(extractor, text) if statement[1] == "located_in"}
