"""Among alike messages, a hybrid search returns the one with the exact token first."""

import random
import unicodedata

import pytest

from mcp_context_persistence import ContextPersistenceClient

COUNT = 80
FILLER = [
    "the",
    "release",
    "notes",
    "mention",
    "that",
    "our",
    "team",
    "checked",
    "every",
    "box",
    "and",
    "moved",
    "the",
    "rest",
    "to",
    "the",
    "second",
    "hall",
    "while",
    "the",
    "night",
    "shift",
    "prepared",
    "labels",
    "for",
    "the",
    "next",
    "truck",
    "and",
    "the",
    "office",
    "wrote",
    "to",
    "the",
    "customer",
    "about",
    "the",
    "delay",
    "because",
    "rain",
    "had",
    "closed",
    "the",
    "bridge",
]
# What is written in message n, and what is looked for.
KINDS = {
    "key:value": ("The build ended with status:step{n}.", "status:step{n}"),
    "phone in groups": ("Call me at +380 67 5{n:02d} 1{k} 34.", "+380675{n:02d}1{k}34"),
    "phone without spaces": ("Call me at 01765{n:02d}12{k}4.", "0176 5{n:02d} 12{k}4"),
    "number": ("The invoice came to {k},{n:03d}.50 dollars.", "{k}{n:03d}.50"),
    "version": ("It hangs since v3.{n}.1 was installed.", "3.{n}.1"),
    "apostrophe": ("Ask for O’Brien{n} at the gate.", "O'Brien{n}"),
    "Unicode form": ("The Café{n} is closed.", "café{n}"),
    "part of an e-mail": ("Write to anna.kowalska{n}@example.com.", "kowalska{n}"),
    "id": ("Filed as ADR-{n}.", "ADR-{n}"),
}


def write_message(kind: str, number: int) -> str:
    start = random.Random(number).randrange(len(FILLER))
    sentence = KINDS[kind][0].format(n=number, k=number % 9 + 1)
    text = " ".join(FILLER[start:] + FILLER[:start]).capitalize() + ". " + sentence
    return unicodedata.normalize("NFD", text) if kind == "Unicode form" else text


@pytest.mark.parametrize("kind", KINDS)
def test_the_exact_token_comes_first(client: ContextPersistenceClient, kind: str) -> None:
    messages = [
        {"id": str(number), "role": "user", "content": write_message(kind, number)}
        for number in range(COUNT)
    ]
    client.save_conversation(f"alike-{kind}", messages, mode="conversation")
    missed = {}
    for number in random.Random(kind).sample(range(10, COUNT), 5):
        query = KINDS[kind][1].format(n=number, k=number % 9 + 1)
        results = client.search_hybrid(query, filters={"content_types": ["message"]}).results
        if results[0].id != str(number):
            missed[query] = [result.content[-40:] for result in results[:3]]
    assert missed == {}
