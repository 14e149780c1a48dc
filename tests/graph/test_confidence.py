"""What a search says about how likely its results answer the query."""

import statistics

import pytest

from bench.datasets.unanswerable import list_questions
from mcp_context_persistence import ContextPersistenceClient
from tests.conftest import RUN

# Facts with the question that each of them answers.
FACTS = (
    ("My sister's dog is called Biscuit.", "What is my sister's dog called?"),
    ("The night train to Vienna leaves at 22:40.", "When does the night train leave?"),
    ("We chose PostgreSQL for the invoices.", "Which database did we choose for invoices?"),
    ("The garden fence cost 840 euros.", "How much did the garden fence cost?"),
    ("Mr. Lindqvist repaired the heating on Tuesday.", "Who repaired the heating?"),
    ("I am allergic to peanuts.", "What am I allergic to?"),
    ("The dentist moved my appointment to 4 May.", "When is my appointment at the dentist?"),
    ("Our accountant is called Ines Moreau.", "What is the name of our accountant?"),
    ("I parked the car behind the library.", "Where did I park the car?"),
    ("The password reset failed because the token had expired.", "Why did the reset fail?"),
)
# The questions have other words than the facts.
PARAPHRASED = (
    (
        "We chose PostgreSQL for the shop, because two people write at once.",
        "Which database did we choose?",
    ),
    ("I bought a Trek bike last week.", "What bicycle did I buy?"),
    ("Our flight leaves at nine from Munich.", "When do we fly?"),
    ("We pay the landlord 900 euros every month.", "How much is the rent?"),
    ("I drive a red Toyota.", "Which car do I have?"),
    ("He swam two kilometers yesterday.", "How far did he swim?"),
    ("The logs are kept for thirty days.", "How long do we retain log files?"),
    ("I forgot my umbrella in the office.", "What did I leave behind at work?"),
)
CHATTER = (
    "It rained the whole morning.",
    "I went for a walk by the river.",
    "The meeting about the roadmap was long.",
    "We had soup for lunch.",
    "I finished two chapters of my book.",
    "The new keyboard arrived today.",
    "Traffic was bad on the way home.",
    "I called my parents in the evening.",
)
NAMED = (
    ("Ann", "I adopted a gray kitten in March.", "What did Ann adopt?", "What did Ben adopt?"),
    ("Ben", "I ran my first marathon in Lyon.", "Where did Ben run?", "Where did Ann run?"),
    ("Ann", "I bake rye bread on Sundays.", "What does Ann bake?", "What does Ben bake?"),
    ("Ben", "My motorbike broke down again.", "What broke down for Ben?", "What broke for Ann?"),
)
MAX_TOKENS = 30


@pytest.fixture(scope="module")
def stored(server):
    with ContextPersistenceClient(
        database_url=server.bolt_url, auth=server.auth, namespace=f"{RUN}confidence"
    ) as client:
        for number, (fact, _) in enumerate(FACTS):
            texts = [
                CHATTER[number % 8],
                fact,
                CHATTER[(number + 3) % 8],
                CHATTER[(number + 5) % 8],
            ]
            client.save_conversation(
                f"day-{number}",
                [
                    {"id": f"{number}-{position}", "role": "user", "content": text}
                    for position, text in enumerate(texts)
                ],
            )
        yield client


def read_confidence(client: ContextPersistenceClient, question: str) -> float:
    confidence = client.search_hybrid(question).confidence
    assert confidence is not None
    return confidence


def test_questions_with_an_answer_have_a_higher_confidence(
    stored: ContextPersistenceClient,
) -> None:
    strange = [question for half in list_questions() for question in half[::10]]
    answered = [read_confidence(stored, question) for _, question in FACTS]
    unanswered = [read_confidence(stored, question) for question in strange]
    assert all(0 <= value <= 1 for value in (*answered, *unanswered))
    pairs = [left > right for left in answered for right in unanswered]
    assert statistics.mean(pairs) >= 0.98
    assert statistics.median(answered) > 0.5
    assert statistics.median(unanswered) < 0.1


def test_contexts_of_questions_that_nothing_answers_are_short_and_say_so(
    stored: ContextPersistenceClient,
) -> None:
    contexts = [
        stored.build_context(question, 1_000, instruction_share=0.0)
        for question in list_questions()[1]
    ]
    assert statistics.mean(context.tokens <= MAX_TOKENS for context in contexts) >= 0.95
    silent = [
        context.query
        for context in contexts
        if not any("unlikely to answer" in note for note in context.notes)
    ]
    assert len(silent) <= 5, silent


def test_contexts_of_questions_with_an_answer_have_it(stored: ContextPersistenceClient) -> None:
    for number, (fact, question) in enumerate(FACTS):
        context = stored.build_context(question, 400)
        assert f"{number}-1" in {citation.id for citation in context.citations}, (fact, context)


def test_a_context_can_be_built_whatever_the_relevance(stored: ContextPersistenceClient) -> None:
    question = list_questions()[0][0]
    alone = {"instruction_share": 0.0}
    assert not stored.build_context(question, **alone).citations
    assert stored.build_context(question, min_relevance=0.0, **alone).citations
    nearest = stored.build_context(FACTS[0][1], min_relevance=1.0, **alone)
    assert [citation.id for citation in nearest.citations] == ["0-1"]
    assert nearest.tokens <= MAX_TOKENS


def test_a_small_store_answers_in_other_words(client: ContextPersistenceClient) -> None:
    for number, (fact, _) in enumerate(PARAPHRASED):
        message = {"id": f"small-{number}", "role": "user", "content": fact}
        client.append_messages(f"small-{number // 4}", [message])
    for number, (fact, question) in enumerate(PARAPHRASED):
        context = client.build_context(question, 400, instruction_share=0.0)
        assert f"small-{number}" in {citation.id for citation in context.citations}, (fact, context)
        assert context.confidence is not None
        assert context.confidence >= 0.25, context
    contexts = [
        client.build_context(question, 400, instruction_share=0.0)
        for question in list_questions()[1][::5]
    ]
    assert statistics.mean(context.tokens <= MAX_TOKENS for context in contexts) >= 0.95
    assert all(context.confidence is not None for context in contexts)
    assert max(context.confidence or 0.0 for context in contexts) < 0.25


def test_what_somebody_else_did_does_not_answer(client: ContextPersistenceClient) -> None:
    client.save_conversation(
        "friends",
        [
            {"role": "user" if name == "Ann" else "assistant", "name": name, "content": text}
            for number, (name, fact, _, _) in enumerate(NAMED)
            for name, text in ((name, fact), ("Ben" if name == "Ann" else "Ann", CHATTER[number]))
        ],
    )
    for _, _, right, wrong in NAMED:
        answered, unanswered = (read_confidence(client, question) for question in (right, wrong))
        assert answered > unanswered, (right, answered, wrong, unanswered)


def test_the_confidence_is_not_known_without_words_or_results(
    client: ContextPersistenceClient, stored: ContextPersistenceClient
) -> None:
    assert client.search_hybrid("anything").confidence is None
    question = FACTS[0][1]
    for query, mode in (
        ("???", "hybrid"),
        ("dog", "hybrid"),
        ("Wie heißt der Hund meiner Schwester?", "hybrid"),
        (question, "semantic"),
        (question, "keyword"),
        (question, "graph"),
    ):
        assert stored.search_hybrid(query, mode).confidence is None
    assert stored.search_hybrid(question).confidence is not None


def test_what_is_not_returned_does_not_count(stored: ContextPersistenceClient) -> None:
    """The answer is a neighbor of what is returned."""
    filters = {"content_types": "message"}
    for number, (_, question) in enumerate(FACTS):
        answered = stored.search_hybrid(question, filters=filters)
        unanswered = stored.search_hybrid(question, filters=filters, exclude_ids=f"{number}-1")
        assert unanswered.results
        assert answered.confidence is not None
        assert unanswered.confidence is not None
        assert unanswered.confidence < 0.1 < answered.confidence, question
    nothing = stored.search_hybrid(FACTS[0][1], filters={"content_types": "decision"})
    assert (nothing.results, nothing.confidence) == ([], None)


def test_a_timeline_without_results_has_no_confidence(client: ContextPersistenceClient) -> None:
    client.update_knowledge_graph(
        [{"name": "Biscuit", "type": "Animal", "description": "The dog of my sister"}], []
    )
    question = "What is my sister's dog called?"
    assert client.search_hybrid(question).confidence is not None
    timeline = client.search_hybrid(question, recipe="timeline")
    assert (timeline.results, timeline.confidence) == ([], None)


def test_contexts_of_queries_in_other_languages_are_not_shortened(
    stored: ContextPersistenceClient,
) -> None:
    for query in ("Wo steht der Zeppelin?", "zeppelin", "¿Dónde está el zepelín?"):
        assert stored.build_context(query).citations


def test_results_and_citations_say_who_spoke(client: ContextPersistenceClient) -> None:
    client.save_conversation(
        "paint",
        [
            {"role": "user", "name": "Ann", "content": "The parser uses pandas to read tables."},
            {"role": "assistant", "content": "The parser reads pandas tables quickly."},
        ],
    )
    client.save_decision("paint", "tool", "The parser needs pandas", "Use pandas")
    expected = {"paint:0": ("user", "Ann"), "paint:1": ("assistant", None)}
    for mode in ("hybrid", "semantic", "keyword", "graph"):
        results = client.search_hybrid("pandas parser", mode).results
        speakers = {row.id: (row.role, row.name) for row in results if row.type == "message"}
        assert speakers == expected, mode
        others = [(row.role, row.name) for row in results if row.type != "message"]
        assert others == [(None, None)] * len(others), mode
    citations = client.build_context("Which library does the parser use?").citations
    assert {(row.id, row.role, row.name) for row in citations if row.type == "message"} <= {
        (key, *value) for key, value in expected.items()
    }
    assert citations
