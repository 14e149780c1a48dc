"""In languages that the extraction does not understand, it reads what needs no grammar."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor

FOREIGN = [
    "Der Arzt hat Mai Geburtstag, und die Praxis in der Stadt ist dann geschlossen.",
    "Nous avons vu le médecin hier soir, et la réunion est pour demain matin.",
    "El médico de la ciudad tiene una reunión con los padres de mi vecina.",
    "Il medico della città ha detto che la riunione con gli amici è per domani.",
    "De dokter heeft gezegd dat het huis van mijn ouders niet te koop is.",
    "O médico disse que a reunião com os pais não é para hoje, mas é já na terça.",
    "Lekarz powiedział, że spotkanie zostało przełożone na następny tydzień.",
    "Läkaren sade att mötet med grannarna har flyttats till nästa vecka.",
    "Doktor toplantının önümüzdeki haftaya ertelendiğini söyledi, bu yüzden gelmeyeceğiz.",
    "Dokter mengatakan pertemuan dengan tetangga kami sudah ditunda sampai minggu depan "
    "karena hujan deras.",
    "Врач сказал, что встреча с соседями перенесена на следующую неделю.",
    "Nadia travaille pour Orion Foods depuis dix ans.",
    "Il magazzino ha spedito i pacchi ieri mattina.",
    "医者は来週の会議を延期すると言いました。",
    "医生说下周的会议推迟了。",
]
ENGLISH = [
    "Angela Merkel visited Berlin.",
    "Angela Merkel lives in Köln and works for Müller & Söhne GmbH.",
    "Met Łukasz Żak at the café in Kraków, he runs Piekarnia Świt.",
    "Zoë Brontë ordered a crème brûlée in Paris.",
    "Angela Merkel",
    "Anna met Tom and Omar met Lisa.",
    "We met Anna Holm, CEO of Siemens.",
    "Los Angeles, La Paz and El Paso are named in her notes.",
]


def read(extractor: Extractor, text: str) -> Extraction:
    return next(iter(extractor.extract([text])))


@pytest.mark.parametrize("text", FOREIGN)
def test_ordinary_words_of_other_languages_are_no_entities(extractor: Extractor, text: str) -> None:
    extraction = read(extractor, text)
    assert not extraction.mentions
    assert not extraction.relations
    assert not extraction.unasserted
    assert not extraction.is_understood


@pytest.mark.parametrize("text", FOREIGN)
def test_what_needs_no_grammar_is_found_in_every_language(extractor: Extractor, text: str) -> None:
    extended = f"{text} PostgreSQL, `load_rows()`, src/main.py, @ines, Kern Logistik GmbH"
    mentions = read(extractor, extended).mentions
    assert [(mention.name, mention.type) for mention in mentions] == [
        ("PostgreSQL", "technology"),
        ("load_rows", "function"),
        ("src/main.py", "file"),
        ("ines", "person"),
        ("Kern Logistik GmbH", "organization"),
    ]


@pytest.mark.parametrize("text", ENGLISH)
def test_names_with_letters_of_other_languages_are_read_in_english(
    extractor: Extractor, text: str
) -> None:
    extraction = read(extractor, text)
    assert extraction.is_understood
    assert extraction.mentions


def test_the_language_of_the_settings_counts() -> None:
    text = "Angela Merkel"
    assert read(Extractor(language="en"), text).mentions
    assert not read(Extractor(language="de"), text).mentions
    assert read(Extractor(language="en"), FOREIGN[0]).is_understood


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("我们使用Redis作为缓存。", "Redis"),
        ("このサービスはPostgreSQLを使います。", "PostgreSQL"),
        ("会議です。DataProcessorを直してください。", "DataProcessor"),
        ("우리는 Docker를 사용합니다.", "Docker"),
    ],
)
def test_names_beside_unspaced_characters_are_found(
    extractor: Extractor, text: str, name: str
) -> None:
    (mention,) = read(extractor, text).mentions
    assert (mention.name, text[mention.start : mention.end]) == (name, name)


def test_article_and_noun_before_a_firm_are_no_part_of_its_name(extractor: Extractor) -> None:
    extraction = read(extractor, "Die Firma Kern Logistik GmbH liefert morgen die Teile.")
    assert [mention.name for mention in extraction.mentions] == ["Kern Logistik GmbH"]
