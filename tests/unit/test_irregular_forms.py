"""The irregular forms of English words."""

import pytest

from mcp_context_persistence.kg.text.irregular_forms import list_other_forms
from mcp_context_persistence.queries.search.query_terms import extract_terms
from mcp_context_persistence.queries.search.word_counts import WordCounts


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("choose", {"chose", "chosen", "chooses", "choosing"}),
        ("chose", {"choose", "chosen", "chooses", "choosing"}),
        ("choosing", {"choose", "chose", "chosen", "chooses"}),
        ("flies", {"fly", "flew", "flown", "flying"}),
        ("run", {"ran", "runs", "running"}),
        ("quitting", {"quit", "quits"}),
        ("lying", {"lie", "lay", "lain", "lies"}),
        ("seeing", {"see", "saw", "seen", "sees"}),
        ("eat", {"ate", "eaten", "eats", "eating"}),
        ("throw", {"threw", "thrown", "throws", "throwing"}),
        ("teaches", {"teach", "taught", "teaching"}),
        ("children", {"child"}),
        ("walk", set()),
        ("", set()),
    ],
)
def test_a_word_has_all_its_other_forms(word: str, forms: set[str]) -> None:
    assert set(list_other_forms(word)) == forms


def test_a_text_with_another_form_has_the_word() -> None:
    terms = extract_terms("Who wrote the book that we chose?")
    texts = [["we", "choose", "books"], ["she", "writes"], ["campus", "writ", "chosenness"]]
    counts = WordCounts(terms.words, texts, terms.stems, terms.forms)
    assert terms.words == ("wrote", "book", "chose")
    assert counts.matrix.tolist() == [[0, 1, 0.5], [0.5, 0, 0], [0, 0, 0]]


def test_the_word_itself_counts_where_the_query_has_two_forms() -> None:
    terms = extract_terms("choose or chose")
    counts = WordCounts(terms.words, [["chose"], ["choose"]], terms.stems, terms.forms)
    assert counts.matrix.tolist() == [[0, 1], [1, 0]]


def test_forms_of_words_that_are_not_looked_for_count_nothing() -> None:
    counts = WordCounts([], [["chose"]], {}, extract_terms("choose").forms)
    assert counts.matrix.shape == (1, 0)
