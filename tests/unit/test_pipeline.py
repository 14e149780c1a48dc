"""Extraction and embedding of keyed texts, with fake models."""

from collections.abc import Iterator, Sequence

import pytest

from mcp_context_persistence.ingest.chunking import Passage
from mcp_context_persistence.ingest.extraction.results import Extraction
from mcp_context_persistence.ingest.pipeline import AnalysisCache, analyze_texts


class FakeExtractor:
    """Records the texts that it extracts from."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def extract(self, texts: Sequence[str], patterns: object) -> Iterator[Extraction]:
        self.texts += texts
        for text in texts:
            yield Extraction(mentions=(), relations=(), truncated="long" in text)


class FakeEmbedder:
    """Makes a passage of each line, and its length its vector."""

    name = "fake"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def passages(self, text: str) -> list[Passage]:
        return [Passage(start=0, end=len(line), text=line) for line in text.split("\n")]

    def embed(self, texts: Sequence[str]) -> list[int]:
        self.texts += texts
        return [len(text) for text in texts]


@pytest.fixture
def extractor() -> FakeExtractor:
    return FakeExtractor()


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


def analyze(extractor, embedder, to_extract, to_embed, cache=None):
    return analyze_texts(
        to_extract=to_extract,
        to_embed=to_embed,
        extractor=extractor,
        embedder=embedder,
        cache=cache or AnalysisCache(),
    )


def test_results_are_keyed_and_in_the_order_of_the_texts(extractor, embedder) -> None:
    analysis = analyze(
        extractor,
        embedder,
        [("b", "a long text"), ("a", "short")],
        [("a", "short"), ("c", "x\nyy")],
    )
    assert [(key, item.truncated) for key, item in analysis.extractions] == [
        ("b", True),
        ("a", False),
    ]
    assert {
        key: [(passage.text, vector) for passage, vector in passages]
        for key, passages in analysis.passages.items()
    } == {"a": [("short", 5)], "c": [("x", 1), ("yy", 2)]}


def test_equal_texts_are_analyzed_once(extractor, embedder) -> None:
    items = [("a", "same"), ("b", "same")]
    analysis = analyze(extractor, embedder, items, items)
    assert extractor.texts == ["same"]
    assert embedder.texts == ["same"]
    assert [key for key, _ in analysis.extractions] == ["a", "b"]
    assert analysis.passages.keys() == {"a", "b"}


def test_cached_texts_are_not_analyzed_again(extractor, embedder) -> None:
    cache = AnalysisCache()
    items = [("a", "first")]
    before = analyze(extractor, embedder, items, items, cache)
    assert analyze(extractor, embedder, items, items, cache) == before
    assert extractor.texts == ["first"]
    assert embedder.texts == ["first"]


def test_nothing_to_do_needs_no_models() -> None:
    analysis = analyze(None, None, [], [])
    assert analysis.extractions == []
    assert analysis.passages == {}


def test_an_error_of_the_extractor_is_raised(embedder) -> None:
    class BrokenExtractor:
        def extract(self, texts: Sequence[str], patterns: object) -> Iterator[Extraction]:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        analyze(BrokenExtractor(), embedder, [("a", "text")], [("a", "text")])
