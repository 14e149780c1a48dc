"""Which messages repeat a question instead of answering it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.queries.search.query_repetition import RepetitionDetector
from mcp_context_persistence.queries.search.word_counts import split_words

QUERY = "What is my sister's dog called?"
REPETITIONS = (
    QUERY,
    "what is my sisters dog called",
    "Do you remember what my sister's dog is called?",
    "Let me look that up.",
    "One moment, let me check your sister's dog.",
    "Sure! Searching ...",
    "My sister's dog?",
    "And you?",
)
OTHERS = (
    "My sister's dog is called Biscuit.",
    "Is it Biscuit?",
    "What is my brother's dog called?",
    "What is my sister's cat called?",
    "I will check the notes about the rocket.",
    "Yes.",
    "No",
    "Biscuit",
    "",
    "...",
    "Did you know? My sister's dog has a sister called Waffle, which lives in Porto.",
)


def is_repetition(text: str, query: str = QUERY, author: str | None = None) -> bool:
    lowered = text.lower()
    return RepetitionDetector(query).find([lowered], split_words([lowered]), [author])[0]


@pytest.mark.parametrize("text", REPETITIONS)
def test_what_has_nothing_beyond_the_question_repeats_it(text: str) -> None:
    assert is_repetition(text)
    assert is_repetition(f"Ann: {text}", author="Ann")


@pytest.mark.parametrize("text", OTHERS)
def test_what_has_content_of_its_own_does_not(text: str) -> None:
    assert not is_repetition(text)


@given(st.text(max_size=80))
def test_a_query_that_asks_nothing_is_repeated_by_nothing(text: str) -> None:
    statement = "The parser uses pandas."
    assert not is_repetition(text, statement)
    assert not is_repetition(statement, statement)


def test_statements_with_only_the_words_of_a_question_answer_it() -> None:
    assert not is_repetition("The parser is done.", "Is the parser done?")
    assert not is_repetition("I will check the parser.", "Who will check the parser?")
    assert not is_repetition("Will is my brother.", "Who is my brother?")


@given(st.text(min_size=1, max_size=60).map(lambda text: f"{text}?"))
def test_a_question_repeats_itself(question: str) -> None:
    assert is_repetition(question, question)
