"""Stems of words: by the Snowball algorithm of their language, or without common endings."""

import re
from functools import cache, lru_cache
from typing import Any

from mcp_context_persistence.kg.text.normalization import fold

_POSSESSIVE = re.compile(r"['’]s?$")
# What remains has at least three letters: "king" is not a form of "k".
_SUFFIX = re.compile(r"(?<=...)(?:ies|ing|es|ed|s|e|y)$")
_SHORTEST_STEMMED = 4
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
    return fold(stem) or fold(word)  # of a Greek word, a stem may have no letter


@cache
def _load_stemmer(language: str) -> Any:
    import Stemmer  # noqa: PLC0415 -- the command line starts faster without it

    return Stemmer.Stemmer(_ALGORITHMS[language])


def stem(word: str) -> str:
    """Return a word without its most common English endings.

    Enough to compare a name with a query.
    """
    word = _POSSESSIVE.sub("", word)
    if len(word) < _SHORTEST_STEMMED:
        return word
    root = _SUFFIX.sub("", word)
    return root[:-1] if len(root) >= _SHORTEST_STEMMED and root[-1] == root[-2] else root
