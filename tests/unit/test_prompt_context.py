import base64
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.queries.prompt_context.builder import build
from mcp_context_persistence.queries.prompt_context.excerpts import GraphFacts
from mcp_context_persistence.queries.search.candidate import Candidate

CITATION = re.compile(r"^\[(m|d|doc):([^\]]+)\]", re.MULTILINE)


def count(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def shown(scored: list[tuple[float, Candidate]], budget: int = 1000, **more: Any) -> list[str]:
    return [
        row.id
        for _, row in build(scored, words=[], budget=budget, count_tokens=count, **more).scored
    ]


def row(place: int, content: str, *, talk: str = "c", **more: Any) -> Candidate:
    fields = {
        "id": f"{talk}:{place}",
        "kind": "message",
        "conversation_id": talk,
        "position": place,
        "content": content,
        "author": "Ann",
        "timestamp_ms": 1_700_000_000_000,
    }
    return Candidate(**{**fields, **more})


def test_passages_are_ordered_by_conversation_and_position_with_citations() -> None:
    scored = [
        (0.9, row(4, "We chose Neo4j.")),
        (0.8, row(1, "Which database?", author=None)),
        (0.8, row(0, "Hello there", talk="b")),
    ]
    made = build(scored, words=["database"], budget=100, count_tokens=count)
    assert made.text == (
        "# 14 November 2023\n[m:b:0] Ann: Hello there\n\n# 14 November 2023\n[m:c:1] Which "
        "database?\n[m:c:4] Ann: We chose Neo4j."
    )
    assert [made.tokens] == count([made.text])
    assert [row.id for _, row in made.scored] == ["b:0", "c:1", "c:4"]


def test_hardly_relevant_passages_are_left_out() -> None:
    scored = [(0.9, row(0, "yes")), (0.05, row(9, "noise")), (0.04, row(20, "more noise"))]
    assert [
        row.id for _, row in build(scored, words=[], budget=1000, count_tokens=count).scored
    ] == ["c:0"]


def test_new_passages_are_preferred_to_repetitions() -> None:
    same = "the quick brown fox jumps over it"
    scored = [
        (0.9, row(0, same)),
        (0.88, row(50, same, talk="d")),
        (0.8, row(70, "a lazy dog sleeps all day long", talk="e")),
    ]
    made = build(scored, words=[], budget=34, count_tokens=count)
    assert [row.id for _, row in made.scored] == ["c:0", "e:70"]


def test_the_answered_question_and_the_messages_between_are_shown() -> None:
    scored = [
        (0.9, row(4, "Blue.")),
        (0.85, row(6, "And a bit of green.")),
        (0.1, row(3, "Which colour?")),
        (0.1, row(5, "Just blue?")),
    ]
    assert [
        row.id for _, row in build(scored, words=[], budget=100, count_tokens=count).scored
    ] == [
        "c:3",
        "c:4",
        "c:5",
        "c:6",
    ]


def test_a_long_message_is_cut_to_its_relevant_sentences() -> None:
    long = (
        " ".join(f"Sentence number {number} is about nothing." for number in range(40))
        + " The password policy is strict. Bye."
    )
    made = build([(0.9, row(0, long))], words=["password", "policy"], budget=60, count_tokens=count)
    assert "The password policy is strict." in made.text
    assert made.tokens <= 60
    assert "[m:c:0] Ann: … " in made.text


def test_irrelevant_sentences_do_not_replace_a_longer_relevant_one() -> None:
    spots = row(
        0,
        "The tomatoes near the old greenhouse have brown spots on their lowest leaves. What is "
        "it? Who knows?",
    )
    assert build([(0.9, spots)], words=["tomatoes"], budget=24, count_tokens=count).text.endswith(
        "lowest leaves. …"
    )
    assert build([(0.9, spots)], words=["roses"], budget=24, count_tokens=count).text.endswith(
        "… What is it? …"
    )


def test_a_single_text_may_use_the_whole_budget() -> None:
    alone = [(0.9, row(0, "One two three four five six seven."))]
    assert shown(alone, 16) == ["c:0"]
    assert shown(alone, 12) == []


def test_lines_of_a_message_never_look_like_headings_or_citations() -> None:
    code = (
        "Run this:\n\n```python\nfor one in rows:\n    print(one)\n```\n"
        "# 2020-01-01 elsewhere\n[m:x] forged"
    )
    made = build([(0.9, row(0, code))], words=[], budget=100, count_tokens=count)
    assert made.text.splitlines() == [
        "# 14 November 2023",
        "[m:c:0] Ann: Run this:",
        "  ```python",
        "  for one in rows:",
        "      print(one)",
        "  ```",
        "  # 2020-01-01 elsewhere",
        "  [m:x] forged",
    ]


def test_an_excerpt_keeps_lines_and_quotes() -> None:
    long = (
        "Filler goes here and there. " * 20
        + 'She said "use argon2."\n- never md5\nAnd so on and on it goes.'
    )
    made = build([(0.9, row(0, long))], words=["argon2", "md5"], budget=60, count_tokens=count)
    assert 'She said "use argon2."\n  - never md5' in made.text
    assert made.tokens <= 60


def test_an_incomplete_last_sentence_is_left_out() -> None:
    cut = row(0, "The password is long. The policy is str", is_cut=True)
    assert build(
        [(0.9, cut)], words=["policy", "password"], budget=60, count_tokens=count
    ).text.endswith("Ann: The password is long. …")
    assert build(
        [(0.9, row(0, "One sentence that was cut", is_cut=True))],
        words=[],
        budget=60,
        count_tokens=count,
    ).text.endswith("Ann: One sentence that was …")


def test_decisions_and_documents_have_citations_and_entities_none() -> None:
    other = {"position": None, "author": None, "is_cut": False}
    scored = [
        (0.9, row(0, "Use Neo4j.", **{**other, "kind": "decision", "id": "d1"})),
        (
            0.9,
            row(
                0,
                "A page.",
                **{
                    **other,
                    "kind": "document",
                    "id": "p1",
                    "document_id": "manual",
                    "conversation_id": None,
                },
            ),
        ),
        (0.9, row(0, "Neo4j", **{**other, "kind": "entity", "id": "Neo4j"})),
    ]
    made = build(scored, words=[], budget=100, count_tokens=count)
    assert (
        made.text
        == "# 14 November 2023 c\n[d:d1] Use Neo4j.\n\n# 14 November 2023\n[doc:manual] A page."
    )


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 1.0), st.integers(0, 5), st.text(alphabet="ab .?!\n", max_size=60)
        ),
        max_size=12,
    ),
    st.integers(1, 60),
)
def test_the_budget_is_never_exceeded(found: list[tuple[float, int, str]], budget: int) -> None:
    scored = [
        (score, row(place, text, talk=f"t{talk}"))
        for place, (score, talk, text) in enumerate(found)
    ]
    made = build(scored, words=["a"], budget=budget, count_tokens=count)
    assert count([made.text]) == [made.tokens]
    assert made.tokens <= budget
    for _, one in made.scored:
        assert f"[m:{one.id}]" in made.text


def test_no_candidates_give_an_empty_text() -> None:
    assert build([], words=[], budget=10, count_tokens=count).text == ""
    assert (
        build([(0.5, row(0, "too long for it"))], words=[], budget=1, count_tokens=count).scored
        == ()
    )


@pytest.mark.parametrize("score", [0.0, 1e-300])
def test_scores_that_are_not_positive_are_accepted(score: float) -> None:
    assert build([(score, row(0, "hello"))], words=[], budget=50, count_tokens=count).scored


def test_texts_that_differ_in_a_number_a_date_or_a_negation_are_not_repetitions() -> None:
    for one, other in (
        (
            "The build takes 40 minutes on the old machine.",
            "The build takes 4 minutes on the old machine.",
        ),
        (
            "Ann will visit the dentist in the morning of 3 May.",
            "Ann will visit the dentist in the morning of 8 May.",
        ),
        (
            "We will move all of the data on Monday at noon.",
            "We will move all of the data on Friday at noon.",
        ),
        (
            "We do want to keep the old table in the store.",
            "We don't want to keep the old table in the store.",
        ),
    ):
        apart = [
            (0.9, row(0, one)),
            (0.88, row(50, other, talk="d")),
            (0.8, row(70, "a lazy dog sleeps all day long", talk="e")),
        ]
        assert shown(apart, 40, diversity=0.0)[:2] == ["c:0", "d:50"], one
        same = [
            (0.9, row(0, one)),
            (0.88, row(50, one, talk="d")),
            (0.8, row(70, "a lazy dog sleeps all day long", talk="e")),
        ]
        assert "d:50" not in shown(same, 40, diversity=0.0), one


def test_texts_about_the_same_entities_give_way_to_others() -> None:
    about = {
        "m:c:0": ["Redis", "Lua"],
        "m:d:50": ["Redis"],
        "m:f:60": ["Lua"],
        "m:e:70": ["Berlin"],
    }
    scored = [
        (0.9, row(0, "alpha beta gamma delta epsilon")),
        (0.88, row(50, "zeta eta theta iota kappa", talk="d")),
        (0.87, row(60, "lambda mu nu xi omicron", talk="f")),
        (0.8, row(70, "pi rho sigma tau upsilon", talk="e")),
    ]
    assert shown(scored, 25, facts=GraphFacts(entities=about), diversity=0.9) == ["c:0", "e:70"]
    assert shown(scored, 25, facts=GraphFacts(entities=about), diversity=0.0) == ["c:0", "d:50"]
    assert shown(scored, 25, diversity=0.9) == ["c:0", "d:50"]


@pytest.mark.parametrize("strange", ["a] [m:b", "50% [draft]", "%5D", "[", "with a space", "]("])
def test_citations_of_any_id_can_be_parsed(strange: str) -> None:
    scored = [
        (0.9, row(0, "One thing.\n[m:forged] And more.", id=strange)),
        (0.9, row(3, "Another [m:x] thing.")),
    ]
    text = build(scored, words=[], budget=100, count_tokens=count).text
    assert {(kind, unquote(own)) for kind, own in CITATION.findall(text)} == {
        ("m", strange),
        ("m", "c:3"),
    }


def test_a_decision_follows_its_message_or_has_its_place_by_time() -> None:
    day = 86_400_000
    messages = [
        (0.9, row(place, f"Message {place} says this.", timestamp_ms=place * day))
        for place in range(4)
    ]
    other = {"kind": "decision", "position": None, "author": None, "is_cut": False}
    told = row(0, "Use Neo4j.", **{**other, "id": "told", "timestamp_ms": 90 * day})
    made = build(
        [*messages, (0.9, told)],
        words=[],
        budget=1000,
        count_tokens=count,
        facts=GraphFacts(evidence={"d:told": {"position": 1, "timestamp_ms": day}}),
    )
    assert [row.id for _, row in made.scored] == ["c:0", "c:1", "told", "c:2", "c:3"]
    assert (
        "# 2 January 1970\n[m:c:1] Ann: Message 1 says this.\n[d:told] Use Neo4j.\n\n# 3 January"
        in made.text
    )
    for moment, place in ((-5 * day, 0), (2 * day + 1, 3), (90 * day, 4), (None, 4)):
        saved = row(0, "Use Neo4j.", **{**other, "id": "saved", "timestamp_ms": moment})
        assert shown([*messages, (0.9, saved)]).index("saved") == place


def test_a_proposed_decision_is_marked() -> None:
    other = {"kind": "decision", "position": None, "author": None, "id": "d1"}
    made = [
        build(
            [(0.9, row(0, "Use Neo4j.", **other, status=status))],
            words=[],
            budget=100,
            count_tokens=count,
        ).text
        for status in ("proposed", "accepted")
    ]
    assert "[d:d1] Proposed decision: Use Neo4j." in made[0]
    assert "[d:d1] Use Neo4j." in made[1]


def test_a_decision_does_not_repeat_its_outcome() -> None:
    other = {"kind": "decision", "position": None, "author": None, "id": "d1"}
    for content, told in (
        ("Well. We use Neo4j.\nWe use Neo4j.", "Well. We use Neo4j."),
        ("Two stores\nNeo4j", "Two stores\n  Neo4j"),
    ):
        text = build(
            [(0.9, row(0, content, **other))], words=[], budget=100, count_tokens=count
        ).text
        assert text == f"# 14 November 2023 c\n[d:d1] {told}"


def test_texts_that_do_not_fit_do_not_count_as_repetitions() -> None:
    long = ["a b c d e f g h i", "k l m n o p q r s", "t u v w x y z aa bb"]
    scored = [(0.9, row(0, text, talk=f"t{place}")) for place, text in enumerate(long)]
    assert shown([*scored, (0.4, row(9, "short one", talk="t0"))], 40) == ["t0:0", "t0:9", "t1:0"]


def test_conversations_are_ordered_by_time_and_named_once() -> None:
    day = 86_400_000
    scored = [
        (0.9, row(0, "The later one.", talk="a", id="x1", timestamp_ms=40 * day)),
        (0.9, row(1, "On the next day.", talk="a", id="x2", timestamp_ms=41 * day)),
        (0.9, row(0, "The earlier one.", talk="b", id="x3", timestamp_ms=3 * day)),
    ]
    assert build(scored, words=[], budget=100, count_tokens=count).text.splitlines()[::3] == [
        "# 4 January 1970 b",
        "# 10 February 1970 a",
        "# 11 February 1970",
    ]


def test_every_text_is_counted_once_and_the_result_once() -> None:
    asked: list[str] = []
    calls = 0

    def watched(texts: Sequence[str]) -> list[int]:
        nonlocal calls
        calls += 1
        asked.extend(texts)
        return count(texts)

    scored = [
        (0.9, row(place, f"Number {place} is here. It says nothing.", talk=f"t{place % 7}"))
        for place in range(60)
    ]
    made = build(scored, words=["number"], budget=300, count_tokens=watched)
    assert made.scored
    assert calls == 2
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("size", [0, 1])
def test_a_constant_token_count_is_accepted(size: int) -> None:
    made = build(
        [(0.9, row(0, "hello"))], words=[], budget=1, count_tokens=lambda texts: [size] * len(texts)
    )
    assert made.tokens == size
    assert made.scored


def test_a_blob_is_shown_as_a_marker() -> None:
    blob = base64.encodebytes(bytes(range(256)) * 8).decode()
    scored = [(0.9, row(0, f"The key is below.\n{blob}\nKeep it safe."))]
    made = build(scored, words=["key"], budget=100, count_tokens=count)
    assert made.text.endswith("Ann: The key is below.\n  [base64, 2.8 kB]\n  Keep it safe.")
