"""The terms of a query, and the query of the fulltext index that is made of them.

The fulltext query is built from tokens only, so nothing that a user writes acts as an operator.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_context_persistence.kg import limits

# The words that the index's `english` analyzer drops: Lucene's
# EnglishAnalyzer.ENGLISH_STOP_WORDS_SET.
_STOP_WORDS = """
a an and are as at be but by for if in into is it no not of on or such that the their then there
these they this to was will with
"""
# Words that questions are made of. The index has them, but they say nothing about the subject.
_QUESTION_WORDS = """
what when where who whom whose which why how do does did has have had having would could should can
may might shall must his her hers him he she its them i me my you your we our us many much long kind
type according like from about been being were am after before during so than too very just also any
some tell show please
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
QUESTION_WORDS = frozenset(_QUESTION_WORDS.split())
_TOKEN = re.compile(r"[^\s.'’]+(?:[.'’][^\s.'’]+)*")
_ASCII_SEPARATORS = re.compile(r"[^a-z0-9_.']")
_JOINTS = re.compile(r"[._]")
_POSSESSIVE = re.compile(r"['’]s?$")
# What remains has at least three letters: "king" is not a form of "k".
_SUFFIX = re.compile(r"(?<=...)(?:ies|ing|es|ed|s|e|y)$")
_SHORTEST_STEMMED = 4


@dataclass(frozen=True, kw_only=True)
class QueryTerms:
    """The part of a query that reaches the fulltext index.

    Attributes:
        words: Distinct, in lower case, in the order of the query; at most `kg.limits.QUERY_TERMS`.
        dropped_count: How many more words the query has.
    """

    words: tuple[str, ...]
    dropped_count: int = 0


def tokenize(text: str) -> list[str]:
    """Return the words of a text in lower case, in order.

    A word joined by dots or underscores is returned as a whole and in its segments. Letters, marks,
    digits and underscores make words; everything else ends one. A dot or an apostrophe inside a
    word belongs to it, as it does for Lucene's StandardTokenizer.
    """
    lowered = text.lower()
    if lowered.isascii():
        spaced = _ASCII_SEPARATORS.sub(" ", lowered)
    else:
        spaced = "".join(character if _belongs_to_word(character) else " " for character in lowered)
    tokens: list[str] = []
    for token in _TOKEN.findall(spaced):
        if "." not in token and "_" not in token:
            tokens.append(token)
            continue
        segments = [segment for segment in _JOINTS.split(token) if segment]
        if segments:
            tokens.append(token)
        if len(segments) > 1:
            tokens.extend(segment for segment in segments if segment != token)
    return tokens


def strip_possessive(token: str) -> str:
    """Return a token without a possessive `'s`."""
    return _POSSESSIVE.sub("", token)


def stem(word: str) -> str:
    """Return a word without its most common English endings.

    Enough to compare a name with a query.
    """
    word = strip_possessive(word)
    if len(word) < _SHORTEST_STEMMED:
        return word
    root = _SUFFIX.sub("", word)
    return root[:-1] if len(root) >= _SHORTEST_STEMMED and root[-1] == root[-2] else root


def extract_terms(query: str) -> QueryTerms:
    """Return the informative words of a query.

    Stop words are removed. Question words are removed where other words remain. Of too many words
    the
    most informative stay: the more frequent ones, then the longer ones.
    """
    counts = Counter(
        token for token in tokenize(query) if strip_possessive(token) not in STOP_WORDS
    )
    words = [token for token in counts if strip_possessive(token) not in QUESTION_WORDS]
    words = words or list(counts)
    if len(words) <= limits.QUERY_TERMS:
        return QueryTerms(words=tuple(words))
    by_information = sorted(words, key=lambda token: (-counts[token], -len(token)))
    best = set(by_information[: limits.QUERY_TERMS])
    return QueryTerms(
        words=tuple(token for token in words if token in best),
        dropped_count=len(words) - len(best),
    )


def build_filter_query(groups: Iterable[Sequence[str]]) -> str:
    """Return clauses that require one filter token of each group; they add nothing to the score."""
    return " ".join([f"+facets:({' '.join(group)})^0" for group in groups])


def build_keyword_query(groups: Iterable[Sequence[str]], words: Sequence[str]) -> str:
    """Return a fulltext query for any of the words, within groups of filter tokens."""
    required = build_filter_query(groups)
    return f"{required} +content:({' '.join(words)})" if words else required


def _belongs_to_word(character: str) -> bool:
    return (
        character in "_.'’"
        or character.isalnum()
        or unicodedata.category(character) in {"Mn", "Mc"}
    )
