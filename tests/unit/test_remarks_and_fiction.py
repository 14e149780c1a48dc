"""Remarks, fiction, proofs, offers and changed plans state no facts, by the real pipeline."""

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor


def read(extractor: Extractor, text: str) -> Extraction:
    return next(iter(extractor.extract([text])))


@pytest.mark.parametrize(
    "text",
    [
        "Orion Foods bought Delta Mills, or so they say.",
        "Orion Foods bought Delta Mills, or so I was told.",
        "Orion Foods, it is claimed, bought Delta Mills.",
        "Orion Foods, so the rumor goes, bought Delta Mills.",
        "Fingers crossed that Orion Foods buys Delta Mills.",
        "Here's hoping Orion Foods buys Delta Mills.",
        "True or false: Orion Foods owns Delta Mills.",
        "For the sake of argument, Orion Foods owns Delta Mills.",
        "Hypothetically speaking, Orion Foods owns Delta Mills.",
        "Orion Foods owns, I believe, Delta Mills.",
        "Orion Foods owns Delta Mills (unconfirmed).",
        "Orion Foods owns Delta Mills - allegedly.",
        "Orion Foods owns Delta Mills - not!",
        "In my uncle's opinion, Orion Foods owns Delta Mills.",
        "In the view of many, Orion Foods owns Delta Mills.",
        "To my mind, Orion Foods owns Delta Mills.",
        "By its own account, Orion Foods owns Delta Mills.",
        "As far as the neighbors know, Orion Foods owns Delta Mills.",
        "Orion Foods owns Delta Mills, as far as she remembers.",
        "It's high time Orion Foods bought Delta Mills.",
        "It is about time that Orion Foods bought Delta Mills.",
    ],
)
def test_a_remark_makes_a_statement_no_fact(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "In the play, Nadia Osman marries Piet Bakker.",
        "In the last act of my opera, Nadia Osman marries Piet Bakker.",
        "In the second part of her story, Nadia Osman marries Piet Bakker.",
        "The movie shows Nadia Osman marrying Piet Bakker.",
        "The story says that Nadia Osman married Piet Bakker.",
        "In a parallel universe Nadia Osman works for Orion Foods.",
        "You are Nadia Osman, and you work for Orion Foods.",
        "What changes when Orion Foods buys Delta Mills?",
        "In chapter two, Orion Foods buys Delta Mills.",
        "In the sketch, Nadia Osman marries Piet Bakker.",
        "Imagine a world where Orion Foods owns Delta Mills.",
        "Consider the case where Orion Foods owns Delta Mills.",
        "The game casts Nadia Osman as the head of Delta Mills.",
    ],
)
def test_fiction_and_parts_to_play_are_no_facts(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "Can anyone confirm that Orion Foods owns Delta Mills?",
        "Please prove that Orion Foods owns Delta Mills.",
        "Nobody has shown that Orion Foods owns Delta Mills.",
        "The audit did not confirm that Orion Foods owns Delta Mills.",
    ],
)
def test_what_is_yet_to_be_proved_is_no_fact(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "Nadia Osman changed her mind about joining Orion Foods.",
        "Nadia Osman had second thoughts about joining Orion Foods.",
        "Nadia Osman passed on joining Orion Foods.",
        "Nadia Osman is dying to work for Orion Foods.",
        "Nadia Osman is itching to work for Orion Foods.",
        "Nadia Osman is looking to join Orion Foods.",
        "Orion Foods shelved its purchase of Delta Mills.",
        "Orion Foods cancelled its purchase of Delta Mills.",
        "Orion Foods called off buying Delta Mills.",
        "Orion Foods buying Delta Mills would be a mistake.",
        "Orion Foods made an offer for Delta Mills.",
        "Nadia Osman has every intention of leading Orion Foods.",
        "Nadia Osman is a candidate to lead Orion Foods.",
        "Nadia Osman, ex-head of Orion Foods, sings.",
        "Step 3: connect Nadia Osman to Orion Foods.",
    ],
)
def test_what_somebody_only_thought_of_is_no_fact(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "Yeah right, Orion Foods bought Delta Mills.",
        "Orion Foods bought Delta Mills, my foot!",
        "Orion Foods bought Delta Mills, and pigs can fly.",
        "Orion Foods bought Delta Mills /s",
        "Orion Foods bought Delta Mills, just kidding.",
        "Tick one: Nadia Osman works for Orion Foods.",
        "Please tick if it applies: Nadia Osman works for Orion Foods.",
        "Agree or disagree: Nadia Osman leads Orion Foods.",
        "Sample text: Nadia Osman leads Orion Foods.",
        "Sprint goals: Celery uses Redis.",
        "Not on your life does Orion Foods own Delta Mills.",
        "For all we know, Orion Foods owns Delta Mills.",
        'They sang "Nadia Osman loves Piet Bakker" twice.',
        "The book is titled “Nadia Osman marries Piet Bakker”.",
        "Orion Foods to buy Delta Mills",
        "Nadia Osman tipped to lead Orion Foods",
    ],
)
def test_irony_forms_titles_and_headlines_are_no_facts(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "Given half a chance, Orion Foods buys Delta Mills.",
        "Orion Foods buys Delta Mills on the condition that nobody is fired.",
        "Did Orion Foods own Delta Mills, bread would be cheaper.",
        "Where Orion Foods acquires Delta Mills, the bank may object.",
        "Before Celery uses Redis, create a user.",
        "To make Celery use Redis, set the broker.",
        "Is Nadia Osman joining Orion Foods?",
    ],
)
def test_conditions_without_if_and_instructions_are_no_facts(
    extractor: Extractor, text: str
) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    "text",
    [
        "Piet is sure that Nadia Osman leads Orion Foods.",
        "In Piet's imagination, Nadia Osman leads Orion Foods.",
        "Nadia Osman, Piet said, leads Orion Foods.",
        "We took it for granted that Orion Foods owned Delta Mills.",
        "To hear her talk, Nadia Osman owns Orion Foods.",
        "I envisage Nadia Osman leading Orion Foods.",
        "I can see Nadia Osman leading Orion Foods some day.",
    ],
)
def test_what_somebody_only_believes_is_no_fact(extractor: Extractor, text: str) -> None:
    facts = [i for i in read(extractor, text).relations if i.type != "related_to"]
    assert not facts


@pytest.mark.parametrize(
    "text",
    [
        "We call on Orion Foods to buy Delta Mills.",
        "Orion Foods has the option to buy Delta Mills.",
        "Orion Foods is under an obligation to buy Delta Mills.",
        "Orion Foods undertook to buy Delta Mills.",
        "Orion Foods shall be deemed to own Delta Mills.",
        "Orion Foods missed out on buying Delta Mills.",
        "Nadia Osman just missed becoming head of Orion Foods.",
        "Nadia Osman was on her way to joining Orion Foods.",
        "Orion Foods is looking for a miller like Piet Bakker.",
        "Nadia Osman has an eye on buying Delta Mills.",
        "Nadia Osman longs to lead Delta Mills.",
        "Nadia Osman has applied to work at Delta Mills.",
        "Oh, for Nadia Osman to lead Delta Mills!",
        "A merger of Orion Foods and Delta Mills is unthinkable.",
        "The takeover of Orion Foods by Delta Mills is planned for June.",
        "He shouted, 'Nadia Osman leads Delta Mills!'",
    ],
)
def test_rights_duties_and_searches_are_no_facts(extractor: Extractor, text: str) -> None:
    assert not [i for i in read(extractor, text).relations if i.type != "searches"]


@pytest.mark.parametrize(
    "text",
    [
        "The audit confirmed that Orion Foods owns Delta Mills.",
        "Orion Foods uses Delta Mills because it must.",
        "I told the story: Orion Foods owns Delta Mills.",
        "Orion Foods owns Delta Mills and I said so.",
        "Orion Foods owns Delta Mills; the play was fun.",
        "Orion Foods turned down the offer of Delta Mills, so I called Delta Mills.",
        "Orion Foods owns Delta Mills (confirmed).",
        "If you are unsure, Orion Foods owns Delta Mills.",
        "There is no denying that Orion Foods bought Delta Mills.",
        "Now that Orion Foods owns Delta Mills, can you call them?",
        "Guess what: Orion Foods bought Delta Mills!",
        "Given its profits, Orion Foods bought Delta Mills.",
        "It is certain that Orion Foods owns Delta Mills.",
        "Before it went public, Orion Foods bought Delta Mills.",
        "To save taxes, Orion Foods bought Delta Mills.",
        "Orion Foods bought Delta Mills in the right year.",
        'Orion Foods bought Delta Mills, which is called "The Mill".',
        "Sample rates are fine, and Orion Foods owns Delta Mills.",
        "In view of its profits, Orion Foods bought Delta Mills.",
        "As far as money goes, Orion Foods owns Delta Mills.",
        "If you're looking for bread: Orion Foods owns Delta Mills.",
        "It was Orion Foods that bought Delta Mills.",
        "It wasn't until May that Orion Foods bought Delta Mills.",
        "When Orion Foods bought Delta Mills, prices fell.",
        "After Orion Foods bought Delta Mills, prices fell.",
        "That was the day when Orion Foods bought Delta Mills.",
    ],
)
def test_a_fact_beside_such_words_stays_a_fact(extractor: Extractor, text: str) -> None:
    names = {mention.entity_id: mention.name for mention in read(extractor, text).mentions}
    facts = [(names[i.source], names[i.target]) for i in read(extractor, text).relations]
    assert ("Orion Foods", "Delta Mills") in facts


def test_a_time_before_which_nothing_happened_leaves_a_fact(extractor: Extractor) -> None:
    extraction = read(extractor, "Not until 2019 did Harbour Bakery buy Elm Mills.")
    assert [relation.modality for relation in extraction.relations] == ["asserted"]


@pytest.mark.parametrize(
    ("text", "modality", "polarity"),
    [
        ("It isn't Orion Foods that owns Delta Mills.", "denied", "negative"),
        ("It was never Orion Foods that owned Delta Mills.", "denied", "negative"),
        ("Was it Orion Foods that bought Delta Mills?", "asked", "positive"),
        ("Perhaps it was Orion Foods that bought Delta Mills.", "supposed", "positive"),
        ("It may be Orion Foods that owns Delta Mills.", "supposed", "positive"),
    ],
)
def test_what_is_said_of_the_one_in_focus_counts(
    extractor: Extractor, text: str, modality: str, polarity: str
) -> None:
    extraction = read(extractor, text)
    assert not extraction.relations
    assert {(i.modality, i.polarity) for i in extraction.unasserted} == {(modality, polarity)}


@pytest.mark.parametrize(
    "text",
    [
        "When Orion Foods buys Delta Mills, we will celebrate.",
        "After Orion Foods acquires Delta Mills, prices will fall.",
        "Only when Orion Foods buys Delta Mills will we invest.",
        "Tell me when Orion Foods buys Delta Mills.",
        "In the event that Orion Foods buys Delta Mills, call the lawyer.",
        "I kept the letter on the off chance that Orion Foods owns Delta Mills.",
        "Picture Orion Foods owning Delta Mills.",
        "Envision Orion Foods owning Delta Mills.",
        "I mistook Nadia Osman for the head of Delta Mills.",
    ],
)
def test_times_to_come_and_chances_are_no_facts(extractor: Extractor, text: str) -> None:
    assert not read(extractor, text).relations


@pytest.mark.parametrize(
    ("text", "modality", "polarity"),
    [
        ("The notion that Orion Foods owns Delta Mills is widespread.", "supposed", "positive"),
        ("The odds that Orion Foods owns Delta Mills are slim.", "supposed", "positive"),
        ("In the event that Orion Foods buys Delta Mills, we stop.", "supposed", "positive"),
        ("The day Orion Foods buys Delta Mills is the day I quit.", "supposed", "positive"),
        ("The model made up that Orion Foods owns Delta Mills.", "supposed", "positive"),
        ("The bot hallucinated that Orion Foods owns Delta Mills.", "reported", "positive"),
        ("I pray that Orion Foods buys Delta Mills.", "wished", "positive"),
        ("See to it that Orion Foods buys Delta Mills.", "requested", "positive"),
        ("Orion Foods is allowed to buy Delta Mills.", "supposed", "positive"),
        ("It is too early for Orion Foods to buy Delta Mills.", "denied", "negative"),
        ("It is not the case that Orion Foods owns Delta Mills.", "denied", "negative"),
        ("Negotiations for Orion Foods to buy Delta Mills are under way.", "supposed", "positive"),
        ("I find it unlikely that Orion Foods owns Delta Mills.", "supposed", "positive"),
        ("Orion Foods refrains from buying Delta Mills.", "denied", "negative"),
        ("Orion Foods is obliged to buy Delta Mills.", "requested", "positive"),
        ("I get the impression Anna Kowalska lives in Berlin.", "supposed", "positive"),
        ("It's an open question whether Orion Foods owns Delta Mills.", "asked", "positive"),
    ],
)
def test_the_word_above_a_clause_says_how_it_is_meant(
    extractor: Extractor, text: str, modality: str, polarity: str
) -> None:
    extraction = read(extractor, text)
    assert not extraction.relations
    (relation,) = extraction.unasserted
    assert (relation.source, relation.target) in {
        ("orion_foods", "delta_mills"),
        ("anna_kowalska", "Berlin"),
    }
    assert (relation.modality, relation.polarity) == (modality, polarity)


@pytest.mark.parametrize(
    ("text", "modality", "polarity"),
    [
        ("False: Orion Foods owns Delta Mills.", "denied", "negative"),
        ("Myth: Orion Foods owns Delta Mills.", "denied", "negative"),
        ("Goal: Anna Kowalska lives in Berlin.", "planned", "positive"),
        ("Expected: Orion Foods owns Delta Mills.", "planned", "positive"),
        ("Joke: Orion Foods owns Delta Mills.", "supposed", "positive"),
        ("Orion Foods owns Delta Mills or not", "asked", "positive"),
        ("Orion Foods owns Delta Mills, not.", "denied", "negative"),
        ("Anna Kowalska: head of Orion Foods?", "asked", "positive"),
        ("On paper Orion Foods owns Delta Mills.", "supposed", "positive"),
        ("In a perfect world Orion Foods owns Delta Mills.", "supposed", "positive"),
        ("Over my dead body Orion Foods owns Delta Mills.", "denied", "negative"),
        ("Write a test in which Orion Foods owns Delta Mills.", "supposed", "positive"),
        ('"Orion Foods owns Delta Mills" is a lie.', "denied", "negative"),
        ('The sentence "Orion Foods owns Delta Mills" is short.', "supposed", "positive"),
        ("prob Orion Foods owns Delta Mills", "supposed", "positive"),
        ("Orion Foods owns Delta Mills in theory.", "supposed", "positive"),
        ("Orion Foods owns Delta Mills (not confirmed).", "supposed", "positive"),
        ("Orion Foods owns Delta Mills my ass", "denied", "negative"),
        ("Orion Foods by no means owns Delta Mills.", "denied", "negative"),
        ("Orion Foods, rumor has it, owns Delta Mills.", "reported", "positive"),
        ("Old: Orion Foods owns Delta Mills", "past", "positive"),
        ("Fake news: Orion Foods owns Delta Mills.", "denied", "negative"),
        ('Translate "Orion Foods owns Delta Mills".', "supposed", "positive"),
        ("It's time Orion Foods bought Delta Mills.", "wished", "positive"),
        ("We cheer only when Orion Foods buys Delta Mills.", "supposed", "positive"),
        ("Before Orion Foods buys Delta Mills, we must talk.", "supposed", "positive"),
        ("- [ ] Orion Foods owns Delta Mills", "planned", "positive"),
        ("☐ Orion Foods owns Delta Mills", "planned", "positive"),
        ("~~Orion Foods owns Delta Mills~~", "past", "positive"),
        ("At no time was Anna Kowalska a member of Orion Foods.", "denied", "negative"),
        ("Come September, Orion Foods buys Delta Mills.", "planned", "positive"),
        ("In the series, Orion Foods owns Delta Mills.", "supposed", "positive"),
        ("Anna Kowalska, then the head of Orion Foods, signed.", "past", "positive"),
        ("The day Orion Foods can buy Delta Mills is far off.", "supposed", "positive"),
        ("We know this: ~~Orion Foods owns Delta Mills~~", "past", "positive"),
    ],
)
def test_the_form_of_a_sentence_says_how_it_is_meant(
    extractor: Extractor, text: str, modality: str, polarity: str
) -> None:
    extraction = read(extractor, text)
    assert not extraction.relations
    (relation,) = extraction.unasserted
    assert (relation.modality, relation.polarity) == (modality, polarity)


@pytest.mark.parametrize(
    "text",
    [
        "The fact that Orion Foods owns Delta Mills helps us.",
        "The proof that Orion Foods owns Delta Mills is here.",
        "It surprised me that Orion Foods owns Delta Mills.",
        "Keep in mind that Orion Foods owns Delta Mills.",
        "They spotted that Orion Foods owns Delta Mills.",
        "Orion Foods owns Delta Mills if you didn't know.",
        "Orion Foods cannot help owning Delta Mills.",
        "Orion Foods is proud to own Delta Mills.",
        "Remember, Orion Foods owns Delta Mills.",
        "We are happy that Orion Foods owns Delta Mills.",
        "The first time Orion Foods bought Delta Mills, we cheered.",
        "Orion Foods owns Delta Mills whether you like it or not.",
        "Orion Foods owns Delta Mills, believe it or not.",
        "- [x] Orion Foods owns Delta Mills",
        "Orion Foods owns Delta Mills.\n- [ ] call ~~Anna Kowalska~~ Jan Nowak",
        "Seeing that Orion Foods owns Delta Mills, we stop.",
        "In view of the fact that Orion Foods owns Delta Mills, we stop.",
        "Inform Anna Kowalska that Orion Foods owns Delta Mills.",
        "He reminded me that Orion Foods owns Delta Mills.",
        "I forgot to mention that Orion Foods owns Delta Mills.",
        "Nobody told me that Orion Foods owns Delta Mills.",
        "The day before: Orion Foods bought Delta Mills.",
    ],
)
def test_a_fact_under_such_a_word_stays_a_fact(extractor: Extractor, text: str) -> None:
    types = {relation.type for relation in read(extractor, text).relations}
    assert "owns" in types


def test_what_something_else_was_done_instead_of_is_denied(extractor: Extractor) -> None:
    extraction = read(extractor, "Instead of using Redis, Gitea left.")
    assert not extraction.relations
    assert [relation.modality for relation in extraction.unasserted] == ["denied"]
