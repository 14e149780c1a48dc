"""Recognition of the language of a text, by its script and by its function words."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from mcp_context_persistence.kg.text import stop_words

ENGLISH = "en"
SAMPLE_CHARACTERS = 4_000  # of a long text are looked at
MIN_HITS = 2.0  # function words, each divided by the number of languages that have it
MIN_LEAD = 1.5  # times as many as the next language has
MIN_SCRIPT_SHARE = 0.3  # of the letters
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "ja": re.compile(r"[\u3041-\u30ff\uff66-\uff9d]"),
    "zh": re.compile(r"[\u3400-\u9fff\uf900-\ufaff]"),
    "ko": re.compile(r"[\u1100-\u11ff\uac00-\ud7af]"),
    "th": re.compile(r"[\u0e01-\u0e5b]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "el": re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"),
    "ar": re.compile(r"[\u0600-\u06ff\u0750-\u077f]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
}
# Scripts without spaces between words, and their punctuation; for a class of a regular expression.
UNSPACED_CHARACTERS = r"\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef\u0e00-\u0e7f"
# Letters that one of the languages has and the others lack.
_TELLING_LETTERS: Mapping[str, str] = {"de": "ßäöü", "es": "ñ¿¡", "fr": "œêëûçèù", "pt": "ãõ"}


def detect_language(text: str) -> str | None:
    """Return the language of a text as its ISO 639-1 code, None where nothing shows it.

    Languages with a script of their own are recognized by it: Japanese, Chinese, Korean, Thai,
    Greek, Hebrew; the codes `ru`, `ar` and `hi` stand for their scripts. Of those in Latin letters,
    the ones in `stop_words.LANGUAGES` are recognized.
    """
    sample = text[:SAMPLE_CHARACTERS]
    if not sample.isascii():
        by_script = _detect_script(sample)
        if by_script:
            return by_script
    scores = _score_languages(sample.lower())
    ranked = sorted(scores.items(), key=lambda score: -score[1])
    if not ranked or ranked[0][1] < MIN_HITS:
        return None
    if len(ranked) > 1 and ranked[0][1] < MIN_LEAD * ranked[1][1]:
        return None
    return ranked[0][0]


def list_possible_languages(text: str) -> tuple[str, ...]:
    """Return the languages in which a short text, such as a query, may be written.

    English is always one of them, because texts of unknown languages are indexed as English. Where
    no function word shows a language, all that have a list of function words are returned.
    """
    by_script = None if text.isascii() else _detect_script(text)
    if by_script:
        return (ENGLISH, by_script)
    scores = _score_languages(text.lower())
    best = max(scores.values(), default=0.0)
    if not best:
        return stop_words.LANGUAGES
    likely = (language for language, score in scores.items() if score > best / MIN_LEAD)
    return tuple(dict.fromkeys([ENGLISH, *likely]))


def is_foreign(text: str, words: Iterable[str]) -> bool:
    """Return whether a short text has function words, but hardly any of English.

    Args:
        text: The text.
        words: Its words in lower case, of which one must be such a word: "Los Angeles" is a name.
    """
    scores = _score_languages(text.lower())
    best = max(scores.values(), default=0.0)
    if best < MIN_LEAD or best < MIN_HITS * scores.get(ENGLISH, 0.0):
        return False
    return any(language != ENGLISH for language in _score_languages(" ".join(words)))


def _detect_script(text: str) -> str | None:
    letter_count = sum(map(str.isalpha, text)) or 1
    for language, pattern in _SCRIPTS.items():
        if len(pattern.findall(text)) >= MIN_SCRIPT_SHARE * letter_count:
            return language
        if language == "ja" and pattern.search(text) and _SCRIPTS["zh"].search(text):
            return language
    return None


def _score_languages(lowered: str) -> dict[str, float]:
    """Return for each language how many function words of it a text has."""
    owners = _map_words_to_languages()
    scores: defaultdict[str, float] = defaultdict(float)
    for word in _WORD.findall(lowered):
        languages = owners.get(word, ())
        for language in languages:
            scores[language] += 1 / len(languages)
    if not lowered.isascii():
        for language, letters in _TELLING_LETTERS.items():
            if any(letter in lowered for letter in letters):
                scores[language] += 0.5
    return scores


@cache
def _map_words_to_languages() -> Mapping[str, tuple[str, ...]]:
    languages: dict[str, list[str]] = {}
    for language in stop_words.LANGUAGES:
        for word in stop_words.read_stop_words(language):
            languages.setdefault(word, []).append(language)
    return {word: tuple(owners) for word, owners in languages.items()}
