"""Tell whether a text is in the language of the parser, and what to keep where it is not."""

import re
from collections.abc import Iterable, Iterator

from mcp_context_persistence.ingest.extraction.name_case import remove_particles
from mcp_context_persistence.ingest.extraction.results import EntityCandidate
from mcp_context_persistence.kg.text.languages import ENGLISH, detect_language, is_foreign
from mcp_context_persistence.kg.text.stop_words import LANGUAGES, read_stop_words

# Rules that read only the form of a name, not the grammar around it.
_RULES = ("code:", "command:", "vocabulary:", "form:legal")
_LOWER_WORD = re.compile(r"(?<![\w.@/-])[^\W\d_A-Z][^\W\d_]*(?![\w@/-])")
# "Met" is Dutch, too, but no Dutch sentence begins so.
_ENGLISH_OPENING = re.compile(r"(?:^|[.!?\n])\s*We met\b")
# English has more function words than this among its words in lower case.
_MIN_SHARE, _MIN_ASCII_SHARE = 0.12, 0.03
_MIN_WORDS, _MIN_ASCII_WORDS = 5, 12


def is_understood(text: str, model: str, language: str | None = None) -> bool:
    """Return whether the rules and a parser's model understand the language of a text.

    Args:
        text: The text.
        model: Name of the parser's model, which begins with the code of its language.
        language: Code of the text's language; recognized in the text where it is None.
    """
    code = model.partition("_")[0]
    model_language = code if len(code) == len(ENGLISH) else ENGLISH
    if model_language == "xx":  # a model of many languages
        return True
    if language is not None or model_language != ENGLISH:
        return (language or detect_language(text)) in {None, model_language}
    language = detect_language(text)
    may_be_english = _may_be_english(text) if language is None else language == ENGLISH
    return (
        may_be_english
        or _has_english_balance(text, language)
        or _is_english_without_particles(text)
    )


def _has_english_balance(text: str, language: str | None) -> bool:
    """Return whether a text has as many different function words of English as of its language.

    A repeated word shows a language once: "Anna met Tom and Omar met Lisa" has the Dutch "met".
    """
    if language not in LANGUAGES:
        return False
    english, foreign = read_stop_words(ENGLISH), read_stop_words(language)
    words = set(_LOWER_WORD.findall(text[:1].lower() + text[1:]))
    if _ENGLISH_OPENING.search(text):
        foreign = foreign - {"met"}
    return bool(words & english) and len(words & english) >= len(words & foreign)


def _is_english_without_particles(text: str) -> bool:
    """Return whether only particles of names seem foreign: "Karl von der Heide left our firm"."""
    rest = remove_particles(text)
    if rest == text:
        return False
    foreign = frozenset[str]().union(*map(read_stop_words, LANGUAGES)) - read_stop_words(ENGLISH)
    return detect_language(rest) == ENGLISH or foreign.isdisjoint(_LOWER_WORD.findall(rest))


def _may_be_english(text: str) -> bool:
    """Return whether a text of an unknown language may be in English.

    Too few words show nothing; nor do few function words in a list of English words.
    """
    words = [match.group() for match in _LOWER_WORD.finditer(text)]
    if len(words) >= _MIN_WORDS and is_foreign(text, words):
        return False
    if len(words) < _MIN_WORDS or (text.isascii() and len(words) < _MIN_ASCII_WORDS):
        return True
    stop_words = read_stop_words(ENGLISH)
    share = sum(word in stop_words for word in words) / len(words)
    has_other_letters = not all(map(str.isascii, words))
    return share >= (_MIN_SHARE if has_other_letters else _MIN_ASCII_SHARE)


def keep_clear_forms(candidates: Iterable[EntityCandidate]) -> Iterator[EntityCandidate]:
    """Yield the candidates whose own form shows what they are, in whatever language the text is."""
    for candidate in candidates:
        if candidate.rule.startswith(_RULES):
            yield candidate
