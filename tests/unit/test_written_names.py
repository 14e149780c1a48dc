"""Names and data as people write them: chats, particles, invisible characters."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return Extractor()


def read(extractor: Extractor, text: str) -> Extraction:
    return next(iter(extractor.extract([text])))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Jean-Luc d'Arc arrived in Paris.", {"Jean-Luc d'Arc"}),
        ("Petra\u200b Nov\u00adak works for Siemens.", {"Petra Novak"}),
        ("Pe\u200btra Novak\ufeff works for Siemens.", {"Petra Novak"}),
        (
            "[12:03] Petra Novak: lunch at noon?\n[12:04] Omar Haddad: sure, see you",
            {"Petra Novak", "Omar Haddad"},
        ),
    ],
)
def test_the_whole_name_is_a_person(extractor: Extractor, text: str, names: set[str]) -> None:
    mentions = read(extractor, text).mentions
    assert names <= {mention.name for mention in mentions if mention.type == "person"}


@pytest.mark.parametrize("spelling", ["node.js", "NODE.JS"])
def test_a_technology_with_a_dot_is_no_file(extractor: Extractor, spelling: str) -> None:
    (mention,) = read(extractor, f"We run {spelling} here.").mentions
    assert mention.type == "technology"


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        (
            '!function(e,t){"object"==typeof exports?module.exports=t():e.Foo=t()}'
            "(this,function(){return n=function(e){var t=e.Map||{};return t.Will=e.May,t}});",
            "(){}",
        ),
        ("BEGIN:VEVENT\nSUMMARY:Dentist\nDTSTART:20261125T090000Z\nEND:VEVENT", ":"),
        ("BEGIN:VCARD\nVERSION:3.0\nEND:VCARD", ":"),
        ("From: Petra Novak\nSubject: Re: Invoice 33\n\nHi, the invoice is paid.", ":"),
    ],
)
def test_data_and_headings_are_no_names(extractor: Extractor, text: str, signs: str) -> None:
    names = {mention.name for mention in read(extractor, text).mentions}
    assert names.isdisjoint({"VEVENT", "VCARD", "BEGIN", "Subject"})
    assert not any(sign in name for name in names for sign in signs)
