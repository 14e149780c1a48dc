"""Markup and signs are no part of names, and hide none."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.extraction.markup import remove_markup, replace_markup
from mcp_context_persistence.ingest.extraction.results import Mention

NAMES = {"Angela Merkel": "person", "Berlin": "location", "Kestrel Robotics": "organization"}
WRAPPERS = [
    "**{}**",
    "*{}*",
    "__{}__",
    "***{}***",
    "~~{}~~",
    "[{}](https://example.com/a_b(c))",
    "[{}](https://example.com)",
    "<b>{}</b>",
    '<a href="https://example.com">{}</a>',
    "<em><strong>{}</strong></em>",
    "“{}”",
    "({})",
    "[[{}]]",
    "{} 🎂",
    "👉 {}",
    "{}’s",
    "{}'s",
    "<span class='x'>{}</span>",
    "\u200e{}\u200f",
]
SENTENCES = ["We talked about {} on Monday.", "- {}", "• {} is here", "1. {} wins", "> {} is here"]
SIGNS = re.compile(r"[*_~<>\[\]()#|;•“”\U0001f000-\U0001faff]|https?:")


def read(extractor: Extractor, text: str) -> dict[str, Mention]:
    mentions = next(iter(extractor.extract([text]))).mentions
    for mention in mentions:
        assert text[mention.start : mention.end] == mention.text
        assert mention.type == "file" or remove_markup(mention.text).split() == mention.name.split()
    return {mention.name: mention for mention in mentions}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", NAMES)
def test_a_wrapped_name_is_the_bare_name(extractor: Extractor, name: str, wrapper: str) -> None:
    text = f"We talked about {wrapper.format(name)} on Monday."
    assert name in read(extractor, text)


@settings(max_examples=80)
@given(
    st.sampled_from(sorted(NAMES)),
    st.sampled_from(WRAPPERS),
    st.sampled_from(WRAPPERS),
    st.sampled_from(SENTENCES),
)
def test_no_sign_of_a_wrapper_is_in_a_name(
    extractor: Extractor, name: str, inner: str, outer: str, sentence: str
) -> None:
    text = sentence.format(outer.format(inner.format(name)))
    assert not [found for found in read(extractor, text) if SIGNS.search(found)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Angela Merkel;Joe Biden", {"Angela Merkel", "Joe Biden"}),
        ("Angela Merkel | Joe Biden", {"Angela Merkel", "Joe Biden"}),
        ("Angela Merkel - angela.m@example.com", {"Angela Merkel"}),
        ("Angela Merkel <angela.m@example.com>", {"Angela Merkel"}),
        ("Thanks @ines_d and #HackTheSouth!", set()),
        ("Thanks @ines, it works.", {"ines"}),
        ("Use `@property` and @dataclass here.", set()),
        ("C:\\Users\\ines\\notes.txt is open", {"C:\\Users\\ines\\notes.txt"}),
        ("Open C:\\Users\\ines\\My Report.docx now.", {"C:\\Users\\ines\\My Report.docx"}),
        ("See https://example.com/Angela_Merkel/a.py", set()),
        ("Müller &amp; Söhne GmbH wrote to us.", {"Müller & Söhne GmbH"}),
    ],
)
def test_addresses_paths_and_lists(extractor: Extractor, text: str, expected: set[str]) -> None:
    names = {name for name, mention in read(extractor, text).items() if mention.type != "concept"}
    assert names == expected


@pytest.mark.parametrize(
    "text",
    [
        "The value of a*b*c and x_y_z is __init__ here.",
        "if a < b and c > d: f(*args, **kwargs)",
        "List<String> and C# and F# and C++ stay.",
        "We met at 10:30, and it cost 5 €.",
        "12:30 lunch: soup",
    ],
)
def test_signs_of_code_and_numbers_stay(text: str) -> None:
    kept = remove_markup(text).replace("*args", "args").replace("**kwargs", "kwargs")
    assert kept in {text, text.replace("*args", "args").replace("**kwargs", "kwargs")}


@given(st.text(st.sampled_from("*_~<>[]()&@#\\|•/;. \n\t-:abAB1é🎂\u200d\u00ad"), max_size=200))
def test_positions_stay(text: str) -> None:
    replaced = replace_markup(text)
    assert len(replaced) == len(text)
    assert all(
        new == old or new in "\0\1\2\3\4\5 \n&\"'<>"
        for new, old in zip(replaced, text, strict=True)
    )


@pytest.mark.parametrize(
    "text",
    [
        "Lisbon ✈️ Porto, both in May.",
        "We chose 1) Lisbon 2) Porto and left.",
        "Lisbon 🚆 Porto is a nice trip.",
        "~~Lisbon~~ Porto is the new plan.",
    ],
)
def test_signs_between_names_separate_them(extractor: Extractor, text: str) -> None:
    assert {"Lisbon", "Porto"} <= {mention.name for mention in find_mentions(extractor, text)}


@pytest.mark.parametrize(
    "text",
    [
        "### Nadia Osman — Turku\n* **Piet Bakker** — Delft",
        "## Nadia Osman - Turku\n- Piet Bakker - Delft",
        "ok, Nadia Osman n Piet Bakker r both late",
        "met Nadia Osman 'n' Piet Bakker there",
    ],
)
def test_names_in_headings_items_and_chats_are_separate(extractor: Extractor, text: str) -> None:
    names = {mention.name for mention in find_mentions(extractor, text)}
    assert {"Nadia Osman", "Piet Bakker"} <= names


def test_number_after_an_open_parenthesis_separates_nothing() -> None:
    assert remove_markup("We (see step 2) Marek) waited • there") == (
        "We (see step 2) Marek) waited   there"
    )


def test_short_data_uri_has_no_names(extractor: Extractor) -> None:
    text = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA//8/w38GIAXDIBKE0DHxgljNBAAO"
    assert find_mentions(extractor, text) == []


def find_mentions(extractor: Extractor, text: str) -> list[Mention]:
    (extraction,) = extractor.extract([text])
    return list(extraction.mentions)
