"""Extract from texts and embed them at the same time.

spaCy runs on its own thread while the encoder computes, because the encoder's matrix products
release the interpreter's lock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest.graph_rows import GraphRows, add_vectors
from mcp_context_persistence.kg.helper_threads import HelperThreads

if TYPE_CHECKING:
    from mcp_context_persistence.ingest.chunking import Passage
    from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
    from mcp_context_persistence.ingest.extraction.instruction_cues import InstructionSentence
    from mcp_context_persistence.ingest.extraction.user_patterns import UserPatterns
    from mcp_context_persistence.ingest.models.embedder import Embedder

KeyedText = tuple[str, str]  # the id of the node that the text belongs to, and the text


@dataclass(frozen=True, kw_only=True)
class TextAnalysis:
    """The extractions and vectors of some texts.

    Attributes:
        extractions: For each text that was extracted from, its key and its extraction.
        passages: For each text that was embedded, by its key, its passages with their vectors,
            `(dimension,) float32`. A short text is one passage.
    """

    extractions: "list[tuple[str, Extraction]]" = field(default_factory=list)
    passages: "dict[str, list[tuple[Passage, Any]]]" = field(default_factory=dict)


@dataclass(kw_only=True)
class AnalysisCache:
    """Extractions and vectors by text, so that the next attempt of a save need not compute them.

    Attributes:
        extractions: The extraction of each text.
        passages: By model and text, the passages with their vectors, `(dimension,) float32`.
        instructions: What the users' texts tell the assistant to remember.
        patterns: The user's entity types with which the texts were extracted from.
    """

    extractions: "dict[str, Extraction]" = field(default_factory=dict)
    passages: "dict[tuple[str, str], list[tuple[Passage, Any]]]" = field(default_factory=dict)
    instructions: "dict[str, list[InstructionSentence]]" = field(default_factory=dict)
    patterns: "UserPatterns | None" = None


def analyze_texts(
    *,
    to_extract: Sequence[KeyedText],
    to_embed: Sequence[KeyedText],
    extractor: "Extractor | None",
    embedder: "Embedder | None",
    cache: AnalysisCache,
) -> TextAnalysis:
    """Extract from some texts and embed some.

    Args:
        to_extract: Texts from which entities and relations are extracted.
        to_embed: Texts that get vectors.
        extractor: Extracts; None where `to_extract` is empty.
        embedder: Embeds; None where `to_embed` is empty.
        cache: The results of an earlier attempt; new results are added to it.
    """
    texts = [text for _, text in to_extract]
    if extractor and any(text not in cache.extractions for text in texts):
        with HelperThreads(
            max_workers=1, thread_name_prefix="context-persistence-extract"
        ) as executor:
            extraction = executor.submit(extract_texts, texts, extractor, cache)
            passages = _embed_keyed_texts(to_embed, embedder, cache)
            extraction.result()
    else:
        passages = _embed_keyed_texts(to_embed, embedder, cache)
    return TextAnalysis(
        extractions=[(key, cache.extractions[text]) for key, text in to_extract],
        passages=passages,
    )


def _embed_keyed_texts(
    items: Sequence[KeyedText], embedder: "Embedder | None", cache: AnalysisCache
) -> "dict[str, list[tuple[Passage, Any]]]":
    if embedder is None or not items:
        return {}
    embed_texts([text for _, text in items], embedder, cache)
    model = embedder.name
    return {key: cache.passages[model, text] for key, text in items}


def extract_texts(texts: Iterable[str], extractor: "Extractor", cache: AnalysisCache) -> None:
    """Extract from the texts that the cache does not have."""
    missing = [text for text in dict.fromkeys(texts) if text not in cache.extractions]
    extractions = extractor.extract(missing, cache.patterns)
    cache.extractions.update(zip(missing, extractions, strict=True))


def embed_texts(texts: Iterable[str], embedder: "Embedder", cache: AnalysisCache) -> None:
    """Embed the passages of the texts that the cache does not have."""
    model = embedder.name
    passages = {
        text: embedder.passages(text)
        for text in dict.fromkeys(texts)
        if (model, text) not in cache.passages
    }
    vectors = iter(
        embedder.embed([passage.text for group in passages.values() for passage in group])
    )
    cache.passages.update(
        {
            (model, text): [(passage, next(vectors)) for passage in group]
            for text, group in passages.items()
        }
    )


def embed_entities(rows: GraphRows, embedder: "Embedder") -> GraphRows:
    """Return the rows with a vector of its name in each entity."""
    if not rows.entities:
        return rows
    vectors = embedder.embed(list(rows.names.values()))
    return add_vectors(rows, dict(zip(rows.names, vectors, strict=True)))
