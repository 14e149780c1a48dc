"""Texts without sentence ends, code and other scripts: a context shows the part with the words."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mcp_context_persistence.kg.text.words import list_words
from mcp_context_persistence.queries.prompt_context.builder import PromptContext, build
from mcp_context_persistence.queries.prompt_context.fitting import TokenCounter
from mcp_context_persistence.queries.prompt_context.sentences import (
    AREA_CHARACTERS,
    split_sentences,
)
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.query_terms import extract_terms

WORDS = "meeting notes about the garden and the weather with several small remarks on trains"
NEEDLE = "the vault code is blue heron seventeen"


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def count_quarters(texts: Sequence[str]) -> list[int]:
    return [-(-len(text) // 4) for text in texts]


def count_bytes(texts: Sequence[str]) -> list[int]:
    """Count like a tokenizer that adds two tokens to every text, and knows few words."""
    return [2 + -(-len(text.encode()) // 3) for text in texts]


COUNTERS: list[TokenCounter] = [count_words, count_quarters, count_bytes]


def show(
    text: str,
    query: str,
    budget: int,
    count: TokenCounter = count_quarters,
    *,
    is_cut: bool = False,
) -> PromptContext:
    terms = extract_terms(query)
    candidate = Candidate(
        id="c:0",
        kind="message",
        conversation_id="c",
        position=0,
        content=text,
        author="Ann",
        timestamp_ms=1_700_000_000_000,
        is_cut=is_cut,
    )
    context = build(
        [(0.9, candidate)],
        words=terms.words,
        variants=terms.variants,
        budget=budget,
        count_tokens=count,
    )
    assert context.tokens <= budget
    assert [context.tokens] == (list(count([context.text])) if context.text else [0])
    assert has_closed_fences(context.text)
    return context


def has_closed_fences(text: str) -> bool:
    fence = ""
    for line in text.splitlines():
        match = re.match(r"\s*(`{3,}|~{3,})([^`]*)$", line)
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence) and not match[2].strip():
            fence = ""
    return not fence


def speak(count: int) -> str:
    words = WORDS.split()
    return " ".join(words[number * number % len(words)] for number in range(count))


LONG_TEXTS = {
    "speech": (f"{speak(800)} {NEEDLE} {speak(300)}", "vault code", "blue heron"),
    "speech at the end": (f"{speak(800)} {NEEDLE}", "vault code", "blue heron"),
    "speech at the start": (f"{NEEDLE} {speak(800)}", "vault code", "blue heron"),
    "list": (f"{speak(600).replace(' ', ', ')}, {NEEDLE}, {speak(200)}", "vault", "blue heron"),
    "JSON": (
        '{"rows":['
        + ",".join(f'{{"id":{number},"name":"n{number}"}}' for number in range(300))
        + ',{"vault":"blue heron"}]}',
        "vault",
        "blue heron",
    ),
    "Chinese": (
        "今天我们在花园里开会" * 90 + "保险箱密码是蓝鹭" + "明天坐火车" * 90,
        "保险箱密码",
        "蓝鹭",
    ),
    "Japanese": ("今日は庭で会議をした。" * 90 + "金庫の番号は青鷺です。", "金庫の番号", "青鷺"),
    "Thai": ("วันนี้เราประชุมในสวน" * 90 + "รหัสตู้เซฟคือนกกระสา", "รหัสตู้เซฟ", "นกกระสา"),
    "Hindi": ("हम बगीचे में मिले। " * 90 + "तिजोरी का कोड बगुला है।", "तिजोरी", "बगुला"),
    "German": (
        "wir haben lange über das Wetter geredet und dann noch mehr " * 40
        + "die Häuser stehen in Lissabon "
        + "und so weiter und so fort " * 40,
        "in welcher Stadt sind die Häusern",
        "Lissabon",
    ),
    "long word": ("x" * 4_000 + " vault heron " + "y" * 4_000, "vault", "heron"),
    "URL": (
        "https://h.example/?"
        + "&".join(f"k{number}={number}" for number in range(500))
        + "&vault=heron",
        "vault",
        "heron",
    ),
}


@pytest.mark.parametrize("budget", [70, 100, 400])
@pytest.mark.parametrize("count", COUNTERS)
@pytest.mark.parametrize("name", LONG_TEXTS)
def test_a_text_without_sentence_ends_is_cut_around_the_words(
    name: str, count: TokenCounter, budget: int
) -> None:
    text, query, answer = LONG_TEXTS[name]
    if name == "URL" and count is count_words:
        pytest.skip("is a single word, so it fits")
    assert answer in show(text, query, 2 * budget if count is count_bytes else budget, count).text


@pytest.mark.parametrize("name", LONG_TEXTS)
def test_without_a_word_of_the_query_some_part_is_shown(name: str) -> None:
    assert show(LONG_TEXTS[name][0], "something else entirely", 60).text


def test_an_answer_far_behind_in_a_very_long_text_is_shown() -> None:
    text = f"{speak(60_000)} {NEEDLE} {speak(9_000)}"
    assert len(text) > 10 * AREA_CHARACTERS
    assert "blue heron" in show(text, "what is the code of the vault", 80).text


def test_a_short_sentence_is_not_cut() -> None:
    text = f"{speak(300)}. The vault has the code seventeen. {speak(300)}."
    assert "The vault has the code seventeen." in show(text, "vault", 60).text


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=600),
    st.integers(0, 10**6),
    st.sampled_from(COUNTERS),
    st.booleans(),
)
def test_any_word_of_any_text_is_shown(
    text: str, number: int, count: TokenCounter, is_repeated: bool
) -> None:
    words = [word for word in list_words(text) if word.isalnum() and len(word) <= 30]
    assume(words)
    word = words[number % len(words)]
    if is_repeated:
        text = f"{speak(300)} {text} {speak(300)}"
    context = build(
        [(0.9, Candidate(id="c:0", kind="message", position=0, content=text))],
        words=[word],
        budget=200,
        count_tokens=count,
    )
    assert context.tokens <= 200
    assert word in list_words(context.text)


CODE_LINES = [f"    total = add(total, {number})  # step. Again." for number in range(60)]


@pytest.mark.parametrize("fence", ["```python", "~~~", "````"])
@pytest.mark.parametrize("place", [0, 30, 59])
def test_code_keeps_its_fences(fence: str, place: int) -> None:
    closing = fence.rstrip("python")
    lines = list(CODE_LINES)
    lines[place] = "    vault_code = 'heron'"
    text = "\n".join(["Run this. It works.", fence, *lines, closing, "And more text. " * 30])
    shown = show(text, "vault_code", 120).text
    assert "vault_code = 'heron'" in shown
    assert shown.count(closing) == 2
    assert re.search(rf"^  {fence}$", shown, re.MULTILINE)


def test_code_that_nobody_closed_is_closed() -> None:
    shown = show("Look:\n```\nvault = 1", "vault", 100).text
    assert shown.endswith("vault = 1\n  ```")


def test_a_text_that_begins_with_code_begins_on_its_own_line() -> None:
    assert show("```\nvault = 1\n```", "vault", 100).text.endswith(
        "[m:c:0] Ann:\n  ```\n  vault = 1\n  ```"
    )


@given(
    st.lists(
        st.sampled_from(
            ["```", "```python", "~~~", "a b c. d e f", "vault", "", "    x = 1", "````"]
        ),
        max_size=60,
    ),
    st.sampled_from(COUNTERS),
    st.integers(30, 200),
)
def test_fences_are_closed_whatever_is_cut(
    lines: list[str], count: TokenCounter, budget: int
) -> None:
    show("\n".join(lines), "vault", budget, count)


@given(st.text(max_size=300), st.booleans())
def test_sentences_are_the_text(text: str, is_cut: bool) -> None:
    split = split_sentences(text, is_cut=is_cut)
    spans = [(0, 0), *split.spans]
    for (_, end), (start, _) in zip(spans, split.spans, strict=False):
        assert end <= start
        assert not split.text[end:start].strip() or not split.text.strip()
    if not is_cut and split.spans:
        assert split.spans[-1][1] == len(split.text)


@pytest.mark.parametrize("abbreviation", ["Dr.", "Mrs.", "Prof.", "St.", "No.", "vs.", "e.g."])
def test_no_sentence_ends_after_an_abbreviation(abbreviation: str) -> None:
    text = f"Ask for {abbreviation} Haddad, phone 555. Then call again."
    sentences = split_sentences(text)
    assert [text[start:end].strip() for start, end in sentences.spans] == [
        f"Ask for {abbreviation} Haddad, phone 555.",
        "Then call again.",
    ]
