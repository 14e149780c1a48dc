"""Notes on how a query was understood."""

import pytest

from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.notes import write_notes
from mcp_context_persistence.queries.search.query_terms import extract_terms
from mcp_context_persistence.queries.search.request import SearchRequest

BY_VECTOR = Candidate(kind="message", id="a", vector_score=0.4)
BY_WORD = Candidate(kind="message", id="b", vector_score=0.4, keyword_score=2.5)


@pytest.mark.parametrize(
    ("query", "candidates", "language"),
    [
        ("Wie oft gießen wir die Tomaten?", [BY_VECTOR], "(de)"),
        ("注文をどのように確認しますか", [BY_VECTOR, BY_VECTOR], "(ja)"),
        ("Какая база данных?", [BY_VECTOR], "(ru)"),
        ("Wie oft gießen wir die Tomaten?", [BY_VECTOR, BY_WORD], None),
        ("Wie oft gießen wir die Tomaten?", [], None),
        ("How often do we water the tomatoes?", [BY_VECTOR], None),
        ("pandas OrderParser", [BY_VECTOR], None),
    ],
)
def test_a_query_that_only_vectors_answer_in_another_language_is_noted(query, candidates, language):
    request = SearchRequest(query=query, terms=extract_terms(query), now_ms=0)
    notes = write_notes(request, candidates)
    assert len(notes) == (language is not None)
    assert not language or language in notes[0]
