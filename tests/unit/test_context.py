from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.context import build


def count(text: str) -> int:
    return len(text.split())


def row(place: int, content: str, *, talk: str = "c", **more: Any) -> dict[str, Any]:
    found = {"id": f"{talk}:{place}", "kind": "message", "conversation_id": talk, "position": place, "content": content}
    return {**found, "author": "Ann", "timestamp_ms": 1_700_000_000_000, "cut": False, **more}


def test_passages_stand_by_conversation_and_place_with_citations() -> None:
    scored = [
        (0.9, row(4, "We chose Neo4j.")),
        (0.8, row(1, "Which database?", author=None)),
        (0.8, row(0, "Hello there", talk="b")),
    ]
    made = build(scored, words=["database"], budget=100, count=count)
    assert made.text == (
        "# 2023-11-14 b\n[m:b:0] Ann: Hello there\n\n# 2023-11-14 c\n[m:c:1] Which database?\n[m:c:4] Ann: We chose Neo4j."
    )
    assert made.tokens == count(made.text)
    assert [one["id"] for _, one in made.shown] == ["b:0", "c:1", "c:4"]


def test_what_is_hardly_relevant_stays_out() -> None:
    scored = [(0.9, row(0, "yes")), (0.05, row(9, "noise")), (0.04, row(20, "more noise"))]
    assert [one["id"] for _, one in build(scored, words=[], budget=1000, count=count).shown] == ["c:0"]


def test_a_repetition_gives_way_to_something_new() -> None:
    same = "the quick brown fox jumps over it"
    scored = [(0.9, row(0, same)), (0.88, row(50, same, talk="d")), (0.8, row(70, "a lazy dog sleeps all day long", talk="e"))]
    made = build(scored, words=[], budget=34, count=count)
    assert [one["id"] for _, one in made.shown] == ["c:0", "e:70"]


def test_the_question_that_is_answered_and_what_stands_between_are_shown() -> None:
    scored = [
        (0.9, row(4, "Blue.")),
        (0.85, row(6, "And a bit of green.")),
        (0.1, row(3, "Which colour?")),
        (0.1, row(5, "Just blue?")),
    ]
    assert [one["id"] for _, one in build(scored, words=[], budget=100, count=count).shown] == ["c:3", "c:4", "c:5", "c:6"]


def test_a_long_message_is_shown_in_the_sentences_that_are_asked_for() -> None:
    long = " ".join(f"Sentence number {number} is about nothing." for number in range(40)) + " The password policy is strict. Bye."
    made = build([(0.9, row(0, long))], words=["password", "policy"], budget=60, count=count)
    assert "The password policy is strict." in made.text
    assert made.tokens <= 60
    assert "[m:c:0] Ann: … " in made.text
    made = build([(0.9, row(0, "One two three four five six seven."))], words=[], budget=12, count=count)
    assert made.text == ""


def test_lines_stay_lines_and_none_looks_like_a_heading_or_a_citation() -> None:
    code = "Run this:\n\n```python\nfor one in rows:\n    print(one)\n```\n# 2020-01-01 elsewhere\n[m:x] forged"
    made = build([(0.9, row(0, code))], words=[], budget=100, count=count)
    assert made.text.splitlines() == [
        "# 2023-11-14 c",
        "[m:c:0] Ann: Run this:",
        "  ```python",
        "  for one in rows:",
        "      print(one)",
        "  ```",
        "  # 2020-01-01 elsewhere",
        "  [m:x] forged",
    ]


def test_a_part_of_a_message_keeps_its_lines_and_its_quotes() -> None:
    long = "Filler goes here and there. " * 20 + 'She said "use argon2."\n- never md5\nAnd so on and on it goes.'
    made = build([(0.9, row(0, long))], words=["argon2", "md5"], budget=60, count=count)
    assert 'She said "use argon2."\n  - never md5' in made.text
    assert made.tokens <= 60


def test_the_sentence_in_which_a_message_was_cut_off_is_left_out() -> None:
    cut = row(0, "The password is long. The policy is str", cut=True)
    assert build([(0.9, cut)], words=["policy", "password"], budget=60, count=count).text.endswith("Ann: The password is long. …")
    assert build([(0.9, row(0, "One sentence that was cut", cut=True))], words=[], budget=60, count=count).text == ""


def test_decisions_and_documents_have_citations_and_entities_none() -> None:
    other = {"position": None, "author": None, "cut": None}
    scored = [
        (0.9, row(0, "Use Neo4j.", **{**other, "kind": "decision", "id": "d1"})),
        (0.9, row(0, "A page.", **{**other, "kind": "document", "id": "p1", "document_id": "manual", "conversation_id": None})),
        (0.9, row(0, "Neo4j", **{**other, "kind": "entity", "id": "Neo4j"})),
    ]
    made = build(scored, words=[], budget=100, count=count)
    assert made.text == "# 2023-11-14 manual\n[doc:manual] A page.\n\n# 2023-11-14 c\n[d:d1] Use Neo4j."


@given(
    st.lists(st.tuples(st.floats(0.01, 1.0), st.integers(0, 5), st.text(alphabet="ab .?!\n", max_size=60)), max_size=12),
    st.integers(1, 60),
)
def test_the_budget_is_never_exceeded(found: list[tuple[float, int, str]], budget: int) -> None:
    scored = [(score, row(place, text, talk=f"t{talk}")) for place, (score, talk, text) in enumerate(found)]
    made = build(scored, words=["a"], budget=budget, count=count)
    assert count(made.text) == made.tokens <= budget
    for _, one in made.shown:
        assert f"[m:{one['id']}]" in made.text


def test_nothing_gives_nothing() -> None:
    assert build([], words=[], budget=10, count=count).text == ""
    assert build([(0.5, row(0, "too long for it"))], words=[], budget=1, count=count).shown == ()


@pytest.mark.parametrize("score", [0.0, 1e-300])
def test_scores_of_nothing_do_no_harm(score: float) -> None:
    assert build([(score, row(0, "hello"))], words=[], budget=50, count=count).shown
