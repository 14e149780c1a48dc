"""What repeats a question, or announces an answer, does not stand before an answer."""

import pytest

from mcp_context_persistence import ContextPersistenceClient

FACTS = {
    "What is my sister's dog called?": "My sister's dog is called Biscuit.",
    "When does the night train to Vienna leave?": "The night train leaves at 22:40.",
    "Which database did we choose for the invoices?": "We settled on PostgreSQL for the invoices.",
    "How much did the garden fence cost?": "I paid 840 euros for the fence in the garden.",
    "Who repairs the heating in our house?": "Mr. Lindqvist came to repair the heating today.",
}
FILLER = (
    "The weather was good at the lake this morning.",
    "I read two chapters of the novel.",
    "The new office chairs arrived.",
)


def save(client: ContextPersistenceClient, *, asked_before: bool) -> None:
    for number, (question, fact) in enumerate(FACTS.items()):
        messages = [
            {"role": "user", "content": fact, "id": f"fact-{number}"},
            {"role": "assistant", "content": "Thanks, noted."},
            *({"role": "user", "content": text} for text in FILLER),
        ]
        client.save_conversation(f"day-{number}", messages)
        turns = [
            ("user", question),
            ("assistant", "Let me look that up."),
            ("user", question.lower().rstrip("?")),
            ("assistant", "One moment, I will check that for you."),
            ("user", f"Do you remember {question[0].lower()}{question[1:]}"),
        ]
        client.save_conversation(
            f"asked-{number}",
            [
                {"role": role, "content": text}
                for role, text in (turns if asked_before else turns[:1])
            ],
        )


@pytest.mark.parametrize("asked_before", [False, True])
@pytest.mark.parametrize("recipe", ["balanced", "fast", "precise"])
def test_the_answer_comes_before_the_question(
    client: ContextPersistenceClient, recipe: str, asked_before: bool
) -> None:
    save(client, asked_before=asked_before)
    for number, question in enumerate(FACTS):
        results = client.search_hybrid(question, recipe=recipe).results
        messages = [result for result in results if result.type == "message"]
        assert messages[0].id == f"fact-{number}", (question, messages[0].content)


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_passage_with_the_answer_comes_before_the_question(
    client: ContextPersistenceClient, asked_before: bool
) -> None:
    save(client, asked_before=asked_before)
    for number, question in enumerate(FACTS):
        results = client.search_hybrid(question, recipe="exploratory", limit=30).results
        ids = [result.id for result in results if result.type == "message"]
        assert f"fact-{number}" in ids[:3], question
        assert not any(message_id.startswith("asked-") for message_id in ids[:3]), question


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_context_has_the_answer_and_not_the_question(
    client: ContextPersistenceClient, asked_before: bool
) -> None:
    save(client, asked_before=asked_before)
    for number, question in enumerate(FACTS):
        context = client.build_context(question, 400)
        ids = {citation.id for citation in context.citations}
        assert f"fact-{number}" in ids
        assert not any(message_id.startswith("asked-") for message_id in ids), context.text


def test_what_a_query_that_asks_nothing_repeats_is_found_first(
    client: ContextPersistenceClient,
) -> None:
    save(client, asked_before=True)
    for text in ("Let me look that up.", "My sister's dog is called Biscuit."):
        assert client.search_hybrid(text).results[0].content == text
    for question in FACTS:
        results = client.search_hybrid(question, "keyword", {"content_types": "message"}).results
        assert question.lower().rstrip("?") in results[0].content.lower()


def test_an_explanation_has_what_a_repetition_loses(client: ContextPersistenceClient) -> None:
    save(client, asked_before=True)
    question = next(iter(FACTS))
    results = client.search_hybrid(question, limit=50).results
    repeated = next(result for result in results if result.content == question)
    assert repeated.explanation["ranking"]["parts"]["repetition"] < 0
