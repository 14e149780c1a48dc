"""What a sentence denies, plans, supposes or reports is no fact, by the real pipeline."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.quality.modality import measure_modality
from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.ingest.extraction.relation_verbs import get_verb_relation

SUBJECTS = ("Kafka", "Anna Kowalska", "Django", "Marcus Bell", "Acme Corp")
OBJECTS = ("Redis", "Globex", "Kubernetes", "Siemens")
# Forms of verbs of the relation table: infinitive, third person, gerund, past.
VERBS = (
    ("use", "uses", "using", "used"),
    ("buy", "buys", "buying", "bought"),
    ("replace", "replaces", "replacing", "replaced"),
    ("depend on", "depends on", "depending on", "depended on"),
    ("work for", "works for", "working for", "worked for"),
    ("support", "supports", "supporting", "supported"),
    ("manage", "manages", "managing", "managed"),
    ("connect to", "connects to", "connecting to", "connected to"),
    ("contain", "contains", "containing", "contained"),
    ("monitor", "monitors", "monitoring", "monitored"),
)
# What a sentence may be wrapped in. The keys are modalities.
WRAPPERS = {
    "asserted": (
        "{S} {verbs} {O}.",
        "{S} still {verbs} {O}.",
        "I'm glad that {S} {verbs} {O}.",
        "There is no doubt that {S} {verbs} {O}.",
        "I didn't know that {S} {verbs} {O}.",
        "Because {S} {verbs} {O}, we are safe.",
        "{S} never stopped {verbing} {O}.",
        "{S} managed to {verb} {O}.",
        "If you wonder: {S} {verbs} {O}.",
        "{S} {verbs} {O} because we planned it.",
        "As far as speed is concerned, {S} {verbs} {O}.",
        "Thankfully {S} {verbs} {O}.",
    ),
    "denied": (
        "{S} does not {verb} {O}.",
        "{S} dont {verb} {O}.",
        "{S} doesnt {verb} {O}.",
        "{S} wont {verb} {O}.",
        "{S} isnt {verbing} {O}.",
        "{S} never {verbs} {O}.",
        "{S} hardly ever {verbs} {O}.",
        "{S} refused to {verb} {O}.",
        "{S} denies {verbing} {O}.",
        "{S} is far from {verbing} {O}.",
        "It is false that {S} {verbs} {O}.",
        "{S} is too small to {verb} {O}.",
        "{S} is against {verbing} {O}.",
        "{S} ruled out {verbing} {O}.",
        "No way {S} {verbs} {O}.",
        "Nobody said that {S} {verbs} {O}.",
        "There is no evidence that {S} {verbs} {O}.",
        "{S} didn't forget not to {verb} {O}.",
    ),
    "past": (
        "{S} used to {verb} {O}.",
        "{S} no longer {verbs} {O}.",
        "{S} does not {verb} {O} anymore.",
        "{S} stopped {verbing} {O}.",
        "{S} gave up {verbing} {O}.",
        "{S} formerly {verbed} {O}.",
        "{S} {verbed} {O} until last spring.",
    ),
    "wished": (
        "{S} wants to {verb} {O}.",
        "{S} would love to {verb} {O}.",
        "{S} is interested in {verbing} {O}.",
        "I wish {S} {verbed} {O}.",
        "We want {S} to {verb} {O}.",
        "Hopefully {S} {verbs} {O}.",
        "It would be nice if {S} {verbed} {O}.",
    ),
    "planned": (
        "{S} plans to {verb} {O}.",
        "{S} has offered to {verb} {O}.",
        "{S} is to {verb} {O}.",
        "{S} was meant to {verb} {O}.",
        "{S} will {verb} {O}.",
        "{S} is going to {verb} {O}.",
        "{S} is about to {verb} {O}.",
        "{S} has plans to {verb} {O}.",
        "TODO: {S} {verbs} {O}.",
        "Next month {S} {verbs} {O}.",
    ),
    "supposed": (
        "Suppose {S} {verbs} {O}.",
        "Imagine {S} {verbs} {O}.",
        "Let's say {S} {verbs} {O}.",
        "What if {S} {verbs} {O}?",
        "If {S} {verbs} {O}, it breaks.",
        "Even if {S} {verbs} {O}, we stay.",
        "As long as {S} {verbs} {O}, it works.",
        "{S} might {verb} {O}.",
        "Perhaps {S} {verbs} {O}.",
        "I think {S} {verbs} {O}.",
        "{S} seems to {verb} {O}.",
        "As far as I know, {S} {verbs} {O}.",
        "{S} {verbs} {O}, to my knowledge.",
        "Tom is convinced that {S} {verbs} {O}.",
        "It looks like {S} {verbs} {O}.",
        "It is possible that {S} {verbs} {O}.",
    ),
    "reported": (
        "Rumour has it that {S} {verbs} {O}.",
        "The teacher says that {S} {verbs} {O}.",
        "According to the wiki, {S} {verbs} {O}.",
        "{S} allegedly {verbs} {O}.",
        "I heard that {S} {verbs} {O}.",
        "From what I hear, {S} {verbs} {O}.",
        "They accuse {S} of {verbing} {O}.",
        "{S} claims to {verb} {O}.",
        "Word is that {S} {verbs} {O}.",
    ),
    "asked": (
        "Does {S} {verb} {O}?",
        "Why does {S} {verb} {O}?",
        "does {S} {verb} {O}",
        "{S} {verbs} {O}?",
        "{S} {verbs} {O}, right?",
        "I wonder whether {S} {verbs} {O}.",
        "Is it true that {S} {verbs} {O}?",
    ),
    "requested": (
        "{S} should {verb} {O}.",
        "{S} must {verb} {O}.",
        "{S} needs to {verb} {O}.",
        "They told {S} to {verb} {O}.",
        "Make sure that {S} {verbs} {O}.",
    ),
    "nearly": (
        "{S} almost {verbed} {O}.",
        "{S} tried to {verb} {O}.",
        "{S} came close to {verbing} {O}.",
        "{S} came within an inch of {verbing} {O}.",
    ),
}
ASSERTED_WRAPPERS = WRAPPERS.pop("asserted")
UNASSERTED = [(key, wrapper) for key, wrappers in WRAPPERS.items() for wrapper in wrappers]
EXTRACTOR = Extractor()


def extract(text: str) -> Extraction:
    return next(EXTRACTOR.extract([text]))


def facts(text: str) -> set[tuple[str, str, str]]:
    return {(r.source, r.type, r.target) for r in extract(text).relations}


def unasserted(text: str) -> dict[tuple[str, str, str], tuple[str, str]]:
    return {
        (r.source, r.type, r.target): (r.modality, r.polarity) for r in extract(text).unasserted
    }


def fill(wrapper: str, subject: str, verb: tuple[str, str, str, str], target: str) -> str:
    infinitive, third_person, gerund, past = verb
    text = wrapper.format(
        S=subject, O=target, verb=infinitive, verbs=third_person, verbing=gerund, verbed=past
    )
    return text if wrapper.startswith("does") else text[0].upper() + text[1:]


@given(
    wrapped=st.sampled_from(UNASSERTED),
    subject=st.sampled_from(SUBJECTS),
    verb=st.sampled_from(VERBS),
    target=st.sampled_from(OBJECTS),
)
@example(("nearly", "{S} almost {verbed} {O}."), "Marcus Bell", VERBS[1], "Globex")
@example(("denied", "{S} dont {verb} {O}."), "Kafka", VERBS[0], "Redis")
@settings(max_examples=150)
def test_what_is_not_asserted_is_no_fact(
    wrapped: tuple[str, str], subject: str, verb: tuple[str, str, str, str], target: str
) -> None:
    modality, wrapper = wrapped
    text = fill(wrapper, subject, verb, target)
    extraction = extract(text)
    assert not extraction.relations, text
    assert {relation.modality for relation in extraction.unasserted} <= {modality}, text


@given(
    wrapper=st.sampled_from(ASSERTED_WRAPPERS),
    subject=st.sampled_from(SUBJECTS),
    verb=st.sampled_from(VERBS),
    target=st.sampled_from(OBJECTS),
)
@settings(max_examples=60)
def test_what_is_asserted_is_a_fact(
    wrapper: str, subject: str, verb: tuple[str, str, str, str], target: str
) -> None:
    text = fill(wrapper, subject, verb, target)
    infinitive, _, preposition = verb[0].partition(" ")
    relation_type = get_verb_relation(infinitive, preposition)
    extraction = extract(text)
    assert not extraction.unasserted, text
    # The recognizer takes some of the names for other types, which relations such as `works_for`
    # do not accept.
    if relation_type != "works_for":
        assert relation_type in {relation.type for relation in extraction.relations}, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "numpy is required by pandas and not by scipy.",
            {("pandas", "depends_on", "numpy"): True, ("scipy", "depends_on", "numpy"): False},
        ),
        (
            "Neither Redis nor Kafka uses ZooKeeper.",
            {("Redis", "uses", "ZooKeeper"): False, ("Kafka", "uses", "ZooKeeper"): False},
        ),
        (
            "pandas needs neither scipy nor numpy.",
            {("pandas", "depends_on", "scipy"): False, ("pandas", "depends_on", "numpy"): False},
        ),
        (
            "Kafka uses Redis but not ZooKeeper.",
            {("Kafka", "uses", "Redis"): True, ("Kafka", "uses", "ZooKeeper"): False},
        ),
        (
            "Django works with all databases but Oracle.",
            {("Django", "uses", "databases"): True, ("Django", "uses", "Oracle"): False},
        ),
        (
            "Anna Kowalska worked everywhere but at Siemens.",
            {("anna_kowalska", "works_for", "Siemens"): False},
        ),
        (
            "Everything is fine but Django uses Redis.",
            {("Django", "uses", "Redis"): True},
        ),
        (
            "Redis is used by Django, not by Kafka.",
            {("Kafka", "uses", "Redis"): False, ("Django", "uses", "Redis"): True},
        ),
        (
            "Django not only uses Redis, it also supports Celery.",
            {("Django", "uses", "Redis"): True, ("Django", "supports", "Celery"): True},
        ),
        (
            "Kafka does not use Redis and uses ZooKeeper.",
            {("Kafka", "uses", "Redis"): False, ("Kafka", "uses", "ZooKeeper"): True},
        ),
        (
            "Anna Kowalska plans to learn Rust and to replace Jenkins.",
            {
                ("anna_kowalska", "learns", "Rust"): False,
                ("anna_kowalska", "replaces", "Jenkins"): False,
            },
        ),
        (
            "Kafka no longer uses ZooKeeper, and Django uses Redis.",
            {("Kafka", "uses", "ZooKeeper"): False, ("Django", "uses", "Redis"): True},
        ),
        (
            "Kafka does not depend on ZooKeeper but on Redis.",
            {("Kafka", "depends_on", "ZooKeeper"): False, ("Kafka", "depends_on", "Redis"): True},
        ),
        (
            "Django is not a fork of Flask.",
            {("Django", "fork_of", "Flask"): False},
        ),
        (
            "Kafka uses Redis, although Django does not use Celery.",
            {("Kafka", "uses", "Redis"): True, ("Django", "uses", "Celery"): False},
        ),
    ],
)
def test_a_denial_has_its_scope(text: str, expected: dict[tuple[str, str, str], bool]) -> None:
    stated, denied = facts(text), unasserted(text)
    for statement, is_fact in expected.items():
        assert (statement in stated) == is_fact
        assert (statement in denied) != is_fact


@pytest.mark.parametrize(
    ("text", "modality", "polarity"),
    [
        ("Kafka does not use Redis.", "denied", "negative"),
        ("The claim that Kafka uses Redis is wrong.", "denied", "negative"),
        ("By no means does Kafka use Redis.", "denied", "negative"),
        ("Kafka has yet to use Redis.", "denied", "negative"),
        ("Kafka can't wait to use Redis.", "planned", "positive"),
        ("Kafka was using Redis until Friday.", "past", "positive"),
        ("Until Kafka uses Redis, we wait.", "supposed", "positive"),
        ("I have a feeling Kafka uses Redis.", "supposed", "positive"),
        ("I asked if Kafka uses Redis.", "asked", "positive"),
        ("- TODO Kafka uses Redis", "planned", "positive"),
        ("Kafka plans to use Redis.", "planned", "positive"),
        ("Kafka will not use Redis.", "denied", "negative"),
        ("Why does Kafka not use Redis?", "asked", "negative"),
        ("Kafka must not use Redis.", "requested", "negative"),
        ("The wiki says that Kafka does not use Redis.", "reported", "negative"),
        ("Kafka might not use Redis.", "supposed", "negative"),
        ("Kafka no longer uses Redis.", "past", "positive"),
    ],
)
def test_the_polarity_says_what_is_denied(text: str, modality: str, polarity: str) -> None:
    assert unasserted(text)[("Kafka", "uses", "Redis")] == (modality, polarity)


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("May Jensen uses Redis.", ("may_jensen", "uses", "Redis")),
        ("Will Adebayo uses Redis.", ("will_adebayo", "uses", "Redis")),
        ("Kafka, as the wiki explains, uses ZooKeeper.", ("Kafka", "uses", "ZooKeeper")),
        ("Given that Kafka uses ZooKeeper, we need it.", ("Kafka", "uses", "ZooKeeper")),
        ("We decided that Kafka uses ZooKeeper.", ("Kafka", "uses", "ZooKeeper")),
        ("Maybe, but Kafka uses ZooKeeper.", ("Kafka", "uses", "ZooKeeper")),
        ("Kafka can read JSON.", ("Kafka", "reads", "JSON")),
        ("Even if it is slow, Kafka uses ZooKeeper.", ("Kafka", "uses", "ZooKeeper")),
        ("Did you know that Kafka uses ZooKeeper?", ("Kafka", "uses", "ZooKeeper")),
        ("Use pandas for data analysis.", ("pandas", "used_for", "data_analysis")),
    ],
)
def test_words_of_other_modalities_do_not_hide_a_fact(
    text: str, statement: tuple[str, str, str]
) -> None:
    assert statement in facts(text)


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("Django is a former fork of Flask.", ("Django", "fork_of", "Flask")),
        ("Django was once a fork of Flask.", ("Django", "fork_of", "Flask")),
        ("Ute, formerly of Siemens, uses Redis.", ("Ute", "works_for", "Siemens")),
    ],
)
def test_a_former_description_is_past(text: str, statement: tuple[str, str, str]) -> None:
    assert unasserted(text)[statement] == ("past", "positive")
    assert statement not in facts(text)


def test_a_fact_wins_over_a_plan_in_the_same_text() -> None:
    text = "Kafka plans to use Redis. Kafka uses Redis."
    assert facts(text) == {("Kafka", "uses", "Redis")}
    assert not unasserted(text)


def test_lines_of_commands_are_no_sentences() -> None:
    text = "$ git checkout -b login && pip install -r reqs.txt\nSwitched to a new branch 'login'"
    assert not facts(text)
    assert not unasserted(text)


def test_who_reports_to_whom() -> None:
    text = "Anna Kowalska reports to Jan Nowak."
    assert facts(text) == {("anna_kowalska", "reports_to", "jan_nowak")}


def test_the_bench_counts_facts_and_modalities(tmp_path: Path) -> None:
    file = tmp_path / "tiny.jsonl"
    relation = {"source": "the Kafka", "type": "uses", "target": "Redis"}
    labels = {
        "Kafka uses Redis.": "asserted",
        "Kafka plans to use Redis.": "planned",
        "Kafka uses Redis now.": "denied",
    }
    file.write_text(
        "".join(
            json.dumps({"text": text, "relations": [{**relation, "modality": modality}]}) + "\n"
            for text, modality in labels.items()
        )
    )
    report = measure_modality(file, EXTRACTOR)
    assert (report["unasserted"], report["stored_as_facts"]) == (2, 0.5)
    assert (report["asserted_recall"], report["asserted_precision"]) == (1.0, 0.5)
    assert report["modality_accuracy"] == pytest.approx(2 / 3, abs=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "Anna Kowalska turned down the offer to work for Siemens.",
        "Anna Kowalska declined an invitation to work for Siemens.",
        "Anna Kowalska dropped the plan to work for Siemens.",
    ],
)
def test_what_is_turned_down_is_no_fact(text: str) -> None:
    assert not facts(text)


def test_as_soon_as_names_a_time_to_come() -> None:
    assert not facts("As soon as Django uses Redis, we can close the ticket.")
    assert not facts("We can close the ticket as soon as Django uses Redis.")
