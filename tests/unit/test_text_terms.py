"""Everything that is visible in a text finds it."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_context_persistence.kg.text.languages import detect_language
from mcp_context_persistence.kg.text.terms import LONGEST_TERM, list_index_terms
from mcp_context_persistence.kg.text.words import list_words, split_cased_words, split_words
from mcp_context_persistence.queries.search.query_terms import extract_terms
from mcp_context_persistence.queries.search.word_counts import WordCounts, find_identifiers

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
LETTERS = st.text(st.characters(categories=["L", "N", "M"]), min_size=1, max_size=12)
SIGNS = st.text("._-@:/'’+#,=&~ \t\u00ad\u200c", max_size=2)


def finds(query: str, text: str) -> bool:
    """Return whether each word of a query finds a text."""
    index_terms = set(list_index_terms(text))
    terms = extract_terms(query)
    return bool(terms.words) and all(
        not index_terms.isdisjoint(terms.variants[word]) for word in terms.words
    )


@given(st.text(st.characters(categories=["M", "Sk", "Lm", "Po", "Pc"]) | st.sampled_from("a_-' ¯")))
@example("¯\\_(ツ)_/¯")
@example("¨ ¨-¨ '´ a.\u0301")
@example("\u037a\u0300\u0300")
def test_marks_without_a_letter_are_no_words(text: str) -> None:
    """They would be words without a character, on which a search fails."""
    words = [*list_words(text), *split_words([text])[0], *split_cased_words([text])[0]]
    terms = extract_terms(text)
    variants = [variant for word in terms.words for variant in terms.variants[word]]
    for word in (*words, *list_index_terms(text), *terms.words, *variants):
        assert word.strip("_"), ascii(text)
    counts = WordCounts(terms.words, split_cased_words([text, "a word"]), terms.stems)
    assert counts.matrix.shape[0] == 2


@given(st.lists(st.tuples(LETTERS, SIGNS), min_size=1, max_size=8), st.sampled_from(FORMS))
def test_each_visible_part_in_any_form_finds_its_text(
    parts: list[tuple[str, str]], form: str
) -> None:
    text = "".join(letters + signs for letters, signs in parts)
    for query in text.split():
        visible = unicodedata.normalize(form, query)
        if extract_terms(visible).words:
            assert finds(visible, text), (query, list_index_terms(text))


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("Call df.groupby or Node.js 22", ["groupby", "df.groupby", "node", "Node.js", "NODE"]),
        ("refresh_token_rotation", ["token", "rotation", "refresh_token_rotation"]),
        ("getUserById HTTPServer", ["user", "by id", "getuserbyid", "http server"]),
        ("anna.kowalska@example.com", ["kowalska", "anna.kowalska", "example.com", "example"]),
        ("see /var/log/nginx/access.log", ["nginx", "access.log", "/var/log/nginx/access.log"]),
        ("C:\\Users\\anna\\notes.txt", ["anna", "notes.txt"]),
        ("after v2.3.1", ["v2.3.1", "2.3.1", "2.3"]),
        ("numpy==2.1.0", ["numpy", "2.1.0", "numpy==2.1.0"]),
        ("for 1,250.75 and 1,000,000", ["1,250.75", "1250.75", "1000000", "1,000,000"]),
        ("status:failed at 10:30", ["status:failed", "failed", "10:30"]),
        ("O’Reilly, Anna’s", ["O'Reilly", "OReilly", "reilly", "anna", "Anna's"]),
        ("Oʻzbekiston", ["Oʻzbekiston", "O'zbekiston", "O‘zbekiston", "ozbekiston"]),
        ("l’hôpital, dell'arte", ["hôpital", "hopital", "arte", "L'HÔPITAL"]),
        ("C++ in C#", ["C++", "c#"]),
        ("notepad++", ["notepad++", "notepad"]),
        ("co\u00adoperation oﬃce Ｃｌｏｕｄ", ["cooperation", "office", "cloud"]),
        ("می\u200cخواهم", ["می\u200cخواهم", "میخواهم", "خواهم"]),
        ("ΟΔΟΣ İstanbul Straße", ["οδός", "οδοσ", "istanbul", "strasse", "STRASSE"]),
        ("東京タワーへ行く", ["東京", "タワー", "東", "ﾀﾜｰ"]),
        ("서울에서 만났다", ["서울", "서울에서"]),
        ("ไปกินข้าวที่เชียงใหม่", ["เชียงใหม่"]),
        ("हिन्दी में लिखो", ["हिन्दी", "में"]),
        ("Marta 🎂", ["🎂", "marta"]),
        ("Die Häuser am See sind nicht teuer", ["häuser", "hauser", "Haus", "HÄUSER"]),
        ("AT&T and R&D", ["AT&T", "r&d"]),
    ],
)
def test_what_people_look_for_is_found(text: str, queries: list[str]) -> None:
    assert [query for query in queries if not finds(query, text)] == []


@pytest.mark.parametrize(
    ("identifier", "texts"),
    [
        ("lh1234", ["Flight LH 1234 is late.", "Flight LH-1234 is late.", "The LH1234 is late."]),
        ("bxy4411", ["The plate is B-XY 4411."]),
        ("4c", ["Shelf 4-C is full.", "Shelf 4 C is full."]),
        ("de89370400440532013000", ["The IBAN is DE89 3704 0044 0532 0130 00."]),
    ],
)
def test_an_identifier_is_in_a_text_that_has_it_with_spaces(
    identifier: str, texts: list[str]
) -> None:
    others = [
        "Shelf 4-D is full.",
        "Flight LH 1243 is late.",
        "The plate is XBXY 4411.",
        "DE89 3704 0044 0532 0130 17",
    ]
    shares = find_identifiers([*texts, *others], frozenset({identifier}))
    assert shares.tolist() == [1.0] * len(texts) + [0.0] * len(others)


def test_numbers_in_groups_of_four_find_the_number_without_spaces() -> None:
    assert finds("DE89370400440532013000", "IBAN DE89 3704 0044 0532 0130 00")
    assert "0532" in extract_terms("DE89370400440532013000").index_terms
    assert extract_terms("9c1185a5c5e97f3e").index_terms.count("85a5") == 0


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("ATU63891204", "Our tax number is ATU 6389 1204."),
        ("0731552018", "Call 0731 55 20 18."),
        ("44219902", "The card ends in 4421 9902."),
        ("380675551234", "Oksana has the number +380 67 555 12 34, and a shop."),
        ("15550109999", "Call +1 555-010-9999 or come."),
        ("5550109999", "The desk is (555) 010-9999."),
        ("123456789", "The tax number is 123 456 789."),
        ("SK127836", "The grid reference is SK 127 836."),
        ("0612345678", "Mon numéro est le 06 12 34 56 78."),
        ("550123", "The code is 550 123."),
        ("QQ123456C", "The insurance number is QQ 12 34 56 C."),
    ],
)
def test_a_long_number_finds_texts_that_have_it_in_groups(number: str, text: str) -> None:
    assert finds(number, text)


def test_a_number_in_groups_finds_the_number_without_spaces() -> None:
    terms = extract_terms("0176 555 1234")
    number = "01765551234"
    assert number in terms.index_terms
    assert number in list_index_terms(f"Her number: {number}")
    texts = [f"her number: {number}", "her number: 01765554321"]
    assert find_identifiers(texts, frozenset(terms.identifiers)).argmax() == 0


def test_groups_that_are_no_number_are_no_term_together() -> None:
    for text in ("1 2 3", "12345 678901", "4111 1111 1111 1111 1111", "12 a 345 678"):
        assert all(len(term) < 7 for term in list_index_terms(text))


def test_a_number_with_hyphens_is_the_number_without_them() -> None:
    assert "8806" in extract_terms("8-8-0-6").index_terms
    assert finds("8806", "The code is 8-8-0-6.")
    assert finds("9783161484100", "ISBN 978-3-16-148410-0")
    assert not finds("112", "pages 1-12")


def test_a_form_of_a_foreign_word_covers_half_of_it_where_a_text_has_the_word() -> None:
    texts = [["ibanez"], ["iban"], ["x"]]
    counts = WordCounts(["ibanez"], texts, {"ibanez": "iban"})
    assert counts.measure_coverage(counts.matrix).tolist() == [1.0, 0.5, 0.0]
    counts = WordCounts(["ibanez"], texts[1:], {"ibanez": "iban"})
    assert counts.measure_coverage(counts.matrix).tolist() == [1.0, 0.0]


def test_a_single_character_is_in_the_pairs_that_have_it() -> None:
    texts = split_cased_words(["わたしの傘は青い", "新しい傘", "わたしの靴は赤い"])
    counts = WordCounts(["傘"], texts, {})
    assert counts.measure_coverage(counts.matrix).tolist() == [1.0, 1.0, 0.0]


def test_languages_with_signs_in_their_names_stay_apart() -> None:
    assert not finds("C", "It is written in C++.")
    assert not finds("C#", "It is written in C and C++.")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ich habe heute keine Zeit, wir sehen uns morgen.", "de"),
        ("Je ne peux pas venir, on se voit demain chez toi.", "fr"),
        ("No puedo ir hoy, nos vemos mañana en la oficina.", "es"),
        ("I can't come today, see you at the office.", "en"),
        ("今日は行けません。", "ja"),
        ("我今天不能来。", "zh"),
        ("오늘은 못 가요.", "ko"),
        ("Привет, как дела?", "ru"),
        ("Kubernetes Redis", None),
        ("", None),
    ],
)
def test_the_language_of_a_text_is_recognized(text: str, language: str | None) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "unit", ["QmFzZTY0+/", "a.b", "x_", "東京", "f00d", "{'a':1},", "\u200c", "aB1"]
)
def test_terms_of_long_data_are_bounded(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    terms = list_index_terms(text)
    assert max(map(len, terms), default=0) <= 2 * LONGEST_TERM
    assert len(terms) <= 3 * len(text)
