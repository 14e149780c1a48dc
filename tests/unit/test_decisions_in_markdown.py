"""Decisions in Markdown, and what only looks like one: data, quotations, denials, open points."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.ingest.extraction.decision_cues import find_decision_sentences


def find(text: str) -> list[str]:
    decisions = find_decision_sentences(text)
    assert all(text[decision.start : decision.end] == decision.text for decision in decisions)
    return [decision.text for decision in decisions]


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("**Decision**: use Kafka for events.", "use Kafka for events."),
        ("**Decision:** use Kafka for events.", "use Kafka for events."),
        ("*Final decision* - use Kafka for events", "use Kafka for events"),
        ("- [x] Decision: keep the monolith", "Decision: keep the monolith"),
        ("1. Decision: keep the monolith", "Decision: keep the monolith"),
        ("✅ Decision: keep the monolith", "Decision: keep the monolith"),
        ("> Decision: use Kafka for events", "Decision: use Kafka for events"),
        ("## Decision: use Kafka", "Decision: use Kafka"),
        ("## Decision\n\nWe keep the monolith. It works.", "We keep the monolith."),
        ("**Decision**\nUse Kafka for events.", "Use Kafka for events."),
        ("Decision (2026-01-15): use Kafka", "Decision (2026-01-15): use Kafka"),
        ("Architecture decision #3: use Kafka", "Architecture decision #3: use Kafka"),
        ("Ann: Decision: use Kafka", "Ann: Decision: use Kafka"),
        ("It rained. Decision: stay at home. Then sun.", "Decision: stay at home."),
        ("Decision: Kafka", "Decision: Kafka"),
        ("Decided: we use Kafka", "Decided: we use Kafka"),
        ("Outcome: use Kafka for events", "Outcome: use Kafka for events"),
        ("**Outcome:** we keep the monolith", "we keep the monolith"),
        ("| Decision | Use Kafka for events |", "Use Kafka for events"),
        ("**We decided to use Kafka.**", "We decided to use Kafka."),
        ("- We decided to use **Kafka**.", "We decided to use **Kafka**."),
        ("We decided to use [Kafka](https://kafka.example).", None),
        ("We decided to use `kafka-python`.", None),
        ('We decided to call it "Blue Heron".', None),
        ("We decided not to ship on Friday.", None),
        ("Decision: do not ship on Friday", None),
    ],
)
def test_a_decision_is_found_in_markdown(text: str, decision: str | None) -> None:
    assert find(text) == [decision or text]


def test_each_item_of_a_list_of_decisions_is_one() -> None:
    assert find("Decisions:\n- use Kafka\n- keep Redis for the cache\n\nWe met at noon.") == [
        "use Kafka",
        "keep Redis for the cache",
    ]
    assert find("We decided the following:\n1. to use Kafka\n2. [ ] to drop Redis") == [
        "to use Kafka"
    ]
    assert find("## Design decisions\n- Technology stack\n- Database schema") == []


def test_each_cell_of_a_column_of_decisions_is_one() -> None:
    table = """
| Topic | Decision | Owner |
|---|:---:|---|
| Events | Use Kafka | Ann |
| Cache | TBD | Ben |
| Search | **Keep Lucene** | Eve |
"""
    assert find(table) == ["Use Kafka", "Keep Lucene"]


SENTENCE = "We decided to use Kafka."
DATA = [
    "```python\n# {}\n```",
    "~~~\n{}\n~~~",
    "````\n```\n{}\n```\n````",
    "```\nan open fence\n{}",
    "> ```\n> {}\n> ```",
    "// {}",
    "/* {} */",
    "-- {}",
    "<!-- {} -->",
    "<!--\n{}\n-->",
    '{{"message": "{}"}}',
    '[{{"text": "{}"}}]',
    "2026-01-15 10:00:00 INFO {}",
    "2026-01-15T10:00:00Z level=info {}",
    "Jan 15 10:00:00 host app[123]: {}",
    "[ERROR] {}",
    "ValueError: {}",
    'She said: "{}"',
    "“{}”",
    "She said ‘{}’",
    "> {}",
    "`{}`",
    "~~{}~~",
    "- [ ] {}",
    "☐ {}",
]


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("sentence", [SENTENCE, "Let's go with the blue one.", "Kafka it is."])
def test_data_and_quotations_state_no_decision(data: str, sentence: str) -> None:
    assert find(sentence) == [sentence]
    assert find(data.format(sentence)) == []


@given(st.lists(st.sampled_from(DATA[4:]), min_size=1, max_size=4), st.integers(0, 4))
def test_prose_between_data_is_read(data: list[str], position: int) -> None:
    lines = [line.format(SENTENCE) for line in data]
    lines.insert(position, SENTENCE)
    assert find("\n\n".join(lines)) == [SENTENCE]


OPEN_VALUES = (
    "TBD|tbc|n/a|none|?|...|-|<insert decision>|[TBD]|_pending_|pending approval|to be decided|"
    "not yet made|still open|under review by legal|awaiting the board|should we use Kafka?|"
    "whether to use Kafka|maybe Kafka|no decision yet|nothing yet|what to use for events"
)


@pytest.mark.parametrize("value", OPEN_VALUES.split("|"))
@pytest.mark.parametrize(
    "label",
    ["Decision: {}", "**Decision**: {}", "> Decision: {}", "| Decision | {} |", "## Decision\n{}"],
)
def test_a_label_without_a_decision_states_none(label: str, value: str) -> None:
    assert find(label.format(value)) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "- [ ] Decision: use Kafka",
        "Outcome: the tests passed",
        "Outcome: The series became popular.",
        "Make a final decision.",
        "We almost decided to buy it.",
        "We nearly agreed to buy it.",
        "We all but agreed to buy it.",
        "We half decided to buy it.",
        "We were about to go with Kafka.",
        "We agreed on nothing.",
        "We settled on nothing.",
        "They agreed to disagree.",
        "Nothing was decided.",
        "It is false that we decided to use Kafka.",
        "She denied that they agreed to the deal.",
        "I doubt that we decided to use Kafka.",
        "I wish we had decided to use Kafka.",
        "We'll use Kafka if the tests pass.",
        "We are going with Kafka, provided that legal agrees.",
        "As soon as legal agrees, we'll go with the bigger truck.",
        "Once we have the money, we will switch to Kafka.",
        "Unless it rains, we go with the tent.",
        "Did we decide to use Kafka?",
        "# we decided to drop tables",
    ],
)
def test_denials_conditions_and_questions_state_no_decision(sentence: str) -> None:
    assert find(sentence) == []


@given(st.text("|*_`~#>-[]x \n\"'“”:.!?<>Decision weagrdtousK", max_size=120))
def test_any_markup_is_read(text: str) -> None:
    for decision in find(text):
        assert decision == decision.strip()
        assert "\n" not in decision


@pytest.mark.parametrize(
    "part", ["|", "> ", "- ", "**Decision", '"', "`", "```\n", "<!--", "'a ", "[", "Decision: "]
)
def test_a_long_run_of_markup_does_not_take_long(part: str) -> None:
    assert find(part * 50_000) == []


def test_the_words_of_a_decision_are_those_of_the_text() -> None:
    (decision,) = find("Intro.\n\n  * **Decision:**   use   Kafka  ")
    assert re.fullmatch(r"use\s+Kafka", decision)
