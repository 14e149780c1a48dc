"""Whether a query is about what the assistant said."""

import pytest

from mcp_context_persistence.queries.search.authors import ASSISTANTS_WORDS


@pytest.mark.parametrize(
    "query",
    [
        "What did you recommend for the sauce?",
        "How did you first suggest I handle retries?",
        "what was your advice on the lease?",
        "You told me about a clinic, which one?",
        "Which books had you listed?",
        "What have you already explained about tides?",
        "remind me what you said about mortgage rates",
        "Was hast du mir zum Vertrag empfohlen?",
        "Was war dein Rat zur Miete?",
        "Qu'as-tu conseillé pour le toit ?",
        "Quel était ton conseil ?",
        "¿Qué me recomendaste para la cena?",
    ],
)
def test_what_the_assistant_said_is_asked_for(query: str) -> None:
    assert ASSISTANTS_WORDS.search(query)


@pytest.mark.parametrize(
    "query",
    [
        "Can you suggest a wine?",
        "What would you recommend?",
        "Can you list the order in which I brought up the topics?",
        "What did I say about the lease?",
        "What did Maria recommend to you?",
        "Do you recommend Redis?",
        "Did you know Ada said she moved?",
        "Where do you think I gave my talk?",
        "Kannst du einen Wein empfehlen?",
        "Peux-tu me conseiller un vin ?",
        "¿Qué vino me recomiendas?",
    ],
)
def test_what_others_said_and_what_the_assistant_shall_say_is_not(query: str) -> None:
    assert not ASSISTANTS_WORDS.search(query)
