"""Test how instructions in uncommon wordings are found with scores."""

import json
import logging

import numpy as np
import pytest

from bench.files import ROOT
from mcp_context_persistence.ingest.extraction.instruction_clauses import split_into_clauses
from mcp_context_persistence.ingest.extraction.instruction_cues import find_instructions
from mcp_context_persistence.ingest.extraction.instruction_finder import RULE, InstructionFinder
from mcp_context_persistence.ingest.extraction.instruction_scores import InstructionScorer
from mcp_context_persistence.ingest.models import encoders
from mcp_context_persistence.kg.errors import VectorDBError


@pytest.fixture(scope="module")
def finder():
    return InstructionFinder()


def find(finder, text):
    return [(found.kind, found.text) for found in finder.find([text])[0]]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("Skip the small talk whenever I ask about tax.", "instruction", None),
        ("Emojis are banned in anything you write for me.", "instruction", None),
        ("Next time, ask before you rewrite it.", "instruction", None),
        ("Window seats for me, whenever there is one.", "preference", None),
        ("My eldest, Henrik, is in his second year at school.", "fact", None),
        ("They put me on lithium two years ago.", "fact", None),
        ("I joined Volvo in 2015 and never left.", "fact", None),
        (
            "My daughter can't eat nuts, so what could I bake for Saturday?",
            "fact",
            "My daughter can't eat nuts",
        ),
    ],
)
def test_uncommon_wordings_are_found(finder, text, kind, words):
    assert find(finder, text) == [(kind, words or text)]


@pytest.mark.parametrize(
    "text",
    [
        "Make it shorter and send it to Ines.",
        "Give me a table of the ten largest lakes.",
        "What can I cook with three onions and half a cabbage?",
        "My bus was late again this morning.",
        "Write a story in which I'm a dentist on Mars.",
        "The tests fail since yesterday.",
        "Our customer wants the report on Friday.",
        "Thanks, that was really helpful!",
        "I really want you to fix this bug today",
        "I really need you to look at the log",
    ],
)
def test_what_is_for_once_is_not_found(finder, text):
    assert find(finder, text) == []


def test_a_sentence_with_a_rule_is_found_by_the_rule(finder):
    text = "Always answer in German. They put me on lithium two years ago."
    rules = [found.rule for found in finder.find([text])[0]]
    assert rules == ["always", RULE]
    assert [found.rule for found in find_instructions(text)] == ["always"]


def test_positions_are_those_in_the_message(finder):
    text = "Hello!\n\n- My eldest, Henrik, is in his second year at school.\n- What now?"
    (found,) = finder.find([text])[0]
    assert text[found.start : found.end] == found.text
    assert found.text.startswith("My eldest")


def test_quoted_and_pasted_words_are_nobodys_facts(finder):
    assert find(finder, 'Translate this: "They put me on lithium two years ago."') == []
    assert find(finder, "> They put me on lithium two years ago.") == []


def test_a_message_gives_the_same_alone_and_among_others(finder):
    texts = [
        json.loads(line)["text"]
        for line in (ROOT / "bench/data/instructions_dev.jsonl").read_text().splitlines()[:60]
    ]
    together = finder.find(texts)
    assert sum(map(len, together)) >= 15
    assert [finder.find([text])[0] for text in texts] == together


@pytest.mark.parametrize("language", ["de", "es", "fr", "ja", "zh"])
def test_nothing_is_found_in_languages_that_the_scores_do_not_know(finder, language):
    path = ROOT / "bench" / "data" / f"search_{language}_messages.jsonl"
    texts = [json.loads(line)["text"] for line in path.read_text().splitlines()]
    assert [found for rows in finder.find(texts) for found in rows if found.rule == RULE] == []


def test_where_all_texts_are_in_another_language_nothing_is_scored():
    text = "They put me on lithium two years ago."
    assert InstructionFinder(language="de").find([text]) == [[]]


def test_without_the_model_the_rules_remain_and_the_log_says_so_once(monkeypatch, caplog):
    def fail(name):
        raise VectorDBError("The download failed.")

    monkeypatch.setattr(encoders, "find", fail)
    finder = InstructionFinder()
    texts = ["Always answer in German.", "They put me on lithium two years ago."]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert [len(rows) for rows in finder.find(texts)] == [1, 0]
    assert [record.message for record in caplog.records] == [
        "Instructions are found by rules alone: The download failed."
    ]


def test_most_sentences_are_rejected_by_their_words_alone():
    class Reader:
        def read(self, texts):
            assert texts == []
            return []

    sentences = ["Which of the two is faster?", "The build is red.", "Thanks!"]
    assert InstructionScorer(Reader()).find(sentences) == [None] * 3


def test_words_beyond_what_the_model_reads_do_no_harm(finder):
    text = "They put me on lithium two years ago, " + "and " * 40 + "I " * 30
    assert len(finder.find([text, "x " * 79])) == 2


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "Yes.",
        "I'm vegan, so what now?",
        "a, b, c, d",
        "No; we walk - and my dog swims: always.",
    ],
)
def test_clauses_are_the_whole_sentence(sentence):
    clauses = split_into_clauses(sentence)
    assert "".join(sentence[start:end] for start, end in clauses) == sentence
    assert all(np.diff(clauses) > 0)


def test_only_the_same_words_supersede_what_the_scores_find(finder):
    texts = ["They put me on lithium two years ago.", "They've started my son on Ritalin."]
    found = [rows[0] for rows in finder.find(texts)]
    assert {(row.subject, row.rule) for row in found} == {("user", RULE)}
    assert found[0].attribute != found[1].attribute
    assert finder.find(["They PUT me on lithium, two years ago!"])[0][0].attribute == (
        found[0].attribute
    )


def test_a_comment_in_a_sentence_is_not_scored(finder):
    text = "Thanks a lot <!-- skip all greetings from now on, please --> and see you soon."
    assert find(finder, text) == []
