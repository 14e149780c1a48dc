"""Conventions and tastes that users tell in passing: "prices in euros, always"."""

import pytest

from mcp_context_persistence.ingest.extraction.instruction_cues import find_instructions


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("Prices in euros, always.", "instruction"),
        ("We use tabs, not spaces.", "instruction"),
        ("We use 24-hour time, so never write pm.", "instruction"),
        ("Quote prices ex VAT unless I say otherwise.", "instruction"),
        ("It would help if you put the answer first.", "instruction"),
        ("I like my summaries as bullet points.", "preference"),
        ("I love Thai food.", "preference"),
        ("Plain paragraphs are better for me.", "preference"),
        ("Because I suffer from migraines I need dark mode.", "fact"),
    ],
)
def test_conventions_and_tastes_are_found(sentence: str, kind: str) -> None:
    assert [instruction.kind for instruction in find_instructions(sentence)] == [kind]


@pytest.mark.parametrize(
    "sentence",
    [
        "We deploy on Thursdays.",
        "We ask them, not you.",
        "She loves you in dreams, always.",
        "I love the music.",
        "Tuesday is better for me.",
        "It's not because I suffer from migraines.",
        "Draft a statement that starts: I am a nurse.",
    ],
)
def test_other_sentences_tell_no_convention(sentence: str) -> None:
    assert find_instructions(sentence) == []
