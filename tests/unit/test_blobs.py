"""Blobs are recognized, and a marker takes their place where texts are read."""

import base64
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.ingest.chunking import Passage
from mcp_context_persistence.ingest.models.embedder import Embedder
from mcp_context_persistence.kg.text.blobs import (
    MIN_CHARACTERS,
    compact_text,
    find_blobs,
    is_key,
    replace_blobs,
)

BYTES = random.Random(7).randbytes(3_000)
BASE64 = base64.b64encode(BYTES).decode()


def wrap(text: str, width: int, before: str = "") -> str:
    return "\n".join(before + text[start : start + width] for start in range(0, len(text), width))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASE64, "[base64, 4.0 kB]"),
        (f"See:\n{wrap(BASE64, 76)}\nThanks", "See:\n[base64, 4.1 kB]\nThanks"),
        (f"> Hi\n{wrap(BASE64, 64, '> ')}\nBye", "> Hi\n> [base64, 4.2 kB]\nBye"),
        (f"![x](data:image/png;base64,{BASE64})", "![x]([image/png, 4.0 kB])"),
        (f'{{"a": "{BASE64}", "b": 1}}', '{"a": "[base64, 4.0 kB]", "b": 1}'),
        (f"x\n{wrap(BYTES[:512].hex(), 64)}\ny", "x\n[hex, 1.0 kB]\ny"),
        (f"k\n{wrap(BYTES[:512].hex(' ', 2), 40)}\nz", "k\n[hex, 1.3 kB]\nz"),
        (
            f"-----BEGIN PRIVATE KEY-----\n{wrap(BASE64, 64)}\n-----END PRIVATE KEY-----\nok",
            "[key, 4.1 kB]\nok",
        ),
    ],
)
def test_a_blob_becomes_a_marker(text: str, expected: str) -> None:
    assert replace_blobs(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "word " * 100,
        "a-slug-of-many-words-" * 20,
        "getTheLongNameOfThisMethod" * 20,
        "https://example.com/a/path/that/goes/on/" + "and/on/" * 40,
        "0123456789" * 40,
        "sha256: " + BYTES[:32].hex() + " is the checksum. " + "word " * 50,
        "東京都は日本の首都です。" * 30,
    ],
)
def test_what_people_read_is_no_blob(text: str) -> None:
    assert find_blobs(text) == ()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("QV55S-ZV66D-74AHV-MEHRZ-6ZUKT", True),
        ("550e8400-e29b-41d4-a716-446655440000", True),
        ("9b74c9897bac770ffc029102a200c5de", True),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", True),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", True),
        ("TransactionManagerFactory", False),
        ("configuration_of_the_service", False),
        ("Llanfairpwllgwyngyll", False),
        ("INTERNATIONALIZATION", False),
        ("2024-06-11", False),
    ],
)
def test_keys_are_recognized(word: str, expected: bool) -> None:
    assert is_key(word) is expected


texts = st.lists(
    st.one_of(
        st.binary(min_size=0, max_size=400).map(lambda data: base64.b64encode(data).decode()),
        st.binary(min_size=0, max_size=200).map(bytes.hex),
        st.text(max_size=30),
        st.sampled_from(["\n", " ", "\n> ", "data:image/png;base64,", '"', "word", "\\n"]),
    ),
    max_size=12,
).map("".join)


@given(texts)
def test_blobs_are_in_order_and_long(text: str) -> None:
    end = 0
    for blob in find_blobs(text):
        assert end <= blob.start
        assert blob.end - blob.start >= MIN_CHARACTERS
        end = blob.end
    assert end <= len(text)


@given(texts)
def test_positions_in_a_compact_text_lead_to_the_original_one(text: str) -> None:
    compact = compact_text(text)
    assert compact.map_span(0, len(compact.text)) == (0, len(text))
    markers = [
        range(start, start + len(blob.marker))
        for start, blob in zip(compact.starts, compact.blobs, strict=True)
    ]
    for position in range(len(compact.text)):
        start, end = compact.map_span(position, position + 1)
        if any(position in marker for marker in markers):
            assert any((start, end) == (blob.start, blob.end) for blob in compact.blobs)
        else:
            assert text[start:end] == compact.text[position]


def test_the_vector_of_a_blob_is_that_of_its_marker() -> None:
    embedder = Embedder()
    expected = embedder.embed(["[base64, 4.0 kB]"])[0]
    assert np.array_equal(embedder.embed([BASE64])[0], expected)


def test_a_blob_is_in_one_passage_with_the_words_around_it() -> None:
    text = f"The plan of the harbor: data:image/png;base64,{BASE64 * 20} It was drawn in 1912."
    assert Embedder().passages(text) == [Passage(start=0, end=len(text), text=text)]
