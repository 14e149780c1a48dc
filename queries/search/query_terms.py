"""The terms of a query, and the query of the fulltext index that is made of them.

The fulltext query is built from terms only, so nothing that a user writes acts as an operator.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.text import terms
from mcp_context_persistence.kg.text.irregular_forms import FORM_WEIGHT, find_forms
from mcp_context_persistence.kg.text.languages import ENGLISH, list_possible_languages
from mcp_context_persistence.kg.text.normalization import fold
from mcp_context_persistence.kg.text.stemming import stem_word
from mcp_context_persistence.kg.text.stop_words import LANGUAGES, read_stop_words

STOP_WORDS = read_stop_words(ENGLISH)
_SHORTEST_STEMMED = 4
# An IBAN: texts have it in groups of four, too.
_IBAN = re.compile(r"[a-z]{2}[0-9]{2}[a-z0-9]{11,30}")
# The number of a card, a phone or a tax payer: texts have it in groups of three or four, too.
_GROUPED = re.compile(r"(?P<letters>[a-z]{0,4})(?P<digits>[0-9]{6,16})[a-z]?")
_SHORTEST_IN_PAIRS = 8
_LONGEST_IN_PAIRS = 10  # digits: "06 12 34 56 78"
# What German texts write with an umlaut.
_UMLAUT = re.compile(r"(?<=[aou])e")


@dataclass(frozen=True, kw_only=True)
class QueryTerms:
    """The part of a query that reaches the fulltext index.

    Attributes:
        words: Distinct, folded, in the order of the query; at most `kg.limits.QUERY_TERMS`.
        variants: For each word the terms of the index that stand for it.
        index_terms: All these terms, and with a lower weight those of the irregular forms.
        stems: The stems of words that are not English.
        forms: The irregular forms of English words: of "choose", "chose" and "chosen".
        identifiers: Those of the words that are numbers, versions, identifiers or addresses.
        dropped_count: How many more words the query has.
        is_english: Whether its function words show that it is English.
    """

    words: tuple[str, ...]
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    index_terms: tuple[str, ...] = ()
    stems: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()
    dropped_count: int = 0
    is_english: bool = False


def extract_terms(query: str, language: str | None = None) -> QueryTerms:
    """Return the informative words of a query.

    Function words are removed where other words remain, unless they are written like names inside
    the query. Of too many words the most informative stay: the more frequent ones, then the longer
    ones.

    Args:
        query: The query.
        language: The language of the stored texts; None where each may have another one.
    """
    tokens = list(terms.tokenize(query))
    languages = (
        tuple(dict.fromkeys([ENGLISH, language])) if language else list_possible_languages(query)
    )
    function_words = frozenset[str]().union(*map(read_stop_words, languages))
    counts: Counter[str] = Counter()
    variants: dict[str, tuple[str, ...]] = {}
    names: set[str] = set()
    is_shouted = query.isupper() and len(tokens) > 1
    word = ""
    for number, token in enumerate(tokens):
        if token.role == "piece":
            if token.text.isascii():
                variants[word] += terms.list_term_variants(token, languages)
            continue  # other pieces are single characters, which also come in pairs
        word = fold(token.text)
        variants.setdefault(word, terms.list_term_variants(token, languages))
        if terms.is_name_like(token) and not is_shouted and (number or token.text.isupper()):
            names.add(word)
            variants[word] = (word + terms.NAME_MARK,)
        if not word.isalpha():
            variants[word] += tuple(_list_groups(word))
        counts[word] += 1
    words = [word for word in counts if word in names or word not in function_words]
    words = words or list(counts)
    by_information = sorted(words, key=lambda word: (-counts[word], -len(word)))
    best = set(by_information[: limits.QUERY_TERMS])
    best_words = [word for word in words if word in best]
    # Words of a query in English, or in no language that shows, may have irregular forms.
    may_have_forms = languages in ((ENGLISH,), LANGUAGES)
    forms = find_forms(word for word in best_words if may_have_forms and word not in names)
    if "de" in languages:
        forms |= _find_umlauts(best_words)
    exact = dict.fromkeys(term for word in best_words for term in variants[word])
    form_stems = (stem_word(form, ENGLISH) for group in forms.values() for form in group)
    weighted = dict.fromkeys(f"{stem}^{FORM_WEIGHT}" for stem in form_stems if stem not in exact)
    return QueryTerms(
        words=tuple(best_words),
        variants={word: variants[word] for word in best_words},
        index_terms=(*exact, *weighted),
        stems={} if languages == (ENGLISH,) else _find_stems(best_words, variants),
        forms=forms,
        identifiers=tuple(
            dict.fromkeys(fold(token.text) for token in tokens if token.is_identifier)
        ),
        dropped_count=len(words) - len(best_words),
        is_english=languages == (ENGLISH,),
    )


def _find_umlauts(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the form of words without the letter that stands for an umlaut: "gewaechshaus"."""
    forms = {word: _UMLAUT.sub("", word) for word in words if word.isalpha()}
    return {word: (form,) for word, form in forms.items() if form != word}


def _list_groups(word: str) -> Iterable[str]:
    """Return the groups of characters in which texts have a long number: "ATU 6389 1204"."""
    if _IBAN.fullmatch(word):
        return _split(word, 4)
    if match := _GROUPED.fullmatch(word):
        letters, digits = match.groups()
        sizes: tuple[int, ...] = (4, 3, 2) if len(digits) <= _LONGEST_IN_PAIRS else (4, 3)
        if len(word) < _SHORTEST_IN_PAIRS:
            sizes = (3,)  # "482 913"
        groups = [group for size in sizes for group in _split(digits, size)]
        return dict.fromkeys(filter(None, [letters, *groups]))
    return ()


def _split(characters: str, size: int) -> list[str]:
    return [characters[at : at + size] for at in range(0, len(characters), size)]


def _find_stems(words: Iterable[str], variants: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {
        word: stem
        for word in words
        if word.isalpha() and (stem := _find_stem(word, variants[word]))
    }


def _find_stem(word: str, variants: Sequence[str]) -> str | None:
    """Return the shortest stem with which a word begins, None where there is none."""
    stems = [variant for variant in variants if len(variant) >= _SHORTEST_STEMMED]
    return min((stem for stem in stems if word.startswith(stem)), key=len, default=None)


def build_filter_query(groups: Iterable[Sequence[str]], excluded: Sequence[str] = ()) -> str:
    """Return clauses that require one filter token of each group, and none that is excluded.

    They add nothing to the score.
    """
    clauses = [f"+facets:({' '.join(group)})^0" for group in groups]
    return " ".join([*clauses, *([f"-facets:({' '.join(excluded)})"] if excluded else [])])


def build_keyword_query(
    groups: Iterable[Sequence[str]], index_terms: Sequence[str], excluded: Sequence[str] = ()
) -> str:
    """Return a fulltext query for any of the terms, within groups of filter tokens."""
    required = build_filter_query(groups, excluded)
    return f"{required} +terms:({' '.join(index_terms)})" if index_terms else required
