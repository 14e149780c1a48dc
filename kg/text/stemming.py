"""Stems of words, by the Snowball algorithm of their language."""

from functools import cache, lru_cache
from typing import Any

from mcp_context_persistence.kg.text.normalization import fold

_ALGORITHMS = {
    "en": "english",
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "it": "italian",
    "pt": "portuguese",
    "nl": "dutch",
    "ru": "russian",
    "el": "greek",
    "ar": "arabic",
}


@lru_cache(maxsize=2**17)
def stem_word(word: str, language: str | None) -> str:
    """Return the stem of a word, folded; of an unknown language, the folded word.

    Args:
        word: The word, in any case.
        language: ISO 639-1 code.
    """
    if language not in _ALGORITHMS:
        return fold(word)
    stem: str = _load_stemmer(language).stemWord(word.casefold())
    return fold(stem)


@cache
def _load_stemmer(language: str) -> Any:
    import Stemmer  # noqa: PLC0415 -- the command line starts faster without it

    return Stemmer.Stemmer(_ALGORITHMS[language])
