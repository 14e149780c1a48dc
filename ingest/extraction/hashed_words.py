"""Words of a text as numbers, for linear models that have a weight for each."""

import re
import zlib
from collections.abc import Iterable
from itertools import pairwise

BUCKETS = 1 << 13  # of the hashes of words and pairs of words
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|[^\s\w]")


def split_words(text: str) -> tuple[list[str], list[str]]:
    """Return the words of a text in lower case, with a mark at each end, and pairs of neighbors."""
    words = ["^", *_TOKEN.findall(text.lower().replace("’", "'")), "$"]
    return words, [f"{word} {following}" for word, following in pairwise(words)]


def hash_terms(terms: Iterable[str]) -> list[int]:
    """Return the buckets of some words and pairs, each once."""
    return sorted({zlib.crc32(term.encode()) % BUCKETS for term in terms})
