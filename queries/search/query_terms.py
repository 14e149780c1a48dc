"""From what a user wrote to a query for the fulltext index. It is made of tokens, so nothing that a user writes is an operator."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.filter_tokens import build_token

# The words that the index's `english` analyzer drops: Lucene's EnglishAnalyzer.ENGLISH_STOP_WORDS_SET.
_DROPPED = """
a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with
"""
# Words of which questions are made. The index has them, but they say nothing of what is asked for.
_QUESTION = """
what when where who whom whose which why how do does did has have had having would could should can may might shall must
his her hers him he she its them i me my you your we our us many much long kind type according like from about
been being were am after before during so than too very just also any some tell show please
"""
DROPPED = frozenset(_DROPPED.split())
QUESTION = frozenset(_QUESTION.split())
_TERM = re.compile(r"[^\s.'’]+(?:[.'’][^\s.'’]+)*")
_JOINED = re.compile(r"[._]")
_POSSESSIVE = re.compile(r"['’]s?$")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What of a query reaches the fulltext index.

    Attributes:
        words: Distinct, in lower case, in the order of the query; at most `kg.limits.QUERY_TERMS`.
        cut: How many more there were.
    """

    words: tuple[str, ...]
    cut: int = 0


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, in order; a word joined by dots or underscores comes whole and in its parts.

    Letters, marks, digits and underscores make words; everything else ends one. A dot or an apostrophe inside a word belongs to it, as it
    does for Lucene's StandardTokenizer.
    """
    spaced = "".join(character if _inside(character) else " " for character in text.lower())
    found: list[str] = []
    for match in _TERM.finditer(spaced):
        whole = match[0]
        parts = [part for part in _JOINED.split(whole) if part]
        if not parts:
            continue
        found.append(whole)
        if len(parts) > 1:
            found.extend(part for part in parts if part != whole)
    return found


def bare(token: str) -> str:
    """A token without the `'s` of an owner."""
    return _POSSESSIVE.sub("", token)


def terms(query: str) -> Terms:
    """The telling words of a query.

    Stop words go. Words of which questions are made go where others remain. Of too many the most telling stay: those that come
    more often, then the longer ones.
    """
    counted = Counter(token for token in tokens(query) if bare(token) not in DROPPED)
    telling = [token for token in counted if bare(token) not in QUESTION]
    kept = telling or list(counted)
    if len(kept) <= limits.QUERY_TERMS:
        return Terms(words=tuple(kept))
    best = set(sorted(kept, key=lambda token: (-counted[token], -len(token)))[: limits.QUERY_TERMS])
    return Terms(words=tuple(token for token in kept if token in best), cut=len(kept) - len(best))


def required(groups: Iterable[Sequence[str]]) -> str:
    """Clauses by which a document must have one token of each group. They filter, and add nothing to the score."""
    return " ".join(f"+facets:({' '.join(group)})^0" for group in groups)


def query(namespace: str, groups: Iterable[Sequence[str]], words: Sequence[str]) -> str:
    """A query for the fulltext index: any of the words, within the namespace and the groups of facets."""
    filters = required([[build_token("namespace", namespace)], *groups])
    return f"{filters} +content:({' '.join(words)})" if words else filters


def _inside(character: str) -> bool:
    return (
        character in "_.'’"
        or character.isalnum()
        or unicodedata.category(character) in {"Mn", "Mc"}
    )
