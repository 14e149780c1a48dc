"""Names and data as people write them: chats, particles, invisible characters."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor


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
        ("I spoke to ANNA MEIER about the bill.", {"ANNA MEIER"}),
        ("ANNA MEIER: please call OMAR HADDAD in BERLIN.", {"ANNA MEIER", "OMAR HADDAD"}),
        ("Ask Ludo van Gaal whether Ineke de Boer is free.", {"Ludo van Gaal", "Ineke de Boer"}),
        ("THOMAS KELLER JOINED SIEMENS IN 2020.", {"THOMAS KELLER"}),
        ("Our landlord is Giovanni della Casa.", {"Giovanni della Casa"}),
        ("I had lunch with Anneke van den Broek and Luis de la Fuente.", {"Anneke van den Broek"}),
        ("Karl von der Heide, our CFO, left Bosch.", {"Karl von der Heide"}),
        ("Call van der Sar tomorrow.", {"van der Sar"}),
        ("Leonardo da Silva e Souza lives in Recife.", {"Leonardo da Silva e Souza"}),
        ("O'Neill called Anna from Cork.", {"O'Neill"}),
        ("Sven O’Leary sold his boat to Rosa.", {"Sven O’Leary", "Rosa"}),
        ("We talked to O’Connor about it.", {"O’Connor"}),
        ('Robert "Bob" Miller works for Siemens.', {"Robert Miller"}),
        ("Sergio Dell'Acqua and Carlo Dall’Oglio run the shop.", {"Sergio Dell'Acqua"}),
        ("Elizabeth (Liz) Warren works for Siemens.", {"Elizabeth Warren"}),
        ("Maria-José Sánchez del Río paints.", {"Maria-José Sánchez del Río"}),
        ("thx Mira! see you later", {"Mira"}),
        (
            "Mira Okoye;pilot;Galway\nTariq Mansour;cook;Cork\nJo Lind;nurse;Lund",
            {"Mira Okoye", "Tariq Mansour", "Jo Lind"},
        ),
        (
            "Full Name;Home Town;Age\nTariq Mansour;Cork City;3\nJo Lind;New York;5",
            {"Tariq Mansour", "Jo Lind"},
        ),
        ("PS: Tell Ngozi Obi that Siemens Energy called.", {"Ngozi Obi"}),
        ("NB: Remind Piotr Zielinski to pay.", {"Piotr Zielinski"}),
        ("Lunch w/ Priya & Tom @ the Ritz", {"Priya", "Tom"}),
        ("Priya & Tom got married.", {"Priya", "Tom"}),
        ("Ines Duarte & Omar Haddad called.", {"Ines Duarte", "Omar Haddad"}),
        (
            "Ines Duarte, Tibor Szalai & Wanjiru Kamau share a desk.",
            {"Ines Duarte", "Tibor Szalai", "Wanjiru Kamau"},
        ),
        ("we saw dr. Anjali Deshmukh at the market", {"Anjali Deshmukh"}),
        ("<b>Ines Duarte</b> &amp; <i>Omar Haddad</i>", {"Ines Duarte", "Omar Haddad"}),
        ("town,full name\nGraz,Petra Novak\nLinz,Omar Haddad\n", {"Petra Novak", "Omar Haddad"}),
        ("name,email,age\nNovak,n@x.org,33\nHaddad,h@x.org,41\n", {"Novak", "Haddad"}),
        (
            "<table><tr><th>Name</th><th>Role</th></tr>"
            "<tr><td>Novak</td><td>buyer</td></tr></table>",
            {"Novak"},
        ),
    ],
)
def test_the_whole_name_is_a_person(extractor: Extractor, text: str, names: set[str]) -> None:
    mentions = read(extractor, text).mentions
    assert names <= {mention.name for mention in mentions if mention.type == "person"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Ask Siemens for a quote.", set()),
        (
            "Yusuf Demirel owns Northgate Cheese and employs Teddy Lombard.",
            {"organization:Northgate Cheese"},
        ),
        ("Anna visits us at Easter.", {"person:Anna"}),
        ("Petra Novak joined Nestlé.", {"organization:Nestlé"}),
        ("A call with Marks & Spencer is on Monday.", {"organization:Marks & Spencer"}),
        ("Marks & Spencer opened in Leeds.", {"organization:Marks & Spencer"}),
        ("Weil, Gotshal & Manges won.", {"organization:Weil, Gotshal & Manges"}),
        ("We had lunch at Nando's.", {"organization:Nando's"}),
        ("We had lunch at Anna's.", {"person:Anna"}),
        ("Nando's menu is new.", {"organization:Nando"}),
        ("I love AC/DC.", {"organization:AC/DC"}),
        ("We hired BMW/VW engineers.", {"organization:BMW", "organization:VW"}),
        (
            "town,full name\nGraz,Petra Novak\nLinz,Omar Haddad\n",
            {"location:Graz", "location:Linz"},
        ),
        ("name,address,phone\nNovak,Graz,0316\nHaddad,Linz,0732\n", set()),
    ],
)
def test_firms_and_holidays_are_no_people(extractor: Extractor, text: str, names: set[str]) -> None:
    mentions = read(extractor, text).mentions
    typed = {f"{m.type}:{m.name}" for m in mentions}
    assert names <= typed
    assert typed.isdisjoint({"person:Siemens", "location:Easter", "person:Easter", "person:Novak"})


def test_a_sign_between_names_stands_for_a_word(extractor: Extractor) -> None:
    text = "Lunch w/ Priya & Tom @ Volta Works, bring 2 @ 3 each"
    mentions = read(extractor, text).mentions
    assert {"Priya", "Tom", "Volta Works"} <= {mention.name for mention in mentions}
    assert all(text[m.start : m.end] == m.text for m in mentions)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("IMPORTANT NOTICE: the REST API uses JSON.", "REST"),
        ("READ THE MANUAL BEFORE YOU OPEN KAFKA.", "KAFKA"),
    ],
)
def test_software_keeps_its_type_among_capitals(extractor: Extractor, text: str, name: str) -> None:
    mentions = read(extractor, text).mentions
    assert (name, "technology") in {(mention.name, mention.type) for mention in mentions}


def test_a_place_with_a_particle_is_no_person(extractor: Extractor) -> None:
    mentions = read(extractor, "We visited Rio de Janeiro and San Juan de la Maguana.").mentions
    assert ("Rio de Janeiro", "location") in {(mention.name, mention.type) for mention in mentions}


def test_a_name_may_end_with_an_exclamation_mark(extractor: Extractor) -> None:
    extraction = read(extractor, "Yahoo! was bought by Verizon.")
    assert [(r.source, r.type, r.target) for r in extraction.relations] == [
        ("Verizon", "owns", "Yahoo")
    ]


def test_a_product_may_begin_with_a_small_letter(extractor: Extractor) -> None:
    mentions = read(extractor, "My iPhone 15 broke again.").mentions
    assert [(mention.name, mention.type) for mention in mentions] == [("iPhone 15", "product")]


def test_a_surname_with_a_particle_stands_for_the_whole_name(extractor: Extractor) -> None:
    text = "Anneke van den Broek joined Philips. Later van den Broek left Philips."
    people = [m for m in read(extractor, text).mentions if m.type == "person"]
    assert [mention.name for mention in people] == ["Anneke van den Broek"] * 2


def test_german_sentences_with_particles_stay_german(extractor: Extractor) -> None:
    text = "Herr von Hagen kommt morgen mit Frau von der Leyen und der Presse."
    assert not read(extractor, text).is_understood


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "<table><tr><th>Owner</th><th>Firm</th></tr>"
            "<tr><td>Petra Novak</td><td>Siemens</td></tr></table>",
            {"person:Petra Novak", "organization:Siemens"},
        ),
        (
            "<table>\n<tr><td>Petra Novak</td><td>3</td></tr>\n"
            "<tr><td>Omar Haddad</td><td>4</td></tr>\n</table>",
            {"person:Petra Novak", "person:Omar Haddad"},
        ),
        (
            "<person><name>Petra Novak</name><employer>Siemens</employer></person>",
            {"person:Petra Novak", "organization:Siemens"},
        ),
        (
            "<ul><li>Anna Kowalska works for Siemens.</li><li>Omar Haddad paints.</li></ul>",
            {"person:Anna Kowalska", "organization:Siemens", "person:Omar Haddad"},
        ),
    ],
)
def test_names_in_elements(extractor: Extractor, text: str, names: set[str]) -> None:
    mentions = read(extractor, text).mentions
    assert {f"{m.type}:{m.name}" for m in mentions if m.type != "concept"} == names
    assert all(text[m.start : m.end] == m.text for m in mentions)


@pytest.mark.parametrize(
    "text",
    [
        "The commit deadbeefdeadbeefdeadbeef broke the build.",
        "a1b2c3d4e5f60718293a4b5c6d7e8f90 0011223344556677 deadbeefdeadbeefdeadbeef",
        "Read https://en.wikipedia.example/wiki/Anna_Kowalska_(writer) first.",
    ],
)
def test_checksums_and_addresses_are_no_names(extractor: Extractor, text: str) -> None:
    names = {mention.name for mention in read(extractor, text).mentions}
    assert not any("beef" in name or "writer" in name or "_" in name for name in names)


@pytest.mark.parametrize("spelling", ["node.js", "NODE.JS", "Node.JS"])
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


@pytest.mark.parametrize(
    "text", ["GRAFANA, Grafana and grafana are one.", "We say Redis, REDIS and redis."]
)
def test_spellings_of_one_name_have_no_relation(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Present: A. Szymańska, B. Oduya, Chen Wei.", {"A. Szymańska", "B. Oduya", "Chen Wei"}),
        ("Sync with A. Szymańska and P. Nowak tomorrow.", {"A. Szymańska", "P. Nowak"}),
        ("Call J. R. Osei-Bonsu about the lease.", {"J. R. Osei-Bonsu"}),
        ("The draft by M. Oltmanns is ready.", {"M. Oltmanns"}),
    ],
)
def test_initials_belong_to_a_name(extractor, text, names):
    found = read(extractor, text).mentions
    assert names <= {mention.name for mention in found if mention.type == "person"}


@pytest.mark.parametrize(
    "text",
    [
        "We go with plan B. Deploy it today.",
        "She takes vitamin C. Order more.",
        "He has hepatitis B. Tell Anna.",
    ],
)
def test_a_letter_at_the_end_of_a_sentence_is_no_initial(extractor, text):
    mentions = read(extractor, text).mentions
    assert not [mention for mention in mentions if ". " in mention.name]


def test_a_preposition_ends_no_name(extractor):
    text = (
        "Our cluster runs on Hetzner in Falkenstein and the chart was written by Matteo, who left."
    )
    names = {mention.name for mention in read(extractor, text).mentions}
    assert {"Hetzner", "Falkenstein", "Matteo"} <= names
