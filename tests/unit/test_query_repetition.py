"""Which messages repeat a question instead of answering it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.features import RankingQuery, analyze_messages
from mcp_context_persistence.queries.search.query_repetition import RepetitionDetector

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
    return RepetitionDetector(query).find([text.lower()], [author])[0]


@pytest.mark.parametrize("text", REPETITIONS)
def test_what_has_nothing_beyond_the_question_repeats_it(text: str) -> None:
    assert is_repetition(text)
    assert is_repetition(f"Ann: {text}", author="Ann")


@pytest.mark.parametrize("text", OTHERS)
def test_what_has_content_of_its_own_does_not(text: str) -> None:
    assert not is_repetition(text)


@pytest.mark.parametrize(
    "text",
    [
        "Do you remember where HarborLib is stored?",
        "do you remember where harborlib is stored?",
        "Let me check where HarborLib is stored.",
    ],
)
@pytest.mark.parametrize("query", ["Where is HarborLib stored?", "where is harborlib stored?"])
def test_the_parts_of_a_name_are_no_content_of_their_own(text: str, query: str) -> None:
    content = [Candidate("message", "m", "talk", content=text, position=0)]
    analysis = analyze_messages(content, [None], RankingQuery(text=query, words=("harborlib",)))
    assert analysis.get_column("repetition").tolist() == [1.0]


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


def test_texts_that_are_all_too_long_repeat_nothing() -> None:
    assert RepetitionDetector(QUERY).find(["a long story " * 100] * 2, [None, None]) == [False] * 2
    assert RepetitionDetector(QUERY).find([], []) == []
